"""Signs that a font lacks are drawn in another one of the machine, if there is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import FontProperties, findfont

from cae.report.fonts import find_fonts, is_drawn, name_families

SHIPPED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
DEJAVU, STIX = SHIPPED / "DejaVuSans.ttf", SHIPPED / "STIXGeneral.ttf"
ONLY_DEJAVU, ONLY_STIX, NEITHER = "ᐁ", "⌒", "猫"

Install = Callable[..., None]


def find(*signs: str, outlined: bool = True) -> tuple[Path, ...]:
    return find_fonts(frozenset(signs), outlined=outlined)


def test_a_sign_is_found_in_the_fonts_of_the_machine_and_in_matplotlibs(install_fonts: Install):
    install_fonts(STIX)
    assert find(ONLY_STIX) == (STIX,)
    assert find(ONLY_DEJAVU) == (DEJAVU,)
    assert find(NEITHER) == find() == ()


def test_a_font_that_has_more_of_the_signs_goes_before_one_that_has_fewer(install_fonts: Install):
    install_fonts(STIX)
    assert find(ONLY_STIX, "∃") == (STIX,)
    assert find(ONLY_STIX, ONLY_DEJAVU, "ᐂ", NEITHER) == (DEJAVU, STIX)


def test_of_fonts_that_have_as_many_the_regular_one_is_taken(install_fonts: Install):
    faces = ["STIXGeneralBol.ttf", "STIXGeneralBolIta.ttf", "STIXGeneralItalic.ttf"]
    install_fonts(*(SHIPPED / name for name in faces), STIX)
    assert find("\N{COMBINING ENCLOSING CIRCLE}") == (STIX,)


def test_fonts_that_are_damaged_or_have_boxes_alone_are_passed_over(
    install_fonts: Install, tmp_path: Path
):
    damaged = tmp_path / "a.ttf"
    damaged.write_bytes(STIX.read_bytes()[:1000])
    install_fonts(damaged, tmp_path / "gone.ttf", *SHIPPED.glob("LastResort*.ttf"))
    assert find(ONLY_STIX, NEITHER) == ()


def test_a_sign_without_an_outline_is_nothing_to_draw(install_fonts: Install, tmp_path: Path):
    path = tmp_path / "colours.ttf"
    font = FontBuilder(1000)
    font.setupGlyphOrder([".notdef", "cat"])
    font.setupCharacterMap({ord(NEITHER): "cat"})
    font.setupGlyf({name: TTGlyphPen(None).glyph() for name in (".notdef", "cat")})
    font.setupHorizontalMetrics({".notdef": (500, 0), "cat": (500, 0)})
    font.setupHorizontalHeader()
    font.setupNameTable({"familyName": "Colours", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(path)
    install_fonts(path)
    assert find(NEITHER) == ()
    assert find(NEITHER, outlined=False) == (path,)


def test_words_are_drawn_in_their_own_family_and_in_what_has_the_rest(install_fonts: Install):
    install_fonts(STIX)
    assert name_families("été, cat\n", "DejaVu Sans") == ["DejaVu Sans"]
    assert name_families(f"{ONLY_STIX} and {NEITHER}", "DejaVu Sans") == [
        "DejaVu Sans",
        "STIXGeneral of STIXGeneral.ttf",
    ]


def test_a_heading_in_bold_is_drawn_in_the_face_that_has_the_sign(
    install_fonts: Install, caplog: pytest.LogCaptureFixture
):
    install_fonts(STIX, SHIPPED / "STIXGeneralBol.ttf")
    for _ in range(2):
        family = name_families(ONLY_STIX, "DejaVu Sans")[-1]
        assert findfont(FontProperties(family=[family], weight="bold")) == str(STIX)
    assert not caplog.records


def test_ascii_and_white_space_are_in_every_font():
    assert not any(map(is_drawn, "cat \n\N{NO-BREAK SPACE}"))
    assert all(map(is_drawn, "é猫😀"))
