"""The figures of a study: every arm and interval where the numbers say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from cae.report.figures.page import BLUE, VERMILION
from cae.report.figures.study_plots import plot_accuracy_against_labels, plot_cost, plot_differences
from cae.report.phrases import MINUS
from cae.report.results.study_results import Study, read_study
from cae.report.words.study_sentences import find_key_differences

Texts = Callable[[], list[str]]


@pytest.fixture
def study(study_folder: Path) -> Study:
    found = read_study(study_folder)
    assert found is not None
    return found


def test_each_arm_is_a_line_over_the_budgets(study: Study, tmp_path: Path, drawn: list[Figure]):
    plot_accuracy_against_labels(study, tmp_path / "a.svg")
    (axes,) = drawn[-1].axes
    lines = {tuple(np.round(np.asarray(line.get_ydata(), dtype=float), 3)) for line in axes.lines}
    assert (0.53, 0.65, 0.77) in lines  # fine-tuned, masked
    assert (0.5, 0.62, 0.74) in lines  # from scratch, equal computation
    assert len(axes.lines) == 5
    assert [label.get_text() for label in axes.get_xticklabels()] == ["100", "400", "all"]
    assert len(axes.collections) == 5  # the intervals
    # No two lines share a marker, filled or hollow, so that they are told apart in grey.
    markers = {(line.get_marker(), line.get_markerfacecolor() == "white") for line in axes.lines}
    assert len(markers) == 5
    # Nor do two arms of a budget stand at one place, where an interval could hide another.
    places = {round(float(np.asarray(line.get_xdata())[0]), 3) for line in axes.lines}
    assert len(places) == 5
    assert max(places) - min(places) < 0.25


def test_an_encoder_with_one_budget_has_a_panel_of_its_own(
    study: Study, tmp_path: Path, drawn: list[Figure], read_texts: Texts
):
    other = tuple(
        replace(estimate, encoder="optimal")
        for estimate in study.estimates
        if estimate.labels == 400
    )
    both = replace(study, estimates=study.estimates + other)
    plot_accuracy_against_labels(both, tmp_path / "a.svg")
    assert {"encoder: origin", "encoder: optimal"} <= set(read_texts())
    left, right = drawn[-1].axes
    assert len(right.lines) == len(left.lines)
    assert len(right.collections) == 5


def test_differences_stand_at_their_means_coloured_by_the_side_of_zero(
    study: Study, tmp_path: Path, drawn: list[Figure], read_texts: Texts
):
    rows = find_key_differences(study)
    plot_differences(rows, tmp_path / "d.svg")
    (axes,) = drawn[-1].axes
    points = [line for line in axes.lines if line.get_marker() == "o"]
    found = {
        (round(float(np.asarray(line.get_xdata())[0]), 6), to_hex(str(line.get_markeredgecolor())))
        for line in points
    }
    assert found == {(-2.0, VERMILION.lower()), (3.0, BLUE.lower())}
    hollow = [line for line in points if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 2  # all labels, not significant
    names = [label.get_text() for label in reversed(axes.get_yticklabels())]
    # What gains most stands above, as in the tables.
    assert [name.split(",")[0] for name in names] == ["masked"] * 3 + ["plain"] * 3
    texts = read_texts()
    # A single encoder is not named in every row.
    assert "masked, 400 labels per class" in texts
    assert "+3.0 (+2.0 to +4.0), 8, 0.023" in texts
    assert "points of test accuracy against training from scratch with equal computation" in texts


def test_differences_against_several_controls_name_them(
    study: Study, tmp_path: Path, read_texts: Texts
):
    plot_differences(study.differences, tmp_path / "d.svg")
    assert f"fine-tuned, plain {MINUS} from scratch, all labels" in read_texts()


def test_differences_of_several_encoders_name_them(study: Study, tmp_path: Path, read_texts: Texts):
    other = replace(study.differences[0], encoder="optimal")
    plot_differences([other, study.differences[1]], tmp_path / "d.svg")
    told = {text.partition(":")[0] for text in read_texts() if ": fine-tuned" in text}
    assert told == {"origin", "optimal"}


def test_a_difference_of_one_seed_is_drawn_without_an_interval(study: Study, tmp_path: Path):
    row = study.differences[0]
    single = replace(row, gain=replace(row.gain, low=None, high=None, count=1))
    assert plot_differences([single], tmp_path / "d.svg").exists()


def test_cost_has_a_panel_for_each_budget_with_a_point_for_each_arm(
    study: Study, tmp_path: Path, drawn: list[Figure], read_texts: Texts
):
    plot_cost(study, tmp_path / "c.svg")
    assert len(drawn[-1].axes) == 3
    points = [line for line in drawn[-1].axes[0].lines if line.get_marker() not in ("None", "")]
    assert {float(np.asarray(point.get_xdata())[0]) for point in points} == {
        40.0,
        100.0,
    }  # 10¹² operations
    assert len(points) == 5
    assert "100 labels per class" in read_texts()
    # One scale, so that heights compare.
    assert len({axes.get_ylim() for axes in drawn[-1].axes}) == 1


@pytest.mark.parametrize("plot", [plot_accuracy_against_labels, plot_cost])
def test_the_legend_of_many_arms_fits_on_the_page(
    make_study: Callable[..., Path], tmp_path: Path, drawn: list[Figure], plot: Callable[..., Path]
):
    names = ("plain", "denoising", "masked", "masked_pixels", "unhidden")
    study = read_study(make_study(gains=dict.fromkeys(names, 0.03)))
    assert study is not None
    plot(study, tmp_path / "a.png")
    (legend,) = drawn[-1].legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= drawn[-1].bbox.x1


@pytest.mark.parametrize("plot", [plot_accuracy_against_labels, plot_cost])
def test_a_picture_by_itself_says_what_it_shows(
    study: Study, tmp_path: Path, read_texts: Texts, plot: Callable[[Study, Path], Path]
):
    plot(replace(study, data="cifar10"), tmp_path / "p.png")
    assert any(" on CIFAR-10" in text for text in read_texts())
    assert any("95% interval" in text for text in read_texts())
    plot(study, tmp_path / "p.svg")
    assert not any("95% interval" in text for text in read_texts())
