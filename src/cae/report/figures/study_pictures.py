"""The plots that a study writes: those of the report as PNG, and the origin's comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.ticker import FuncFormatter

from cae.report.figures.page import BLUE, INK, VERMILION, write_tick_percent
from cae.report.figures.study_plots import plot_accuracy_against_labels, plot_cost, plot_differences
from cae.report.figures.vector import open_figure_or_page
from cae.report.results.study_results import Estimate, name_arm, read_study
from cae.report.words.study_sentences import find_drawn_differences
from cae.run_folder import StudyFolder

_ROW_CM, _FRAME_CM = 0.55, 1.6
_BESIDE_MEANS = 0.12
# What the control from scratch and the ways to balance the classes are told apart by.
_COLORS = {"scratch": INK, "frozen": BLUE}


def draw_study(folder: StudyFolder) -> list[Path]:
    """Write the plots of a study's summary; return their paths.

    For the plan "labels" study_accuracy.png, study_differences.png and study_cost.png; for the plan
    "origin" study_regularisations.png.

    Raises:
        CheckpointError: the summary is damaged.
    """
    paths: list[Path] = []
    labels = read_study(folder.results)
    if labels is not None:
        paths.append(plot_accuracy_against_labels(labels, folder.plot("accuracy")))
        differences = find_drawn_differences(labels)
        if differences:
            paths.append(plot_differences(differences, folder.plot("differences")))
        paths.append(plot_cost(labels, folder.plot("cost")))
    origin = read_study(folder.results, plan="origin")
    if origin is not None:
        paths.append(plot_regularisations(origin.estimates, folder.plot("regularisations")))
    return paths


def plot_regularisations(estimates: Sequence[Estimate], path: Path) -> Path:
    """Write the test accuracy of each arm of the origin's comparison, the best on top.

    Args:
        estimates: the estimates of the plan "origin", one for each row.
        path: the PNG or SVG to write.
    """
    ordered = sorted(estimates, key=lambda each: each.accuracy.mean)
    with open_figure_or_page(
        path,
        title="The origin's autoencoders under one head",
        subtitle="black: the control from scratch; blue: a classifier on a frozen encoder; "
        "vermilion: that classifier changed; bars that reach the edge go on",
        height_cm=_FRAME_CM + _ROW_CM * len(ordered),
    ) as figure:
        axes = figure.add_subplot()
        for row, each in enumerate(ordered):
            of, color = each.accuracy, _COLORS.get(each.arm, VERMILION)
            if of.low is not None and of.high is not None:
                axes.plot([of.low, of.high], [row, row], color=color, lw=2)
            axes.plot([of.mean], [row], "o", color=color, ms=5)
        names = [name_arm(each.arm, each.pretraining) for each in ordered]
        axes.set_yticks(range(len(ordered)), names)
        axes.set_ylim(-0.6, len(ordered) - 0.4)
        # Intervals of two seeds can be as wide as the scale: the means are what is to be seen.
        means = [each.accuracy.mean for each in ordered]
        axes.set_xlim(max(0.0, min(means) - _BESIDE_MEANS), min(1.0, max(means) + _BESIDE_MEANS))
        several = any(each.accuracy.count > 1 for each in ordered)
        axes.set_xlabel(
            f"test accuracy, {'mean and 95% interval over seeds' if several else 'one seed'}"
        )
        axes.xaxis.set_major_formatter(FuncFormatter(write_tick_percent))
        axes.grid(visible=True, axis="x")
        axes.tick_params(length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
    return path
