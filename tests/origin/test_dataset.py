"""The origin's data functions: arrays, splits, counts and pictures."""

from __future__ import annotations

import inspect
import random
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import cae
import dataset
import modelling
from _arrays import find_provenance
from _pictures import draw_images
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


def test_load_data_removes_nothing_and_leaves_the_pixels_as_they_are():
    loaded = dataset.load_data(0.22, source="digits")
    everything = cae.make_splits(cae.load_dataset("digits"), cae.DataConfig(remove_fraction=0.0))
    parts = (everything.train, everything.validation, everything.test)
    for x, y, part in zip(loaded[:3], loaded[3:6], parts, strict=True):
        assert x.dtype == y.dtype == np.float32
        assert (np.moveaxis(x, 3, 1) == part.images).all()
        assert x.max() == 255
        assert (y == np.eye(10)[part.labels]).all()
    assert loaded[6] == NAMES


def test_normalised_splits_are_what_load_and_norm_gives(digits: tuple[Any, ...]):
    loaded = dataset.load_data(0.22, ["2", "4", "9"], 0.5, 42, source="digits")
    normalized = dataset.normalize_splits(*loaded[:3])
    for x, expected in zip(normalized, digits[:3], strict=True):
        assert x.dtype == np.float32
        assert (x == expected).all()
    for y, expected in zip(loaded[3:6], digits[3:6], strict=True):
        assert (y == expected).all()
    # Where they come from is known all the way to a model's file.
    assert find_provenance(normalized[0]) == find_provenance(digits[0])
    assert find_provenance(normalized[0]).source == "digits"


def test_arrays_are_divided_by_255_or_by_a_maximum_that_is_given():
    bytes_ = np.array([[0, 51, 255]], np.uint8)
    assert dataset.normalize(bytes_).dtype == np.float32
    assert dataset.normalize(bytes_) == pytest.approx(np.array([[0, 0.2, 1]]))
    assert dataset.normalize(bytes_.astype(np.float64), 102) == pytest.approx(
        np.array([[0, 0.5, 2.5]])
    )
    parts = dataset.normalize_splits(bytes_[:, :2], bytes_, bytes_)
    assert [float(part.max()) for part in parts] == [1, 5, 5]
    for nothing in (0, -1, float("nan")):
        with pytest.raises(DataError, match="expected a number above 0"):
            dataset.normalize(bytes_, nothing)


def test_without_a_validation_share_there_are_no_validation_images(capsys: Any):
    x_train, x_val, x_test, y_train, y_val, y_test, _ = dataset.load_and_norm(0, source="digits")
    assert x_val is None
    assert y_val is None
    assert len(x_train) == len(y_train)
    assert len(x_test) == len(y_test)
    assert capsys.readouterr().out.split()[:2] == ["train", "test"]
    loaded = dataset.load_data(0, source="digits")
    assert dataset.normalize_splits(*loaded[:3])[1] is None


def test_classes_and_fraction_to_remove_are_arguments():
    full = dataset.load_data(0.22, source="digits")
    thin = dataset.load_data(0.22, ["7"], 1.0, source="digits")

    def count(loaded: tuple[Any, ...]) -> np.ndarray:
        return np.concatenate(loaded[3:5]).sum(axis=0)

    expected = count(full)
    expected[7] = 0
    assert (count(thin) == expected).all()


def test_the_split_follows_the_seed_that_was_set_and_random_state_wins_over_it():
    def split(**options: Any) -> list[bytes]:
        loaded = dataset.load_data(0.22, source="digits", **options)
        return [part.tobytes() for part in loaded[:6]]

    first = split()
    assert split(random_state=42) == first
    dataset.set_random_seeds(7)
    assert split() != first
    assert split(random_state=np.int64(42)) == first
    dataset.set_random_seeds()
    assert split() == first


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
        ([1.0], "val_size = 1.0"),
        ([0.2, [], 2.0], "remove_fraction = 2.0"),
        ([0.2, ["brid"]], "unknown class 'brid'"),
        ([0.2, [], 0.5, -1], "seed = -1"),
    ],
)
def test_an_argument_that_is_not_allowed_is_named(arguments: Any, words: str):
    with pytest.raises(ConfigError, match=words):
        dataset.load_data(*arguments, source="digits")


def test_class_names_can_be_had_alone():
    assert dataset.load_class_names(source="digits") == NAMES


def test_classes_are_counted_from_one_hot_labels_and_from_numbers(capsys: Any):
    numbers = np.array([2, 0] + [2] * 1200)
    expected = [["images"], ["ant", "1"], ["bee", "0"], ["caterpillar", "1,201"], ["all", "1,202"]]
    for y in (numbers, np.eye(3)[numbers]):
        dataset.class_count(y, ["ant", "bee", "caterpillar"])
        lines = capsys.readouterr().out.splitlines()
        assert [line.split() for line in lines] == expected
        assert len({len(line) for line in lines}) == 1, "they stand below one another"


def test_counts_of_the_splits_stand_side_by_side(capsys: Any):
    y = np.array([0, 1, 1])
    dataset.class_count_splits(y, y[:2], y[:1], ["a", "b"])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["train", "val", "test"],
        ["a", "1", "1", "1"],
        ["b", "2", "1", "0"],
        ["all", "3", "2", "1"],
    ]


def test_loading_tells_how_many_images_each_class_has(capsys: Any):
    *_, y_train, y_val, y_test, names = dataset.load_and_norm(source="digits")
    printed = capsys.readouterr().out
    dataset.class_count_splits(y_train, y_val, y_test, names)
    assert capsys.readouterr().out == printed


