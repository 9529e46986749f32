"""The origin's data functions: the splits as NHWC arrays, their classes, and a look at pictures.

Images are float32 [N, H, W, C] in [0, 1], labels one-hot float32 [N, K].
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.backends.registry import BackendFilter, backend_registry
from matplotlib.figure import Figure
from numpy.typing import NDArray

import cae
from _arrays import Labels, Provenance, remember, to_floats, to_numbers
from cae.apps.progress import Loading
from cae.config import parse_section
from cae.errors import ConfigError, DataError

__all__ = [
    "class_count",
    "class_count_splits",
    "load_and_norm",
    "load_class_names",
    "load_data",
    "random_images",
    "set_random_seeds",
    "show_image",
    "show_image_list",
]

_MOST_IN_A_ROW = 10


@dataclass
class Session:
    """What `set_random_seeds` sets for every later call."""

    seed: int = 42


session = Session()


def set_random_seeds(seed: int) -> None:
    """Seed Python, NumPy and PyTorch, and every later call of this API.

    Splits, initial weights, order, augmentation and noise are functions of this seed (42 until it
    is set), not of how often something was drawn before: equal calls give equal results. A `seed`
    key in a configuration wins over it.

    Raises:
        ConfigError: `seed` is not a whole number from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigError(f"seed {seed!r}: expected a whole number from 0 to {2**32 - 1}")
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the user's own calls may draw from it
    torch.manual_seed(seed)
    session.seed = seed


def load_data(
    val_size: float = 0.22,
    remove_classes: Sequence[str] | None = None,
    fraction: float = 0.5,
    random_state: int | None = None,
    *,
    source: str = "auto",
) -> tuple[NDArray[Any], ...]:
    """Return x_train, x_val, x_test, y_train, y_val, y_test as they are stored.

    Args:
        val_size: share of the training images that validate, between 0 and 1.
        remove_classes: classes to thin; None for bird, deer and truck (of the digits: 2, 4, 9).
        fraction: share of their training images to remove.
        random_state: seed of the split; None for that of `set_random_seeds`.
        source: as `cae.load_dataset` takes it. "auto" is CIFAR-10, or the built-in digits, with
            a warning, where CIFAR-10 is neither found nor reachable.

    Returns:
        Images uint8 [N, H, W, C] and label numbers int64 [N].

    Raises:
        ConfigError: an argument that is not allowed.
        DataError: the data cannot be had, or are too few for both splits.
    """
    splits = _load_splits(val_size, remove_classes, fraction, random_state, source)
    parts = (splits.train, splits.validation, splits.test)
    images = [np.ascontiguousarray(part.images.transpose(0, 2, 3, 1)) for part in parts]
    labels = [cast("NDArray[np.int64]", part.labels) for part in parts]
    return (*images, *labels)


def load_and_norm(
    val_size: float = 0.22,
    remove_classes: Sequence[str] | None = None,
    fraction: float = 0.5,
    random_state: int | None = None,
    *,
    source: str = "auto",
) -> tuple[Any, ...]:
    """Return x_train, x_val, x_test, y_train, y_val, y_test, class_names, ready for training.

    Takes the arguments of `load_data` and raises its errors.

    Returns:
        Images float32 [N, H, W, C] in [0, 1], one-hot labels float32 [N, K], and the K class names
        as a list.
    """
    splits = _load_splits(val_size, remove_classes, fraction, random_state, source)
    parts = (splits.train, splits.validation, splits.test)
    names = splits.train.class_names
    ones = np.eye(len(names), dtype=np.float32)
    images = [to_floats(part.images) for part in parts]
    labels = [ones[cast("NDArray[np.int64]", part.labels)] for part in parts]
    for array in (*images, *labels):
        remember(array, Provenance(splits.source, names))
    return (*images, *labels, list(names))


def load_class_names(*, source: str = "auto") -> list[str]:
    """Return the class names of the data set, in the order of the labels.

    Raises:
        DataError: the data cannot be had.
    """
    return list(_load_dataset(source).train.class_names)


def class_count(y: Labels, class_names: Sequence[str]) -> dict[str, int]:
    """Return how many images each class has.

    Args:
        y: labels, one-hot [N, K] or numbers [N].
        class_names: K names.
    """
    counts = np.bincount(to_numbers(y, name="y"), minlength=len(class_names))
    return dict(zip(class_names, counts.tolist(), strict=True))


