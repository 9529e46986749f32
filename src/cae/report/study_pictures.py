"""The pictures of a study: accuracy against labels, paired differences, and cost beside gain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from cae.report.names import name_data
from cae.report.page import BLUE, GREY, INK, VERMILION, open_page
from cae.run_folder import StudyFolder

Row = Mapping[str, Any]

# Okabe and Ito's colours, by pretraining; what was not pretrained is ink and grey.
_GREEN, _ORANGE = "#009E73", "#E69F00"
_COLORS = {"plain": _ORANGE, "denoising": _GREEN, "masked": BLUE}
_CONTROL_COLORS = {"scratch": GREY, "scratch_whole_budget": INK}
_LINES: dict[str, Any] = {"linear_probe": (0, (1, 1.5)), "frozen": (0, (4, 1.5))}
_MARKERS = {"linear_probe": "^", "frozen": "s"}
_BAR_PIXELS, _FRAME_PIXELS = 34, 130


def draw_study(summary: Row, folder: StudyFolder) -> list[Path]:
    """Write the pictures of all that the summary of a study tells; return their paths.

    Of the plan "labels", for each encoder: study_accuracy_ENCODER.png, study_differences_ENCODER
    and study_cost_ENCODER; of the plan "origin" study_regularisations.

    Args:
        summary: the content of summary.json.
        folder: of the study.
    """
    data = name_data(summary["conditions"]["data"])
    paths: list[Path] = []
    estimates = [each for each in summary["estimates"] if each["plan"] == "labels"]
    for encoder in dict.fromkeys(each["encoder"] for each in estimates):
        here = [each for each in estimates if each["encoder"] == encoder]
        differences = [
            each
            for each in summary["differences"]
            if each["plan"] == "labels" and each["encoder"] == encoder
        ]
        about = f"{data}, {_name_encoder(encoder)} encoder, {_count_seeds(here)}"
        paths.append(plot_accuracy(here, folder.plot(f"accuracy_{encoder}"), about=about))
        if differences:
            path = folder.plot(f"differences_{encoder}")
            paths.append(plot_differences(differences, path, about=about))
        paths.append(plot_cost(here, folder.plot(f"cost_{encoder}"), about=about))
    own = [each for each in summary["estimates"] if each["plan"] == "origin"]
    if own:
        about = f"{data}, {_name_encoder('origin')} encoder and recipe, {_count_seeds(own)}"
        paths.append(plot_regularisations(own, folder.plot("regularisations"), about=about))
    return paths


def plot_accuracy(estimates: Sequence[Row], path: Path, *, about: str) -> Path:
    """Write the test accuracy against the labels of each class, a line for each arm.

    Args:
        estimates: of one encoder, as in summary.json.
        path: the PNG to write.
        about: whose figures they are.
    """
    budgets = _list_budgets(estimates)
    title = "What each way of training reaches with so many labels"
    subtitle = f"accuracy on the test images, mean and 95% interval over seeds; {about}"
    with open_page(path, title=title, subtitle=subtitle, body_pixels=620) as figure:
        axes = figure.add_subplot()
        for arm, pretraining in _list_arms(estimates):
            points = [
                (budgets.index(each["labels_per_class"]), each["test_accuracy"])
                for each in estimates
                if (each["arm"], each["pretraining"]) == (arm, pretraining)
            ]
            points.sort(key=lambda point: point[0])
            color = _choose_color(arm, pretraining)
            places = [place for place, _ in points]
            axes.plot(
                places,
                [of["mean"] for _, of in points],
                color=color,
                ls=_LINES.get(arm, "solid"),
                marker=_MARKERS.get(arm, "o"),
                ms=4,
                lw=1.6,
                label=_name_arm(arm, pretraining),
            )
            axes.fill_between(
                places,
                [_low(of) for _, of in points],
                [_high(of) for _, of in points],
                color=color,
                alpha=0.15,
                lw=0,
            )
        axes.set_xticks(range(len(budgets)), [str(budget) for budget in budgets])
        axes.set_xlabel("labels of each class")
        _set_percent(axes, "y")
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return path


def plot_differences(differences: Sequence[Row], path: Path, *, about: str) -> Path:
    """Write each arm's difference from its controls, in points, with intervals.

    Args:
        differences: of one encoder, as in summary.json.
        path: the PNG to write.
        about: whose figures they are.
    """
    rows = list(
        dict.fromkeys(
            (each["labels_per_class"], each["treatment"], each["pretraining"])
            for each in sorted(differences, key=lambda each: _rank(each["labels_per_class"]))
        )
    )
    title = "What each gains over training from scratch"
    subtitle = (
        f"difference of test accuracies, paired by seed, mean and 95% interval, with so many "
        f"labels of each class; {about}"
    )
    body = _FRAME_PIXELS + _BAR_PIXELS * len(rows)
    with open_page(path, title=title, subtitle=subtitle, body_pixels=body) as figure:
        axes = figure.add_subplot()
        for control, color in _CONTROL_COLORS.items():
            shift = -0.15 if control == "scratch" else 0.15
            chosen = [each for each in differences if each["control"] == control]
            for index, each in enumerate(chosen):
                row = rows.index((each["labels_per_class"], each["treatment"], each["pretraining"]))
                _draw_interval(
                    axes,
                    row + shift,
                    each,
                    color=VERMILION if control == "scratch_whole_budget" else color,
                    label=f"against {_name_arm(control, 'none')}" if index == 0 else None,
                    scale=100,
                )
        names = [
            f"{_name_arm(arm, pretraining)}, {_name_budget(labels).removesuffix(' a class')}"
            for labels, arm, pretraining in rows
        ]
        axes.axvline(0, color=INK, lw=0.8)
        _name_rows(axes, names)
        axes.set_xlabel("points of test accuracy")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:+g}"))
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return path


def plot_cost(estimates: Sequence[Row], path: Path, *, about: str) -> Path:
    """Write the test accuracy beside the minutes of a trial, a panel for each label budget.

    Args:
        estimates: of one encoder, as in summary.json.
        path: the PNG to write.
        about: whose figures they are.
    """
    budgets = _list_budgets(estimates)
    title = "What each way of training costs, and what it reaches"
    subtitle = (
        f"accuracy on the test images against the minutes of a trial, its pretraining included; "
        f"means over seeds; {about}"
    )
    with open_page(path, title=title, subtitle=subtitle, body_pixels=520) as figure:
        panels = figure.subplots(1, len(budgets), squeeze=False)[0]
        for axes, budget in zip(panels, budgets, strict=True):
            for each in estimates:
                if each["labels_per_class"] != budget:
                    continue
                axes.plot(
                    [each["seconds_mean"] / 60],
                    [each["test_accuracy"]["mean"]],
                    _MARKERS.get(each["arm"], "o"),
                    color=_choose_color(each["arm"], each["pretraining"]),
                    ms=7,
                    label=_name_arm(each["arm"], each["pretraining"]),
                )
            axes.set_title(_name_budget(budget), size=8.5)
            axes.set_xlabel("minutes")
            axes.set_xlim(left=0)
            axes.margins(x=0.15, y=0.15)
            _set_percent(axes, "y")
        entries = {
            label: handle
            for axes in panels
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="outside lower center",
            ncols=2,
            frameon=False,
        )
    return path


def plot_regularisations(estimates: Sequence[Row], path: Path, *, about: str) -> Path:
    """Write the test accuracy after each regularisation and way of balancing, and from scratch.

    Args:
        estimates: of the plan "origin", as in summary.json.
        path: the PNG to write.
        about: whose figures they are.
    """
    ordered = sorted(estimates, key=lambda each: each["test_accuracy"]["mean"], reverse=True)
    title = "The origin's comparison, finished"
    subtitle = f"accuracy on the test images, mean and 95% interval over seeds; {about}"
    body = _FRAME_PIXELS + _BAR_PIXELS * len(ordered)
    with open_page(path, title=title, subtitle=subtitle, body_pixels=body) as figure:
        axes = figure.add_subplot()
        for row, each in enumerate(ordered):
            color = {"scratch": INK, "frozen": BLUE}.get(each["arm"], VERMILION)
            _draw_interval(axes, row, each["test_accuracy"], color=color, label=None, scale=1)
        _name_rows(axes, [_name_arm(each["arm"], each["pretraining"]) for each in ordered])
        _set_percent(axes, "x")
    return path


def _draw_interval(
    axes: Axes, row: float, of: Row, *, color: str, label: str | None, scale: float
) -> None:
    mean, low, high = (scale * value for value in (of["mean"], _low(of), _high(of)))
    axes.plot([low, high], [row, row], color=color, lw=1.6, solid_capstyle="butt")
    axes.plot([mean], [row], "o", color=color, ms=5, label=label)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")


def _set_percent(axes: Axes, which: str) -> None:
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.grid(visible=True, axis="y" if which == "y" else "x")


def _list_budgets(rows: Iterable[Row]) -> list[int | str]:
    return sorted({row["labels_per_class"] for row in rows}, key=_rank)


def _list_arms(rows: Iterable[Row]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["arm"], row["pretraining"]) for row in rows))


def _rank(budget: int | str) -> float:
    return float("inf") if budget == "all" else float(budget)


def _choose_color(arm: str, pretraining: str) -> str:
    return _COLORS.get(pretraining) or _CONTROL_COLORS.get(arm, VERMILION)


def _name_arm(arm: str, pretraining: str) -> str:
    words = arm.replace("_", " ").replace("scratch", "from scratch")
    words = words.replace("whole budget", "with the whole budget").replace(
        "fine tuned", "fine-tuned"
    )
    if pretraining == "none":
        return words
    joint = ", " if pretraining == "unregularised" else " after "
    return f"{words}{joint}{pretraining.replace('_', ' ')}"


def _name_budget(budget: int | str) -> str:
    return "all labels" if budget == "all" else f"{budget} labels a class"


def _name_encoder(encoder: str) -> str:
    return "the origin's" if encoder == "origin" else "the optimal"


def _count_seeds(estimates: Sequence[Row]) -> str:
    counts = sorted({each["test_accuracy"]["count"] for each in estimates})
    words = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{words} seed{'s' * (counts[-1] != 1)}"


def _low(of: Row) -> float:
    return of["mean"] if of["low"] is None else of["low"]


def _high(of: Row) -> float:
    return of["mean"] if of["high"] is None else of["high"]
