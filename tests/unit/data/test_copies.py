"""Pictures that are there twice are counted and named where they spoil what is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cae.config import DataConfig
from cae.data.copies import (
    count_copies,
    tell_contradictions,
    tell_copies,
    tell_validation_copies,
)
from cae.data.images import Dataset, ImageSet
from cae.data.origin import Origin, compute_digest
from cae.data.splits import make_splits


def make_set(name: str, values: Sequence[int], labels: Sequence[int] | None = None) -> ImageSet:
    """Return images of one value each, in files called by the set and their place."""
    pixels = np.empty((len(values), 3, 2, 4), np.uint8)
    pixels[:] = np.array(values).reshape(-1, 1, 1, 1)
    origin = Origin(
        [f"{name}/{place}" for place in range(len(values))], list(map(compute_digest, pixels))
    )
    known = None if labels is None else np.array(labels, dtype=np.int64)
    return ImageSet(pixels, known, ("cat", "dog"), name, origin=origin)


def test_copies_of_what_is_learnt_from_are_counted_and_a_few_named(caplog):
    test = make_set("test", [0, 1, 2, 3, 4, 0, 9])
    train = make_set("train", [7, 0, 1, 1, 2, 3, 4, 8])
    learnt_from = [train, make_set("rest", [1, 1]), None]
    tell_copies(test, learnt_from, role="test")
    assert count_copies(test, learnt_from) == 6
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("6 of the 7 test images are also among the training images")
    assert told.endswith(
        ": 'test/0', 'test/5' and 'train/1' are the same picture; "
        "'test/1', 'train/2', 'train/3' and 2 more are the same picture; "
        "'test/2' and 'train/4' are the same picture; and 2 more"
    )


def test_what_was_not_selected_is_no_copy(caplog):
    train = make_set("train", [0, 1, 2, 3])
    tell_copies(make_set("test", [3, 5]), [train.select(np.array([0, 1]))], role="test")
    assert not caplog.records
    tell_copies(make_set("test", [3, 5]), [train.select(np.array([3, 1]))], role="test")
    assert "'test/0' and 'train/3' are the same picture" in caplog.text


def test_of_images_without_files_nothing_is_said(caplog):
    pixels = np.zeros((4, 3, 2, 2), np.uint8)
    bare = ImageSet(pixels, np.array([0, 1, 0, 1]), ("cat", "dog"), "bare")
    tell_copies(bare, [bare], role="test")
    assert not caplog.records


def test_validation_images_that_are_trained_on_are_counted(caplog):
    # Twenty of each class, of which the first four are there twice.
    train = make_set("train", [*range(20), *range(4), *range(50, 70)], [0] * 24 + [1] * 20)
    test, rest = make_set("test", [100, 101], [0, 1]), make_set("rest", [51, 53, 55])
    splits = make_splits(
        Dataset(train, test, (), source="pets", unlabelled=rest), DataConfig(val_size=0.5)
    )
    tell_validation_copies(splits)
    learnt = {*splits.train.images[:, 0, 0, 0].tolist(), 51, 53, 55}
    validated = splits.validation.images[:, 0, 0, 0].tolist()
    count = sum(value in learnt for value in validated)
    assert count > 1
    assert (
        f"{count} of the {len(validated)} validation images are also among the training"
        in caplog.text
    )

    caplog.clear()
    tell_validation_copies(
        make_splits(Dataset(train, test, (), source="pets"), DataConfig(val_size=0))
    )
    assert not caplog.records


def test_pictures_in_several_classes_are_counted_once_each_and_a_few_named(caplog):
    train = make_set("train", [0, 1, 2, 3, 0, 1, 5, 5], [0, 0, 0, 0, 1, 1, 1, 1])
    test = make_set("test", [0, 3, 2, 7], [1, 1, 0, 0])
    tell_contradictions(train, test)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == (
        "3 pictures are in several classes, pixel for pixel, where at most one label is right; "
        "keep each in only one class: 'train/0', 'train/4' and 'test/0' are the same picture; "
        "'train/1' and 'train/5' are the same picture; 'train/3' and 'test/1' are the same picture"
    )
    caplog.clear()
    # The same picture twice in its class contradicts nothing.
    tell_contradictions(train.select(np.array([0, 1, 6, 7])), test.select(np.array([2, 3])))
    assert not caplog.records
