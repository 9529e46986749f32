"""A sign that no font has is told of once, by the name that it stands in."""

from __future__ import annotations

import io
import warnings
from typing import Literal

import pytest
from matplotlib.figure import Figure

from cae.apps.glyphs import missing_glyphs_told


def draw(*names: str) -> None:
    figure = Figure()
    for place, name in enumerate(names):
        figure.text(0.1, 0.1 * place, name, family="DejaVu Sans")
    figure.savefig(io.BytesIO())


def test_names_that_the_font_lacks_are_told_of_in_one_warning(capsys: pytest.CaptureFixture[str]):
    names = ("cat", "猫", "狗 (dog)", "été")
    with missing_glyphs_told(names):
        draw(*names)
        draw(*names)
    assert capsys.readouterr().err == (
        "warning: the plots show boxes for characters that no font here has: in '猫', '狗 "
        "(dog)'; results and files still contain them; install a font that has them: those of Noto "
        "do, such as Noto Sans CJK\n"
    )


def test_of_many_names_some_are_told(capsys: pytest.CaptureFixture[str]):
    names = [f"{number}猫" for number in range(9)]
    with missing_glyphs_told(names):
        draw(*names)
    assert "in '0猫', '1猫', '2猫', '3猫', '4猫', and 4 more; r" in capsys.readouterr().err


def test_signs_of_nobodys_name_are_told_themselves(capsys: pytest.CaptureFixture[str]):
    with missing_glyphs_told(["cat"]):
        draw("猫")
    assert "in '猫'; " in capsys.readouterr().err


def test_names_that_can_be_shown_are_nothing_to_tell(capsys: pytest.CaptureFixture[str]):
    with missing_glyphs_told(["été", "кот"]):
        draw("été", "кот")
    assert capsys.readouterr().err == ""


def warn_among_plots(action: Literal["default", "error"]) -> None:
    with warnings.catch_warnings(), missing_glyphs_told():
        warnings.simplefilter(action)
        warnings.warn("something else", stacklevel=1)


def test_other_warnings_go_their_way():
    with pytest.raises(UserWarning, match="something else"):
        warn_among_plots("error")
    with pytest.warns(UserWarning, match="something else"):
        warn_among_plots("default")


def test_what_fails_in_the_block_keeps_its_warnings():
    def fail() -> None:
        warnings.warn("this is why", stacklevel=1)
        raise ArithmeticError

    with (
        pytest.warns(UserWarning, match="this is why"),
        pytest.raises(ArithmeticError),
        missing_glyphs_told(),
    ):
        fail()
