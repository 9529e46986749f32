"""The sheet under every figure: headings that fit, and exact places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from cae.report.figures.page import (
    WIDTH_PIXELS,
    draw_picture,
    draw_text,
    heading_pixels,
    open_page,
    shorten_to_width,
)


@pytest.mark.parametrize("body", [1, 100, 333, 820])
def test_body_has_exactly_the_pixels_asked_for(body: int, tmp_path: Path) -> None:
    with open_page(tmp_path / "p.png", title="T", subtitle="s", body_pixels=body) as figure:
        heading = heading_pixels(figure, body_pixels=body)
    with Image.open(tmp_path / "p.png") as image:
        assert image.size == (WIDTH_PIXELS, heading + body)


@pytest.mark.parametrize(
    "title", ["Short", "A heading of many words " * 6, "W" * 200, "iiii " * 50, "", "two\nlines"]
)
def test_heading_of_any_length_stays_on_the_page(title: str, drawn: list[Figure], tmp_path: Path):
    with open_page(tmp_path / "p.png", title=title, subtitle=title, body_pixels=50):
        pass
    canvas = drawn[-1].canvas
    assert isinstance(canvas, FigureCanvasAgg)
    for text in drawn[-1].texts:
        box = text.get_window_extent(canvas.get_renderer())
        assert box.x1 <= WIDTH_PIXELS
        assert box.y0 >= 50 or not text.get_text()


def test_picture_stands_at_the_pixel_asked_for(tmp_path: Path) -> None:
    picture = np.full((4, 6, 3), (10, 200, 30), dtype=np.uint8)
    with open_page(tmp_path / "p.png", title="T", subtitle="s", body_pixels=300) as figure:
        draw_picture(figure, picture, left=123, top=150, scale=3)
    with Image.open(tmp_path / "p.png") as image:
        page = np.asarray(image.convert("RGB"))
    rows, columns = np.nonzero((page == (10, 200, 30)).all(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (150, 161, 123, 140)
    assert len(rows) == 12 * 18


def test_page_that_fails_while_drawn_writes_nothing(tmp_path: Path) -> None:
    def draw() -> None:
        with open_page(tmp_path / "p.png", title="T", subtitle="s", body_pixels=50):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        draw()
    assert not list(tmp_path.iterdir())


def test_signs_that_the_pages_font_lacks_are_drawn_in_another_font(
    install_fonts: Callable[..., None], drawn: list[Figure], tmp_path: Path
):
    install_fonts(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf")
    # Matplotlib's warnings of missing signs are errors here.
    with open_page(tmp_path / "p.png", title="⌒", subtitle="s", body_pixels=300) as figure:
        figure.add_subplot().set_yticks([0, 1], ["cat", "⌒"])
        text = draw_text(figure, "⌒" * 200, left=0, top=200)
        shorten_to_width(figure, text, pixels=300)
    families = {text.get_text()[:1]: text.get_fontfamily() for text in drawn[-1].findobj(Text)}
    assert families["⌒"] == ["DejaVu Sans", "STIXGeneral of STIXGeneral.ttf"]
    assert families["s"] == families["c"] == ["DejaVu Sans"]
