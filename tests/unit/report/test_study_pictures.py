"""Pictures of a study: every arm, budget and interval of the summary is drawn where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from cae.report.study_pictures import (
    draw_study,
    plot_accuracy,
    plot_cost,
    plot_differences,
    plot_regularisations,
)
from cae.run_folder import StudyFolder

Texts = Callable[[], list[str]]
ARMS = [("scratch", "none"), ("scratch_whole_budget", "none"), ("fine_tuned", "masked")]


def make_estimate(arm: str, pretraining: str, labels: int | str, mean: float) -> dict[str, Any]:
    accuracy = {"mean": mean, "low": mean - 0.02, "high": mean + 0.03, "count": 3}
    return {
        "plan": "labels",
        "encoder": "origin",
        "arm": arm,
        "pretraining": pretraining,
        "labels_per_class": labels,
        "test_accuracy": accuracy,
        "seconds_mean": 600.0,
    }


ESTIMATES = [
    make_estimate(arm, pretraining, labels, 0.4 + 0.1 * place + 0.02 * index)
    for index, (arm, pretraining) in enumerate(ARMS)
    # As the rows of several calls may come: not in order.
    for place, labels in ((2, "all"), (0, 100), (1, 400))
]
DIFFERENCES = [
    {
        "plan": "labels",
        "encoder": "origin",
        "labels_per_class": labels,
        "pretraining": "masked",
        "treatment": "fine_tuned",
        "control": control,
        "mean": 0.05,
        "low": 0.01,
        "high": 0.07,
        "count": 3,
    }
    for labels in ("all", 100)
    for control in ("scratch", "scratch_whole_budget")
]


def test_accuracy_rises_along_the_labels_in_their_order(tmp_path: Path, drawn: list[Figure]):
    plot_accuracy(ESTIMATES, tmp_path / "a.png", about="digits")
    (axes,) = drawn[-1].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["100", "400", "all"]
    lines = {str(line.get_label()): line for line in axes.lines}
    assert list(lines) == [
        "from scratch",
        "from scratch with the whole budget",
        "fine-tuned after masked",
    ]
    np.testing.assert_allclose(np.asarray(lines["from scratch"].get_ydata()), [0.4, 0.5, 0.6])
    np.testing.assert_array_equal(lines["from scratch"].get_xdata(), [0, 1, 2])
    assert len(axes.collections) == 3  # a band each


def test_an_arm_without_a_budget_has_a_gap_there(tmp_path: Path, drawn: list[Figure]):
    rows = [
        each for each in ESTIMATES if (each["arm"], each["labels_per_class"]) != ("scratch", 400)
    ]
    plot_accuracy(rows, tmp_path / "a.png", about="digits")
    scratch = next(line for line in drawn[-1].axes[0].lines if line.get_label() == "from scratch")
    np.testing.assert_array_equal(scratch.get_xdata(), [0, 2])


def test_a_single_seed_is_drawn_without_a_band(tmp_path: Path):
    row = make_estimate("scratch", "none", 10, 0.5)
    row["test_accuracy"] |= {"low": None, "high": None, "count": 1}
    assert plot_accuracy([row], tmp_path / "a.png", about="digits").exists()
    assert plot_cost([row], tmp_path / "b.png", about="digits").exists()


def test_differences_are_in_points_few_labels_first(
    tmp_path: Path, drawn: list[Figure], read_texts: Texts
):
    plot_differences(DIFFERENCES, tmp_path / "d.png", about="digits")
    (axes,) = drawn[-1].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "fine-tuned after masked, 100 labels",
        "fine-tuned after masked, all labels",
    ]
    intervals = [line for line in axes.lines if len(np.asarray(line.get_xdata())) == 2]
    intervals = [line for line in intervals if line.get_solid_capstyle() == "butt"]
    assert len(intervals) == 4
    for line in intervals:
        np.testing.assert_allclose(np.asarray(line.get_xdata()), [1.0, 7.0])
    assert {"against from scratch", "against from scratch with the whole budget"} <= set(
        read_texts()
    )


def test_cost_has_a_panel_for_each_budget(tmp_path: Path, drawn: list[Figure]):
    plot_cost(ESTIMATES, tmp_path / "c.png", about="digits")
    panels = drawn[-1].axes
    assert [panel.get_title() for panel in panels] == [
        "100 labels a class",
        "400 labels a class",
        "all labels",
    ]
    for panel in panels:
        assert [float(np.asarray(line.get_xdata())[0]) for line in panel.lines] == [10.0] * 3


def test_regularisations_are_ordered_by_what_they_reach(tmp_path: Path, drawn: list[Figure]):
    rows = [
        make_estimate("frozen", "unregularised", "all", 0.6),
        make_estimate("scratch", "none", "all", 0.8),
        make_estimate("frozen", "dropout_0.2", "all", 0.7),
    ]
    plot_regularisations(rows, tmp_path / "r.png", about="digits")
    names = [label.get_text() for label in drawn[-1].axes[0].get_yticklabels()]
    assert names == ["from scratch", "frozen after dropout 0.2", "frozen, unregularised"]


def test_every_plan_and_encoder_of_a_summary_is_drawn(tmp_path: Path, read_texts: Texts):
    optimal = [{**each, "encoder": "optimal"} for each in ESTIMATES[:1]]
    own = [{**make_estimate("scratch", "none", "all", 0.5), "plan": "origin"}]
    summary = {
        "conditions": {"data": "cifar10"},
        "estimates": [*ESTIMATES, *optimal, *own],
        "differences": DIFFERENCES,
    }
    paths = draw_study(summary, StudyFolder(tmp_path))
    assert [path.name for path in paths] == [
        "study_accuracy_origin.png",
        "study_differences_origin.png",
        "study_cost_origin.png",
        "study_accuracy_optimal.png",
        "study_cost_optimal.png",
        "study_regularisations.png",
    ]
    assert all(path.exists() for path in paths)
    assert any("CIFAR-10" in text for text in read_texts())


@pytest.mark.parametrize("estimates", [[], [{**ESTIMATES[0], "plan": "origin"}]])
def test_what_is_not_there_is_not_drawn(tmp_path: Path, estimates):
    summary = {"conditions": {"data": "digits"}, "estimates": estimates, "differences": []}
    assert len(draw_study(summary, StudyFolder(tmp_path))) == len(estimates)
