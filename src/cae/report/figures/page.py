"""The page that a figure in a PNG is drawn on: its style, its heading, and how it is written."""

from __future__ import annotations

import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray
from PIL import Image

from cae.files import replace_whole
from cae.report.fonts import name_families

# A README shows a picture of this width at full size.
WIDTH_PIXELS = 900
MARGIN_PIXELS = 24
# Okabe and Ito's colours are distinct for every common kind of colour blindness.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
ORANGE = "#E69F00"
INK = "#222222"
GREY = "#666666"
PALE = "#E6E6E6"

_DPI = 150
_TITLE_FONT: dict[str, Any] = {"size": 12.0, "weight": "bold"}
_SUBTITLE_FONT: dict[str, Any] = {"size": 8.5}
_TITLE_LINE_PIXELS = 34
_SUBTITLE_LINE_PIXELS = 25

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with Matplotlib, so it is the same everywhere
    "font.size": 8.5,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called "$"
    "axes.axisbelow": True,
    "axes.edgecolor": "#BBBBBB",
    "axes.labelcolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.0,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "xtick.color": "#BBBBBB",
    "xtick.labelcolor": GREY,
    "ytick.color": "#BBBBBB",
    "ytick.labelcolor": GREY,
}


@contextmanager
def open_page(path: Path, *, title: str, subtitle: str, body_pixels: int) -> Generator[Figure]:
    """Yield a figure under a heading; if the block succeeds, it is written to `path` whole.

    The figure is `WIDTH_PIXELS` wide and has `body_pixels` below its heading, where axes are laid
    out so that nothing is cut off. All settings are fixed here, whatever the user's own Matplotlib
    settings are, and the file holds no date and no version: the same data give the same bytes.
    """
    with matplotlib.style.context(["default", STYLE]):
        titles = _wrap_evenly(title, _TITLE_FONT)
        subtitles = _wrap_evenly(subtitle, _SUBTITLE_FONT)
        titles_pixels = len(titles) * _TITLE_LINE_PIXELS
        heading = MARGIN_PIXELS + titles_pixels + len(subtitles) * _SUBTITLE_LINE_PIXELS + 10
        height = heading + body_pixels
        # A fraction of a pixel more, so that rounding cannot lose a whole one.
        size_inches = ((WIDTH_PIXELS + 0.01) / _DPI, (height + 0.01) / _DPI)
        figure = Figure(figsize=size_inches, dpi=_DPI, facecolor="white")
        FigureCanvasAgg(figure)
        body = (0, 0, 1 - 8 / WIDTH_PIXELS, body_pixels / height)
        figure.set_layout_engine("constrained", rect=body, w_pad=0.1, h_pad=0.08)
        draw_text(
            figure,
            "\n".join(titles),
            left=MARGIN_PIXELS,
            top=MARGIN_PIXELS,
            **_TITLE_FONT,
            linespacing=1.3,
        )
        draw_text(
            figure,
            "\n".join(subtitles),
            left=MARGIN_PIXELS,
            top=MARGIN_PIXELS + titles_pixels,
            **_SUBTITLE_FONT,
            color=GREY,
            linespacing=1.35,
        )
        yield figure
        complete_fonts(figure)
        with replace_whole(path) as temporary:
            figure.savefig(temporary, dpi=_DPI, metadata={"Software": None})


def complete_fonts(figure: Figure) -> None:
    """Give the texts of a figure further fonts of this machine for characters that theirs lack.

    To be called when all texts are there, before they are laid out.
    """
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        _complete_font(text)


def _complete_font(text: Text) -> None:
    family, *others = text.get_fontfamily()
    if not others and not text.get_text().isascii():
        text.set_fontfamily(name_families(text.get_text(), family))


def heading_pixels(figure: Figure, *, body_pixels: int) -> int:
    """Return the height of a page's heading: where its body begins, in pixels from the top."""
    return int(figure.bbox.height) - body_pixels


def draw_text(figure: Figure, text: str, *, left: float, top: float, **style: Any) -> Text:
    """Draw `text` with its upper left corner `left` and `top` pixels from that of the page."""
    style = {"ha": "left", "va": "top", **style}
    x = left / figure.bbox.width
    y = 1 - top / figure.bbox.height
    return figure.text(x, y, text, in_layout=False, **style)


def draw_picture(
    figure: Figure, image: NDArray[np.uint8], *, left: int, top: int, scale: float
) -> None:
    """Draw `image` [H, W, C], with pixels as squares, at that position of its upper left corner.

    Args:
        figure: the page.
        image: with 1 channel (grey) or 3 (RGB).
        left: pixels from the page's left side.
        top: pixels from the page's upper side.
        scale: pixels of the page per pixel of the image; a whole number if above 1.
    """
    height, width, channels = image.shape
    picture = Image.fromarray(image if channels == 3 else image[:, :, 0]).convert("RGB")
    # Enlarged pixels stay sharp squares; a picture that must shrink is averaged.
    resampling = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = np.asarray(picture.resize(size, resampling))
    bottom = int(figure.bbox.height) - top - size[1]
    figure.figimage(pixels, xo=left, yo=bottom, origin="upper")


def write_tick_percent(fraction: float, _position: int | None = None) -> str:
    """Return a fraction as an axis shows it: "70%" or "72.5%"; Matplotlib passes the position."""
    return f"{100 * fraction:g}%"


def shorten_to_width(figure: Figure, text: Text, *, pixels: float, keep: int = 0) -> None:
    """Shorten a text wider than `pixels` by an ellipsis before its last `keep` characters."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()
    _complete_font(text)  # so that the widths are those of the characters that are drawn
    words = text.get_text()
    kept = words[len(words) - keep :]
    words = words[: len(words) - keep]
    while len(words) > 1 and text.get_window_extent(renderer).width > pixels:
        words = words[:-1]
        text.set_text(f"{words.rstrip()}…{kept}")


def _wrap_evenly(text: str, font: dict[str, Any]) -> list[str]:
    """Break `text` into as few lines as the page's width allows, of similar length."""
    text = " ".join(text.split())
    properties = FontProperties(family=name_families(text, STYLE["font.family"]), **font)
    width, _, _ = text_to_path.get_text_width_height_descent(text, properties, ismath=False)
    room = (WIDTH_PIXELS - 2 * MARGIN_PIXELS) * 72 / _DPI
    most = max(1, int(len(text) * room / max(width, 1)))
    lines = textwrap.wrap(text, most)
    if len(lines) < 2:
        return lines
    choices = (textwrap.wrap(text, each) for each in range(len(text) // len(lines), most + 1))
    return next(choice for choice in choices if len(choice) == len(lines))
