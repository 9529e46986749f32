"""The report's figures of one run: its training, its classes, and its reconstructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cae.errors import CheckpointError
from cae.files import replace_whole
from cae.report.figures.classes import draw_confusion_matrix, draw_recall, make_recall_patches
from cae.report.figures.curves import draw_curves, make_curves
from cae.report.figures.page import GREY
from cae.report.figures.vector import open_figure

# Longer than any stroke of a letter, shorter than a picture.
_LINE_PIXELS = 40
_WHITE = 250
_METRICS = {"autoencoder": "loss", "classifier": "accuracy"}


def plot_training(histories: Mapping[str, Mapping[str, Any]], path: Path) -> Path:
    """Write the autoencoder's loss and the classifier's accuracy by epoch, side by side.

    Args:
        histories: the histories of one stage or both, by stage.
        path: the SVG to write.
    """
    with open_figure(path, height_cm=5.2 if len(histories) > 1 else 4.3) as figure:
        for place, (stage, history) in enumerate(histories.items(), start=1):
            metric = _METRICS[stage]
            axes = figure.add_subplot(1, len(histories), place)
            curves = make_curves(history["metrics"], metric=metric)
            draw_curves(axes, curves)
            axes.set_title(f"{stage}: {curves.words}")
    return path


def plot_classes(scores: Mapping[str, Any], path: Path, *, thinned: Sequence[str]) -> Path:
    """Write the recall of each class and the confusion matrix, side by side."""
    names = list(scores["per_class"])
    with open_figure(path, height_cm=7.9) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(0.46, 0.54))
        draw_recall(left, scores["per_class"], highlighted=thinned)
        if thinned:
            left.legend(
                handles=make_recall_patches(),
                loc="upper center",
                bbox_to_anchor=(0.45, -0.09),
                ncols=1,
                handlelength=1,
                handleheight=1,
                labelcolor=GREY,
            )
        draw_confusion_matrix(
            right, scores["confusion_matrix"], names, text_scale=0.95, with_counts=False
        )
    return path


def crop_to_pictures(picture: Path, path: Path) -> Path:
    """Write the part of a page that holds its pictures, without heading and labels.

    The pictures are in the rows and columns with a long line without white. A page without any is
    written unchanged.

    Raises:
        CheckpointError: `picture` is damaged, or `path` cannot be written.
    """
    try:
        with Image.open(picture) as image:
            page = image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise CheckpointError(
            f"{picture}: damaged: {error}; restore a copy, or draw it again with cae run"
        ) from None
    pixels: NDArray[np.uint8] = np.asarray(page)
    inked: NDArray[np.bool_] = np.any(pixels < _WHITE, axis=2)
    rows = np.flatnonzero(_has_run(inked))
    if len(rows):
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        columns = np.flatnonzero(_has_run(inked[top:bottom].T))
        page = page.crop((int(columns[0]), top, int(columns[-1]) + 1, bottom))
    with replace_whole(path) as temporary:
        page.save(temporary)
    return path


def _has_run(inked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows have `_LINE_PIXELS` adjacent pixels that are all inked."""
    counts = np.cumsum(np.pad(inked, ((0, 0), (1, 0))), axis=1)
    return (counts[:, _LINE_PIXELS:] - counts[:, :-_LINE_PIXELS] == _LINE_PIXELS).any(axis=1)
