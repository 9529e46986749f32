"""Histories and plots of the origin's API, in its folders below the working directory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

import cae
from _arrays import Labels, to_numbers
from cae.errors import ConfigError, DataError
from cae.evaluation.metrics import compute_confusion_matrix
from cae.files import write_sealed_json
from cae.report import figures
from cae.report.page import open_page
from cae.run_folder import require_plain_name
from cae.training.history import read_history

History = Mapping[str, Any]

# Shorter than a picture's name may be, so that "_confusion_matrix" fits after it.
_LONGEST_NAME_BYTES = 120


def load_history(filename: str) -> dict[str, Any]:
    """Return the training history in history/filename.json.

    Under "metrics" there is one list for each metric, one value for each epoch; the rest tells
    what was trained, and how.

    Raises:
        CheckpointError: it is missing or not a history.
    """
    return read_history(open_folder(filename).history(filename))


def save_history(history: History, filename: str) -> None:
    """Write a history, as `load_history` returns it, to history/filename.json.

    Raises:
        DataError: it has no "metrics".
    """
    path = open_folder(filename).history(filename)
    _require_metrics(history, filename)
    write_sealed_json(path, dict(history))


def plot_model_metrics(
    history: History, filename: str, metrics: Iterable[str] | None = None
) -> list[Path]:
    """Draw curves of a training to plots/filename_METRIC.png; show and return them.

    Args:
        history: as `load_history` returns it.
        filename: begins the names of the pictures.
        metrics: which to draw; None for all that have a validation curve.

    Raises:
        DataError: a metric that the history does not have.
    """
    folder, curves = open_folder(filename), _require_metrics(history, filename)
    if metrics is None:
        metrics = [name for name in curves if f"val_{name}" in curves]
    return show_pictures(
        figures.plot_history(
            curves,
            folder.plot(f"{filename}_{metric}"),
            metric=metric,
            title=f"{metric.replace('_', ' ').capitalize()} of {filename}",
        )
        for metric in metrics
    )


def plot_histories(
    histories: Mapping[str, History], filename: str, metric: str = "val_loss"
) -> Path:
    """Draw one metric of several trainings to plots/filename.png; show and return the picture.

    Args:
        histories: by the name to show, each as `load_history` returns it.
        filename: of the picture.
        metric: which to compare.

    Raises:
        DataError: no history, or one without the metric.
    """
    path = open_folder(filename).plot(filename)
    curves = {name: _require_metrics(history, name) for name, history in histories.items()}
    without = [name for name, metrics in curves.items() if metric not in metrics]
    if without or not curves:
        raise DataError(f"no {metric!r} to compare in {', '.join(without) or 'no histories'}")
    words = metric.replace("_", " ")
    title = f"{words.capitalize()} of {len(curves)} trainings"
    subtitle = f"{words} after each epoch"
    with open_page(path, title=title, subtitle=subtitle, body_pixels=440) as figure:
        axes = figure.add_subplot(xlabel="epoch")
        for name, metrics in curves.items():
            values = metrics[metric]
            axes.plot(range(1, len(values) + 1), values, marker="o", ms=3, label=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
    return show_pictures([path])[0]


def plot_confusion_matrix(
    y: Labels,
    y_pred: NDArray[Any],
    class_names: Sequence[str],
    filename: str = "confusion_matrix",
) -> Path:
    """Draw the confusion matrix to plots/filename.png; show and return it.

    Args:
        y: true labels, one-hot [N, K] or numbers [N].
        y_pred: predictions, probabilities [N, K] or numbers [N].
        class_names: K names.
        filename: of the picture.

    Raises:
        DataError: arguments that do not fit together.
    """
    folder, classes = open_folder(filename), len(class_names)
    labels = to_numbers(y, name="y")
    predicted = to_numbers(y_pred.argmax(axis=1) if y_pred.ndim == 2 else y_pred, name="y_pred")
    both = np.concatenate((labels, predicted))
    if labels.shape != predicted.shape or not both.size or both.min() < 0 or both.max() >= classes:
        raise DataError(
            f"{len(labels)} labels, {len(predicted)} predictions, {classes} class names: expected "
            f"as many labels as predictions, at least one, each from 0 to {classes - 1}"
        )
    correct = float((labels == predicted).mean())
    path = figures.plot_confusion_matrix(
        compute_confusion_matrix(labels, predicted, classes=classes),
        class_names,
        folder.plot(filename),
        title=f"Confusion matrix on {len(labels):,} images: {correct:.1%} correct",
    )
    return show_pictures([path])[0]


def open_folder(*names: str | None) -> cae.RunFolder:
    """Return the working directory as a run's folder, its models named as told, not twice alike."""
    folder = cae.RunFolder(Path(), "origin")
    given = [name for name in names if name is not None]
    for name in given:
        require_plain_name(name, most_bytes=_LONGEST_NAME_BYTES)
    if len(set(given)) < len(given):
        raise ConfigError(f"{given[0]!r} cannot name two models: one would replace the other")
    return folder


def show_pictures(pictures: Iterable[Path]) -> list[Path]:
    """Show pictures where there is a notebook, and return their paths."""
    paths = list(pictures)
    if "IPython" in sys.modules:
        from IPython.core.getipython import get_ipython
        from IPython.display import Image, display

        if hasattr(get_ipython(), "kernel"):
            for path in paths:
                display(Image(path.read_bytes(), width=600))
    return paths


def _require_metrics(history: History, name: str) -> Mapping[str, Sequence[float]]:
    metrics = history.get("metrics")
    if not isinstance(metrics, Mapping):
        raise DataError(f"{name}: not a history as load_history returns it: it has no 'metrics'")
    return metrics
