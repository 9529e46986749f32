"""The figures of the report: fonts and sizes, and how they become an SVG or a PNG page."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from cae.files import write_text
from cae.report.figures.page import STYLE, WIDTH_PIXELS, complete_fonts, open_page

# The width of the report's column of text: a figure of this width is shown at its original size.
COLUMN_CM = 16.2

# Matplotlib measures text in a font that it ships; the report's own, of nearly the same widths,
# is set in its place when the report is typeset, so that text in figures is that of the page.
_MEASURED_FONT = "STIXGeneral"
_PAGE_FONT = "Libertinus Serif"

_CM_PER_INCH = 2.54
_STYLE: dict[str, Any] = {
    **STYLE,
    "font.family": _MEASURED_FONT,
    "svg.fonttype": "none",  # text stays text: it can be searched and copied
    "svg.hashsalt": "cae",  # identifiers that are the same every time
}


@contextmanager
def open_figure(path: Path, *, height_cm: float, width_cm: float = COLUMN_CM) -> Generator[Figure]:
    """Yield an empty figure; if the block succeeds, it is written to the SVG `path` whole.

    Axes are laid out so that nothing is cut off. The file holds no date and no version: the same
    data give the same bytes.
    """
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # Missing characters are Typst's concern when it typesets the figure: it has other fonts.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from")
        size = (width_cm / _CM_PER_INCH, height_cm / _CM_PER_INCH)
        figure = Figure(figsize=size, facecolor="none")
        FigureCanvasSVG(figure)
        figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02)
        yield figure
        complete_fonts(figure)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        write_text(path, text.getvalue().replace(f"'{_MEASURED_FONT}'", f"'{_PAGE_FONT}'"))


@contextmanager
def open_figure_or_page(
    path: Path, *, title: str, subtitle: str, height_cm: float
) -> Generator[Figure]:
    """Yield what `open_figure` does, or, if `path` ends with .png, a page with a heading.

    In the report a caption says what a figure shows; by itself, a figure needs a heading for that.
    """
    if path.suffix != ".png":
        with open_figure(path, height_cm=height_cm) as figure:
            yield figure
        return
    body = round(height_cm / COLUMN_CM * WIDTH_PIXELS)
    with open_page(path, title=title, subtitle=subtitle, body_pixels=body) as figure:
        yield figure
