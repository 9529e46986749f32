"""How each class fares: the confusion matrix and the recall per class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from cae.errors import DataError
from cae.report.figures.page import BLUE, GREY, INK, PALE, VERMILION, open_page

_MOST_CLASSES_WITH_COUNTS = 12
_MOST_CLASSES_WITH_NUMBERS = 20
_MOST_NAMED_CLASSES = 40
_LONGEST_NAME = 24
# Thinned classes can be told apart in greyscale, too.
_THINNED: dict[str, Any] = {"hatch": "////", "edgecolor": "white", "linewidth": 0}


def plot_confusion_matrix(
    matrix: Sequence[Sequence[int]] | NDArray[np.integer[Any]],
    class_names: Sequence[str],
    path: Path,
    *,
    title: str,
) -> Path:
    """Write the confusion matrix, each row in percent of its true class.

    Blue cells are correct and vermilion ones are mistakes; the colour is stronger with a larger
    share of the row. With up to 20 classes, cells show their percentage, with up to 12 their count
    too. A class without images has a grey row.

    Args:
        matrix: counts [K][K], rows are true classes, columns predicted ones.
        class_names: K names.
        path: the PNG to write; its folder is made as needed.
        title: what there is to see.

    Raises:
        DataError: `matrix` is not square, does not fit the names, or holds negative numbers.
    """
    classes = len(class_names)
    counts = _require_counts(matrix, classes)
    subtitle = "how the images of each true class (row) are predicted (column)"
    if classes <= _MOST_CLASSES_WITH_NUMBERS:
        has_counts = classes <= _MOST_CLASSES_WITH_COUNTS
        subtitle += ", in percent" + (" and number" if has_counts else "")
    else:
        subtitle += "; the stronger the colour, the more of them"
    with open_page(path, title=title, subtitle=subtitle, body_pixels=820) as figure:
        draw_confusion_matrix(figure.add_subplot(), counts, class_names)
    return path


def draw_confusion_matrix(
    axes: Axes,
    matrix: Sequence[Sequence[int]] | NDArray[np.integer[Any]],
    class_names: Sequence[str],
    *,
    text_scale: float = 1.0,
    with_counts: bool = True,
) -> None:
    """Draw what `plot_confusion_matrix` shows into `axes`.

    Args:
        axes: empty ones.
        matrix: counts [K][K], rows are true classes, columns predicted ones.
        class_names: K names.
        text_scale: multiplies the size of all text in the axes.
        with_counts: write a cell's count below its percentage, up to 12 classes.

    Raises:
        DataError: as `plot_confusion_matrix`.
    """
    classes = len(class_names)
    counts = _require_counts(matrix, classes)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    # With the square root, mistakes of a few percent are visible beside correct cells of ninety.
    strength = np.sqrt(shares)[:, :, None]
    hues = np.where(np.eye(classes, dtype=bool)[:, :, None], to_rgb(BLUE), to_rgb(VERMILION))
    colors = 1 - strength * (1 - hues)
    colors[totals[:, 0] == 0] = to_rgb(PALE)
    has_numbers = classes <= _MOST_CLASSES_WITH_NUMBERS
    axes.imshow(colors, interpolation="nearest")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    step = math.ceil(classes / _MOST_NAMED_CLASSES)
    named = range(0, classes, step)
    size = (8.5 if has_numbers else 6.0) * text_scale
    names = [_shorten(class_names[index]) for index in named]
    axes.set_yticks(named, names, size=size)
    axes.set_xticks(named, names, size=size, ha="right", rotation_mode="anchor")
    slanted = {"rotation": 45, "va": "top"} if has_numbers else {"rotation": 90, "va": "center"}
    for label in axes.get_xticklabels():
        label.update(slanted)
    if has_numbers:
        edges = np.arange(classes + 1) - 0.5
        axes.set_xticks(edges, minor=True)
        axes.set_yticks(edges, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5 * text_scale)
        axes.tick_params(which="minor", length=0)
        has_counts = with_counts and classes <= _MOST_CLASSES_WITH_COUNTS
        _write_cells(axes, counts, shares, colors, has_counts=has_counts, text_scale=text_scale)


def plot_per_class_recall(
    per_class: Mapping[str, Mapping[str, float | int | None]],
    path: Path,
    *,
    title: str,
    highlighted: Sequence[str] = (),
) -> Path:
    """Write a bar for the recall of each class, the best on top, and a line at their mean.

    Args:
        per_class: by class name, its `recall` as a fraction, or None for a class without images.
        path: the PNG to write; its folder is made as needed.
        title: what there is to see.
        highlighted: the classes thinned in training, drawn in another colour.

    Raises:
        DataError: no class at all, a recall outside [0, 1], or a highlighted class not there.
    """
    _require_recalls(per_class, highlighted)
    subtitle = "recall: the share of a class's images that the model finds"
    classes = len(per_class)
    body = 110 + classes * (44 if classes <= _MOST_CLASSES_WITH_NUMBERS else 26)
    with open_page(path, title=title, subtitle=subtitle, body_pixels=body) as figure:
        draw_recall(figure.add_subplot(), per_class, highlighted=highlighted)
        if highlighted:
            figure.legend(
                handles=make_recall_patches(),
                loc="outside lower right",
                ncols=2,
                handlelength=1,
                handleheight=1,
                labelcolor=GREY,
            )
    return path


def make_recall_patches() -> list[Patch]:
    """Return what a legend of `draw_recall` explains: its two colours, one of them hatched."""
    return [
        Patch(facecolor=VERMILION, label="thinned in training", **_THINNED),
        Patch(color=BLUE, label="trained on all of its images"),
    ]


def draw_recall(
    axes: Axes,
    per_class: Mapping[str, Mapping[str, float | int | None]],
    *,
    highlighted: Sequence[str] = (),
) -> None:
    """Draw the bars of `plot_per_class_recall` into `axes`, without a legend.

    Raises:
        DataError: as `plot_per_class_recall`.
    """
    recalls = _require_recalls(per_class, highlighted)
    # Bars are drawn from the bottom; equal classes keep their order from the top.
    ascending = sorted(recalls, key=lambda name: -(recalls[name] or 0.0))[::-1]
    widths = [recalls[name] or 0.0 for name in ascending]
    measured = [recall for recall in recalls.values() if recall is not None]
    colors = [VERMILION if name in highlighted else BLUE for name in ascending]
    places = range(len(ascending))
    bars = axes.barh(places, widths, color=colors, height=0.62)
    for name, bar in zip(ascending, bars.patches, strict=True):
        if name in highlighted:
            bar.set(**_THINNED)
    axes.set_yticks(places, [_shorten(name) for name in ascending])
    for place, name in enumerate(ascending):
        recall = recalls[name]
        words = "no images" if recall is None else f"{recall:.1%}"
        # To the right of the longest possible bar, clear of the line of the mean.
        axes.annotate(words, (1, place), (5, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, 1.08)
    axes.set_ylim(-0.6, len(ascending) - 0.4)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="x")
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", labelcolor=INK)
    if measured:
        mean = float(np.mean(measured))
        axes.axvline(mean, color=INK, linewidth=1, linestyle=(0, (3, 2)))
        axes.annotate(
            f"mean {mean:.1%}",
            (mean, 1),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            size=8,
        )


def _require_counts(
    matrix: Sequence[Sequence[int]] | NDArray[np.integer[Any]], classes: int
) -> NDArray[Any]:
    counts = np.asarray(matrix)
    if counts.shape != (classes, classes) or not classes or counts.min() < 0:
        raise DataError(
            f"confusion matrix of shape {list(counts.shape)}: expected counts of at least 0 in "
            f"[{classes}, {classes}], for {classes} class names"
        )
    return counts


def _require_recalls(
    per_class: Mapping[str, Mapping[str, float | int | None]], highlighted: Sequence[str]
) -> dict[str, float | int | None]:
    unknown = [name for name in highlighted if name not in per_class]
    if unknown or not per_class:
        raise DataError(f"classes {unknown} to highlight: expected some of {list(per_class)}")
    recalls = {name: scores["recall"] for name, scores in per_class.items()}
    for name, recall in recalls.items():
        if recall is not None and not 0 <= recall <= 1:
            raise DataError(f"recall of class {name!r} is {recall}: expected a fraction in [0, 1]")
    return recalls


def _shorten(name: str) -> str:
    """Shorten a name that would leave no room for the chart."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _write_cells(
    axes: Axes,
    counts: NDArray[Any],
    shares: NDArray[np.float64],
    colors: NDArray[np.float64],
    *,
    has_counts: bool,
    text_scale: float,
) -> None:
    """Write each cell's percentage, and its count below; cells without images stay empty."""
    is_small = len(counts) > _MOST_CLASSES_WITH_COUNTS
    size = 9.5 if has_counts else 6.5 if is_small else 8.0
    for row, column in zip(*np.nonzero(counts), strict=True):
        percent = 100 * shares[row, column]
        # The usual weights of the three channels in the brightness of a colour.
        is_dark = colors[row, column] @ (0.299, 0.587, 0.114) < 0.55
        color = "white" if is_dark else INK
        axes.annotate(
            f"{percent:.0f}" if percent >= 1 else "<1",
            (column, row),
            (0, 3.5 * text_scale if has_counts else 0),
            textcoords="offset points",
            ha="center",
            va="center",
            color=color,
            size=size * text_scale,
            weight="bold" if row == column else "normal",
        )
        if has_counts:
            axes.annotate(
                f"{counts[row, column]}",
                (column, row),
                (0, -6.5 * text_scale),
                textcoords="offset points",
                ha="center",
                va="center",
                color=color,
                size=6 * text_scale,
            )
