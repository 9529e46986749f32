"""Values of any size are told in a few words, and a misspelt name is answered by the nearest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cae.wording import join, show, suggest


def nest(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", [3, -0.5, None, True, "a'b", "\x1b[2J", [1, "x"], {"a": (1, 2)}])
def test_a_small_value_is_shown_as_python_writes_it(value: object):
    assert show(value) == repr(value)


@pytest.mark.parametrize(
    "value", ["x" * 10**6, list(range(10**6)), nest(10**5), {"k" * 10**6: 1}, b"\0" * 10**6]
)
def test_a_large_value_is_cut(value: object):
    assert len(show(value)) <= 100
    assert "..." in show(value)


def test_an_integer_too_long_for_python_to_write_is_shown_by_its_size():
    assert show(10**5000) == "an integer of 16,610 bits"


@given(st.text())
def test_no_text_reaches_a_message_with_control_characters(text: str):
    assert show(text).isprintable()


def test_the_nearest_name_is_suggested():
    assert suggest("epoch", {"lr", "epochs", "seed"}) == "; did you mean 'epochs'?"


def test_without_a_near_name_all_are_told():
    assert suggest("xyzzy", ["seed", "lr"]) == "; available: lr, seed"


def test_a_huge_name_is_compared_by_its_beginning():
    assert suggest("epochs" + "s" * 10**7, ["epochs"]) == "; available: epochs"


@pytest.mark.parametrize(
    ("words", "text"),
    [((), ""), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")],
)
def test_a_list_ends_in_and(words: tuple[str, ...], text: str):
    assert join(words) == text
