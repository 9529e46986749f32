"""The pictures of a study show every plan that its summary tells of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cae.files import read_json, write_json
from cae.report.figures.study_pictures import draw_study, plot_regularisations
from cae.report.results.study_results import Estimate, Interval
from cae.run_folder import StudyFolder


def make_folder(tmp_path: Path, study_folder: Path, *, plans: dict[str, int]) -> StudyFolder:
    """Return the folder of a study whose summary has so many estimates of each plan."""
    folder = StudyFolder(tmp_path / "study")
    summary = read_json(study_folder / "summary.json")
    first, *_ = summary["estimates"]
    summary["estimates"] = [
        {**each, "plan": plan}
        for plan, count in plans.items()
        for each in (summary["estimates"] if plan == "labels" else [first])[:count]
    ]
    if "labels" not in plans:
        summary["differences"] = []
    folder.make()
    write_json(folder.summary, summary)
    return folder


def test_every_plan_of_a_summary_is_drawn(tmp_path: Path, study_folder: Path):
    folder = make_folder(tmp_path, study_folder, plans={"labels": 99, "origin": 1})
    paths = draw_study(folder)
    assert [path.name for path in paths] == [
        "study_accuracy.png",
        "study_differences.png",
        "study_cost.png",
        "study_regularisations.png",
    ]
    for path in paths:
        assert np.asarray(Image.open(path).convert("L")).std() > 5  # not an empty page


def test_what_is_not_there_is_not_drawn(tmp_path: Path, study_folder: Path):
    folder = make_folder(tmp_path, study_folder, plans={"origin": 1})
    assert [path.name for path in draw_study(folder)] == ["study_regularisations.png"]
    assert draw_study(make_folder(tmp_path, study_folder, plans={})) == []


def make_estimate(arm: str, pretraining: str, mean: float, *, seeds: int = 3) -> Estimate:
    low, high = (mean - 0.02, mean + 0.03) if seeds > 1 else (None, None)
    return Estimate("origin", pretraining, arm, "all", Interval(mean, low, high, seeds), 8, 1e13)


def test_regularisations_are_ordered_by_what_they_reach(
    tmp_path: Path, drawn: list[Figure], read_texts: Callable[[], list[str]]
):
    rows = [
        make_estimate("frozen", "unregularised", 0.6, seeds=1),
        make_estimate("scratch", "none", 0.8),
        make_estimate("frozen", "dropout_0.2", 0.7),
    ]
    plot_regularisations(rows, tmp_path / "r.png")
    (axes,) = drawn[-1].axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["frozen encoder, unregularised", "frozen encoder, dropout 0.2", "from scratch"]
    means = [
        float(np.asarray(line.get_xdata())[0]) for line in axes.lines if line.get_marker() == "o"
    ]
    assert means == [0.6, 0.7, 0.8]
    assert len(axes.lines) == 3 + 2  # a single seed has no interval
    assert any("95% interval" in text for text in read_texts())


def test_an_interval_as_wide_as_the_scale_does_not_set_it(tmp_path: Path, drawn: list[Figure]):
    wide = make_estimate("frozen", "activity_l1", 0.6, seeds=2)
    wide = replace(wide, accuracy=replace(wide.accuracy, low=0.0, high=1.0))
    plot_regularisations([wide, make_estimate("scratch", "none", 0.95)], tmp_path / "r.png")
    (axes,) = drawn[-1].axes
    assert axes.get_xlim() == pytest.approx((0.48, 1.0))
