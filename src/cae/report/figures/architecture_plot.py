"""The drawing of the two networks: the encoder they share, the decoder, and the head."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from cae.report.figures.architecture import Part, Size, make_parts, mirror_sizes
from cae.report.figures.page import BLUE, GREEN, GREY, INK, VERMILION
from cae.report.figures.vector import COLUMN_CM, open_figure
from cae.report.phrases import TIMES

_HEIGHT_CM = 6.0
_MOST_IN_A_ROW = 5
# What a row's block takes at least, and a letter of its words with what parts it from the next's.
_PITCH_CM, _LETTER_CM, _GAP_CM = 1.1, 0.113, 0.12
_HALF_CM, _WORD_CM = 0.36, 0.4  # half of a block, and of a short word
_TALLEST, _LOWEST = 1.0, 0.3
_UPPER, _LOWER = 0.0, -2.05  # where the middles of the two rows lie


def plot_architecture(
    layers: Mapping[str, Sequence[Mapping[str, Any]]],
    path: Path,
    *,
    image_shape: tuple[int, int, int],
    predicts: str = "image",
) -> Path:
    """Write a drawing of encoder, decoder and head as blocks, each with the shape of its output.

    Args:
        layers: the layers of the autoencoder and of the classifier, as their JSON lists them.
        path: the SVG to write.
        image_shape: [height, width, channels].
        predicts: what the decoder's output is called.
    """
    height, width, channels = image_shape
    size = (height, width)
    encoder = make_parts(layers["autoencoder"], stage="encoder", size=size, width=channels)
    code = encoder[-1]
    decoder = make_parts(layers["autoencoder"], stage="decoder", size=code.size, width=code.width)
    if decoder[-1].size != size:
        # The layers alone do not show how the image's size is restored.
        decoder = mirror_sizes(decoder, encoder, size)
    head = make_parts(layers["classifier"], stage="head", size=code.size, width=code.width)
    encoder, decoder, head = map(_join_middle, (encoder, decoder, head))
    image = f"image\n{height} {TIMES} {width} {TIMES} {channels}"
    shared = [_measure(image), *map(_measure_part, encoder), 2 * _WORD_CM + _GAP_CM]
    upper = [*map(_measure_part, decoder), _measure(predicts)]
    lower = [*map(_measure_part, head), _measure("class")]
    # What the words leave of the column goes to all blocks alike.
    longest = [*shared, *max(upper, lower, key=sum)]
    spare = max(0.0, COLUMN_CM - sum(longest)) / len(longest)
    left, *blocks, fork = _find_middles(shared, spare=spare, start=0.0)
    start = sum(shared) + spare * len(shared)
    *above, out = _find_middles(upper, spare=spare, start=start)
    *below, named = _find_middles(lower, spare=spare, start=start)
    with open_figure(path, height_cm=_HEIGHT_CM) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(0, max(sum(longest), COLUMN_CM))
        axes.set_ylim(-2.6, 1.0)
        row = (axes, size)
        _write(axes, image, x=left, y=_UPPER)
        begin = left + _measure(image) / 2
        _draw_row(*row, encoder, blocks, name="encoder", color=BLUE, y=_UPPER, begin=begin)
        _draw_arrow(axes, (blocks[-1] + _HALF_CM, _UPPER), (fork - _WORD_CM, _UPPER))
        _write(axes, "code", x=fork, y=_UPPER)
        begin = fork + _WORD_CM
        _draw_row(*row, decoder, above, name="decoder", color=VERMILION, y=_UPPER, begin=begin)
        end = out - _measure(predicts) / 2 - _GAP_CM / 2
        _draw_arrow(axes, (above[-1] + _HALF_CM, _UPPER), (end, _UPPER))
        _write(axes, predicts, x=out, y=_UPPER)
        axes.plot([fork, fork], [_UPPER - 0.2, _LOWER], color=GREY, lw=0.8)
        _draw_row(*row, head, below, name="head", color=GREEN, y=_LOWER, begin=fork)
        _draw_arrow(axes, (below[-1] + _HALF_CM, _LOWER), (named - _WORD_CM, _LOWER))
        _write(axes, "class", x=named, y=_LOWER)
        dropped = (
            "The decoder is dropped\nonce the autoencoder is trained;\nthe head takes its place."
        )
        axes.text(0.1, _LOWER, dropped, ha="left", va="center", size=8, color=GREY, style="italic")
    return path


def _measure(words: str) -> float:
    """Return the width in centimetres of words in one or more lines, with a gap beside them."""
    return _LETTER_CM * max(map(len, words.split("\n"))) + _GAP_CM


def _measure_part(part: Part) -> float:
    return max(_PITCH_CM, *map(_measure, (_name_shape(part), *part.layers)))


def _name_shape(part: Part) -> str:
    """Return the words above a block; none if they would only repeat the number inside."""
    return part.shape if part.size else ""


def _find_middles(widths: Sequence[float], *, spare: float, start: float) -> list[float]:
    """Return the middles of blocks of these widths, side by side, each `spare` wider."""
    ends = np.cumsum([width + spare for width in widths])
    return [
        start + float(end) - (width + spare) / 2 for end, width in zip(ends, widths, strict=True)
    ]


def _join_middle(parts: list[Part]) -> list[Part]:
    """Join the middle parts of a row that would be too long to read."""
    if len(parts) <= _MOST_IN_A_ROW:
        return parts
    kept = _MOST_IN_A_ROW - 2
    middle = parts[kept:-1]
    words = (f"{len(middle)} blocks", "like these")
    parameters = sum(part.parameters for part in middle)
    joined = Part("joined", words, middle[-1].width, middle[-1].size, parameters)
    return [*parts[:kept], joined, parts[-1]]


def _draw_row(
    axes: Axes,
    largest: Size,
    parts: Sequence[Part],
    middles: Sequence[float],
    *,
    name: str,
    color: str,
    y: float,
    begin: float,
) -> None:
    """Draw the parts side by side at their middles; an arrow from `begin` leads to the first."""
    highest = 0.0
    for part, middle in zip(parts, middles, strict=True):
        _draw_arrow(axes, (begin, y), (middle - _HALF_CM, y))
        begin = middle + _HALF_CM
        # Sizes differ by powers of two: each halving of the image takes the same off the height.
        share = math.log2(max(part.size)) / math.log2(max(largest)) if part.size else 0.0
        tall = _LOWEST + (_TALLEST - _LOWEST) * share
        box = FancyBboxPatch(
            (middle - _HALF_CM, y - tall / 2),
            2 * _HALF_CM,
            tall,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=color,
            edgecolor="none",
        )
        axes.add_patch(box)
        _write(axes, str(part.width), x=middle, y=y, color="white", weight="bold", size=8.5)
        shape = _name_shape(part)
        _write(axes, shape, x=middle, y=y + tall / 2 + 0.06, va="bottom", size=7)
        words = "\n".join(part.layers)
        _write(axes, words, x=middle, y=y - tall / 2 - 0.08, va="top", size=6.5, color=GREY)
        highest = max(highest, tall + (0.3 if shape else 0.0))
    middle = (middles[0] + middles[-1]) / 2
    above = y + highest / 2 + 0.15
    _write(axes, name, x=middle, y=above, va="bottom", color=color, weight="bold", size=9)


def _draw_arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    arrow = FancyArrowPatch(
        begin, end, arrowstyle="-|>", mutation_scale=6, color=GREY, lw=0.8, shrinkA=0, shrinkB=0
    )
    axes.add_patch(arrow)


def _write(axes: Axes, words: str, *, x: float, y: float, **style: Any) -> None:
    style = {"ha": "center", "va": "center", "size": 7.5, "color": INK, **style}
    axes.text(x, y, words, **style)
