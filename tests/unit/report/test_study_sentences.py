"""What is said of a study: it follows its intervals and p-values, whichever way they lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cae.report.phrases import MINUS
from cae.report.study_results import Difference, Interval, Study, read_study
from cae.report.study_sentences import (
    NO_STUDY,
    find_confounded,
    find_key_differences,
    list_verdicts,
    tell_answer,
    tell_best,
    tell_effect,
    tell_effects,
    tell_effects_elsewhere,
    tell_extent,
    tell_least_p,
    tell_least_p_of_few,
    tell_recipe,
    tell_shares_of_cost,
)


def read(folder: Path) -> Study:
    study = read_study(folder)
    assert study is not None
    return study


def make_row(
    low: float | None,
    high: float | None,
    *,
    p_holm: float = 0.01,
    seeds: int = 8,
    least_p: float = 0.01,
) -> Difference:
    """Return a difference whose seeds lie on its interval's ends by turns."""
    ends = (0.03, 0.03) if low is None or high is None else (low, high)
    gain = Interval(sum(ends) / 2, low, high, seeds)
    return Difference(
        *("origin", "masked", 400, "fine_tuned", "scratch_whole_budget"),
        gain,
        {seed: ends[seed % 2] for seed in range(seeds)},
        0.01,
        p_holm,
        least_p,
        over="labels_per_class",
        comparisons=2,
    )


def test_the_recipe_says_what_is_learnt_and_how_long(study_folder: Path):
    assert tell_recipe(read(study_folder)) == (
        "Plain pretraining learns to reconstruct its input by the mean squared error, for six "
        "epochs. Masked pretraining learns to predict the histograms of gradient directions in "
        "what is hidden from it: 10 of the 16 squares of 8 pixels in an image (62.5%; 60% asked "
        "for), for six epochs. The origin's autoencoder had 50 epochs. Fine-tuning takes 60 epochs "
        "with 100 and 400 labels a class, and all labels. Training "
        "from scratch for the whole budget takes 349 epochs with 100 and 400 labels a class, and "
        "all labels."
    )
    shorter = [
        replace(each, epochs=40) if each.labels == 400 else each
        for each in read(study_folder).estimates
    ]
    told = tell_recipe(replace(read(study_folder), estimates=tuple(shorter)))
    assert "Fine-tuning takes 60, 40 and 60 epochs with 100 and 400 labels a class" in told


def test_the_origins_epochs_are_told_where_ours_are_fewer(study_folder: Path):
    study = read(study_folder)
    longer = [
        replace(each, config={**each.config, "epochs": 50}) for each in study.pretrainings[:1]
    ]
    told = tell_recipe(replace(study, pretrainings=(*longer, *study.pretrainings[1:])))
    assert "for 50 epochs. Masked" in told
    assert "The origin's autoencoder" not in told


def test_pretrainings_are_called_by_words(make_study: Callable[..., Path]):
    study = read(make_study(gains={"masked_pixels": 0.03}, encoders=("origin", "optimal")))
    assert "Masked pixels pretraining learns to" in tell_recipe(study)
    assert tell_recipe(study).startswith("This is the recipe of the encoder `origin`.")
    assert "masked pixels pretraining gains" in tell_answer(study)


def test_the_recipe_leaves_out_what_was_not_trained(make_study: Callable[..., Path]):
    study = read(make_study(gains={}, budgets=(100,)))
    assert tell_recipe(study) == (
        "Training from scratch for the whole budget takes 349 epochs with 100 labels a class."
    )
    assert tell_recipe(replace(study, estimates=study.estimates[:1])) == ""


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            make_row(0.02, 0.04, p_holm=0.031),
            "gains 3.0 points (+2.0 to +4.0; significant, p = 0.031 after Holm)",
        ),
        (
            make_row(-0.04, -0.02),
            f"loses 3.0 points ({MINUS}4.0 to {MINUS}2.0; significant, p = 0.01 after Holm)",
        ),
        (make_row(-0.01, 0.02), f"makes no difference that can be told ({MINUS}1.0 to +2.0)"),
        (
            make_row(0.02, 0.04, p_holm=0.25),
            "lies 3.0 points higher (+2.0 to +4.0; p = 0.25 after Holm, not significant)",
        ),
        (
            make_row(0.02, 0.04, p_holm=0.0625, seeds=6, least_p=0.0625),
            "lies 3.0 points higher (+2.0 to +4.0; all six seeds gained, +2.0 to +4.0)",
        ),
        (
            make_row(-0.04, -0.02, p_holm=0.5, seeds=2, least_p=0.5),
            f"lies 3.0 points lower ({MINUS}4.0 to {MINUS}2.0; both seeds lost, {MINUS}4.0 to "
            f"{MINUS}2.0)",
        ),
        (
            make_row(-0.04, -0.02, p_holm=1.0, seeds=2, least_p=0.5),
            f"lies 3.0 points lower ({MINUS}4.0 to {MINUS}2.0; both seeds lost, {MINUS}4.0 to "
            f"{MINUS}2.0; p = 1.00 after Holm)",
        ),
        (
            replace(
                make_row(-0.04, -0.02, p_holm=1.0, seeds=2, least_p=0.5), gains={0: -0.06, 1: 0.0}
            ),
            f"lies 3.0 points lower ({MINUS}4.0 to {MINUS}2.0; p = 1.00 after Holm, and two seeds "
            "allow none below 0.50)",
        ),
        (make_row(None, None), "lies 3.0 points higher in the one seed there is"),
    ],
    ids=[
        "gain",
        "loss",
        "none",
        "not significant",
        "as low as six seeds allow",
        "as low as two seeds allow",
        "not as low as two seeds allow",
        "too few seeds",
        "one seed",
    ],
)
def test_an_effect_is_told_as_its_interval_lies(row: Difference, words: str):
    assert tell_effect(row) == words


