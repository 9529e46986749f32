"""Pictures that are there twice are counted and named where they spoil what is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cae.config import DataConfig
from cae.data.copies import find_copies, tell_contradictions, tell_copies, tell_split_copies
from cae.data.images import Dataset, ImageSet
from cae.data.origin import Copied, Origin, compute_digest
from cae.data.splits import draw_splits


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
    tell_copies(find_copies(test, learnt_from), of=len(test), role="test")
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("6 of the 7 test images are also among the training images")
    assert told.endswith(
        ": 'test/0', 'test/5' and 'train/1' are the same picture; "
        "'test/1', 'train/2', 'train/3' and 2 more are the same picture; "
        "'test/2' and 'train/4' are the same picture; and 2 more"
    )


def test_what_was_not_selected_is_no_copy():
    test, train = make_set("test", [3, 5]), make_set("train", [0, 1, 2, 3])
    assert find_copies(test, [train.select(np.array([0, 1]))]) == []
    found = find_copies(test, [train.select(np.array([3, 1]))])
    assert found == [Copied(["test/0"], ["train/3"])]


def test_of_images_without_files_nothing_is_said(caplog):
    pixels = np.zeros((4, 3, 2, 2), np.uint8)
    bare = ImageSet(pixels, np.array([0, 1, 0, 1]), ("cat", "dog"), "bare")
    tell_copies(find_copies(bare, [bare]), of=4, role="test")
    assert not caplog.records


def test_a_test_image_is_a_copy_only_of_what_is_trained_on(caplog):
    train = make_set("train", range(40), [0] * 20 + [1] * 20)
    test = make_set("test", range(0, 40, 2), [0] * 10 + [1] * 10)
    splits = draw_splits(Dataset(train, test, (), source="pets"), DataConfig(val_size=0.5))
    tell_split_copies(splits)
    trained = set(splits.train.images[:, 0, 0, 0].tolist())
    count = sum(value in trained for value in range(0, 40, 2))
    assert 1 < count < 20  # The others are copies of validation images.
    assert splits.test_copies == count
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"{count} of the 20 test images are also among the training images")


def test_validation_images_that_are_trained_on_are_counted(caplog):
    # Twenty of each class, of which the first four are there twice.
    train = make_set("train", [*range(20), *range(4), *range(50, 70)], [0] * 24 + [1] * 20)
    test, rest = make_set("test", [100, 101], [0, 1]), make_set("rest", [51, 53, 55])
    splits = draw_splits(
        Dataset(train, test, (), source="pets", unlabelled=rest), DataConfig(val_size=0.5)
    )
    tell_split_copies(splits)
    learnt = {*splits.train.images[:, 0, 0, 0].tolist(), 51, 53, 55}
    validated = splits.validation.images[:, 0, 0, 0].tolist()
    count = sum(value in learnt for value in validated)
    assert count > 1
    assert (
        f"{count} of the {len(validated)} validation images are also among the training"
        in caplog.text
    )

    caplog.clear()
    tell_split_copies(draw_splits(Dataset(train, test, (), source="pets"), DataConfig(val_size=0)))
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
