"""Pictures side by side: originals above their reconstructions, and the most confident mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae.errors import DataError
from cae.report.figures.page import (
    GREY,
    MARGIN_PIXELS,
    VERMILION,
    WIDTH_PIXELS,
    draw_picture,
    draw_text,
    heading_pixels,
    open_page,
    shorten_to_width,
)
from cae.report.names import Reconstructions

Pictures = NDArray[np.uint8]

_MOST_PICTURES_IN_A_ROW = 6
_MISTAKES_IN_A_ROW = 5
_LARGEST_PICTURE_PIXELS = 160
_GAP_PIXELS = 6
_LOWER_ROWS: dict[Reconstructions, str] = {
    "reconstruction": "what the decoder makes of its encoding",
    "filled in": "what the decoder makes of the patches that were not hidden",
    "seen": "the patches of it that were not to be predicted",
}


def plot_reconstructions(
    originals: Pictures,
    reconstructions: Pictures,
    path: Path,
    *,
    title: str,
    kind: Reconstructions = "reconstruction",
) -> Path:
    """Write each original above its reconstruction, both uint8 [n, H, W, C] with C 1 or 3.

    Args:
        originals: the pictures.
        reconstructions: of the same shape.
        path: the PNG to write; its folder is made as needed.
        title: what there is to see.
        kind: what the lower rows show; see `name_reconstructions`.

    Raises:
        DataError: no picture, shapes that differ, or pictures of another kind.
    """
    _require_pictures(originals, "originals")
    _require_pictures(reconstructions, "reconstructions")
    if originals.shape != reconstructions.shape:
        raise DataError(
            f"reconstructions of shape {list(reconstructions.shape)}: expected that of the "
            f"originals, {list(originals.shape)}"
        )
    count, height, width, _ = originals.shape
    if not count:
        raise DataError("no reconstructions to show: expected at least one")
    bands = math.ceil(count / _MOST_PICTURES_IN_A_ROW)
    columns = math.ceil(count / bands)
    label_pixels = 28
    left = MARGIN_PIXELS + label_pixels
    scale, pitch = _fit_pictures(columns, height, width, room=WIDTH_PIXELS - MARGIN_PIXELS - left)
    picture_height = round(height * scale)
    band_pixels = 2 * picture_height + _GAP_PIXELS + 2 * _GAP_PIXELS
    body = bands * band_pixels - 2 * _GAP_PIXELS + MARGIN_PIXELS
    subtitle = f"each original above {_LOWER_ROWS[kind]}"
    with open_page(path, title=title, subtitle=subtitle, body_pixels=body) as figure:
        start = heading_pixels(figure, body_pixels=body)
        for row in range(2 * bands):
            band, is_lower = divmod(row, 2)
            top = start + band * band_pixels + is_lower * (picture_height + _GAP_PIXELS)
            draw_text(
                figure,
                kind if is_lower else "original",
                left=MARGIN_PIXELS + label_pixels / 2 - 4,
                top=top + picture_height / 2,
                rotation="vertical",
                ha="center",
                va="center",
                size=7.5,
                color=GREY,
            )
            pictures = reconstructions if is_lower else originals
            for column, image in enumerate(pictures[band * columns : (band + 1) * columns]):
                x = round(left + column * pitch)
                draw_picture(figure, image, left=x, top=top, scale=scale)
    return path


def plot_confident_mistakes(
    images: Pictures,
    true_names: Sequence[str],
    predicted_names: Sequence[str],
    probabilities: Sequence[float] | NDArray[np.floating[Any]],
    path: Path,
    *,
    title: str,
) -> Path:
    """Write wrongly classified pictures, each above its true and its predicted class.

    They are shown in the order given, five in a row. Without any picture the figure says so.

    Args:
        images: uint8 [n, H, W, C] with C 1 or 3.
        true_names: n names of the true classes.
        predicted_names: n names of the predicted classes.
        probabilities: n fractions, the model's probabilities of the predicted classes.
        path: the PNG to write; its folder is made as needed.
        title: what there is to see.

    Raises:
        DataError: arguments of different lengths, pictures of another kind, or a probability
            outside [0, 1].
    """
    _require_pictures(images, "images")
    count, height, width, _ = images.shape
    lengths = [count, len(true_names), len(predicted_names), len(probabilities)]
    if len(set(lengths)) > 1:
        raise DataError(
            f"{lengths} images, true names, predicted names and probabilities: expected as many "
            "of each"
        )
    chances = [float(value) for value in probabilities]
    if not all(0 <= chance <= 1 for chance in chances):
        raise DataError(f"probabilities {chances}: expected fractions in [0, 1]")
    columns = _MISTAKES_IN_A_ROW
    room = WIDTH_PIXELS - 2 * MARGIN_PIXELS
    scale, _ = _fit_pictures(columns, height, width, room=room)
    pitch = (room + _GAP_PIXELS) // columns
    picture_height = round(height * scale)
    row_pixels = picture_height + 70
    rows = math.ceil(count / columns)
    body = rows * row_pixels + 8 if count else 80
    subtitle = "true class → the predicted one, with the probability that the model gave it"
    with open_page(path, title=title, subtitle=subtitle, body_pixels=body) as figure:
        start = heading_pixels(figure, body_pixels=body)
        if not count:
            draw_text(figure, "No mistakes on these images.", left=MARGIN_PIXELS, top=start + 12)
        for index, image in enumerate(images):
            row, column = divmod(index, columns)
            left, top = MARGIN_PIXELS + column * pitch, start + row * row_pixels
            draw_picture(figure, image, left=left, top=top, scale=scale)
            # Rounded down, so that only certainty reads 100%.
            chance = f"{math.floor(chances[index] * 1000 + 1e-6) / 10:.1f}%"
            under = top + picture_height + 6
            first = draw_text(figure, true_names[index], left=left, top=under, size=8)
            second = draw_text(
                figure,
                f"→ {predicted_names[index]} {chance}",
                left=left,
                top=under + 23,
                size=8,
                color=VERMILION,
            )
            shorten_to_width(figure, first, pixels=pitch - 12)
            shorten_to_width(figure, second, pixels=pitch - 12, keep=len(chance) + 1)
    return path


def _fit_pictures(columns: int, height: int, width: int, *, room: int) -> tuple[float, int]:
    """Return the scale at which a row of pictures fits in `room`, and their distance in pixels."""
    side = min((room + _GAP_PIXELS) // columns - _GAP_PIXELS, _LARGEST_PICTURE_PIXELS)
    scale = side / max(height, width)
    scale = float(math.floor(scale)) if scale >= 1 else scale
    return scale, round(width * scale) + _GAP_PIXELS


def _require_pictures(pictures: Pictures, name: str) -> None:
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] not in (1, 3):
        raise DataError(
            f"{name} of shape {list(pictures.shape)} and type {pictures.dtype}: expected uint8 "
            "[n, H, W, C] with 1 or 3 channels"
        )
