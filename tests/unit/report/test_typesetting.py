"""The typesetter: what is missing is named, and the template holds no result of its own."""

from __future__ import annotations

import json
import re
import shutil
import sys
from importlib.resources import files
from pathlib import Path

import matplotlib
import pytest

from cae.errors import MissingExtraError
from cae.report.typesetting import find_lacking, require_typesetter, typeset

TEMPLATE = Path(str(files("cae.report"))) / "template"


def read_words(path: Path) -> str:
    """Return a template's text without what is layout: lengths, colours, levels, labels."""
    text = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
    text = re.sub(r"-?\d+(\.\d+)?(pt|em|cm|mm|fr)\b", "", text)
    text = re.sub(r"(width|luma)(: |\()\d+%", "", text)
    text = re.sub(r'rgb\("#[0-9A-F]{6}"\)|"a4"|level: \d', "", text)
    return re.sub(r"@[a-z]+\d{4}", "", text)


@pytest.mark.parametrize("name", ["paper.typ", "style.typ"])
def test_no_number_in_the_template_was_typed_by_hand(name: str):
    found = re.findall(r"\d[\d.,]*\d|\d+ ?(?:%|dB|s\b)", read_words(TEMPLATE / name))
    assert found == []


@pytest.mark.parametrize("text", ["73.0%", "reached 94 percent", "33,150 images", "803 s", "5%"])
def test_the_search_for_typed_numbers_finds_them(tmp_path: Path, text: str):
    (tmp_path / "paper.typ").write_text(f"= Results\n{text}\n", encoding="utf-8")
    words = read_words(tmp_path / "paper.typ")
    assert re.findall(r"\d[\d.,]*\d|\d+ ?(?:%|dB|s\b)", words)


def test_a_missing_typesetter_is_told_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(MissingExtraError, match=r"\[report\]"):
        require_typesetter()
    with pytest.raises(MissingExtraError):
        typeset(tmp_path, date="2026-11-23")


def test_the_signs_that_the_typesetter_has_no_glyph_for_are_found(tmp_path: Path):
    pytest.importorskip("typst")
    assert find_lacking("é→±猫ᐁ😀ع", tmp_path) == ["ᐁ", "猫", "😀"]
    assert find_lacking("猫", tmp_path) == ["猫"]
    assert find_lacking("", tmp_path) == []
    shipped = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    (tmp_path / "fonts").mkdir()
    shutil.copy(shipped, tmp_path / "fonts")
    assert find_lacking("猫ᐁ", tmp_path, fonts=[tmp_path / "fonts"]) == ["猫"]


def test_what_follows_a_name_written_from_right_to_left_stays_behind_it(tmp_path: Path):
    typst = pytest.importorskip("typst")
    shutil.copy(TEMPLATE / "style.typ", tmp_path)
    words = "cat (1%), قطة سوداء (2%) and כלב (3%)"
    source = tmp_path / "words.typ"
    source.write_text(
        f'#import "style.typ": directed\n#metadata(directed("{words}")) <words>', encoding="utf-8"
    )
    found = json.loads(typst.query(source, "<words>", field="value", one=True))
    mark = "\N{LEFT-TO-RIGHT MARK}"
    assert found == f"cat (1%), قطة سوداء{mark} (2%) and כלב{mark} (3%)"
