"""Plots of the origin's API, written to plots/ below the working directory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from _files import HistoryLike, open_folder, read_columns
from cae.errors import DataError
from cae.files import replace_whole
from cae.report import figures
from cae.report.figures.classes import draw_confusion_matrix
from cae.report.figures.page import STYLE, open_page, write_tick_percent

_METRICS = ("loss", "accuracy")
_DPI = 150


def plot_model_metrics(
    model_history: HistoryLike, filename: str, loss: bool = True, acc: bool = True
) -> None:
    """Draw the curves of a training to plots/filename_loss.png and plots/filename_accuracy.png.

    In a notebook they are shown too. An autoencoder has no accuracy, so nothing is drawn of it.

    Args:
        model_history: as `load_history` returns it, the name of one, or what has one as its
            `history`.
        filename: begins the names of the pictures.
        loss: whether to draw the loss.
        acc: whether to draw the accuracy.

    Raises:
        DataError: it is not a history, or has nothing of what is to be drawn.
    """
    folder, columns = open_folder(filename), read_columns(model_history, place=filename)
    name = model_history if isinstance(model_history, str) else filename
    wanted = [metric for metric, on in zip(_METRICS, (loss, acc), strict=True) if on]
    found = [metric for metric in wanted if metric in columns]
    if not found:
        raise DataError(f"{filename}: nothing to draw: the history has {', '.join(columns)}")
    show_pictures(
        figures.plot_history(
            columns,
            folder.plot(f"{filename}_{metric}"),
            metric=metric,
            title=f"{metric.capitalize()} of {name}",
        )
        for metric in found
    )


def plot_histories(
    history_list: Sequence[HistoryLike],
    caption_list: Sequence[str],
    filename: str,
    train: bool = False,
) -> None:
    """Draw the losses of several trainings into one picture, and their accuracies into another.

    They are written to plots/, as filenameValidation_loss.png and filenameValidation_accuracy.png,
    with Train for Validation if `train` is set, and shown in a notebook. Autoencoders have no
    accuracy.

    Args:
        history_list: each as `plot_model_metrics` takes it, such as the name of a model.
        caption_list: what to call each.
        filename: begins the names of the pictures.
        train: draw what was measured on the training images.

    Raises:
        DataError: no history, captions that do not fit, or a history without what others have.
        CheckpointError: no history of a name was saved.
    """
    if not history_list or len(history_list) != len(caption_list):
        raise DataError(
            f"{len(history_list)} histories and {len(caption_list)} captions: expected as many of "
            "each, at least one"
        )
    folder, which = open_folder(filename), "Train" if train else "Validation"
    trainings = [
        (caption, read_columns(history, place=caption))
        for history, caption in zip(history_list, caption_list, strict=True)
    ]
    curves = {metric: f"{'' if train else 'val_'}{metric}" for metric in _METRICS}
    if not any(curves["accuracy"] in columns for _, columns in trainings):
        del curves["accuracy"]
    for curve in curves.values():
        without = [caption for caption, columns in trainings if curve not in columns]
        if without:
            raise DataError(f"{filename}: there is no {curve} in {', '.join(without)}")
    show_pictures(
        _draw_together(
            [(caption, columns[curve]) for caption, columns in trainings],
            folder.plot(f"{filename}{which}_{metric}"),
            what=f"{'training' if train else 'validation'} {metric}",
        )
        for metric, curve in curves.items()
    )


def plot_confusion_matrix(
    cm: NDArray[Any] | Sequence[Sequence[int]],
    classes: Sequence[str],
    normalize: bool = True,
    figsize: tuple[float, float] = (9, 5),
    *,
    filename: str = "confusion_matrix",
) -> None:
    """Draw a confusion matrix to plots/filename.png, and show it in a notebook.

    Args:
        cm: counts [K, K] by true class (rows) and predicted class (columns), as scikit-learn's
            `confusion_matrix` returns them.
        classes: K names.
        normalize: write each cell in percent of its true class; else as a count. The colours show
            the share in either case. Beyond 20 classes they stand alone.
        figsize: width and height in inches, of 150 pixels each.
        filename: of the picture.

    Raises:
        DataError: `cm` does not hold counts, or does not fit the names.
    """
    path, counts = open_folder(filename).plot(filename), np.asarray(cm)
    if not np.issubdtype(counts.dtype, np.number) or (counts != np.rint(counts)).any():
        raise DataError(
            "confusion matrix: expected counts; the shares of them normalize=True makes itself"
        )
    counts = counts.astype(np.int64)
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=figsize, dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        draw_confusion_matrix(axes, counts, classes, with_counts=False)
        axes.set_aspect("auto")  # The cells fill the figure, whatever its shape.
        if not normalize:
            _write_counts(axes.texts, counts)
        axes.set_title("images of each true class, in percent" if normalize else "number of images")
        with replace_whole(path) as temporary:
            figure.savefig(temporary, dpi=_DPI, metadata={"Software": None})
    show_pictures([path])


def show_pictures(pictures: Iterable[Path]) -> None:
    """Show pictures where there is a notebook, each as soon as it is drawn."""
    for path in pictures:
        if "IPython" in sys.modules:
            from IPython.core.getipython import get_ipython
            from IPython.display import Image, display

            if hasattr(get_ipython(), "kernel"):
                display(Image(path.read_bytes(), width=600))


def _draw_together(curves: Sequence[tuple[str, Sequence[float]]], path: Path, *, what: str) -> Path:
    title = f"{what.capitalize()} of {len(curves)} trainings"
    with open_page(path, title=title, subtitle=f"{what} after each epoch", body_pixels=440) as page:
        axes = page.add_subplot(xlabel="epoch")
        for caption, values in curves:
            axes.plot(range(1, len(values) + 1), values, marker="o", ms=3, label=caption)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if what.endswith("accuracy"):
            axes.yaxis.set_major_formatter(FuncFormatter(write_tick_percent))
        axes.grid(axis="y")
        axes.legend()
    return path


def _write_counts(cells: Iterable[Any], counts: NDArray[np.int64]) -> None:
    """Put its count in the place of each cell's percentage."""
    for cell in cells:
        assert isinstance(cell, Annotation)
        column, row = map(int, cell.xy)
        cell.set_text(str(counts[row, column]))
