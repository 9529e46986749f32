"""The origin's data functions: arrays, splits, counts and pictures."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import cae
import dataset
from cae.errors import ConfigError, DataError

NAMES = list("0123456789")


def test_the_splits_are_the_packages_own_as_floats_and_one_hot(digits: tuple[Any, ...]):
    splits = cae.make_splits(cae.load_dataset("digits"), cae.DataConfig())
    parts = (splits.train, splits.validation, splits.test)
    for x, y, part in zip(digits[:3], digits[3:6], parts, strict=True):
        assert x.dtype == y.dtype == np.float32
        assert x.flags.c_contiguous
        expected = np.moveaxis(part.images, 1, 3) / np.float64(255)
        np.testing.assert_allclose(x, expected, atol=1e-7)
        assert (y.sum(axis=1) == 1).all()
        assert (y[np.arange(len(y)), part.labels] == 1).all()
    assert digits[6] == NAMES


def test_load_data_gives_the_same_images_as_bytes_and_numbers(digits: tuple[Any, ...]):
    loaded = dataset.load_data(0.22, source="digits")
    for x, pixels in zip(digits[:3], loaded[:3], strict=True):
        assert pixels.dtype == np.uint8
        assert (np.rint(x * 255) == pixels).all()
    for y, numbers in zip(digits[3:6], loaded[3:], strict=True):
        assert numbers.dtype == np.int64
        assert (y.argmax(axis=1) == numbers).all()


def test_classes_and_fraction_to_remove_are_arguments():
    full = dataset.load_data(0.22, fraction=0.0, source="digits")
    thin = dataset.load_data(0.22, remove_classes=["7"], fraction=1.0, source="digits")

    def count(loaded: tuple[Any, ...]) -> np.ndarray:
        return np.bincount(np.concatenate(loaded[3:5]), minlength=10)

    expected = count(full)
    expected[7] = 0
    assert (count(thin) == expected).all()


def test_the_split_follows_the_seed_that_was_set_and_random_state_wins_over_it():
    def split() -> list[bytes]:
        return [part.tobytes() for part in dataset.load_data(0.22, source="digits")]

    dataset.set_random_seeds(42)
    first = split()
    dataset.set_random_seeds(7)
    other = split()
    again = [part.tobytes() for part in dataset.load_data(0.22, random_state=42, source="digits")]
    assert first != other
    assert first == again


def test_setting_the_seeds_seeds_python_numpy_and_torch():
    def draw() -> tuple[float, float, float]:
        return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002

    dataset.set_random_seeds(3)
    first = draw()
    assert first != draw()
    dataset.set_random_seeds(3)
    assert first == draw()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "42", None])
def test_a_seed_that_is_no_whole_number_is_refused(seed: Any):
    with pytest.raises(ConfigError, match="whole number"):
        dataset.set_random_seeds(seed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"val_size": 1.0}, "val_size = 1.0"),
        ({"fraction": 2.0}, "remove_fraction = 2.0"),
        ({"remove_classes": ["brid"]}, "unknown class 'brid'"),
    ],
)
def test_an_argument_that_is_not_allowed_is_named(arguments: Any, words: str):
    with pytest.raises(ConfigError, match=words):
        dataset.load_and_norm(**arguments, source="digits")


def test_class_names_can_be_had_alone():
    assert dataset.load_class_names(source="digits") == NAMES


def test_classes_are_counted_from_one_hot_labels_and_from_numbers():
    numbers = np.array([2, 0, 2])
    expected = {"a": 1, "b": 0, "c": 2}
    assert dataset.class_count(numbers, ["a", "b", "c"]) == expected
    assert dataset.class_count(np.eye(3)[numbers], ["a", "b", "c"]) == expected


def test_counts_of_the_splits_stand_side_by_side():
    y = np.array([0, 1, 1])
    assert dataset.class_count_splits(y, y[:2], y[:1], ["a", "b"]) == {
        "a": {"train": 1, "val": 1, "test": 1},
        "b": {"train": 2, "val": 1, "test": 0},
    }


def test_random_images_are_one_of_each_class_and_repeat_after_seeding(digits: tuple[Any, ...]):
    y_val = digits[4]
    dataset.set_random_seeds(5)
    chosen = [dataset.random_images(y_val, NAMES) for _ in range(3)]
    assert all(y_val[indices].argmax(axis=1).tolist() == list(range(10)) for indices in chosen)
    assert chosen[0] != chosen[1]
    dataset.set_random_seeds(5)
    assert dataset.random_images(y_val, NAMES) == chosen[0]


def test_a_class_without_images_is_left_out_of_random_images():
    assert dataset.random_images(np.array([2, 0]), ["a", "b", "c"]) == [1, 0]


def test_pictures_stand_under_their_class_names(digits: tuple[Any, ...]):
    _, x_val, _, _, y_val, *_ = digits
    figure = Figure()

    dataset.draw_images(figure, x_val, y_val, NAMES, [3, 1, *range(10)])

    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:2] == [NAMES[y_val[3].argmax()], NAMES[y_val[1].argmax()]]
    assert len(titles) == 12
    assert (figure.axes[0].images[0].get_array() == x_val[3]).all()


def test_grey_pictures_can_be_drawn():
    figure = Figure()
    dataset.draw_images(figure, np.zeros((2, 8, 8, 1)), np.array([0, 1]), ["a", "b"], [1])
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (8, 8)


def test_showing_without_a_display_leaves_nothing_behind(digits: tuple[Any, ...]):
    _, x_val, _, _, y_val, *_ = digits
    dataset.show_image_list(x_val, y_val, NAMES, [0, 1])
    dataset.show_image(x_val, y_val, NAMES, 2)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("image_list", [[], [40], [-1]])
def test_an_image_list_outside_the_images_is_refused(image_list: list[int]):
    with pytest.raises(DataError, match="indices from 0 to 39"):
        dataset.show_image_list(np.zeros((40, 8, 8, 3)), np.zeros(40, int), NAMES, image_list)
    assert plt.get_fignums() == []


def test_images_without_their_labels_are_refused():
    with pytest.raises(DataError, match="5 labels"):
        dataset.show_image_list(np.zeros((4, 8, 8, 3)), np.zeros(5, int), NAMES, [0])


def test_a_star_import_brings_the_functions_and_nothing_else():
    public: dict[str, Any] = {}
    exec("from dataset import *\nfrom modelling import *", public)
    names = set(public) - {"__builtins__"}
    assert names == {
        "class_count",
        "class_count_splits",
        "classifier_predict_evaluate",
        "create_autoencoder",
        "create_classifier",
        "load_and_norm",
        "load_class_names",
        "load_config",
        "load_data",
        "load_history",
        "load_saved_model",
        "plot_confusion_matrix",
        "plot_histories",
        "plot_model_metrics",
        "random_images",
        "save_config",
        "save_history",
        "set_random_seeds",
        "show_image",
        "show_image_list",
        "train_autoencoder",
        "train_classifier",
    }
    assert all(public[name].__doc__ for name in names)
