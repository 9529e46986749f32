"""The data types: a checked set of images, a data set as it was found, and a run's splits."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cae.data.origin import Copied, Origin
from cae.errors import DataError

# How many bytes of pixels are brought into another order at a time.
_BYTES_AT_ONCE = 2**21


def make_room(count: int, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return an unfilled array for images, uint8 [N, C, H, W], NHWC in memory as training needs.

    Args:
        count: how many images.
        image_shape: [height, width, channels] of each.

    Raises:
        DataError: the images take more memory than the machine has.
    """
    size = count * math.prod(image_shape)
    try:
        # Some systems promise more memory than there is, and kill the process when it is used.
        if size > _find_memory():
            raise MemoryError
        return np.empty((count, *image_shape), np.uint8).transpose(0, 3, 1, 2)
    except (MemoryError, ValueError):
        raise DataError(
            f"{count:,} images of {list(image_shape)} (height, width, channels) take "
            f"{size / 1e9:,.1f} GB, more than there is memory for; lower image_shape, or give "
            "fewer images"
        ) from None


def _find_memory() -> float:
    """Return how many bytes of memory the machine has; infinity if it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no such call.
        return math.inf


def copy_images(target: NDArray[np.uint8], source: NDArray[np.uint8]) -> None:
    """Copy images [N, C, H, W] to `target`, of the same shape, whatever either's memory layout."""
    assert target.shape == source.shape
    for channel in range(source.shape[1]):  # takes a third of the time of copying all at once
        target[:, channel] = source[:, channel]


