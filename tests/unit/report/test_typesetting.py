"""The typesetter: what is missing is named, and the template holds no result of its own."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from cae.errors import MissingExtraError
from cae.report.typesetting import require_typesetter, typeset

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