def test_the_answer_is_against_the_control_of_equal_budget(study_folder: Path):
    study = read(study_folder)
    assert {row.control for row in find_key_differences(study)} == {"scratch_whole_budget"}
    answer = tell_answer(study)
    assert answer.startswith(
        "With 100 labels a class, against training from scratch for the whole budget, plain "
        f"pretraining loses 2.0 points ({MINUS}3.0 to {MINUS}1.0; significant, p = 0.023 after "
        "Holm) and masked pretraining gains 3.0"
    )
    # The same control is named once.
    assert answer.count("against") == 1
    assert "With all labels, plain pretraining lies 2.0 points lower" in answer
    assert "all three seeds gained, +2.5 to +3.5)" in answer
    assert "With 400 labels a class, plain pretraining loses" in answer


def test_of_many_budgets_the_answer_tells_the_smallest_and_the_largest(
    make_study: Callable[..., Path],
):
    answer = tell_answer(read(make_study(budgets=(10, 50, 400, "all"))))
    assert [
        words in answer for words in ("10 labels", "50 labels", "400 labels", "all labels")
    ] == ([True, False, False, True])


def test_a_p_as_low_as_its_seeds_allow_is_told_once_for_all(make_study: Callable[..., Path]):
    six, seven = (
        tell_answer(read(make_study(seeds=seeds, budgets=(100, 400)))) for seeds in (6, 7)
    )
    least = (
        "Where all six seeds agree, p = 0.062 after Holm: the least that six seeds at two label "
        "budgets allow."
    )
    assert six.count(least) == 1
    assert "significant" not in six
    # A seventh seed is all that was missing.
    assert "the least that" not in seven
    assert seven.count("significant, p = 0.031 after Holm") == 4


def test_the_effects_alone_are_the_answer_without_what_cannot_be_told(
    make_study: Callable[..., Path],
):
    study = read(make_study(seeds=6, budgets=(100, 400)))
    answer, effects = tell_answer(study), tell_effects(study)
    assert answer.startswith(f"{effects} Where all six seeds agree")
    assert "differ in mask" not in effects
    assert tell_effects(None) == tell_answer(None)
    nothing = replace(study, differences=())
    assert (
        tell_effects(nothing) == tell_answer(nothing) == ("The study has no paired comparison yet.")
    )


def test_the_effects_with_other_encoders_are_told_after_their_names(
    make_study: Callable[..., Path],
):
    alone = read(make_study())
    assert tell_effects_elsewhere(alone) == ""
    both = read(make_study(encoders=("origin", "optimal"), budgets=(100, 400)))
    told = tell_effects_elsewhere(both)
    assert told == f"Encoder `optimal`: {tell_effects(both)}"
    rows = tuple(row for row in both.differences if row.encoder == "origin")
    assert tell_effects_elsewhere(replace(both, differences=rows)) == ""


def test_p_values_that_are_low_enough_or_not_the_lowest_get_no_excuse():
    rows = [
        make_row(0.02, 0.04, p_holm=0.03, least_p=0.03),
        make_row(0.02, 0.04, p_holm=0.125, seeds=6, least_p=0.0625),
    ]
    assert tell_least_p(rows) == []
    alone = replace(make_row(0.02, 0.04, p_holm=0.25, seeds=3, least_p=0.25), comparisons=1)
    assert tell_least_p([alone, alone]) == [
        "Where all three seeds agree, p = 0.25 after Holm: the least that three seeds allow."
    ]
    assert "at two pretrainings allow" in " ".join(
        tell_least_p([replace(alone, comparisons=2, over="pretraining")])
    )


