"""Vector figures: text in the page's font, the size asked for, the same bytes every time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from cae.report.figures.page import WIDTH_PIXELS
from cae.report.figures.vector import COLUMN_CM, open_figure, open_figure_or_page


def draw(path: Path) -> Path:
    with open_figure(path, width_cm=10, height_cm=5) as figure:
        figure.add_subplot().plot([1, 2], [3, 4], label="a line")
    return path


def test_text_stays_text_in_the_font_of_the_page(tmp_path: Path):
    svg = draw(tmp_path / "f.svg").read_text(encoding="utf-8")
    assert "'Libertinus Serif'" in svg
    assert "STIX" not in svg
    texts = [node.text for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert "1.0" in texts


def test_a_figure_has_the_size_asked_for(tmp_path: Path):
    root = ET.fromstring(draw(tmp_path / "f.svg").read_text(encoding="utf-8"))
    points = [float(re.sub("pt$", "", root.attrib[side])) for side in ("width", "height")]
    assert points == pytest.approx([10 / 2.54 * 72, 5 / 2.54 * 72], abs=0.01)


def draw_either(path: Path) -> Path:
    with open_figure_or_page(path, title="Lines", subtitle="two", height_cm=COLUMN_CM) as figure:
        figure.add_subplot().plot([1, 2], [3, 4])
    return path


def test_a_png_is_a_page_under_a_heading_and_an_svg_is_not(tmp_path: Path, drawn: list[Figure]):
    with Image.open(draw_either(tmp_path / "f.png")) as picture:
        # The body is a square below the heading.
        assert picture.width == WIDTH_PIXELS
        assert picture.height > 1.05 * WIDTH_PIXELS
        assert picture.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
    assert [text.get_text() for text in drawn[-1].texts] == ["Lines", "two"]
    svg = draw_either(tmp_path / "f.svg").read_text(encoding="utf-8")
    assert "Lines" not in svg
    assert draw_either(tmp_path / "g.png").read_bytes() == (tmp_path / "f.png").read_bytes()


def test_the_same_figure_has_the_same_bytes(tmp_path: Path):
    assert draw(tmp_path / "a.svg").read_bytes() == draw(tmp_path / "b.svg").read_bytes()


def test_a_figure_that_fails_while_drawn_writes_nothing(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), open_figure(tmp_path / "f.svg", height_cm=5):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_signs_that_neither_font_has_are_no_warning_here(
    install_fonts: Callable[..., None], tmp_path: Path
):
    install_fonts()
    with open_figure(tmp_path / "f.svg", height_cm=5) as figure:
        figure.add_subplot().set_title("猫ᐁ")
    svg = (tmp_path / "f.svg").read_text(encoding="utf-8")
    assert "猫ᐁ" in svg
    # Measured in Matplotlib's own font where that has the sign.
    assert "'Libertinus Serif', 'DejaVu Sans of DejaVuSans.ttf'" in svg
