"""The figures of a study: accuracy against labels, paired differences, and the cost of the gain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cae.report.figures.page import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    VERMILION,
    write_tick_percent,
)
from cae.report.figures.vector import open_figure_or_page
from cae.report.names import name_data, spell_out
from cae.report.phrases import MINUS
from cae.report.results.study_results import (
    Difference,
    Estimate,
    Labels,
    Study,
    name_arm,
    name_control,
    name_labels,
    rank_labels,
)
from cae.report.words.study_sentences import find_most_gains, write_gain

# Dots and a hollow marker: only a head was trained. Else colour, dashes and marker tell the
# pretraining, so that lines are told apart in grey too; the control is the solid line.
_DOTTED = (0, (1, 1.5))
_LOOKS: dict[str, dict[str, Any]] = {
    "none": {"color": GREY, "ls": "solid", "marker": "D"},
    "plain": {"color": VERMILION, "ls": (0, (4, 1.5)), "marker": "o"},
    "denoising": {"color": ORANGE, "ls": (0, (4, 1.5, 1, 1.5)), "marker": "v"},
    "masked": {"color": BLUE, "ls": (0, (9, 1.5)), "marker": "^"},
    "masked_pixels": {"color": GREEN, "ls": (0, (9, 1.5, 1, 1.5)), "marker": "P"},
    "unhidden": {"color": INK, "ls": (0, (2, 1.5, 9, 1.5)), "marker": "X"},
}
_ARMS: dict[str, dict[str, Any]] = {
    "scratch": {"ls": _DOTTED, "marker": "s"},
    "scratch_whole_budget": {},
    "linear_probe": {"ls": _DOTTED, "mfc": "white"},
    "frozen": {"ls": _DOTTED, "mfc": PALE},
    "fine_tuned": {},
}
# How far the arms of one label budget stand apart, so that no interval hides another.
_STEP = 0.035
_MOST_PANELS = 4
# Of the longest labels in three columns of a legend, beside their keys.
_MOST_LETTERS = 70
_ROW_CM = 0.46


def plot_accuracy_against_labels(study: Study, path: Path) -> Path:
    """Write the test accuracy of each arm against the label budget, a panel for each encoder.

    Bars are the intervals over seeds. As for all figures here, `path` ends with .svg or .png.
    """
    encoders = study.encoders
    budgets = study.labels
    arms = _list_arms(study.estimates)
    rows = -(-len(arms) // 3)
    with open_figure_or_page(
        path,
        title=f"Test accuracy against labels{_name_data(study)}",
        subtitle="mean and 95% interval over seeds; the solid grey line cost as much computation "
        "as fine-tuning after any pretraining",
        height_cm=7.2 + 0.45 * rows,
    ) as figure:
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
        _draw_legend(figure, arms, handlelength=3.4, columnspacing=1.2)
    return path


def plot_differences(differences: Sequence[Difference], path: Path) -> Path:
    """Write each difference with its interval as a row; colours show its side of zero.

    Of each encoder and arm the pretraining that gains most comes first, as in the tables.
    """
    encoders = list(dict.fromkeys(row.encoder for row in differences))
    most = find_most_gains(differences)
    # Drawn from the bottom up: the last row first.
    rows = sorted(
        differences,
        key=lambda row: (
            encoders.index(row.encoder),
            row.treatment,
            -most[row.line],
            row.pretraining,
            row.control,
            rank_labels(row.labels),
        ),
        reverse=True,
    )
    controls = {row.control for row in rows}
    arms = {row.treatment for row in rows}
    against = f" against {name_control(*controls)}" if len(controls) == 1 else ""
    what = f", {name_arm(*arms)}" if len(arms) == 1 else ""
    with open_figure_or_page(
        path,
        title=f"Paired differences of test accuracy{what}",
        subtitle="in points; filled: significant after Holm's correction; grey: the 95% interval "
        "includes zero",
        height_cm=1.8 + _ROW_CM * len(rows),
    ) as figure:
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
            if place and row.line != rows[place - 1].line:
                axes.axhline(place - 0.5, color=PALE, lw=0.8)
            _write_beside(axes, _write_difference(row), place=place)
        axes.axvline(0, color=INK, lw=0.8)
        names = [_name_difference(row, arms, controls, encoders) for row in rows]
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="x")
        axes.tick_params(length=0)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_xlabel(f"points of test accuracy{against}")
        axes.xaxis.set_major_formatter(FuncFormatter(_write_axis_points))
        _write_beside(axes, "points (95% interval), seeds, p (Holm)", place=len(rows) - 0.1)
    return path


def plot_cost(study: Study, path: Path) -> Path:
    """Write the test accuracy of each arm against the operations of a trial, by label budget.

    The encoder is the first one of the study; there is a panel for each of the largest budgets.
    """
    encoder = study.encoders[0]
    estimates = [estimate for estimate in study.estimates if estimate.encoder == encoder]
    found: set[Labels] = {estimate.labels for estimate in estimates}
    budgets = sorted(found, key=rank_labels)[-_MOST_PANELS:]
    arms = _list_arms(estimates)
    # Where markers meet, those of the controls lie below, and the legend's earlier above its later.
    shown = sorted(estimates, key=lambda e: (_rank(e.pretraining) > 0, -_rank(e.pretraining)))
    with open_figure_or_page(
        path,
        title=f"What a gain costs{_name_data(study)}, with the encoder {encoder}",
        subtitle="test accuracy (mean and 95% interval over seeds) against the operations of one "
        "trial, pretraining included; up is better, left is cheaper",
        height_cm=5.6 + 0.45 * -(-len(arms) // 3),
    ) as figure:
        for place, budget in enumerate(budgets, start=1):
            # One scale for all, so that heights compare.
            share = {"sharey": figure.axes[0]} if figure.axes else {}
            axes = figure.add_subplot(1, len(budgets), place, **share)
            if place > 1:
                axes.tick_params(labelleft=False)
            for estimate in shown:
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
        _draw_legend(figure, arms, lines=False)
    return path


def _draw_legend(
    figure: Figure, arms: Sequence[tuple[str, str]], *, lines: bool = True, **options: Any
) -> None:
    """Draw the legend of the arms below the panels, in as many columns as fit."""
    labels = [name_arm(arm, pretraining) for arm, pretraining in arms]
    columns = 3  # which are filled one by one
    rows = -(-len(labels) // columns)
    longest = [max(map(len, labels[k : k + rows])) for k in range(0, len(labels), rows)]
    figure.legend(
        handles=[_make_key(arm, pretraining, line=lines) for arm, pretraining in arms],
        loc="outside lower center",
        ncols=columns if sum(longest) <= _MOST_LETTERS else columns - 1,
        fontsize=8,
        **options,
    )


def _draw_budgets(axes: Axes, estimates: Sequence[Estimate], budgets: Sequence[Labels]) -> None:
    places = {budget: place for place, budget in enumerate(budgets)}
    arms = _list_arms(estimates)
    for number, (arm, pretraining) in enumerate(arms):
        line = sorted(
            (e for e in estimates if (e.arm, e.pretraining) == (arm, pretraining)),
            key=lambda estimate: places[estimate.labels],
        )
        aside = _STEP * (number - (len(arms) - 1) / 2)
        x = [places[estimate.labels] + aside for estimate in line]
        look = _choose_look(arm, pretraining)
        axes.plot(x, [e.accuracy.mean for e in line], ms=4, lw=1.4, zorder=3, **look)
        lows = [e.accuracy.mean if e.accuracy.low is None else e.accuracy.low for e in line]
        highs = [e.accuracy.mean if e.accuracy.high is None else e.accuracy.high for e in line]
        axes.vlines(x, lows, highs, color=look["color"], lw=1.4)
    axes.set_xticks(range(len(budgets)), [_write_budget(budget) for budget in budgets])
    axes.set_xlim(-0.25, len(budgets) - 0.75)
    axes.set_xlabel("labels per class")
    axes.grid(axis="y")
    axes.tick_params(length=0)
    _set_percent(axes)


def _draw_cost(axes: Axes, estimate: Estimate) -> None:
    look: dict[str, Any] = {**_choose_look(estimate.arm, estimate.pretraining), "ls": "none"}
    accuracy = estimate.accuracy
    cost = estimate.flops / 1e12
    if accuracy.low is not None and accuracy.high is not None:
        axes.plot([cost, cost], [accuracy.low, accuracy.high], color=look["color"], lw=1.2)
    axes.plot([cost], [accuracy.mean], ms=5, mew=0.9, **look)


def _choose_look(arm: str, pretraining: str) -> dict[str, Any]:
    """Return colour, dashes and marker of an arm after a pretraining."""
    unknown = {"color": INK, "ls": "dashdot", "marker": "x"}
    return {**_LOOKS.get(pretraining, unknown), **_ARMS.get(arm, {})}


def _name_data(study: Study) -> str:
    return "" if study.data is None else f" on {name_data(study.data)}"


def _list_arms(estimates: Sequence[Estimate]) -> list[tuple[str, str]]:
    """Return the arms of the question with their pretrainings, the controls first."""
    found = {(e.arm, e.pretraining) for e in estimates if e.arm in _ARMS}
    return sorted(found, key=lambda pair: (list(_ARMS).index(pair[0]), _rank(pair[1])))


def _rank(pretraining: str) -> int:
    names = list(_LOOKS)
    return names.index(pretraining) if pretraining in names else len(names)


def _make_key(arm: str, pretraining: str, *, line: bool = True) -> Line2D:
    look = _choose_look(arm, pretraining)
    if not line:
        look["ls"] = "none"
    return Line2D([], [], ms=4, lw=1.4, label=name_arm(arm, pretraining), **look)


def _name_difference(
    row: Difference, arms: set[str], controls: set[str], encoders: Sequence[str]
) -> str:
    """Return the label of a row, without what all rows share."""
    encoder = f"{row.encoder}: " if len(encoders) > 1 else ""
    treatment = (
        name_arm(row.treatment, row.pretraining)
        if len(arms) > 1 or len(controls) > 1
        else spell_out(row.pretraining)
    )
    control = f" {MINUS} {name_arm(row.control)}" if len(controls) > 1 else ""
    return f"{encoder}{treatment}{control}, {name_labels(row.labels)}"


def _write_difference(row: Difference) -> str:
    return f"{write_gain(row.gain)}, {row.gain.count}, {row.p_holm:.3f}"


def _write_beside(axes: Axes, words: str, *, place: float) -> None:
    """Write words to the right of the axes, at the height of a row."""
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
