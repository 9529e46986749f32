"""A model is measured on a folder's test pictures, or on all of them, and told whose they are."""

from __future__ import annotations

import pytest

from cae.data.measured import load_test_pictures
from cae.errors import DataError
from tests.unit.data.numbered_pictures import SHAPE, damage, fill, load


def test_of_a_data_set_its_test_pictures_are_measured(tmp_path):
    root = fill(tmp_path / "apart", {"train/a": 3, "train/b": 2, "test/a": 2, "test/b": 1})
    for path, count in ((root, 8), (fill(tmp_path / "pets", {"a": 10, "b": 20}), 30)):
        dataset, found = load(path), load_test_pictures(path, image_shape=SHAPE)
        assert (found.images.images == dataset.test.images).all()
        assert (found.source, found.labelled) == (dataset.source, count)


@pytest.mark.parametrize("everything", [False, True])
def test_test_pictures_alone_are_all_measured(tmp_path, everything):
    root = fill(tmp_path / "new", {"test/b": 3})
    found = load_test_pictures(root, image_shape=SHAPE, everything=everything)
    assert found.images.class_names == ("b",)
    assert found.images.class_counts().tolist() == [3]
    assert found.labelled == 3
    assert found.source.startswith("new-")
    with pytest.raises(DataError, match="none called train"):
        load(root)


def test_everything_that_has_a_label_can_be_measured(tmp_path):
    pets = fill(tmp_path / "pets", {"b": 3, "a": 2, "unlabelled": 4})
    found = load_test_pictures(pets, image_shape=SHAPE, everything=True)
    assert found.images.class_names == ("a", "b")
    assert found.images.class_counts().tolist() == [2, 3]
    assert found.labelled == 5
    both = fill(tmp_path / "both", {"train/b": 3, "test/b": 1, "test/a": 2})
    found = load_test_pictures(both, image_shape=SHAPE, everything=True)
    assert found.images.class_names == ("a", "b")
    assert found.images.class_counts().tolist() == [2, 4]
    rest = fill(tmp_path / "rest", {"unlabelled": 4})
    with pytest.raises(DataError, match="holds no folder of a class; give labelled pictures"):
        load_test_pictures(rest, image_shape=SHAPE, everything=True)


@pytest.mark.parametrize(
    "counts",
    [
        {"a": 10, "b": 20},
        {"a": 10, "b": 20, "unlabelled": 4},
        {"train/a": 3, "train/b": 2, "test/a": 2, "test/b": 1, "unlabelled": 2},
    ],
)
def test_everything_of_a_data_set_knows_which_one_it_is_of(tmp_path, counts):
    pets = fill(tmp_path / "pets", counts)
    dataset = load(pets)
    found = load_test_pictures(pets, image_shape=SHAPE, everything=True, asked=dataset.source)
    assert (found.data_set, found.tested) == (dataset.source, len(dataset.test))
    assert len(found.images) == found.labelled == len(dataset.train) + len(dataset.test)
    for asked in (None, "cars-01234567"):
        found = load_test_pictures(pets, image_shape=SHAPE, everything=True, asked=asked)
        assert (found.data_set, found.tested) == (None, found.labelled)


@pytest.mark.parametrize(
    "counts",
    [
        {"a": 5},
        {"a": 5, "b": 1},
        {"test/a": 5},
        {"train/a": 3, "train/b": 2, "test/a": 2},
        {"a": 5, "b": 5, "unlabelled": 1},
    ],
)
def test_everything_of_no_data_set_is_of_none(tmp_path, counts):
    pets = fill(tmp_path / "pets", counts)
    for damaged in pets.glob("unlabelled/*"):
        damaged.write_bytes(b"no picture")
    found = load_test_pictures(pets, image_shape=SHAPE, everything=True, asked="pets-01234567")
    assert (found.data_set, found.tested) == (None, found.labelled)


def test_a_damaged_picture_is_not_measured_either(tmp_path):
    root = fill(tmp_path / "new", {"test/b": 3})
    damage(root / "test" / "b" / "001.png")
    with pytest.raises(DataError, match=r"001\.png"):
        load_test_pictures(root, image_shape=SHAPE)


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize(
    "counts",
    [
        {"a": 10, "b": 20, "unlabelled": 4},
        {"train/a": 4, "train/b": 4, "test/a": 3, "test/b": 3, "unlabelled": 4},
    ],
)
def test_without_the_damaged_pictures_the_same_are_measured_as_once_they_are_taken_away(
    tmp_path, counts: dict[str, int], everything
):
    root = fill(tmp_path / "pets", counts)
    damaged = [f"{folder}/001.png" for folder in counts]
    for name in damaged:
        damage(root / name)
    kept = {path: path.read_bytes() for path in map(root.joinpath, damaged)}
    for path in kept:
        path.unlink()
    dataset = load(root)
    expected = load_test_pictures(
        root, image_shape=SHAPE, everything=everything, asked=dataset.source
    )
    for path, content in kept.items():
        path.write_bytes(content)
    found = load_test_pictures(
        root, image_shape=SHAPE, everything=everything, asked=dataset.source, skip_damaged=True
    )
    assert (found.images.images == expected.images.images).all()
    assert (found.source, found.labelled) == (expected.source, expected.labelled)
    assert (found.data_set, found.tested) == (dataset.source, len(dataset.test))
    assert expected.left_out == ()
    # Those without a label are not measured: with all labelled ones they are read by the way.
    assert set(found.left_out) == {
        name for name in damaged if not (everything and name.startswith("unlabelled"))
    }
