"""Pictures that are there twice are counted and named where they spoil what is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cae.data.copies import compute_digest, tell_copies
from cae.data.images import ImageSet, Origin


def make_set(name: str, values: Sequence[int], labels: Sequence[int] | None = None) -> ImageSet:
    """Return images of one value each, in files called by the set and their place."""
    pixels = np.empty((len(values), 3, 2, 4), np.uint8)
    pixels[:] = np.array(values).reshape(-1, 1, 1, 1)
    origin = Origin(
        [f"{name}/{place}" for place in range(len(values))], list(map(compute_digest, pixels))
    )
    known = None if labels is None else np.array(labels, dtype=np.int64)
    return ImageSet(pixels, known, ("cat", "dog"), name, origin=origin)


def test_digests_are_those_of_the_pixels_however_they_lie():
    image = np.random.default_rng(0).integers(0, 256, (3, 5, 7), dtype=np.uint8)
    other = np.asfortranarray(image)
    assert compute_digest(image) == compute_digest(other)
    other[2, 4, 6] ^= 1
    assert compute_digest(image) != compute_digest(other)


def test_copies_of_what_is_learnt_from_are_counted_and_a_few_named(caplog):
    test = make_set("test", [0, 1, 2, 3, 4, 0, 9])
    train = make_set("train", [7, 0, 1, 1, 2, 3, 4, 8])
    tell_copies(test, [train, make_set("rest", [1, 1])], role="test")
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("6 of the 7 test images are among the training images too")
    assert told.endswith(
        ": 'test/0', 'test/5' and 'train/1' are one picture; "
        "'test/1', 'train/2', 'train/3' and 2 more are one picture; "
        "'test/2' and 'train/4' are one picture; and 2 more"
    )


def test_what_was_not_selected_is_no_copy(caplog):
    train = make_set("train", [0, 1, 2, 3])
    tell_copies(make_set("test", [3, 5]), [train.select(np.array([0, 1]))], role="test")
    assert not caplog.records
    tell_copies(make_set("test", [3, 5]), [train.select(np.array([3, 1]))], role="test")
    assert "'test/0' and 'train/3' are one picture" in caplog.text


def test_of_images_without_files_nothing_is_said(caplog):
    pixels = np.zeros((4, 3, 2, 2), np.uint8)
    bare = ImageSet(pixels, np.array([0, 1, 0, 1]), ("cat", "dog"), "bare")
    tell_copies(bare, [bare], role="test")
    assert not caplog.records
