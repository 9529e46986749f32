"""What the user sees: remarks letter by letter, JSON alone, durations as people say them."""

from __future__ import annotations

import json
import logging
import math

import pytest

from cae.apps.screen import (
    answer_json,
    set_up_streams,
    tell,
    tell_error,
    tell_loudly,
    write_duration,
)


def test_a_remark_goes_to_stderr_letter_by_letter(capsys: pytest.CaptureFixture[str]):
    text = "image_shape [32, 32, 3] [bold]:smile: at /a/b " + "word " * 60
    tell(text)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == text + "\n"


def test_an_error_is_one_line_that_says_so(capsys: pytest.CaptureFixture[str]):
    tell_error("no.png: not an image")
    assert capsys.readouterr().err == "error: no.png: not an image\n"


def test_what_must_not_be_overlooked_stands_in_a_frame(capsys: pytest.CaptureFixture[str]):
    tell_loudly("These are digits [not cats].", title="This is not CIFAR-10")
    out, err = capsys.readouterr()
    assert out == ""
    first, *_, last = err.splitlines()
    assert "This is not CIFAR-10" in first
    assert len(first) == len(last)
    assert "These are digits [not cats]." in err


def test_an_answer_is_json_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    answer_json({"path": "caf\udce9.png", "accuracy": 0.5})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"path": "caf\udce9.png", "accuracy": 0.5}
    assert out.isascii()
    assert err == ""


def test_a_number_that_json_does_not_know_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        answer_json({"loss": math.nan})


def test_warnings_of_the_package_are_shown(
    capsys: pytest.CaptureFixture[str], untouched_process: None
):
    set_up_streams()
    logging.getLogger("cae.data.sources").warning("nothing in %s", "[folder]")
    logging.getLogger("cae").info("not shown")
    assert capsys.readouterr().err == "warning: nothing in [folder]\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1:00 min"),
        (187, "3:07 min"),
        (3599.6, "1:00:00 h"),
        (3723, "1:02:03 h"),
    ],
)
def test_a_duration_reads_as_people_say_it(seconds: float, words: str):
    assert write_duration(seconds) == words


def test_what_pillow_logs_of_a_picture_is_not_shown(
    capsys: pytest.CaptureFixture[str],
    untouched_process: None,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own
    pillow = logging.getLogger("PIL.TiffImagePlugin")
    monkeypatch.setattr(logging.getLogger("PIL"), "handlers", [])
    pillow.error("More samples per pixel than can be decoded")
    assert capsys.readouterr().err != ""
    set_up_streams()
    pillow.error("More samples per pixel than can be decoded")
    assert capsys.readouterr().err == ""
