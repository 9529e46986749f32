"""Numbers in words: rounding and signs."""

from __future__ import annotations

import pytest

from cae.report.phrases import (
    MINUS,
    capitalise,
    count_noun,
    write_count,
    write_p,
    write_percent,
    write_points,
    write_range,
    write_share,
    write_size,
)


def test_a_fraction_is_written_in_percent():
    assert write_percent(0.7299) == "73.0%"
    assert write_percent(0.7299, 0) == "73%"
    assert write_range(0.7211, 0.7389) == "72.1% to 73.9%"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.031, "+3.1"), (-0.031, f"{MINUS}3.1"), (0.0, "0.0"), (0.0004, "0.0"), (-0.0004, "0.0")],
)
def test_points_have_a_sign_unless_they_round_to_nothing(fraction: float, text: str):
    assert write_points(fraction) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(1.0, "1.00"), (0.25, "0.25"), (0.0996, "0.10"), (0.046875, "0.047"), (2**-11, "0.00049")],
)
def test_a_p_value_has_two_digits_that_count(p: float, text: str):
    assert write_p(p) == text


def test_the_size_of_a_difference_has_no_sign():
    assert write_size(-0.031) == write_size(0.031) == "3.1"


def test_small_numbers_are_words_and_nouns_follow_them():
    assert [write_count(count) for count in (0, 1, 10, 11, 1200)] == [
        "no",
        "one",
        "ten",
        "11",
        "1,200",
    ]
    assert count_noun(1, "seed") == "one seed"
    assert count_noun(3, "seed") == "three seeds"


def test_a_half_is_a_word_and_other_shares_are_percentages():
    assert [write_share(share) for share in (0.5, 1.0, 0.22)] == ["half", "all", "22%"]


def test_only_the_first_letter_is_made_large():
    assert capitalise("fine-tuned on CIFAR-10") == "Fine-tuned on CIFAR-10"
