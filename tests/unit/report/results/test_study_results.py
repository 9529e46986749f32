"""The results of a study: read whole, and refused where they say something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cae.errors import CheckpointError
from cae.files import read_json, write_json
from cae.report.results.study_results import (
    Difference,
    Interval,
    name_arm,
    name_budgets,
    name_control,
    read_study,
)


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    content = read_json(folder / "summary.json")
    edit(content)
    write_json(folder / "summary.json", content)


def test_a_study_is_read_with_its_budgets_in_rising_order(study_folder: Path):
    study = read_study(study_folder)
    assert study is not None
    assert study.labels == [100, 400, "all"]
    assert study.encoders == ["origin"]
    assert study.trials == 5 * (8 + 8 + 3)
    assert len(study.differences) == 2 * 2 * 3
    assert study.differences[0].gain == Interval(-0.01, -0.02, 0.0, 8)
    assert study.differences[0].gains == pytest.approx(
        {seed: -0.005 if seed % 2 == 0 else -0.015 for seed in range(8)}
    )
    assert [machine.precision for machine in study.machines] == ["bfloat16"]


def test_no_study_is_none(tmp_path: Path, make_study: Callable[..., Path]):
    assert read_study(tmp_path / "nothing") is None
    assert read_study(make_study(encoders=())) is None


def test_arms_that_the_question_does_not_have_are_read_too(study_folder: Path):
    change(study_folder, lambda content: content["estimates"][0].update(arm="dropout 0.4"))
    study = read_study(study_folder)
    assert study is not None
    assert study.estimates[0].arm == "dropout 0.4"


def test_each_plan_is_read_by_itself(study_folder: Path):
    change(study_folder, lambda content: content["estimates"][0].update(plan="origin"))
    change(study_folder, lambda content: content["estimates"][1].update(plan="labels"))
    labels, origin = read_study(study_folder), read_study(study_folder, plan="origin")
    assert labels is not None
    assert origin is not None
    assert (len(labels.estimates), len(origin.estimates)) == (14, 1)
    assert origin.differences == ()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda content: content.pop("estimates"), "no 'estimates'"),
        (lambda content: content["estimates"][0].pop("test_accuracy"), "no 'test_accuracy'"),
        (
            lambda content: content["estimates"][0].update(labels_per_class=-1),
            "labels_per_class -1",
        ),
        (lambda content: content["differences"][0].update(mean="high"), "high"),
        (lambda content: content.update(estimates=[5]), "not a study's results"),
    ],
)
def test_results_that_are_not_a_studys_are_refused(
    study_folder: Path, edit: Callable[[dict[str, Any]], object], message: str
):
    change(study_folder, edit)
    with pytest.raises(CheckpointError, match=rf"summary\.json.*{message}.*; .*cae study"):
        read_study(study_folder)


def make_difference(
    gain: Interval, gains: dict[int, float] | None = None, *, p_holm: float = 0.25
) -> Difference:
    return Difference(
        *("origin", "masked", 400, "fine_tuned", "scratch_whole_budget"),
        gain,
        gains or {},
        0.25,
        p_holm,
        least_p=0.25,
        over="labels_per_class",
        comparisons=1,
    )


@pytest.mark.parametrize(
    ("low", "high", "effect"),
    [(0.01, 0.02, "gain"), (-0.02, -0.01, "loss"), (-0.01, 0.01, "none"), (None, None, "unknown")],
)
def test_the_interval_tells_the_effect(low: float | None, high: float | None, effect: str):
    gain = Interval(0, low, high, 3)
    assert make_difference(gain).effect == effect


@pytest.mark.parametrize(
    ("p", "low", "is_significant"), [(0.04, 0.01, True), (0.05, 0.01, False), (0.04, -0.01, False)]
)
def test_significance_takes_the_corrected_p_value_and_the_interval(
    p: float, low: float, *, is_significant: bool
):
    gain = Interval(0.02, low, 0.03, 3)
    assert make_difference(gain, p_holm=p).is_significant is is_significant


@pytest.mark.parametrize(
    ("values", "is_one_sided"),
    [([0.1, 0.2], True), ([-0.1, -0.2], True), ([-0.1, 0.2], False), ([0.0, 0.2], False)],
)
def test_a_difference_is_one_sided_where_every_seed_points_one_way(
    values: list[float], *, is_one_sided: bool
):
    row = make_difference(Interval(0.1, 0, 0.2, 2), dict(enumerate(values)))
    assert row.is_one_sided is is_one_sided


def test_what_p_could_be_and_what_it_was_corrected_for_is_read(make_study: Callable[..., Path]):
    study = read_study(make_study(seeds=8, gains={"masked": 0.03}))
    assert study is not None
    for row in study.differences:
        assert (row.over, row.comparisons) == ("labels_per_class", 3)
        assert row.least_p == row.p_holm
        assert row.is_one_sided  # as the seeds of the made-up study agree
        assert row.has_too_few_seeds is (row.labels == "all")


def test_arms_controls_and_budgets_have_names():
    assert name_arm("fine_tuned", "masked") == "fine-tuned, masked"
    assert name_arm("scratch", "masked") == "from scratch"
    assert name_arm("hidden_noise") == "hidden noise"
    assert name_control("scratch_whole_budget") == "training from scratch with equal computation"
    assert name_control("plain") == "the arm plain"
    assert name_budgets({100: "(a)", 400: "(b)"}) == "100 (a) and 400 (b) labels per class"
    assert name_budgets({100: "", "all": ""}) == "100 and all labels per class"
    assert name_budgets({"all": "(c)"}) == "all labels (c)"