def test_what_so_few_seeds_allow_is_told_by_their_number():
    least = ((6, 0.0625), (2, 0.5), (9, 0), (6, 0.125))
    rows = [make_row(0, 1, seeds=seeds, least_p=p) for seeds, p in least]
    assert tell_least_p_of_few(rows) == (
        "After correction no p can be below 0.50 with two seeds and 0.062 with six seeds."
    )
    assert tell_least_p_of_few(rows[2:3]) == ""


def test_mask_and_target_are_told_apart_only_by_a_pretraining_that_parts_them(
    make_study: Callable[..., Path],
):
    told = {
        names: "differ in mask and in target" in tell_answer(read(make_study(gains=gains)))
        for names in (("plain", "masked"), ("plain", "masked", "masked_pixels"), ("masked",))
        for gains in [dict.fromkeys(names, 0.03)]
    }
    assert list(told.values()) == [True, False, False]
    study = read(make_study())
    assert find_confounded(study) == ["plain", "masked"]
    # Of older results it is not known what a pretraining was.
    assert find_confounded(replace(study, pretrainings=())) == []


def test_what_the_controls_differ_in_is_no_answer(study_folder: Path):
    study = read(study_folder)
    between = replace(study.differences[0], treatment="scratch_whole_budget", control="scratch")
    rows = find_key_differences(replace(study, differences=(between, *study.differences)))
    assert rows == find_key_differences(study)


def test_without_a_control_of_equal_budget_the_shorter_one_is_named(study_folder: Path):
    study = read(study_folder)
    short = tuple(row for row in study.differences if row.control == "scratch")
    assert "against training from scratch, " in tell_answer(replace(study, differences=short))


def test_without_a_study_or_a_comparison_the_answer_says_so(study_folder: Path):
    assert tell_answer(None) == NO_STUDY
    study = replace(read(study_folder), differences=())
    assert "no paired comparison" in tell_answer(study)


def test_verdicts_need_an_interval_off_zero_and_significance(study_folder: Path):
    verdicts = list_verdicts(read(study_folder))
    assert verdicts["helped"] == [
        "Fine-tuned, masked, with the encoder `origin` and against training from scratch for the "
        "whole budget, with 100 (+3.0) and 400 (+3.0) labels a class."
    ]
    assert len(verdicts["hurt"]) == 1
    assert f"100 ({MINUS}2.0) and 400" in verdicts["hurt"][0]
    # With all labels there are three seeds: no sign-flip test of them is significant.
    assert [sentence.rpartition("with ")[2] for sentence in verdicts["untested"]] == [
        f"all labels ({MINUS}2.0).",
        "all labels (+3.0).",
    ]
    assert verdicts["leaning"] == verdicts["undecided"] == []
    assert not any(list_verdicts(None).values())


def test_enough_seeds_that_disagree_are_leaning(study_folder: Path):
    study = read(study_folder)
    rows = tuple(replace(row, p_holm=0.2) for row in study.differences if row.labels == 100)
    verdicts = list_verdicts(replace(study, differences=rows))
    assert len(verdicts["leaning"]) == 2
    assert not verdicts["helped"] + verdicts["hurt"] + verdicts["untested"]


def test_an_interval_around_zero_is_undecided(make_study: Callable[..., Path]):
    verdicts = list_verdicts(read(make_study(gains={"plain": 0.002}, budgets=(100,))))
    assert verdicts["undecided"]
    assert not verdicts["leaning"] + verdicts["untested"] + verdicts["helped"] + verdicts["hurt"]


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
        "Fine-tuned, plain, costs less than its control, in operations: with 100 (60%) and 400 "
        "(60%) labels a class, and all labels (60%)."
    )


def test_the_extent_counts_trials_budgets_and_seeds(study_folder: Path):
    assert tell_extent(read(study_folder)) == (
        "95 trials so far: 100 and 400 labels a class, and all labels, with the encoder `origin`, "
        "three to eight seeds to each point."
    )


def test_the_best_arm_of_each_budget_is_named(make_study: Callable[..., Path]):
    study = read(make_study(gains={"masked": 0.03}))
    assert "the highest is fine-tuned, masked with 100 (53.0%), 400" not in tell_best(study)
    assert tell_best(study).startswith(
        "Of the arms with the encoder `origin`, the highest is fine-tuned, masked with 100 (53.0%)"
    )
    losing = read(make_study(gains={"masked": -0.03}))
    assert "from scratch, whole budget with 100 (50.0%)" in tell_best(losing)
