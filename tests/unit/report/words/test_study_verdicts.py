"""What helped and what did not is sorted by interval and p; what an arm costs is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cae.report.phrases import MINUS
from cae.report.results.study_results import Study, read_study
from cae.report.words.study_sentences import NO_COMPARISON, find_gains
from cae.report.words.study_verdicts import (
    make_equal_epochs_table,
    make_verdicts_table,
    tell_best,
    tell_parted,
    tell_shares_of_cost,
    tell_stronger,
    tell_verdict,
)


def read(folder: Path) -> Study:
    study = read_study(folder)
    assert study is not None
    return study


def cells(study: Study) -> list[list[str]]:
    return make_verdicts_table(study)["rows"]


def write(gain: str, verdict: str) -> str:
    """Return a cell: the intervals of the study made for these tests are a point to each side."""
    mean = float(gain.replace(MINUS, "-"))
    low, high = (f"{mean + each:+.1f}".replace("-", MINUS) for each in (-1.0, 1.0))
    return f"{gain} ({low} to {high}): {verdict}"


def test_verdicts_need_an_interval_off_zero_and_significance(study_folder: Path):
    table = make_verdicts_table(read(study_folder))
    assert table["head"] == [
        *("pretraining", "it predicts", "encoder"),
        *("100 labels per class", "400 labels per class", "all labels"),
    ]
    # With all labels there are three seeds: no sign-flip test of them is significant.
    gain, loss = write("+3.0", "gain"), write(f"{MINUS}2.0", "loss")
    assert table["rows"] == [
        ["masked", "gradient histograms, hidden", "origin", gain, gain, f"{gain}, too few seeds"],
        ["plain", "pixels, in sight", "origin", loss, loss, f"{loss}, too few seeds"],
    ]


def test_enough_seeds_that_disagree_are_not_significant(study_folder: Path):
    study = read(study_folder)
    rows = tuple(replace(row, p_holm=0.2) for row in study.differences if row.labels == 100)
    assert [row[3] for row in cells(replace(study, differences=rows))] == [
        write("+3.0", "gain, not significant"),
        write(f"{MINUS}2.0", "loss, not significant"),
    ]


def test_an_interval_around_zero_is_undecided_and_a_seed_has_none(make_study: Callable[..., Path]):
    study = read(make_study(gains={"plain": 0.002}, budgets=(100,)))
    assert [row[3] for row in cells(study)] == [write("+0.2", "undecided")]
    (row,) = [row for row in study.differences if row.control == "scratch_whole_budget"]
    single = replace(row, gain=replace(row.gain, low=None, high=None))
    assert cells(replace(study, differences=(single,)))[0][3] == "+0.2: one seed"


def test_a_control_of_less_computation_is_named(study_folder: Path):
    study = read(study_folder)
    short = tuple(row for row in study.differences if row.control == "scratch")
    rows = cells(replace(study, differences=short))
    assert [row[0] for row in rows] == [
        "masked, against from scratch",
        "plain, against from scratch",
    ]


def test_the_gain_over_as_many_epochs_has_a_table_of_its_own(study_folder: Path):
    study = read(study_folder)
    table, above = make_equal_epochs_table(study), make_verdicts_table(study)
    assert table is not None
    assert table["head"] == above["head"]
    # Which control it is, is told by the title.
    assert [row[0] for row in table["rows"]] == ["masked", "plain"]
    assert table["rows"] != above["rows"]
    longer, shorter = (
        tuple(row for row in study.differences if (row.control == "scratch") is is_shorter)
        for is_shorter in (False, True)
    )
    # Without the other control it is the answer itself, and without this one it is not known.
    assert make_equal_epochs_table(replace(study, differences=shorter)) is None
    assert make_equal_epochs_table(replace(study, differences=longer)) is None


def test_the_verdict_is_of_the_fewest_and_the_most_labels(make_study: Callable[..., Path]):
    study = read(make_study(gains={"plain": -0.02, "masked": 0.03}, budgets=(10, 50, "all")))
    against = "Against training from scratch with equal computation and with the encoder `origin`, "
    assert tell_verdict(study) == (
        f"{against}with 10 labels per class masked pretraining gains and plain pretraining loses; "
        "with all labels masked pretraining gains (too few seeds) and plain pretraining loses "
        "(too few seeds)."
    )
    level = read(make_study(gains={"plain": 0.002, "denoising": 0.0}, budgets=(100,)))
    assert tell_verdict(level) == (
        f"{against}with 100 labels per class plain and denoising pretraining show no clear "
        "difference."
    )
    (row,) = [row for row in find_gains(level) if row.pretraining == "plain"]
    single = replace(row, gain=replace(row.gain, low=None, high=None))
    assert tell_verdict(replace(level, differences=(single,))).endswith(
        "plain pretraining has one seed."
    )
    assert tell_verdict(replace(study, differences=())) == NO_COMPARISON


def test_each_encoder_has_its_own_order(make_study: Callable[..., Path]):
    gains = {"plain": 0.01, "masked": 0.03, "unhidden": 0.02}
    study = read(make_study(gains=gains, encoders=("origin", "optimal"), budgets=(100,)))
    assert [row[0] for row in cells(study)] == ["masked", "unhidden", "plain"] * 2
    # Where nothing is known of what a pretraining learnt, nothing is said of it.
    assert {row[1] for row in cells(replace(study, pretrainings=()))} == {""}


def test_an_arm_that_costs_less_than_its_control_is_named(study_folder: Path):
    study = read(study_folder)
    assert tell_shares_of_cost(study) == tell_shares_of_cost(None) == ""
    cheaper = tuple(
        replace(each, flops=0.6e14)
        if (each.arm, each.pretraining) == ("fine_tuned", "plain")
        # As near as whole epochs come to an equal budget.
        else replace(each, flops=0.97e14)
        if each.arm == "fine_tuned"
        else each
        for each in study.estimates
    )
    assert tell_shares_of_cost(replace(study, estimates=cheaper)) == (
        "Fine-tuned: of its control's operations it takes, with the encoder `origin`, 60%, 60% and "
        "60% with 100, 400 and all labels per class (plain)."
    )


def test_what_an_arm_costs_is_told_of_each_encoder_by_itself(make_study: Callable[..., Path]):
    study = read(make_study(gains={"plain": 0.03}, encoders=("origin", "optimal"), budgets=(100,)))
    cheaper = tuple(
        replace(each, flops={"origin": 0.8, "optimal": 0.5}[each.encoder] * 1e14)
        if each.arm == "fine_tuned"
        else each
        for each in study.estimates
    )
    assert tell_shares_of_cost(replace(study, estimates=cheaper)) == (
        "Fine-tuned: of its control's operations it takes, with the encoder `origin`, 80% with 100 "
        "labels per class (plain); with the encoder `optimal`, 50% with 100 labels per class "
        "(plain)."
    )


def test_the_best_arm_of_each_budget_is_named(make_study: Callable[..., Path]):
    study = read(make_study(gains={"masked": 0.03}))
    assert tell_best(study).startswith(
        "The best arm with the encoder `origin` is, with 100 (53.0%)"
    )
    losing = read(make_study(gains={"masked": -0.03}))
    assert tell_best(losing).endswith("labels per class, “from scratch, equal computation”.")


def test_an_encoder_that_does_better_from_scratch_for_less_is_named(study_folder: Path):
    study = read(study_folder)
    assert tell_stronger(study) == ""
    (control,) = [
        each for each in study.estimates if (each.arm, each.labels) == ("scratch_whole_budget", 400)
    ]
    best = max(
        each.accuracy.mean
        for each in study.estimates
        if (each.arm, each.labels) == ("fine_tuned", 400)
    )

    def add(*, above: float, flops: float) -> Study:
        accuracy = replace(control.accuracy, mean=best + above)
        other = replace(control, encoder="optimal", accuracy=accuracy, flops=flops)
        return replace(study, estimates=(*study.estimates, other))

    assert tell_stronger(add(above=0.1, flops=0.5e14)) == (
        "A stronger network does better without an autoencoder than `origin` with its best: "
        "`optimal` from scratch lies above fine-tuned `origin` with 400 "
        f"({best + 0.1:.1%} against {best:.1%}, for 50% of the operations; eight seeds) labels per "
        "class."
    )
    assert tell_stronger(add(above=0.1, flops=2e14)) == ""
    assert tell_stronger(add(above=-0.01, flops=0.5e14)) == ""


def test_what_differs_in_mask_or_target_alone_is_held_against_the_other(
    make_study: Callable[..., Path],
):
    gains = {"plain": -0.02, "masked": 0.03, "masked_pixels": -0.01}
    study = read(make_study(gains=gains, budgets=(100, 400)))
    # From plain pretraining it differs in its decoder too, so that it is not held against that.
    pixels = (
        "Masked pixels pretraining, which differs from masked pretraining in the target alone, "
        f"lies {MINUS}4.0 ({MINUS}4.0 to {MINUS}4.0) and {MINUS}4.0 ({MINUS}4.0 to {MINUS}4.0) "
        "points (with 100 and 400 labels per class) from it."
    )
    assert tell_parted(study) == pixels
    four = read(make_study(gains={**gains, "unhidden": 0.02}, budgets=(100, 400)))
    assert tell_parted(four) == (
        f"{pixels} Unhidden pretraining, which differs from masked pretraining in the mask alone, "
        f"lies {MINUS}1.0 ({MINUS}1.0 to {MINUS}1.0) and {MINUS}1.0 ({MINUS}1.0 to {MINUS}1.0) "
        "points (with 100 and 400 labels per class) from it."
    )
    # Where a single seed has both, no distance is told.
    single = tuple(replace(row, gains={0: row.gain.mean}) for row in study.differences)
    assert tell_parted(replace(study, differences=single)) == ""
    assert tell_parted(read(make_study())) == ""
