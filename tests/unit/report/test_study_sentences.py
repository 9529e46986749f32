"""What is said of a study: it follows its intervals and p-values, whichever way they lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cae.report.phrases import MINUS
from cae.report.study_results import Difference, Interval, Machine, Study, read_study
from cae.report.study_sentences import (
    NO_STUDY,
    find_key_differences,
    list_verdicts,
    tell_answer,
    tell_best,
    tell_effect,
    tell_extent,
    tell_machines,
    tell_recipe,
)


def read(folder: Path) -> Study:
    study = read_study(folder)
    assert study is not None
    return study


def make_row(
    low: float | None, high: float | None, *, p_holm: float = 0.01, seeds: int = 6
) -> Difference:
    mean = 0.03 if low is None or high is None else (low + high) / 2
    gain = Interval(mean, low, high, seeds)
    return Difference(
        "origin", "masked", 400, "fine_tuned", "scratch_whole_budget", gain, 0.01, p_holm
    )


FIRST = Machine("1 core, AMD EPYC, bfloat16, PyTorch 2.13.0", (0, 1), "2026-11-25", "2026-11-25")


@pytest.mark.parametrize(
    ("machines", "words"),
    [
        ([], ""),
        ([FIRST], f"Seeds 0 and 1 were trained on {FIRST.place}, 2026-11-25."),
        (
            [FIRST, Machine("a GPU, bfloat16", (2,), "2026-11-28", "2026-11-29")],
            f"Seeds 0 and 1 were trained on {FIRST.place}, 2026-11-25; seed 2 was trained on a "
            "GPU, bfloat16, 2026-11-28 to 2026-11-29. Differences are taken within a seed, so on "
            "one machine each.",
        ),
        # Seed 1 on both: nothing is said of where differences were taken.
        (
            [FIRST, Machine("a GPU, bfloat16", (1, 2), "2026-11-28", "2026-11-28")],
            f"Seeds 0 and 1 were trained on {FIRST.place}, 2026-11-25; seeds 1 and 2 were trained "
            "on a GPU, bfloat16, 2026-11-28.",
        ),
    ],
    ids=["unknown", "one", "two", "overlapping"],
)
def test_machines_are_told_with_their_seeds(
    study_folder: Path, machines: list[Machine], words: str
):
    assert tell_machines(replace(read(study_folder), machines=tuple(machines))) == words


def test_the_recipe_says_what_is_learnt_and_how_long(study_folder: Path):
    assert tell_recipe(read(study_folder)) == (
        "Plain pretraining learns to reconstruct its input by the mean squared error, for six "
        "epochs. Masked pretraining learns to predict the histograms of gradient directions in "
        "what is hidden from it: 60% of each image, in squares of 8 pixels, for six epochs. "
        "Fine-tuning takes 60 epochs with 100 and 400 labels a class, and all labels. Training "
        "from scratch for the whole budget takes 349 epochs with 100 and 400 labels a class, and "
        "all labels."
    )
    shorter = [
        replace(each, epochs=40) if each.labels == 400 else each
        for each in read(study_folder).estimates
    ]
    told = tell_recipe(replace(read(study_folder), estimates=tuple(shorter)))
    assert "Fine-tuning takes 60, 40 and 60 epochs with 100 and 400 labels a class" in told


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
        (make_row(0.02, 0.04), "gains 3.0 points (+2.0 to +4.0)"),
        (make_row(-0.04, -0.02), f"loses 3.0 points ({MINUS}4.0 to {MINUS}2.0)"),
        (make_row(-0.01, 0.02), f"makes no difference that can be told ({MINUS}1.0 to +2.0)"),
        (
            make_row(0.02, 0.04, p_holm=0.25),
            "lies 3.0 points higher (+2.0 to +4.0; p = 0.25 after Holm, not significant)",
        ),
        (
            make_row(-0.04, -0.02, p_holm=0.25, seeds=4),
            f"lies 3.0 points lower ({MINUS}4.0 to {MINUS}2.0; p = 0.25 after Holm, not "
            "significant)",
        ),
        (make_row(None, None), "lies 3.0 points higher in the one seed there is"),
    ],
    ids=["gain", "loss", "none", "not significant", "too few seeds", "one seed"],
)
def test_an_effect_is_told_as_its_interval_lies(row: Difference, words: str):
    assert tell_effect(row) == words


def test_the_answer_is_against_the_control_of_equal_budget(study_folder: Path):
    study = read(study_folder)
    assert {row.control for row in find_key_differences(study)} == {"scratch_whole_budget"}
    answer = tell_answer(study)
    assert answer.startswith(
        "With 100 labels a class, against training from scratch for the whole budget, plain "
        f"pretraining loses 2.0 points ({MINUS}3.0 to {MINUS}1.0) and masked pretraining gains 3.0"
    )
    assert "With all labels" in answer
    assert "not significant" in answer
    assert answer.endswith("Three seeds allow no p below 0.25 before correction.")


def test_too_few_seeds_are_told_once_and_as_many_as_there_are(study_folder: Path):
    study = read(study_folder)
    assert "allow no p" not in tell_answer(replace(study, differences=study.differences[:4]))
    few = [
        replace(row, gain=replace(row.gain, count=2 if row.labels == "all" else 4), p_holm=0.5)
        for row in study.differences
    ]
    answer = tell_answer(replace(study, differences=tuple(few)))
    assert answer.count("allow no p") == 1
    assert "Two and four seeds allow no p below 0.125 before correction" in answer


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
    assert [sentence.rpartition("with ")[2] for sentence in verdicts["leaning"]] == [
        f"all labels ({MINUS}2.0).",
        "all labels (+3.0).",
    ]
    assert verdicts["undecided"] == []
    assert not any(list_verdicts(None).values())


def test_an_interval_around_zero_is_undecided(make_study: Callable[..., Path]):
    verdicts = list_verdicts(read(make_study(gains={"plain": 0.002}, budgets=(100,))))
    assert verdicts["undecided"]
    assert not verdicts["leaning"] + verdicts["helped"] + verdicts["hurt"]


def test_the_extent_counts_trials_budgets_and_seeds(study_folder: Path):
    assert tell_extent(read(study_folder)) == (
        "75 trials so far: 100 and 400 labels a class, and all labels, with the encoder `origin`, "
        "three to six seeds to each point."
    )


def test_the_best_arm_of_each_budget_is_named(make_study: Callable[..., Path]):
    study = read(make_study(gains={"masked": 0.03}))
    assert "the highest is fine-tuned, masked with 100 (53.0%), 400" not in tell_best(study)
    assert tell_best(study).startswith(
        "Of the arms with the encoder `origin`, the highest is fine-tuned, masked with 100 (53.0%)"
    )
    losing = read(make_study(gains={"masked": -0.03}))
    assert "from scratch, whole budget with 100 (50.0%)" in tell_best(losing)
