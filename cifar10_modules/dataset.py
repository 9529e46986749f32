"""The origin's data functions: the splits as NHWC arrays, their classes, and a look at pictures.

Images are float32 [N, H, W, C], in [0, 255] as they are loaded and in [0, 1] for training; labels
are one-hot float32 [N, K].
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import cae
from _arrays import (
    Images,
    Labels,
    Provenance,
    find_provenance,
    remember,
    to_floats,
    to_numbers,
    to_plain,
)
from _pictures import show_image, show_image_list
from cae.apps.progress import Loading
from cae.config import parse_section
from cae.errors import ConfigError, DataError

__all__ = [
    "class_count",
    "class_count_splits",
    "load_and_norm",
    "load_class_names",
    "load_data",
    "normalize",
    "normalize_splits",
    "random_images",
    "set_random_seeds",
    "show_image",
    "show_image_list",
]

_BRIGHTEST = 255.0


@dataclass
class Session:
    """What `set_random_seeds` sets for every later call."""

    seed: int = 42


session = Session()


def set_random_seeds(seed: int = 42) -> None:
    """Seed Python, NumPy and PyTorch, and every later call of this API.

    Splits, initial weights, order, augmentation and noise are functions of this seed (42 until it
    is set), not of how often something was drawn before: equal calls give equal results. A `seed`
    key in a configuration wins over it.

    Raises:
        ConfigError: `seed` is not a whole number from 0 to 2**32 - 1.
    """
    seed = to_plain(seed)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigError(f"seed {seed!r}: expected a whole number from 0 to {2**32 - 1}")
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the user's own calls may draw from it
    torch.manual_seed(seed)
    session.seed = seed


def load_data(
    val_size: float,
    remove_classes: Sequence[str] = (),
    fraction: float = 0.5,
    random_state: int | None = None,
    *,
    source: str = "auto",
) -> tuple[Any, ...]:
    """Return x_train, x_val, x_test, y_train, y_val, y_test, class_names, pixels as they are.

    Args:
        val_size: share of the training images that validate, below 1. With 0 none do, and x_val
            and y_val are None.
        remove_classes: names of the classes to thin.
        fraction: share of their training images to remove.
        random_state: seed of the split; None for that of `set_random_seeds`.
        source: as `cae.load_dataset` takes it. "auto" is CIFAR-10, or the built-in digits, with
            a warning, where CIFAR-10 is neither found nor reachable.

    Returns:
        Images float32 [N, H, W, C], whole numbers from 0 to 255; one-hot labels float32 [N, K];
        and the K class names as a list.

    Raises:
        ConfigError: an argument that is not allowed.
        DataError: the data cannot be had, or are too few for both splits.
    """
    removed = list(remove_classes)
    return _load_arrays(val_size, removed, fraction, random_state, source, divisor=1)


def load_and_norm(
    val_size: float = 0.22, random_state: int | None = None, *, source: str = "auto"
) -> tuple[Any, ...]:
    """Return what `load_data` does, ready for training, and print how many images a class has.

    Half of the training images of bird, deer and truck are removed (of the digits: 2, 4 and 9),
    and pixels are divided by 255.

    Args:
        val_size: as in `load_data`, whose errors are raised too.
        random_state: likewise.
        source: likewise.

    Returns:
        Images float32 [N, H, W, C] in [0, 1], one-hot labels float32 [N, K], and the K class names
        as a list.
    """
    loaded = _load_arrays(val_size, None, 0.5, random_state, source, divisor=_BRIGHTEST)
    class_count_splits(*loaded[3:])
    return loaded


def normalize(x: NDArray[Any], max_value: float | None = None) -> Images:
    """Return `x` divided by `max_value`, or by 255: bytes and float32 as float32.

    Raises:
        DataError: `max_value` is not above 0.
    """
    divisor = _BRIGHTEST if max_value is None else float(max_value)
    if not divisor > 0:
        raise DataError(f"max_value {max_value}: expected a number above 0, such as 255")
    kind = x.dtype if np.issubdtype(x.dtype, np.floating) else np.dtype(np.float32)
    normalized = np.divide(x, kind.type(divisor), dtype=kind)
    remember(normalized, find_provenance(x))
    return normalized


def normalize_splits(
    x_train: NDArray[Any], x_val: NDArray[Any] | None, x_test: NDArray[Any]
) -> tuple[Any, Any, Any]:
    """Return the three arrays divided by the maximum of `x_train`; None stays None.

    Raises:
        DataError: that maximum is not above 0.
    """
    brightest = float(x_train.max())
    return (
        normalize(x_train, brightest),
        None if x_val is None else normalize(x_val, brightest),
        normalize(x_test, brightest),
    )


def load_class_names(*, source: str = "auto") -> list[str]:
    """Return the class names of the data set, in the order of the labels.

    Raises:
        DataError: the data cannot be had.
    """
    return list(_load_dataset(source).train.class_names)


def class_count(y: Labels, class_names: Sequence[str]) -> None:
    """Print how many images each class has, and how many there are in all.

    Args:
        y: labels, one-hot [N, K] or numbers [N].
        class_names: K names.

    Raises:
        DataError: labels of another kind, or of more classes than there are names.
    """
    _print_counts({"images": y}, class_names)


def class_count_splits(
    y_train: Labels, y_val: Labels | None, y_test: Labels, class_names: Sequence[str]
) -> None:
    """Print how many images each class has in each of the splits, side by side.

    Takes labels as `class_count` does; a `y_val` of None is left out.
    """
    splits = {"train": y_train, "val": y_val, "test": y_test}
    _print_counts({name: y for name, y in splits.items() if y is not None}, class_names)


def random_images(y: Labels, class_names: Sequence[str]) -> list[int]:
    """Return the index of one random image of each class, in the order of the classes.

    Drawn from Python's random state, so each call gives others, the same after
    `set_random_seeds`. A class without images is left out.
    """
    numbers = to_numbers(y, name="y")
    members = (np.flatnonzero(numbers == label).tolist() for label in range(len(class_names)))
    return [random.choice(indices) for indices in members if indices]


def _print_counts(splits: Mapping[str, Labels], class_names: Sequence[str]) -> None:
    classes = len(class_names)
    columns: list[list[int]] = []
    for y in splits.values():
        counts = np.bincount(to_numbers(y, name="y"), minlength=classes)
        if len(counts) > classes:
            raise DataError(f"y: label {len(counts) - 1}, but there are {classes} class names")
        columns.append([*counts.tolist(), int(counts.sum())])
    width = max(map(len, [*class_names, "all"]))
    print(f"{'':{width}}" + "".join(f"{name:>9}" for name in splits))
    for name, *counts in zip([*class_names, "all"], *columns, strict=True):
        print(f"{name:{width}}" + "".join(f"{count:>9,}" for count in counts))


def _load_arrays(
    val_size: float,
    remove_classes: list[str] | None,
    fraction: float,
    random_state: int | None,
    source: str,
    *,
    divisor: float,
) -> tuple[Any, ...]:
    values: dict[str, Any] = {
        "val_size": val_size,
        "remove_classes": remove_classes,
        "remove_fraction": fraction,
        "seed": session.seed if random_state is None else random_state,
    }
    config = parse_section(cae.DataConfig, to_plain(values), place="arguments of the split")
    splits = cae.make_splits(_load_dataset(source), config)
    names = splits.train.class_names
    ones = np.eye(len(names), dtype=np.float32)
    images: list[Images | None] = []
    labels: list[Labels | None] = []
    for part in (splits.train, splits.val, splits.test):
        x = None if part is None else to_floats(part.images, divisor=divisor)
        y = None if part is None else ones[cast("NDArray[np.int64]", part.labels)]
        for array in (x, y):
            if array is not None:
                remember(array, Provenance(splits.source, names))
        images.append(x)
        labels.append(y)
    return (*images, *labels, list(names))


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
