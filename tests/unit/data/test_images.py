"""A set of images is what it says it is, or is refused at the door."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError
from hashlib import sha256

import numpy as np
import pytest

from cae.data.images import Dataset, ImageSet, compute_sha256, copy_images, make_room
from cae.errors import DataError

NAMES = ("cat", "dog", "frog")


def make_images(count: int = 4, channels: int = 3, height: int = 6, width: int = 5):
    size = count * channels * height * width
    return (np.arange(size) % 256).astype(np.uint8).reshape(count, channels, height, width)


def make_set() -> ImageSet:
    return ImageSet(make_images(), np.array([2, 0, 2, 1]), NAMES, "pets")


@pytest.mark.parametrize("count", [10**6, 10**18, 2**63])
def test_more_images_than_the_memory_holds_are_refused_with_their_size(count: int):
    words = r"images of \[4096, 4096, 3\] .* take [\d,.]+ GB, more .*; lower image_shape, or give"
    with pytest.raises(DataError, match=words) as caught:
        make_room(count, (4096, 4096, 3))
    if count == 10**6:
        assert "1,000,000 images" in str(caught.value)
        assert f"{10**6 * 4096 * 4096 * 3 / 1e9:,.1f} GB" in str(caught.value)


def test_a_set_knows_its_size_and_the_shape_of_its_images():
    pets = make_set()
    assert len(pets) == 4
    assert pets.image_shape == (6, 5, 3)
    assert repr(pets) == "<pets: 4 images of shape [6, 5, 3]>"


def test_selecting_keeps_the_asked_order_and_shares_the_pixels():
    pets = make_set()
    chosen = pets.select(np.array([3, 0]))
    assert len(chosen) == 2
    assert chosen.image_shape == pets.image_shape
    assert chosen.labels is not None
    assert chosen.labels.tolist() == [1, 2]
    assert (chosen.images == make_images()[[3, 0]]).all()
    assert chosen.pixels is pets.pixels
    assert not np.shares_memory(chosen.images, pets.images)
    assert (chosen.class_names, chosen.name) == (NAMES, "pets")
    assert len(pets) == 4
    assert pets.labels is not None
    assert pets.labels.tolist() == [2, 0, 2, 1]


def test_of_a_selection_one_can_select_again_and_name_it():
    chosen = make_set().select(np.array([3, 0, 2])).rename("chosen pets").select(np.array([-1, 0]))
    assert (chosen.images == make_images()[[2, 3]]).all()
    assert chosen.labels is not None
    assert chosen.labels.tolist() == [2, 1]
    assert chosen.name == "chosen pets"


@pytest.mark.parametrize("indices", [slice(None, None, -2), [3, 1], np.array([0, 1, 0, 1]) > 0])
def test_what_numpy_takes_as_a_list_of_places_is_one(indices):
    chosen = make_set().select(indices)
    assert (chosen.images == make_images()[indices]).all()
    assert chosen.rows is not None
    assert chosen.rows.flags.c_contiguous


def test_a_set_stays_as_it_is():
    pets = make_set()
    with pytest.raises(FrozenInstanceError):
        pets.labels = None  # pyright: ignore[reportAttributeAccessIssue]
    again = pickle.loads(pickle.dumps(pets.select(np.array([2, 0]))))
    assert (again.images == make_images()[[2, 0]]).all()
    assert again.labels.tolist() == [2, 2]


def test_images_are_copied_only_where_they_lie_otherwise():
    planar = make_images()
    assert not np.shares_memory(ImageSet(planar, None, NAMES, "pets").pixels, planar)
    room = make_room(4, (6, 5, 3))
    copy_images(room, planar)
    pets = ImageSet(room, None, NAMES, "pets")
    assert np.shares_memory(pets.pixels, room)
    assert (pets.images == planar).all()


def test_what_cannot_be_selected_is_refused():
    pets = make_set()
    with pytest.raises(IndexError):
        pets.select(np.array([4]))
    with pytest.raises(IndexError):
        pets.select(np.array([1])).select(np.array([1]))
    with pytest.raises(DataError, match=r"select takes a list, found shape \[1, 1\]"):
        pets.select(np.array([[0]]))
    with pytest.raises(DataError, match=r"pets: images of shape \[0, 3, 6, 5\] hold no pixel"):
        pets.select(np.array([], dtype=np.int64))


def test_a_checksum_is_of_pixels_and_labels_however_they_lie_in_memory(monkeypatch):
    monkeypatch.setattr("cae.data.images._BYTES_AT_ONCE", 3 * 90)
    room = make_room(4, (6, 5, 3))
    copy_images(room, make_images())
    assert (room == make_images()).all()
    assert room.transpose(0, 2, 3, 1).flags.c_contiguous
    labels = np.array([2, 0, 2, 1])
    expected = sha256(make_images().tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    pets = ImageSet(room, labels, NAMES, "pets")
    turned = pets.select(np.arange(4)[::-1])
    assert compute_sha256(make_set()) == compute_sha256(pets) == expected
    assert compute_sha256(turned) != expected
    assert compute_sha256(turned.select(np.arange(4)[::-1])) == expected
    assert (
        compute_sha256(None, ImageSet(room, None, NAMES, "pets"))
        == sha256(make_images().tobytes()).hexdigest()
    )


def test_selecting_from_unlabelled_images_leaves_them_unlabelled():
    assert ImageSet(make_images(), None, NAMES, "pets").select(np.array([1])).labels is None


def test_class_counts_include_the_classes_without_images():
    counts = ImageSet(make_images(), np.array([2, 0, 2, 0]), NAMES, "pets").class_counts()
    assert counts.tolist() == [2, 0, 2]
    assert counts.dtype == np.int64


def test_unlabelled_images_cannot_be_counted_by_class():
    with pytest.raises(DataError, match="pets: classes cannot be counted without labels"):
        ImageSet(make_images(), None, NAMES, "pets").class_counts()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (make_images().astype(np.float32), "pets: images: expected uint8 of 4 .* found float32"),
        (make_images()[0], r"expected uint8 of 4 dimensions, found uint8 of shape \[3, 6, 5\]"),
        (make_images().tolist(), "pets: images: expected a NumPy array, found list"),
        (make_images()[:0], r"shape \[0, 3, 6, 5\] hold no pixel"),
        (make_images()[..., :0], r"shape \[4, 3, 6, 0\] hold no pixel"),
    ],
)
def test_images_of_another_kind_are_refused(images, message):
    with pytest.raises(DataError, match=message):
        ImageSet(images, None, NAMES, "pets")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 2]), "3 labels for 4 images"),
        (np.array([0, 1, 2, 3]), "labels from 0 to 3, but 3 classes allow 0 to 2"),
        (np.array([0, -1, 2, 1]), "labels from -1 to 2"),
        (np.array([0, 1, 2, 1], dtype=np.int32), "labels: expected int64 .* found int32"),
        (np.eye(4, dtype=np.int64), r"found int64 of shape \[4, 4\]"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        ImageSet(make_images(), labels, NAMES, "pets")


@pytest.mark.parametrize("names", [(), ("cat", "dog", "cat")])
def test_class_names_that_do_not_tell_classes_apart_are_refused(names):
    with pytest.raises(DataError, match="all different"):
        ImageSet(make_images(), None, names, "pets")


def make_other(**changes: object) -> ImageSet:
    pets = make_set()
    parts = {"images": pets.images, "labels": pets.labels, "class_names": NAMES, "name": "others"}
    return ImageSet(**(parts | changes))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (make_other(labels=None), "others: has no labels"),
        (make_other(class_names=NAMES[::-1]), r"others: classes \['frog', 'dog', 'cat'\]"),
        (make_other(images=make_images(height=8)), r"others: images of shape \[8, 5, 3\]"),
    ],
)
def test_a_data_set_whose_parts_do_not_fit_is_refused_before_anything_is_trained(test, message):
    with pytest.raises(DataError, match=message):
        Dataset(make_set(), test, (), source="pets")


def test_images_without_labels_have_the_shape_of_the_others():
    small = make_other(labels=None, images=make_images(height=3))
    with pytest.raises(DataError, match=r"others: images of shape \[3, 5, 3\]"):
        Dataset(make_set(), make_set(), (), source="pets", unlabelled=small)
