"""Names that command the terminal are shown, not obeyed; markup in them is text."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from PIL import Image
from rich.table import Table

from cae.apps import screen
from cae.apps.screen import SafeConsole

ESCAPES = {
    "clears the screen": "\x1b[2J\x1b[H",
    "changes the title": "\x1b]0;owned\x07",
    "writes a link": "\x1b]8;;http://x\x1b\\x\x1b]8;;\x1b\\",
    "asks for an answer": "\x1b[6n\x1b[c",
    "hides what comes": "\x1b[8m",
    "8 bits": "\x9b2J\x9d0;owned\x9c",
    "goes back": "abc\b\b\bxyz",
    "returns": "abc\rxyz",
    "rings": "\x07" * 10,
    "deletes": "abc\x7f\x7f",
    "turns the writing": "\u202egnp.exe",
    "isolates": "\u2066a\u2069\u2067b",
    "breaks lines": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "ends": "\0",
}
MARKUP = ["[red]red[/red]", "[/]", "[link=http://x]y[/link]", "[bold", ":smile:", "[@click=f]x[/]"]

# The only control sequences that Rich itself writes: styles.
STYLE = r"\x1b\[[0-9;]*m"


def find_controls(text: str) -> list[str]:
    """Return the characters of `text` that a terminal may obey, line ends aside."""
    return [
        character
        for character in text
        if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character != "\n"
    ]


@pytest.mark.parametrize("name", ESCAPES)
def test_an_escape_in_a_message_is_shown_and_not_obeyed(name, capsys):
    text = f"before{ESCAPES[name]}after"
    screen.tell(text)
    screen.tell_error(text)
    screen.tell_warning(text)
    screen.tell_loudly(text, title=text)
    screen.answers.print(text)
    out, err = capsys.readouterr()
    assert find_controls(out + err) == []
    assert out.count("before") == err.count("before") - 4 == 1


@pytest.mark.parametrize("name", ESCAPES)
def test_on_a_terminal_too_only_styles_are_written(name):
    file = io.StringIO()
    console = SafeConsole(file=file, force_terminal=True, color_system="standard", width=80)
    table = Table(title=ESCAPES[name])
    table.add_column(ESCAPES[name], style="bold")
    table.add_row(f"x{ESCAPES[name]}y")
    console.print(table)
    written = file.getvalue()
    assert re.search(STYLE, written)
    assert find_controls(re.sub(STYLE, "", written)) == []


@pytest.mark.parametrize("text", MARKUP)
def test_markup_is_text(text, capsys):
    screen.tell_error(f"{text}: no such file")
    screen.answers.print(text)
    out, err = capsys.readouterr()
    assert err == f"error: {text}: no such file\n"
    assert out == f"{text}\n"


def test_an_error_stays_in_one_line(capsys):
    screen.tell_error("a\nwarning: not mine\r\nb")
    assert capsys.readouterr().err == "error: a␊warning: not mine␍␊b\n"


@pytest.mark.parametrize("name", [name for name in ESCAPES if name != "ends"])
def test_a_pictures_name_is_shown_and_not_obeyed(name, call_cae, tiny_model, tmp_path):
    path = Path(f"{ESCAPES[name].replace('/', '|')}.png")
    missing = call_cae("predict", path, "--model", tiny_model.json)
    assert missing.code == 3
    assert find_controls(missing.out + missing.err) == []
    Image.new("RGB", (8, 8)).save(tmp_path / path)
    found = call_cae("predict", path, "--model", tiny_model.json)
    assert found.code == 0, found.err
    assert find_controls(found.out + found.err) == []


@pytest.mark.parametrize("word", [*ESCAPES.values(), *MARKUP])
def test_a_class_name_is_shown_and_not_obeyed(word, call_cae, tiny_model, tmp_path, alter):
    alter(tiny_model.json, class_names=[f"cat{word}", f"dog{word}"])
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    table = call_cae("predict", "a.png", "--model", tiny_model.json)
    assert table.code == 0, table.err
    assert find_controls(table.out + table.err) == []
    assert "cat" in table.out
    answer = call_cae("predict", "a.png", "--model", tiny_model.json, "--json")
    assert answer.out.isascii()
    (prediction,) = json.loads(answer.out)
    assert set(prediction["probabilities"]) == {f"cat{word}", f"dog{word}"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--preset", "\x1b[2J"),
        ("run", "--set", "\x1b[2J=3"),
        ("run", "--set", "lr=\x1b[2J"),
        ("run", "--name", "\x1b[2J"),
        ("run", "--device", "\x1b[2J", "--data", "digits"),
        ("run", "--\x1b[2J"),
        ("\x1b[2J",),
        ("data", "--data", "\x1b[2J\x9b"),
        ("evaluate", "\x1b[2J.json"),
        ("evaluate", "\x1b[2J.json", "--debug"),
        ("finetune", "--encoder", "\x1b]0;x\x07"),
    ],
)
def test_an_argument_is_shown_and_not_obeyed(arguments, call_cae):
    answer = call_cae(*arguments)
    assert answer.code in (2, 3, 4)
    assert find_controls(answer.out + answer.err) == []
