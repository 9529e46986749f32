"""Differences are told key by key, few of them, and none where there is none."""

from __future__ import annotations

from cae.differences import describe_differences


def test_equal_values_have_no_differences():
    assert describe_differences({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}) == ""


def test_a_difference_names_its_key_and_both_values():
    there = {"config": {"classifier": {"lr": 0.1, "epochs": 3}}, "name": "x"}
    now = {"config": {"classifier": {"lr": 0.2, "epochs": 3}}, "name": "x"}
    assert describe_differences(there, now) == "classifier.lr is 0.1 there and 0.2 now"


def test_a_key_that_only_one_side_has_is_a_difference():
    assert describe_differences({"a": 1}, {"b": 2}) == (
        "a is 1 there and None now, b is None there and 2 now"
    )


def test_many_differences_are_cut():
    text = describe_differences(dict.fromkeys("abcdefgh", 1), dict.fromkeys("abcdefgh", 2))
    assert text.count(" there and ") == 5
    assert text.endswith(", and 3 more")


def test_a_value_that_is_no_object_differs_as_a_whole():
    assert describe_differences([1], {"a": 1}) != ""
