"""The figures of a study: accuracy against labels, paired differences, and the cost of the gain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cae.report.page import BLUE, GREEN, GREY, INK, ORANGE, PALE, VERMILION, write_tick_percent
from cae.report.phrases import MINUS, write_points
from cae.report.study_results import (
    Difference,
    Estimate,
    Labels,
    Study,
    name_arm,
    name_control,
    name_labels,
    rank_labels,
)
from cae.report.study_sentences import tell_interval
from cae.report.vector import open_figure

# Colour tells the pretraining, the line what was trained.
_COLORS = {
    "none": GREY,
    "plain": VERMILION,
    "denoising": ORANGE,
    "masked": BLUE,
    "masked_pixels": GREEN,
}
_LINES: dict[str, Any] = {
    "scratch": (0, (1, 1.5)),
    "scratch_whole_budget": "solid",
    "linear_probe": (0, (1, 1.5)),
    "frozen": (0, (4, 1.5)),
    "fine_tuned": "solid",
}
_MARKERS = {
    "scratch": "s",
    "scratch_whole_budget": "D",
    "linear_probe": "v",
    "frozen": "^",
    "fine_tuned": "o",
}
_MOST_PANELS = 4
_ROW_CM = 0.46


def plot_accuracy_against_labels(study: Study, path: Path) -> Path:
    """Write the test accuracy of each arm against the label budget, a panel for each encoder.

    Bands, or bars where an arm has one budget only, are the intervals over seeds.
    """
    encoders = study.encoders
    budgets = study.labels
    arms = _list_arms(study.estimates)
    rows = -(-len(arms) // 3)
    with open_figure(path, height_cm=7.2 + 0.45 * rows) as figure:
        panels: list[Axes] = []
        for place, encoder in enumerate(encoders, start=1):
            share = {"sharey": panels[0]} if panels else {}
            axes = figure.add_subplot(1, len(encoders), place, **share)
            panels.append(axes)
            _draw_budgets(axes, [e for e in study.estimates if e.encoder == encoder], budgets)
            axes.set_title(f"encoder: {encoder}")
            if place > 1:
                axes.tick_params(labelleft=False)
        panels[0].set_ylabel("test accuracy")
        figure.legend(
            handles=[_make_key(arm, pretraining) for arm, pretraining in arms],
            loc="outside lower center",
            ncols=3,
            handlelength=2.6,
            fontsize=8,
        )
    return path


def plot_differences(differences: Sequence[Difference], path: Path) -> Path:
    """Write each difference with its interval as a row, on which side of zero it lies in colour."""
    encoders = list(dict.fromkeys(row.encoder for row in differences))
    # Drawn from the bottom up: the last row first.
    rows = sorted(
        differences,
        key=lambda row: (
            encoders.index(row.encoder),
            row.treatment,
            _rank(row.pretraining),
            row.control,
            rank_labels(row.labels),
        ),
        reverse=True,
    )
    controls = {row.control for row in rows}
    with open_figure(path, height_cm=1.8 + _ROW_CM * len(rows)) as figure:
        axes = figure.add_subplot()
        colors = {"gain": BLUE, "loss": VERMILION, "none": GREY, "unknown": GREY}
        for place, row in enumerate(rows):
            color = colors[row.effect]
            if row.gain.low is not None and row.gain.high is not None:
                ends = [100 * row.gain.low, 100 * row.gain.high]
                axes.plot(ends, [place, place], color=color, lw=2, solid_capstyle="round")
            face = color if row.is_significant else "white"
            axes.plot([100 * row.gain.mean], [place], "o", ms=5, mfc=face, mec=color, mew=1.4)
            axes.lines[-1].set_zorder(3)
            if place and _block(row) != _block(rows[place - 1]):
                axes.axhline(place - 0.5, color=PALE, lw=0.8)
            _write_beside(axes, _write_difference(row), place=place)
        axes.axvline(0, color=INK, lw=0.8)
        axes.set_yticks(range(len(rows)), [_name_difference(row, controls) for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="x")
        axes.tick_params(length=0)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.spines[["left", "bottom"]].set_visible(False)
        against = f" against {name_control(*controls)}" if len(controls) == 1 else ""
        axes.set_xlabel(f"points of test accuracy{against}")
        axes.xaxis.set_major_formatter(FuncFormatter(_write_axis_points))
        _write_beside(axes, "points (95% interval), seeds, p (Holm)", place=len(rows) - 0.1)
    return path


def plot_cost(study: Study, path: Path) -> Path:
    """Write the test accuracy of each arm against the operations of a trial, a panel a budget.

    The encoder is the first one of the study; the panels are the largest budgets.
    """
    encoder = study.encoders[0]
    estimates = [estimate for estimate in study.estimates if estimate.encoder == encoder]
    found: set[Labels] = {estimate.labels for estimate in estimates}
    budgets = sorted(found, key=rank_labels)[-_MOST_PANELS:]
    arms = _list_arms(estimates)
    with open_figure(path, height_cm=5.6 + 0.45 * -(-len(arms) // 3)) as figure:
        for place, budget in enumerate(budgets, start=1):
            axes = figure.add_subplot(1, len(budgets), place)
            for estimate in estimates:
                if estimate.labels == budget:
                    _draw_cost(axes, estimate)
            axes.set_title(name_labels(budget))
            axes.set_xlabel("10¹² operations a trial")
            axes.margins(x=0.15, y=0.15)
            _set_percent(axes)
            axes.grid()
            axes.tick_params(length=0)
            axes.xaxis.set_major_locator(MaxNLocator(4))
        figure.axes[0].set_ylabel("test accuracy")
        figure.legend(
            handles=[_make_key(arm, pretraining, line=False) for arm, pretraining in arms],
            loc="outside lower center",
            ncols=3,
            fontsize=8,
        )
    return path


def _draw_budgets(axes: Axes, estimates: Sequence[Estimate], budgets: Sequence[Labels]) -> None:
    places = {budget: place for place, budget in enumerate(budgets)}
    for arm, pretraining in _list_arms(estimates):
        line = sorted(
            (e for e in estimates if (e.arm, e.pretraining) == (arm, pretraining)),
            key=lambda estimate: places[estimate.labels],
        )
        x = [places[estimate.labels] for estimate in line]
        color = _COLORS.get(pretraining, INK)
        marker = _MARKERS[arm]
        axes.plot(
            x,
            [e.accuracy.mean for e in line],
            marker=marker,
            ms=3.5,
            lw=1.4,
            color=color,
            ls=_LINES[arm],
        )
        lows = [e.accuracy.mean if e.accuracy.low is None else e.accuracy.low for e in line]
        highs = [e.accuracy.mean if e.accuracy.high is None else e.accuracy.high for e in line]
        if len(line) > 1:
            axes.fill_between(x, lows, highs, color=color, alpha=0.15, lw=0)
        else:
            axes.plot([x[0], x[0]], [lows[0], highs[0]], color=color, lw=1.4)
    axes.set_xticks(range(len(budgets)), [_write_budget(budget) for budget in budgets])
    axes.set_xlim(-0.25, len(budgets) - 0.75)
    axes.set_xlabel("labels a class")
    axes.grid(axis="y")
    axes.tick_params(length=0)
    _set_percent(axes)


def _draw_cost(axes: Axes, estimate: Estimate) -> None:
    color = _COLORS.get(estimate.pretraining, INK)
    accuracy = estimate.accuracy
    cost = estimate.flops / 1e12
    if accuracy.low is not None and accuracy.high is not None:
        axes.plot([cost, cost], [accuracy.low, accuracy.high], color=color, lw=1.2)
    marker = _MARKERS.get(estimate.arm, "x")
    axes.plot([cost], [accuracy.mean], marker, ms=5, color=color, mew=0.8)


def _list_arms(estimates: Sequence[Estimate]) -> list[tuple[str, str]]:
    """Return the arms of the question with their pretrainings, the controls first."""
    found = {(e.arm, e.pretraining) for e in estimates if e.arm in _LINES}
    return sorted(found, key=lambda pair: (list(_LINES).index(pair[0]), _rank(pair[1])))


def _rank(pretraining: str) -> int:
    names = list(_COLORS)
    return names.index(pretraining) if pretraining in names else len(names)


def _make_key(arm: str, pretraining: str, *, line: bool = True) -> Line2D:
    return Line2D(
        [],
        [],
        color=_COLORS.get(pretraining, INK),
        ls=_LINES[arm] if line else "none",
        marker=_MARKERS[arm],
        ms=4,
        lw=1.4,
        label=name_arm(arm, pretraining),
    )


def _block(row: Difference) -> tuple[str, ...]:
    """Return what rows that differ in their label budget alone share."""
    return row.encoder, row.treatment, row.pretraining, row.control


def _name_difference(row: Difference, controls: set[str]) -> str:
    treatment = name_arm(row.treatment, row.pretraining)
    control = f" {MINUS} {name_arm(row.control)}" if len(controls) > 1 else ""
    return f"{row.encoder}: {treatment}{control}, {name_labels(row.labels)}"


def _write_difference(row: Difference) -> str:
    interval = f" ({tell_interval(row.gain)})" if row.gain.low is not None else ""
    return f"{write_points(row.gain.mean)}{interval}, {row.gain.count}, {row.p_holm:.3f}"


def _write_beside(axes: Axes, words: str, *, place: float) -> None:
    """Write words at the right of the axes, at the height of a row."""
    axes.annotate(
        words,
        (1, place),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        size=7.5,
        color=GREY,
        annotation_clip=False,
    )


def _write_budget(budget: Labels) -> str:
    return "all" if budget == "all" else f"{budget:,}"


def _set_percent(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(FuncFormatter(write_tick_percent))


def _write_axis_points(points: float, _position: int | None = None) -> str:
    return f"{points:+g}".replace("-", MINUS) if points else "0"