def class_count_splits(
    y_train: Labels, y_val: Labels, y_test: Labels, class_names: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return, for each class, how many images it has in train, val and test."""
    counts = {
        split: class_count(y, class_names)
        for split, y in (("train", y_train), ("val", y_val), ("test", y_test))
    }
    return {name: {split: each[name] for split, each in counts.items()} for name in class_names}


def random_images(y: Labels, class_names: Sequence[str]) -> list[int]:
    """Return the index of one random image of each class, in the order of the classes.

    Drawn from Python's random state, so each call gives others, the same after
    `set_random_seeds`. A class without images is left out.
    """
    numbers = to_numbers(y, name="y")
    members = (np.flatnonzero(numbers == label).tolist() for label in range(len(class_names)))
    return [random.choice(indices) for indices in members if indices]


def show_image(x: NDArray[Any], y: Labels, class_names: Sequence[str], index: int) -> None:
    """Show one image under its class name; see `show_image_list`."""
    show_image_list(x, y, class_names, [index])


def show_image_list(
    x: NDArray[Any], y: Labels, class_names: Sequence[str], image_list: Sequence[int]
) -> None:
    """Show images side by side, each under its class name: in a notebook or a window.

    Without a display there is nobody to show them to, and nothing happens.

    Args:
        x: images [N, H, W, C], floats in [0, 1] or uint8.
        y: their labels, one-hot [N, K] or numbers [N].
        class_names: K names.
        image_list: which of the images to show, such as `random_images` chooses.

    Raises:
        DataError: arrays that do not fit together, or an index outside them.
    """
    from matplotlib import pyplot as plt

    _require_fitting(x, y, image_list)
    figure = plt.figure()
    draw_images(figure, x, y, class_names, image_list)
    backend = mpl.get_backend().lower()
    if backend in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE):
        plt.close(figure)
    else:
        plt.show()


def draw_images(
    figure: Figure,
    x: NDArray[Any],
    y: Labels,
    class_names: Sequence[str],
    image_list: Sequence[int],
) -> None:
    """Draw what `show_image_list` shows into an empty figure."""
    numbers = to_numbers(y, name="y")
    columns = min(len(image_list), _MOST_IN_A_ROW)
    rows = -(-len(image_list) // columns)
    figure.set_size_inches(1.1 * columns, 1.35 * rows)
    figure.set_layout_engine("constrained")
    for place, index in enumerate(image_list, start=1):
        axes = figure.add_subplot(rows, columns, place)
        # Grey images have no third colour axis for Matplotlib.
        axes.imshow(x[index].squeeze(-1) if x.shape[3] == 1 else x[index], cmap="gray")
        axes.set_title(class_names[int(numbers[index])], fontsize=9)
        axes.set_axis_off()


def _require_fitting(x: NDArray[Any], y: Labels, image_list: Sequence[int]) -> None:
    if x.ndim != 4 or len(x) != len(y):
        raise DataError(
            f"images of shape {list(x.shape)} with {len(y)} labels: expected [N, H, W, C] and "
            "N labels"
        )
    outside = [index for index in image_list if not 0 <= index < len(x)]
    if outside or not len(image_list):
        raise DataError(
            f"image list {list(image_list)}: expected indices from 0 to {len(x) - 1}, at least one"
        )


def _load_splits(
    val_size: float,
    remove_classes: Sequence[str] | None,
    fraction: float,
    random_state: int | None,
    source: str,
) -> cae.Splits:
    values: dict[str, Any] = {
        "val_size": val_size,
        "remove_classes": None if remove_classes is None else list(remove_classes),
        "remove_fraction": fraction,
        "seed": session.seed if random_state is None else random_state,
    }
    config = parse_section(cae.DataConfig, values, place="arguments of the split")
    return cae.make_splits(_load_dataset(source), config)


def _load_dataset(source: str) -> cae.Dataset:
    with Loading() as loading:
        dataset = cae.load_dataset(source, on_download=loading)
    if dataset.fallback_reason:
        warnings.warn(
            f"{dataset.fallback_reason}. These are the built-in digits instead: no figure made of "
            "them says anything about CIFAR-10",
            stacklevel=4,
        )
    return dataset