def test_labels_of_more_classes_than_names_are_refused():
    with pytest.raises(DataError, match="label 2, but there are 2 class names"):
        dataset.class_count(np.array([0, 2]), ["a", "b"])
    with pytest.raises(DataError, match="label 2, but there are 2 class names"):
        dataset.show_image(np.zeros((8, 8, 3)), np.array(2), ["a", "b"])


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

    draw_images(figure, x_val, y_val, NAMES, [3, 1, *range(10)])

    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:2] == [NAMES[y_val[3].argmax()], NAMES[y_val[1].argmax()]]
    assert len(titles) == 12
    assert (figure.axes[0].images[0].get_array() == x_val[3]).all()


def test_pictures_look_the_same_before_and_after_they_are_normalised(digits: tuple[Any, ...]):
    _, x_val, _, _, y_val, *_ = digits
    before, after = Figure(), Figure()
    draw_images(before, np.rint(x_val * 255), y_val, NAMES, [0])
    draw_images(after, x_val, y_val, NAMES, [0])
    first, second = (figure.axes[0].images[0].get_array() for figure in (before, after))
    np.testing.assert_allclose(np.asarray(first), np.asarray(second), atol=1e-6)


def test_grey_pictures_can_be_drawn():
    figure = Figure()
    draw_images(figure, np.zeros((2, 8, 8, 1)), np.array([0, 1]), ["a", "b"], [1])
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (8, 8)


def test_showing_without_a_display_leaves_nothing_behind(digits: tuple[Any, ...]):
    _, x_val, _, _, y_val, *_ = digits
    dataset.show_image_list(x_val, y_val, NAMES, [0, 1])
    dataset.show_image(x_val[2], y_val[2], NAMES)
    dataset.show_image(x_val[2], y_val[2].argmax(), NAMES)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("image_list", [[], [40], [-1]])
def test_an_image_list_outside_the_images_is_refused(image_list: list[int]):
    with pytest.raises(DataError, match="indices from 0 to 39"):
        dataset.show_image_list(np.zeros((40, 8, 8, 3)), np.zeros(40, int), NAMES, image_list)
    assert plt.get_fignums() == []


def test_images_without_their_labels_are_refused():
    with pytest.raises(DataError, match="5 labels"):
        dataset.show_image_list(np.zeros((4, 8, 8, 3)), np.zeros(5, int), NAMES, [0])
    with pytest.raises(DataError, match=r"shape \[1, 8, 8\]"):
        dataset.show_image(np.zeros((8, 8)), np.array(0), NAMES)


# The origin's calls: names of functions, order and defaults. Its own seed of a split is 42, which
# None is too until another one is set.
NEEDED = inspect.Parameter.empty
CALLS: dict[str, dict[str, Any]] = {
    "set_random_seeds": {"seed": 42},
    "load_data": {"val_size": NEEDED, "remove_classes": (), "fraction": 0.5, "random_state": None},
    "load_and_norm": {"val_size": 0.22, "random_state": None},
    "normalize": {"x": NEEDED, "max_value": None},
    "normalize_splits": {"x_train": NEEDED, "x_val": NEEDED, "x_test": NEEDED},
    "class_count": {"y": NEEDED, "class_names": NEEDED},
    "show_image": {"x": NEEDED, "y": NEEDED, "class_names": NEEDED},
    "show_image_list": {"x": NEEDED, "y": NEEDED, "class_names": NEEDED, "image_list": NEEDED},
    "load_history": {"filename": NEEDED},
    "save_history": {"history": NEEDED, "filename": NEEDED},
    "plot_model_metrics": {"model_history": NEEDED, "filename": NEEDED, "loss": True, "acc": True},
    "plot_histories": {
        "history_list": NEEDED,
        "caption_list": NEEDED,
        "filename": NEEDED,
        "train": False,
    },
    "plot_confusion_matrix": {
        "cm": NEEDED,
        "classes": NEEDED,
        "normalize": True,
        "figsize": (9, 5),
    },
    "create_autoencoder": {"autoencoder_config": NEEDED},
    "create_classifier": {
        "autoencoder_config": NEEDED,
        "classifier_config": NEEDED,
        "encoder_filename": None,
        "classifier_filename": "classifier",
    },
    "train_autoencoder": {
        "x_train": NEEDED,
        "x_val": NEEDED,
        "autoencoder_config": NEEDED,
        "autoencoder_filename": NEEDED,
        "encoder_filename": NEEDED,
    },
    "train_classifier": {
        "x_train": NEEDED,
        "x_val": NEEDED,
        "y_train": NEEDED,
        "y_val": NEEDED,
        "autoencoder_config": NEEDED,
        "classifier_config": NEEDED,
        "encoder_filename": NEEDED,
        "classifier_filename": NEEDED,
    },
    "classifier_predict_evaluate": {
        "x": NEEDED,
        "y": NEEDED,
        "classifier": NEEDED,
        "class_names": NEEDED,
    },
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_take_the_origin_s_arguments_and_what_is_ours_by_keyword_alone(name: str):
    function = getattr(modelling, name, None) or getattr(dataset, name)
    parameters = inspect.signature(function).parameters.values()
    given = {each.name: each.default for each in parameters if each.kind != each.KEYWORD_ONLY}
    assert list(given.items()) == list(CALLS[name].items())


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
        "normalize",
        "normalize_splits",
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
