"""What is said of a study: it follows its intervals and p-values, whichever way they lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cae.report.phrases import MINUS
from cae.report.results.study_results import Difference, Interval, Study, read_study
from cae.report.words.study_sentences import (
    NO_COMPARISON,
    NO_STUDY,
    find_drawn_differences,
    find_key_differences,
    tell_answer,
    tell_correction,
    tell_direction,
    tell_effect,
    tell_effects_elsewhere,
    tell_equal_epochs,
    tell_in_short,
    tell_least_p,
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
        (
            make_row(0.02, 0.04, p_holm=0.031),
            "gains 3.0 points (+2.0 to +4.0; p = 0.031)",
        ),
        (
            make_row(-0.04, -0.02),
            f"loses 3.0 points ({MINUS}4.0 to {MINUS}2.0; p = 0.01)",
        ),
        (make_row(-0.01, 0.02), f"shows no clear difference ({MINUS}1.0 to +2.0)"),
        (
            make_row(-0.01, 0.02, seeds=2, least_p=0.5),
            f"is undecided after two seeds ({MINUS}1.0 to +2.0)",
        ),
        (
            replace(make_row(-0.03, 0.01, seeds=2, least_p=0.5), gains={0: -0.005, 1: -0.015}),
            f"is undecided after two seeds, lower in both ({MINUS}3.0 to +1.0)",
        ),
        # Significant by the test, not by the interval: no verdict rests on one of them alone.
        (make_row(-0.007, 0.032, p_holm=0.047), f"shows no clear difference ({MINUS}0.7 to +3.2)"),
        (
            make_row(0.02, 0.04, p_holm=0.25),
            "lies 3.0 points higher (+2.0 to +4.0; p = 0.25, not significant)",
        ),
        (
            make_row(0.02, 0.04, p_holm=0.0625, seeds=6, least_p=0.0625),
            "lies 3.0 points higher (+2.0 to +4.0; higher in all six seeds, by 2.0 to "
            "4.0; p = 0.062)",
        ),
        (
            make_row(-0.04, -0.02, p_holm=0.5, seeds=2, least_p=0.5),
            f"lies 3.0 points lower ({MINUS}4.0 to {MINUS}2.0; lower in both seeds, by 2.0 to 4.0; "
            "p = 0.50)",
        ),
        (
            replace(
                make_row(-0.04, -0.02, p_holm=1.0, seeds=2, least_p=0.5), gains={0: -0.06, 1: 0.0}
            ),
            f"lies 3.0 points lower ({MINUS}4.0 to {MINUS}2.0; p = 1.00, and two seeds "
            "allow none below 0.50)",
        ),
        (make_row(None, None), "lies 3.0 points higher in the one seed there is"),
    ],
    ids=[
        "gain",
        "loss",
        "none",
        "none of two seeds",
        "none of two seeds on one side",
        "interval and test apart",
        "not significant",
        "as low as six seeds allow",
        "as low as two seeds allow",
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
        "With 100 labels per class, against training from scratch with equal computation, plain "
        f"pretraining loses 2.0 points ({MINUS}3.0 to {MINUS}1.0; p = 0.023) and masked "
        "pretraining gains 3.0"
    )
    # The same control is named once.
    assert answer.count("against") == 1
    assert "With all labels, plain pretraining lies 2.0 points lower" in answer
    assert "higher in all three seeds, by 2.5 to 3.5; p = 0.25)" in answer
    assert "With 400 labels per class, plain pretraining loses" in answer


def test_of_many_budgets_the_answer_tells_the_smallest_and_the_largest(
    make_study: Callable[..., Path],
):
    answer = tell_answer(read(make_study(budgets=(10, 50, 400, "all"))))
    assert [
        words in answer for words in ("10 labels", "50 labels", "400 labels", "all labels")
    ] == ([True, False, False, True])


def test_what_so_few_seeds_allow_is_told_once_for_all(make_study: Callable[..., Path]):
    six, seven = (
        tell_answer(read(make_study(seeds=seeds, budgets=(100, 400)))) for seeds in (6, 7)
    )
    assert six.count("After correction no p can be below 0.062 with six seeds.") == 1
    # A seventh seed is all that was missing.
    assert "After correction" not in seven
    assert seven.count("p = 0.031)") == 4


def test_what_intervals_and_p_values_are_is_told_behind_them(make_study: Callable[..., Path]):
    words = "Intervals are of 95%; p is of the exact sign-flip test"
    assert f"{words}, corrected by Holm's method over three label budgets." in tell_answer(
        read(make_study())
    )
    row = make_row(0.02, 0.04)
    assert tell_correction([replace(row, comparisons=1)]) == f"{words}."
    assert "over two pretrainings." in tell_correction([replace(row, over="pretraining")])
    assert "over two or three label budgets." in tell_correction([row, replace(row, comparisons=3)])


def test_the_short_answer_has_a_sentence_for_each_pretraining(study_folder: Path):
    study = read(study_folder)
    assert tell_in_short(study) == (
        "Against training from scratch with equal computation, masked pretraining gains 3.0 (+2.0 "
        "to +4.0), 3.0 (+2.0 to +4.0) and 3.0 (+2.0 to +4.0; in all three seeds) points with 100, "
        f"400 and all labels per class. Plain pretraining loses 2.0 ({MINUS}3.0 to {MINUS}1.0), "
        f"2.0 ({MINUS}3.0 to {MINUS}1.0) and 2.0 ({MINUS}3.0 to {MINUS}1.0; in all three seeds) "
        "points with 100, 400 and all labels per class."
    )
    assert tell_in_short(None) == NO_STUDY
    assert tell_in_short(replace(study, differences=())) == NO_COMPARISON


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (make_row(-0.01, 0.02), f"shows no clear difference ({MINUS}1.0 to +2.0) with 400"),
        (
            make_row(0.02, 0.04, p_holm=0.25),
            "gains 3.0 (+2.0 to +4.0; not significant, p = 0.25) points with 400 labels per class.",
        ),
        (
            make_row(None, None, seeds=1, least_p=1.0),
            "lies 3.0 points higher with 400 labels per class, in the one seed there is.",
        ),
    ],
)
def test_the_short_answer_does_not_hide_doubt(study_folder: Path, row: Difference, words: str):
    assert words in tell_in_short(replace(read(study_folder), differences=(row,)))


def test_the_gain_over_as_many_epochs_is_told_beside_the_answer(study_folder: Path):
    study = read(study_folder)
    told = tell_equal_epochs(study)
    assert told.startswith(
        "Against as many epochs from scratch, where what pretraining computes does not count, "
        "masked pretraining gains "
    )
    assert "; plain pretraining " in told
    longer, shorter = (
        tuple(row for row in study.differences if (row.control == "scratch") is is_shorter)
        for is_shorter in (False, True)
    )
    # Without the other control it is the answer itself, and without this one it is not known.
    assert tell_equal_epochs(replace(study, differences=shorter)) == ""
    assert tell_equal_epochs(replace(study, differences=longer)) == ""


def test_what_is_level_has_no_direction():
    assert tell_direction(make_row(-0.0001, 0.0002)) == "is level"


def test_a_linear_probe_is_not_drawn_beside_fine_tuning(study_folder: Path):
    study = read(study_folder)
    fine_tuned = find_key_differences(study)
    probes = tuple(replace(row, treatment="linear_probe") for row in fine_tuned)
    both = replace(study, differences=(*study.differences, *probes))
    assert find_drawn_differences(both) == fine_tuned
    alone = replace(study, differences=probes)
    assert find_drawn_differences(alone) == list(probes)


def test_the_effects_with_other_encoders_are_told_after_their_names(
    make_study: Callable[..., Path],
):
    alone = read(make_study())
    assert tell_effects_elsewhere(alone) == ""
    both = read(make_study(encoders=("origin", "optimal"), budgets=(100, 400)))
    told = tell_effects_elsewhere(both)
    begin = "The encoder `optimal`: w"
    assert told.startswith(f"{begin}ith 100 labels per class, against")
    assert f"W{told.removeprefix(begin)}" in tell_answer(both)
    rows = tuple(row for row in both.differences if row.encoder == "origin")
    assert tell_effects_elsewhere(replace(both, differences=rows)) == ""


def test_what_so_few_seeds_allow_is_told_by_their_number():
    least = ((6, 0.0625), (2, 0.5), (9, 0), (6, 0.125))
    rows = [make_row(0, 1, seeds=seeds, least_p=p) for seeds, p in least]
    assert tell_least_p(rows) == (
        "After correction no p can be below 0.50 with two seeds and 0.062 with six seeds."
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
    assert "against training from scratch, " in tell_answer(replace(study, differences=short))


def test_without_a_study_or_a_comparison_the_answer_says_so(study_folder: Path):
    assert tell_answer(None) == NO_STUDY
    study = replace(read(study_folder), differences=())
    assert "no paired comparison" in tell_answer(study)