@dataclass(frozen=True, slots=True, eq=False, init=False, repr=False)
class ImageSet:
    """N images of C channels, H x W pixels, with their classes.

    A selection from a set shares its pixels: splits take no memory of their own, and each keeps
    the pixels of the whole set in memory.

    Args:
        images: uint8 [N, C, H, W], N at least 1; copied unless their memory is laid out as that of
            `make_room`.
        labels: int64 [N], each an index into `class_names`; None when unlabelled.
        class_names: the K class names, all different.
        name: what the set is called in messages and outputs.
        origin: the N files that the images come from; None if not known.

    Attributes:
        pixels: uint8 [M, H, W, C], C-contiguous, of these images and perhaps of others.
        rows: int64 [N], the indices of these images in `pixels`, in order; None: all of them.
        labels, class_names, name: as given.
        origin: the M files of all `pixels`; None if not known.

    Raises:
        DataError: an argument has another type or shape, or they do not fit together.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64] | None
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    name: str
    origin: Origin | None

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64] | None,
        class_names: tuple[str, ...],
        name: str,
        *,
        origin: Origin | None = None,
    ) -> None:
        _require_array(images, np.uint8, dimensions=4, place=f"{name}: images")
        if not images.transpose(0, 2, 3, 1).flags.c_contiguous:
            count, channels, height, width = images.shape
            room = make_room(count, (height, width, channels))
            copy_images(room, images)
            images = room
        self._set(pixels=images.transpose(0, 2, 3, 1), rows=None, labels=labels)
        self._set(class_names=class_names, name=name, origin=origin)
        self._require_consistent()

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self)} images of shape {list(self.image_shape)}>"

    def __len__(self) -> int:
        return len(self.pixels if self.rows is None else self.rows)

    @property
    def images(self) -> NDArray[np.uint8]:
        """The images, uint8 [N, C, H, W]; those of a selection are copied at each access."""
        pixels = self.pixels if self.rows is None else self.pixels[self.rows]
        return pixels.transpose(0, 3, 1, 2)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """[height, width, channels] of every image, in the order that configurations use."""
        _, height, width, channels = self.pixels.shape
        return height, width, channels

    def select(self, indices: NDArray[np.int64]) -> ImageSet:
        """Return the images at `indices` (int64 [M], in that order) as a set that shares pixels.

        Raises:
            DataError: `indices` is empty, or not one-dimensional.
            IndexError: an index lies outside the set.
        """
        places = np.ascontiguousarray(np.arange(len(self))[indices])
        if places.ndim != 1:
            raise DataError(f"{self.name}: select takes a list, found shape {list(places.shape)}")
        selected = copy(self)
        selected._set(rows=places if self.rows is None else self.rows[places])
        selected._set(labels=None if self.labels is None else self.labels[places])
        selected._require_consistent()
        return selected

    def rename(self, name: str) -> ImageSet:
        """Return the same images under another name."""
        renamed = copy(self)
        renamed._set(name=name)
        return renamed

    def dump(self) -> Iterator[bytes | memoryview]:
        """Yield the bytes of the pixels, in the order [N, C, H, W], then of the labels, to hash."""
        height, width, channels = self.image_shape
        at_once = max(1, _BYTES_AT_ONCE // (height * width * channels))
        for start in range(0, len(self), at_once):
            some = slice(start, start + at_once)
            pixels = self.pixels[some if self.rows is None else self.rows[some]]
            planes = np.empty((len(pixels), channels, height, width), np.uint8)
            copy_images(planes, pixels.transpose(0, 3, 1, 2))
            yield planes.data
        if self.labels is not None:
            yield self.labels.astype("<i8").tobytes()

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def class_counts(self) -> NDArray[np.int64]:
        """Return how many images each class has, int64 [K].

        Raises:
            DataError: the set is unlabelled.
        """
        if self.labels is None:
            raise DataError(f"{self.name}: classes cannot be counted without labels")
        return np.bincount(self.labels, minlength=len(self.class_names)).astype(np.int64)

    def _require_consistent(self) -> None:
        height, width, channels = self.image_shape
        shape = [len(self), channels, height, width]
        if 0 in shape:
            raise DataError(
                f"{self.name}: images of shape {shape} hold no pixel; give at least one image"
            )
        if not self.class_names or len(set(self.class_names)) != len(self.class_names):
            raise DataError(
                f"{self.name}: class names {list(self.class_names)} must be at least one, and all "
                "different"
            )
        if self.labels is None:
            return
        _require_array(self.labels, np.int64, dimensions=1, place=f"{self.name}: labels")
        if len(self.labels) != len(self):
            raise DataError(
                f"{self.name}: {len(self.labels)} labels for {len(self)} images; each image "
                "needs one label"
            )
        lowest, highest = int(self.labels.min()), int(self.labels.max())
        if lowest < 0 or highest >= len(self.class_names):
            raise DataError(
                f"{self.name}: labels from {lowest} to {highest}, but {len(self.class_names)} "
                f"classes allow 0 to {len(self.class_names) - 1}"
            )


@dataclass(frozen=True)
class Dataset:
    """A data set as it was found, before anything is removed or split.

    Attributes:
        train: images to learn from and to validate on.
        test: images for the one evaluation at the end.
        thinned_classes: classes of which some training images are removed, unless the
            configuration names other classes.
        source: where the images come from: "cifar10", "digits", or the name given to a folder of
            pictures.
        fallback_reason: why these images stand in for CIFAR-10; None when they do not.
        unlabelled: images that only the autoencoder learns from; None when there are none.
        is_test_set_aside: whether the test images were taken from the same folders as `train`.
        left_out: the files that could not be used as pictures and were left out, as requested,
            with their paths relative to the folder.
        pictures_sha256: for a folder of pictures, the SHA-256 by which its pictures to train and
            validate on ("train") and to test on ("test") are recognised; empty for other data.

    Raises:
        DataError: `train` or `test` has no labels, or the sets differ in classes or image shape.
    """

    train: ImageSet
    test: ImageSet
    thinned_classes: tuple[str, ...]
    source: str
    fallback_reason: str | None = None
    unlabelled: ImageSet | None = None
    is_test_set_aside: bool = False
    left_out: tuple[str, ...] = ()
    pictures_sha256: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        # Otherwise a misfit would show only at the end, when the test images are read, if at all.
        for images in (self.train, self.test):
            if images.labels is None:
                raise DataError(f"{images.name}: has no labels; training and test images need them")
        for images in (self.test, *([] if self.unlabelled is None else [self.unlabelled])):
            if images.image_shape != self.train.image_shape:
                raise DataError(
                    f"{images.name}: images of shape {list(images.image_shape)} (height, width, "
                    f"channels), but those of {self.train.name} have {list(self.train.image_shape)}"
                )
        if self.test.class_names != self.train.class_names:
            raise DataError(
                f"{self.test.name}: classes {list(self.test.class_names)}, but those of "
                f"{self.train.name} are {list(self.train.class_names)}, which must be the same, in "
                "the same order"
            )


@dataclass(frozen=True)
class Splits:
    """The images of a run.

    Attributes:
        train, val: two disjoint parts of the data set's training images; `val` is None if there is
            no validation.
        labelled: the images of `train` whose labels may be used; all of them, unless
            `labels_per_class` is set.
        test: the data set's test images, all of them.
        fingerprint: SHA-256, in hexadecimal, of the index lists of `train` and `val`.
        source: where the images come from, as in the data set.
        unlabelled: images that only the autoencoder learns from; None when there are none.
        left_out, pictures_sha256: as in the data set.
        test_copied: the pictures in `test` that are also in `train` or `unlabelled`; known only of
            images that come from files.
    """

    train: ImageSet
    labelled: ImageSet
    val: ImageSet | None
    test: ImageSet
    fingerprint: str
    source: str
    unlabelled: ImageSet | None = None
    left_out: tuple[str, ...] = ()
    test_copied: Sequence[Copied] = ()
    pictures_sha256: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def test_copies(self) -> int:
        """How many test images are also in `train` or `unlabelled`."""
        return sum(len(each.measured) for each in self.test_copied)

    @property
    def pretraining(self) -> ImageSet:
        """The images that the autoencoder learns from: `train` and `unlabelled`."""
        if self.unlabelled is None:
            return self.train
        parts = (self.train, self.unlabelled)
        images = make_room(sum(map(len, parts)), self.train.image_shape)
        start = 0
        for part in parts:
            rows = np.arange(len(part.pixels)) if part.rows is None else part.rows
            target = images[start : start + len(part)].transpose(0, 2, 3, 1)
            # Only the mode "clip" writes in place; no row is out of range.
            np.take(part.pixels, rows, axis=0, out=target, mode="clip")
            start += len(part)
        return ImageSet(images, None, self.train.class_names, f"{self.train.name} and unlabelled")

    @cached_property
    def images_sha256(self) -> str:
        """SHA-256, in hexadecimal, of pixels and labels of all images to train or validate on."""
        return compute_sha256(self.train, self.val, self.unlabelled)

    @property
    def validation(self) -> ImageSet:
        """The validation images, for callers that need some.

        Raises:
            DataError: there are none.
        """
        if self.val is None:
            raise DataError("val_size 0: leaves no images to validate on; raise it")
        return self.val


def compute_sha256(*sets: ImageSet | None) -> str:
    """Return the SHA-256, in hexadecimal, of the sets' pixels and labels."""
    digest = hashlib.sha256()
    for images in sets:
        for part in () if images is None else images.dump():
            digest.update(part)
    return digest.hexdigest()


def _require_array(value: object, dtype: type[np.generic], *, dimensions: int, place: str) -> None:
    if not isinstance(value, np.ndarray):
        raise DataError(f"{place}: expected a NumPy array, found {type(value).__name__}")
    array = cast("NDArray[Any]", value)
    if array.dtype != dtype or array.ndim != dimensions:
        raise DataError(
            f"{place}: expected {np.dtype(dtype)} of {dimensions} dimensions, found {array.dtype} "
            f"of shape {list(array.shape)}"
        )
