"""The drawing of the two networks: the encoder they share, the decoder, and the head."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from cae.report.architecture import Part, Size, make_parts, mirror_sizes
from cae.report.page import BLUE, GREEN, GREY, INK, VERMILION
from cae.report.phrases import TIMES
from cae.report.vector import open_figure

_HEIGHT_CM = 6.0
_MOST_IN_A_ROW = 5
_TALLEST, _LOWEST = 1.0, 0.3
_UPPER, _LOWER = 0.0, -2.05  # where the middles of the two rows lie


def plot_architecture(
    layers: Mapping[str, Sequence[Mapping[str, Any]]],
    path: Path,
    *,
    image_shape: tuple[int, int, int],
) -> Path:
    """Write the encoder, the decoder and the head as blocks, each with what comes out of it.

    Args:
        layers: of the autoencoder and of the classifier, as their JSON lists them.
        path: the SVG to write.
        image_shape: [height, width, channels].
    """
    height, width, channels = image_shape
    size = (height, width)
    encoder = make_parts(layers["autoencoder"], stage="encoder", size=size, width=channels)
    code = encoder[-1]
    decoder = make_parts(layers["autoencoder"], stage="decoder", size=code.size, width=code.width)
    if decoder[-1].size != size:
        # The layers alone do not tell how the image's size comes back.
        decoder = mirror_sizes(decoder, encoder, size)
    head = make_parts(layers["classifier"], stage="head", size=code.size, width=code.width)
    encoder, decoder, head = map(_join_middle, (encoder, decoder, head))
    fork = len(encoder) + 1
    columns = fork + max(len(decoder), len(head)) + 1
    with open_figure(path, height_cm=_HEIGHT_CM) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(-0.5, columns + 0.5)
        axes.set_ylim(-2.85, 1.0)
        row = (axes, size)
        _write(axes, f"image\n{height} {TIMES} {width} {TIMES} {channels}", x=0, y=_UPPER)
        _draw_row(*row, encoder, name="encoder", color=BLUE, x=1, y=_UPPER)
        _draw_arrow(axes, (fork - 0.66, _UPPER), (fork - 0.36, _UPPER))
        _write(axes, "code", x=fork, y=_UPPER)
        _draw_row(*row, decoder, name="decoder", color=VERMILION, x=fork + 1, y=_UPPER)
        end = fork + len(decoder) + 1
        _draw_arrow(axes, (end - 0.66, _UPPER), (end - 0.36, _UPPER))
        _write(axes, "image", x=end, y=_UPPER)
        axes.plot([fork, fork], [_UPPER - 0.2, _LOWER], color=GREY, lw=0.8)
        _draw_row(*row, head, name="head", color=GREEN, x=fork + 1, y=_LOWER, reach=0.97)
        end = fork + len(head) + 1
        _draw_arrow(axes, (end - 0.66, _LOWER), (end - 0.36, _LOWER))
        _write(axes, "class", x=end, y=_LOWER)
        dropped = (
            "The decoder is dropped\nonce the autoencoder is trained;\nthe head takes its place."
        )
        axes.text(-0.4, _LOWER, dropped, ha="left", va="center", size=8, color=GREY, style="italic")
    return path


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
    *,
    name: str,
    color: str,
    x: float,
    y: float,
    reach: float = 0.66,
) -> None:
    """Draw the parts side by side, the first at `x`; an arrow of length `reach` leads to it."""
    highest = 0.0
    for place, part in enumerate(parts):
        middle = x + place
        begin = middle - (reach if place == 0 else 0.66)
        _draw_arrow(axes, (begin, y), (middle - 0.34, y))
        # Sizes differ by powers of two: each halving of the image takes the same off the height.
        share = math.log2(max(part.size)) / math.log2(max(largest)) if part.size else 0.0
        tall = _LOWEST + (_TALLEST - _LOWEST) * share
        box = FancyBboxPatch(
            (middle - 0.3, y - tall / 2),
            0.6,
            tall,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=color,
            edgecolor="none",
        )
        axes.add_patch(box)
        _write(axes, str(part.width), x=middle, y=y, color="white", weight="bold", size=8.5)
        _write(axes, part.shape, x=middle, y=y + tall / 2 + 0.06, va="bottom", size=7)
        words = "\n".join(part.layers)
        _write(axes, words, x=middle, y=y - tall / 2 - 0.08, va="top", size=6.5, color=GREY)
        highest = max(highest, tall)
    middle = x + (len(parts) - 1) / 2
    above = y + highest / 2 + 0.3
    _write(axes, name, x=middle, y=above, va="bottom", color=color, weight="bold", size=9)


def _draw_arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    arrow = FancyArrowPatch(
        begin, end, arrowstyle="-|>", mutation_scale=6, color=GREY, lw=0.8, shrinkA=0, shrinkB=0
    )
    axes.add_patch(arrow)


def _write(axes: Axes, words: str, *, x: float, y: float, **style: Any) -> None:
    style = {"ha": "center", "va": "center", "size": 7.5, "color": INK, **style}
    axes.text(x, y, words, **style)
