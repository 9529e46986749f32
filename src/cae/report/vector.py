"""The figures of the report and the study: fonts and sizes, and how they become SVG or PNG."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from cae.files import replace_whole, write_text
from cae.report.page import STYLE

# The width of the report's column of text: a figure of this width is shown at its own size.
COLUMN_CM = 16.2

# Matplotlib measures text in a font that it ships; the report's own, of nearly the same widths,
# is set in its place when the report is typeset, so that text in figures is that of the page.
_MEASURED_FONT = "STIXGeneral"
_PAGE_FONT = "Libertinus Serif"

_CM_PER_INCH = 2.54
_PNG_DPI = 160
_STYLE: dict[str, Any] = {
    **STYLE,
    "font.family": _MEASURED_FONT,
    "font.size": 8.5,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.titlecolor": STYLE["text.color"],
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched and copied
    "svg.hashsalt": "cae",  # identifiers that are the same every time
}


@contextmanager
def open_figure(path: Path, *, height_cm: float, width_cm: float = COLUMN_CM) -> Generator[Figure]:
    """Yield an empty figure; when the block ends well, it is written whole to `path`.

    That is as SVG for the report's page, or, where `path` ends with .png, as pixels on white. Axes
    are laid out so that nothing is cut off. The file holds no date and no version: the same
    data give the same bytes.
    """
    with matplotlib.style.context(["default", _STYLE]):
        size = (width_cm / _CM_PER_INCH, height_cm / _CM_PER_INCH)
        is_vector = path.suffix != ".png"
        figure = Figure(figsize=size, facecolor="none" if is_vector else "white")
        (FigureCanvasSVG if is_vector else FigureCanvasAgg)(figure)
        figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02)
        yield figure
        if not is_vector:
            with replace_whole(path) as temporary:
                figure.savefig(temporary, dpi=_PNG_DPI, metadata={"Software": None})
            return
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        write_text(path, text.getvalue().replace(f"'{_MEASURED_FONT}'", f"'{_PAGE_FONT}'"))
