"""What is said of a study: it follows its intervals and p-values, whichever way they lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cae.report.results.study_results import Difference, Interval, Study, read_study
from cae.report.words.study_sentences import (
    NO_COMPARISON,
    NO_STUDY,
    find_drawn_differences,
    find_key_differences,
    tell_correction,
    tell_in_short,
    tell_least_p,
    tell_tests,
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


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (make_row(0.02, 0.04, p_holm=0.031), "gains 3.0 points with 400 labels per class."),
        (make_row(-0.04, -0.02), "loses 3.0 points with 400 labels per class."),
        (make_row(-0.01, 0.02), "shows no clear difference with 400 labels per class."),
        (
            make_row(-0.01, 0.02, seeds=2, least_p=0.5),
            "remains undecided with 400 labels per class (two seeds).",
        ),
        # Significant by the test, not by the interval: no verdict rests on one of them alone.
        (make_row(-0.007, 0.032, p_holm=0.047), "shows no clear difference with 400"),
        (
            make_row(0.02, 0.04, p_holm=0.25),
            "gains 3.0 points with 400 labels per class (not significant, p = 0.25).",
        ),
        (
            make_row(0.02, 0.04, p_holm=0.0625, seeds=6, least_p=0.0625),
            "gains 3.0 points with 400 labels per class (in all six seeds, too few to test).",
        ),
        (
            make_row(-0.04, -0.02, p_holm=0.5, seeds=2, least_p=0.5),
            "loses 3.0 points with 400 labels per class (in both seeds, too few to test).",
        ),
        (
            replace(
                make_row(-0.04, -0.02, p_holm=1.0, seeds=2, least_p=0.5), gains={0: -0.06, 1: 0.0}
            ),
            "loses 3.0 points with 400 labels per class (two seeds, too few to test).",
        ),
        (
            make_row(None, None, seeds=1, least_p=1.0),
            "lies 3.0 points higher with 400 labels per class (one seed).",
        ),
        (
            replace(
                make_row(None, None, seeds=1, least_p=1.0), gain=Interval(-0.0001, None, None, 1)
            ),
            "is level with 400 labels per class (one seed).",
        ),
    ],
    ids=[
        "gain",
        "loss",
        "none",
        "none of two seeds",
        "interval and test apart",
        "not significant",
        "as low as six seeds allow",
        "as low as two seeds allow",
        "two seeds apart",
        "one seed",
        "level",
    ],
)
def test_an_effect_is_told_as_its_interval_lies(study_folder: Path, row: Difference, words: str):
    assert words in tell_in_short(replace(read(study_folder), differences=(row,)))


def test_the_answer_is_against_the_control_of_equal_budget(study_folder: Path):
    study = read(study_folder)
    assert {row.control for row in find_key_differences(study)} == {"scratch_whole_budget"}
    assert tell_in_short(study).count("gainst training from scratch") == 1


def test_what_so_few_seeds_allow_is_told_once_for_all(make_study: Callable[..., Path]):
    six, seven = (tell_tests(read(make_study(seeds=seeds, budgets=(100, 400)))) for seeds in (6, 7))
    assert six.count("After correction no p can be below 0.062 with six seeds.") == 1
    # A seventh seed is all that was missing.
    assert "After correction" not in seven


def test_what_intervals_and_p_values_are_is_told_behind_them(make_study: Callable[..., Path]):
    words = "Intervals are of 95%; p is of the exact sign-flip test"
    assert f"{words}, corrected by Holm's method over three label budgets." in tell_tests(
        read(make_study())
    )
    row = make_row(0.02, 0.04)
    assert tell_correction([replace(row, comparisons=1)]) == f"{words}."
    assert "over two pretrainings." in tell_correction([replace(row, over="pretraining")])
    assert "over two or three label budgets." in tell_correction([row, replace(row, comparisons=3)])


def test_the_answer_has_a_sentence_for_each_pretraining(study_folder: Path):
    study = read(study_folder)
    assert tell_in_short(study) == (
        "Against training from scratch with equal computation, masked pretraining (gradient "
        "histograms, hidden) gains 3.0 and 3.0 points with 100 and 400 labels per class and gains "
        "3.0 points with all labels (in all three seeds, too few to test). Plain pretraining "
        "(pixels, in sight) loses 2.0 and 2.0 points with 100 and 400 labels per class and loses "
        "2.0 points with all labels (in all three seeds, too few to test)."
    )


def test_of_several_encoders_each_is_named(make_study: Callable[..., Path]):
    both = read(
        make_study(gains={"plain": 0.03}, encoders=("origin", "optimal"), budgets=(100, 400))
    )
    gains = "gains 3.0 and 3.0 points with 100 and 400 labels per class."
    # What a pretraining predicts is told once, as is a control that is the same.
    assert tell_in_short(both) == (
        "Against training from scratch with equal computation, with the encoder `origin`, plain "
        f"pretraining (pixels, in sight) {gains} With the encoder `optimal`, plain pretraining "
        f"{gains}"
    )
    shorter = tuple(
        row for row in both.differences if row.encoder == "origin" or row.control == "scratch"
    )
    told = tell_in_short(replace(both, differences=shorter))
    assert "Against training from scratch, with the encoder `optimal`, plain" in told
    rows = tuple(row for row in both.differences if row.encoder == "origin")
    assert "`optimal`" not in tell_in_short(replace(both, differences=rows))


def test_a_linear_probe_is_not_drawn_beside_fine_tuning(study_folder: Path):
    study = read(study_folder)
    fine_tuned = find_key_differences(study)
    probes = tuple(replace(row, treatment="linear_probe") for row in fine_tuned)
    both = replace(study, differences=(*study.differences, *probes))
    assert find_drawn_differences(both) == fine_tuned
    alone = replace(study, differences=probes)
    assert find_drawn_differences(alone) == list(probes)


def test_what_so_few_seeds_allow_is_told_by_their_number():
    least = ((6, 0.0625), (2, 0.5), (9, 0), (6, 0.125))
    rows = [make_row(0, 1, seeds=seeds, least_p=p) for seeds, p in least]
    assert tell_least_p(rows) == (
        "After correction no p can be below 0.50 with two seeds and 0.062 with six seeds."
    )
    alike = [make_row(0, 1, seeds=seeds, least_p=0.25) for seeds in (3, 4)]
    assert tell_least_p(alike) == (
        "After correction no p can be below 0.25 with three or four seeds."
    )
    assert tell_least_p(rows[2:3]) == ""


def test_what_the_controls_differ_in_is_no_answer(study_folder: Path):
    study = read(study_folder)
    between = replace(study.differences[0], treatment="scratch_whole_budget", control="scratch")
    rows = find_key_differences(replace(study, differences=(between, *study.differences)))
    assert rows == find_key_differences(study)


def test_without_a_control_of_equal_budget_the_shorter_one_is_named(study_folder: Path):
    study = read(study_folder)
    short = tuple(row for row in study.differences if row.control == "scratch")
    told = tell_in_short(replace(study, differences=short))
    assert told.startswith("Against training from scratch, masked")


def test_without_a_study_or_a_comparison_the_answer_says_so(study_folder: Path):
    assert tell_in_short(None) == NO_STUDY
    study = replace(read(study_folder), differences=())
    assert tell_in_short(study) == NO_COMPARISON
    assert tell_tests(study) == ""
