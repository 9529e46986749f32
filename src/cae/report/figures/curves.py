"""The curves of a training: one metric against the epoch, for train and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullLocator,
    StrMethodFormatter,
)
from numpy.typing import NDArray

from cae.errors import DataError
from cae.report.figures.page import BLUE, VERMILION, open_page, write_tick_percent
from cae.report.names import spell_out

_FRACTIONS = ("accuracy", "f1", "precision", "recall")
_HIGHER_IS_BETTER = (*_FRACTIONS, "psnr", "ssim")
# Beyond this ratio of the largest to the smallest value, a linear axis shows a flat line.
_LOG_SCALE_RATIO = 20
_BODY_PIXELS = 440
# About how much of the axes the words about the best epoch take.
_WORDS_WIDTH = 0.35
_WORDS_HEIGHT = 0.15
# Colour, dashes and width: told apart in black and white too.
_LINES: dict[str, tuple[str, str | tuple[float, tuple[float, float]], float]] = {
    "train": (VERMILION, (0, (4, 1.5)), 1.5),
    "validation": (BLUE, "solid", 2.0),
}


@dataclass(frozen=True, slots=True)
class Curves:
    """What is drawn of one metric: its lines by name, and their scale."""

    metric: str
    lines: dict[str, NDArray[np.float64]]
    is_fraction: bool
    is_log: bool

    @property
    def words(self) -> str:
        """What the vertical axis shows, in words."""
        scale = ", log scale" if self.is_log else ""
        return f"{spell_out(self.metric)} after each epoch{scale}"


def plot_history(
    metrics: Mapping[str, Sequence[float]], path: Path, *, metric: str, title: str
) -> Path:
    """Write the curves of `metric` (train) and `val_metric` (validation) against the epoch.

    The best validation epoch is marked with its value: the highest for accuracy, F1, precision,
    recall, PSNR and SSIM, otherwise the lowest. Without validation values there is only the train
    curve. The axis is logarithmic if the values span more than a factor of 20.

    Args:
        metrics: one value per epoch, by metric name, as a history holds them.
        path: the PNG to write; its folder is made as needed.
        metric: the name of the train curve, such as `loss`.
        title: what there is to see.

    Raises:
        DataError: `metric` is not there, has no epoch or a value that is not finite, or the two
            curves differ in length.
    """
    curves = make_curves(metrics, metric=metric)
    with open_page(path, title=title, subtitle=curves.words, body_pixels=_BODY_PIXELS) as figure:
        draw_curves(figure.add_subplot(), curves)
    return path


def make_curves(metrics: Mapping[str, Sequence[float]], *, metric: str) -> Curves:
    """Return the curves of `metric` and `val_metric`, checked; see `plot_history`.

    Raises:
        DataError: as `plot_history`.
    """
    lines = {"train": _require_curve(metrics, metric)}
    if f"val_{metric}" in metrics:
        lines["validation"] = _require_curve(metrics, f"val_{metric}")
    if len({len(line) for line in lines.values()}) > 1:
        lengths = ", ".join(f"{len(line)} for {name}" for name, line in lines.items())
        raise DataError(f"{metric}: {lengths}; expected as many epochs for both")
    is_fraction = any(name in metric for name in _FRACTIONS)
    values = np.concatenate(list(lines.values()))
    low, high = values.min(), values.max()
    is_log = not is_fraction and low > 0 and high > _LOG_SCALE_RATIO * low
    return Curves(metric, lines, is_fraction, bool(is_log))


def draw_curves(axes: Axes, curves: Curves) -> None:
    """Draw the lines, their names and the best validation epoch into `axes`."""
    axes.set_xlabel("epoch")
    axes.grid(axis="y")
    axes.tick_params(length=0)
    if curves.is_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(
        FuncFormatter(write_tick_percent) if curves.is_fraction else StrMethodFormatter("{x:g}")
    )
    last = len(curves.lines["train"])
    axes.xaxis.set_major_locator(FixedLocator(_choose_epoch_ticks(last)))
    for name, curve in curves.lines.items():
        color, line, width = _LINES[name]
        marker = "o" if last == 1 else None
        epochs = np.arange(1, last + 1)
        axes.plot(epochs, curve, color=color, ls=line, lw=width, marker=marker, ms=4)
    axes.margins(x=0.02, y=0.1)
    # The limits are fixed here: what marks the curves must not move them.
    axes.set_xlim(axes.get_xlim())
    axes.set_ylim(axes.get_ylim())
    _label_line_ends(axes, {name: curve[-1] for name, curve in curves.lines.items()})
    if "validation" in curves.lines:
        _mark_best(
            axes,
            curves.lines["validation"],
            metric=curves.metric,
            is_fraction=curves.is_fraction,
        )


def _label_line_ends(axes: Axes, ends: Mapping[str, float]) -> None:
    """Name each line at its right end, with the names pushed apart if the lines meet."""
    to_axes = axes.transData + axes.transAxes.inverted()
    placed = sorted((float(to_axes.transform((1, value))[1]), name) for name, value in ends.items())
    heights = [height for height, _ in placed]
    smallest = 0.065
    if len(heights) == 2 and heights[1] - heights[0] < smallest:
        middle = sum(heights) / 2
        heights = [middle - smallest / 2, middle + smallest / 2]
    for height, (_, name) in zip(heights, placed, strict=True):
        axes.annotate(
            name,
            (1, height),
            (4, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            color=_LINES[name][0],
            annotation_clip=False,
        )


def _mark_best(axes: Axes, curve: NDArray[np.float64], *, metric: str, is_fraction: bool) -> None:
    """Circle the best point and label it on the side of the curves that is empty there."""
    is_high = any(name in metric for name in _HIGHER_IS_BETTER)
    best = int(curve.argmax() if is_high else curve.argmin())
    value = f"{curve[best]:.1%}" if is_fraction else f"{curve[best]:.3g}"
    axes.plot(
        [best + 1],
        [curve[best]],
        "o",
        ms=7,
        mfc="white",
        mec=BLUE,
        mew=1.8,
        clip_on=False,
        zorder=5,
    )
    # Rising curves leave the lower right empty, falling ones the upper right.
    edge = 0.0 if is_high else 1.0
    is_late = _write_on_the_left(axes, best, last=len(curve), edge=edge)
    axes.plot(
        [best + 1] * 2,
        [curve[best], axes.get_ylim()[0 if is_high else 1]],
        color=BLUE,
        lw=0.8,
        ls=(0, (1, 2)),
        zorder=1,
    )
    axes.annotate(
        f"best {value}, epoch {best + 1}",
        (best + 1, edge),
        (-5 if is_late else 5, 6 - 12 * edge),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if is_late else "left",
        va="bottom" if is_high else "top",
        color=BLUE,
        weight="bold",
    )


def _write_on_the_left(axes: Axes, best: int, *, last: int, edge: float) -> bool:
    """Return whether words about the best epoch go to its left: on the side with room and no curve.

    Args:
        axes: axes with the curves and their final limits.
        best: the index of the epoch, counted from 0.
        last: how many epochs there are.
        edge: 0 if the words are at the lower edge, 1 at the upper one.
    """
    is_late = best + 1 > last / 2
    reach = max(1, round(_WORDS_WIDTH * last))
    to_axes = axes.transData + axes.transAxes.inverted()

    def is_free(begin: int, end: int) -> bool:
        for line in axes.lines[:2]:
            values = np.asarray(line.get_ydata())[max(begin, 0) : end]
            heights = [float(to_axes.transform((1, value))[1]) for value in values]
            if any(abs(height - edge) < _WORDS_HEIGHT for height in heights):
                return False
        return True

    sides = {True: is_free(best - reach, best), False: is_free(best + 1, best + 1 + reach)}
    return is_late if sides[is_late] or not sides[not is_late] else not is_late


def _choose_epoch_ticks(last: int) -> list[float]:
    """Return 1, where training starts, and the round epochs up to `last`."""
    ticks = MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True).tick_values(1, last)
    return [1, *(float(tick) for tick in ticks if 1 < tick <= last)]


def _require_curve(metrics: Mapping[str, Sequence[float]], name: str) -> NDArray[np.float64]:
    if name not in metrics:
        raise DataError(f"no metric {name!r} to plot; available: {', '.join(sorted(metrics))}")
    curve = np.asarray(metrics[name], dtype=np.float64)
    if curve.ndim != 1 or not len(curve) or not np.isfinite(curve).all():
        raise DataError(f"metric {name!r} is {list(metrics[name])}: expected finite numbers")
    return curve
