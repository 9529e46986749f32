"""The way between the API's arrays and the package's image sets: exact, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from _arrays import find_provenance, to_floats, to_image_set, to_numbers, to_plain
from cae.errors import DataError

# Every byte, in images that are neither square nor alike in any direction.
BYTES = (np.arange(256 * 12) % 256).astype(np.uint8).reshape(32, 3, 4, 8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bytes_survive_the_way_there_and_back(dtype: type):
    floats = to_floats(BYTES)
    assert floats.shape == (32, 4, 8, 3)
    assert floats[5, 2, 7, 1] == np.float32(BYTES[5, 1, 2, 7]) / np.float32(255)

    back = to_image_set(floats.astype(dtype), name="x")

    assert (back.images == BYTES).all()
    assert back.images.dtype == np.uint8
    assert back.labels is None


def test_pixels_between_two_bytes_are_rounded_with_a_warning():
    x = np.full((1, 4, 4, 3), 0.3, np.float32)
    with pytest.warns(UserWarning, match="x_train: pixels are kept as whole 255ths"):
        images = to_image_set(x, name="x_train")
    assert (images.images == 76).all()


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 4, 3), np.float32),
        np.full((1, 4, 4, 3), 1.5, np.float32),
        np.full((1, 4, 4, 3), -0.1, np.float32),
        np.full((1, 4, 4, 3), np.nan, np.float32),
    ],
    ids=["bytes", "one image", "no image", "above 1", "below 0", "not a number"],
)
def test_other_arrays_are_refused_by_name(x: Any):
    with pytest.raises(DataError, match=r"^x_val.*expected.*\[0, 1\]"):
        to_image_set(x, name="x_val")


def test_pixels_up_to_255_are_refused_with_the_remedy():
    with pytest.raises(DataError, match=r"pixels from 0.0 to 255.0: .*divide them by 255"):
        to_image_set(to_floats(BYTES, divisor=1), name="x_train")


@pytest.mark.parametrize(
    ("low", "high", "remedy"),
    [
        (-0.3, 1.3, r"np\.clip\(x, 0, 1\)"),
        (0.0, 1.5, "clip"),
        (-2.0, 2.0, r"1\]$"),
        (0, 900, r"1\]$"),
    ],
)
def test_pixels_out_of_range_are_refused_with_a_remedy_that_fits(low, high, remedy):
    x = np.array([low, high], np.float32).reshape(1, 1, 2, 1)
    with pytest.raises(DataError, match=f"expected .*{remedy}"):
        to_image_set(x, name="x")


def test_numpy_s_numbers_become_python_s_own():
    given = {"a": np.int64(3), "b": np.bool_(1), "c": [np.float64(0.5)], "d": np.array([1, 2])}
    plain = to_plain({**given, "e": None, "f": "adam", "g": (1, np.str_("x"))})
    expected = {"a": 3, "b": True, "c": [0.5], "d": [1, 2], "e": None, "f": "adam", "g": [1, "x"]}
    assert plain == expected
    assert [type(plain[key]) for key in "ab"] == [int, bool]


def test_one_hot_labels_become_numbers():
    images = to_image_set(to_floats(BYTES[:3]), np.eye(4)[[3, 0, 3]], name="x")
    assert images.labels is not None
    assert images.labels.tolist() == [3, 0, 3]
    assert images.class_names == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    "y",
    [np.array([[0.5, 0.5]]), np.array([[1, 1]]), np.array([[0, 0]]), np.array([0.0])],
    ids=["probabilities", "two classes", "no class", "floats"],
)
def test_labels_that_are_not_one_hot_are_refused(y: Any):
    with pytest.raises(DataError, match="one 1 in each row"):
        to_numbers(y, name="y_train")


def test_numbers_for_one_hot_labels_are_refused_with_the_remedy():
    with pytest.raises(DataError, match=r"np\.eye"):
        to_image_set(to_floats(BYTES[:2]), np.array([0, 1]), name="x")


def test_labels_need_as_many_columns_as_class_names():
    with pytest.raises(DataError, match="2 columns for 3 class names"):
        to_image_set(to_floats(BYTES[:2]), np.eye(2), name="x", class_names=["a", "b", "c"])


def test_slices_of_loaded_arrays_are_known_and_copies_are_not(digits: tuple[Any, ...]):
    x_train = digits[0]
    assert find_provenance(x_train).source == "digits"
    assert find_provenance(x_train[10:20][::2]).class_names == tuple("0123456789")
    assert find_provenance(x_train[:5].copy()).source == "arrays"
    assert find_provenance(np.zeros(3)).class_names is None
