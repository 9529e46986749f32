"""A model is measured on a folder's test pictures, or on all of them, and told whose they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cae.config import DataConfig
from cae.data.images import Dataset
from cae.data.measured import TrainedOn, load_test_pictures, read_trained_on
from cae.data.sources import load_dataset
from cae.data.splits import make_splits
from cae.errors import DataError
from tests.unit.data.numbered_pictures import SHAPE, damage, fill, load, write


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
    with pytest.raises(DataError, match="holds no class folders; give labelled pictures"):
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
    found = load_test_pictures(
        pets, image_shape=SHAPE, everything=True, trained_on=TrainedOn(dataset.source)
    )
    assert (found.data_set, found.tested) == (dataset.source, len(dataset.test))
    assert len(found.images) == found.labelled == len(dataset.train) + len(dataset.test)
    for other in (None, TrainedOn(), TrainedOn("cars-01234567")):
        found = load_test_pictures(pets, image_shape=SHAPE, everything=True, trained_on=other)
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
    expected = TrainedOn("pets-01234567")
    found = load_test_pictures(pets, image_shape=SHAPE, everything=True, trained_on=expected)
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
        root, image_shape=SHAPE, everything=everything, trained_on=TrainedOn(dataset.source)
    )
    for path, content in kept.items():
        path.write_bytes(content)
    found = load_test_pictures(
        root,
        image_shape=SHAPE,
        everything=everything,
        trained_on=TrainedOn(dataset.source),
        skip_damaged=True,
    )
    assert (found.images.images == expected.images.images).all()
    assert (found.source, found.labelled) == (expected.source, expected.labelled)
    assert (found.data_set, found.tested) == (dataset.source, len(dataset.test))
    assert expected.left_out == ()
    # Those without a label are not measured: with all labelled ones they are read by the way.
    assert set(found.left_out) == {
        name for name in damaged if not (everything and name.startswith("unlabelled"))
    }


LAYOUTS = [
    {"a": 10, "b": 20, "unlabelled": 4},
    {"train/a": 4, "train/b": 4, "test/a": 3, "test/b": 3, "unlabelled": 4},
]


def expect(dataset: Dataset) -> TrainedOn:
    """Return what a model that was trained on the data set says of it."""
    copies = make_splits(dataset, DataConfig(val_size=0)).test_copies
    return TrainedOn(dataset.source, dataset.pictures_sha256, dataset.left_out, copies)


def find_others(root: Path, dataset: Dataset) -> list[Path]:
    """Return the files of a data set that are not for testing."""
    tested = {image.transpose(1, 2, 0).tobytes() for image in dataset.test.images}
    return [
        path for path in root.rglob("*.png") if np.asarray(Image.open(path)).tobytes() not in tested
    ]


@pytest.mark.parametrize("counts", LAYOUTS)
def test_of_the_expected_data_set_the_test_pictures_alone_are_read(
    tmp_path, caplog, counts: dict[str, int]
):
    root = fill(tmp_path / "pets", counts)
    dataset = load(root)
    others = find_others(root, dataset)
    assert len(others) == sum(counts.values()) - len(dataset.test)
    for path in others:
        damage(path)  # It would be refused if it were read.
    seen: list[tuple[int, int]] = []
    found = load_test_pictures(
        root,
        image_shape=SHAPE,
        trained_on=expect(dataset),
        on_pictures=lambda done, total: seen.append((done, total)),
    )
    assert (found.images.images == dataset.test.images).all()
    assert found.images.labels is not None
    assert dataset.test.labels is not None
    assert (found.images.labels == dataset.test.labels).all()
    assert (found.source, found.data_set) == (dataset.source, dataset.source)
    assert (found.tested, found.left_out) == (len(dataset.test), ())
    assert found.labelled == len(dataset.train) + len(dataset.test)
    assert seen[-1] == (len(dataset.test), len(dataset.test))
    assert len(seen) == len(dataset.test)
    assert not caplog.records


@pytest.mark.parametrize("counts", LAYOUTS)
def test_other_test_pictures_are_known_by_all_that_is_read(tmp_path, counts: dict[str, int]):
    root = fill(tmp_path / "pets", counts)
    dataset = load(root)
    folder = "a" if "a" in counts else "test/a"
    write(root / folder / "more.png", 99)
    found = load_test_pictures(root, image_shape=SHAPE, trained_on=expect(dataset))
    grown = load(root)
    assert found.source == found.data_set == grown.source != dataset.source
    assert (found.images.images == grown.test.images).all()
    # Other labels make other pictures to measure, though not a pixel is changed.
    (root / folder / "more.png").unlink()
    (root / folder).rename(root / folder.replace("a", "c"))
    if "/" in folder:
        (root / "train" / "a").rename(root / "train" / "c")
    found = load_test_pictures(root, image_shape=SHAPE, trained_on=expect(dataset))
    assert found.source == load(root).source != dataset.source


def test_a_folder_of_another_name_is_another_data_set(tmp_path):
    root = fill(tmp_path / "pets", {"a": 10, "b": 10})
    dataset = load(root)
    root = root.rename(tmp_path / "cars")
    found = load_test_pictures(root, image_shape=SHAPE, trained_on=expect(dataset))
    assert found.source == load(root).source
    assert found.source.startswith("cars-")


def test_test_pictures_of_the_expected_data_set_in_two_classes_are_warned_of(tmp_path, caplog):
    root = fill(tmp_path / "pets", {"train/a": 3, "train/b": 2, "test/a": 2, "test/b": 1})
    write(root / "test" / "a" / "twin.png", 77)
    write(root / "test" / "b" / "twin.png", 77)
    trained_on = expect(load(root))
    caplog.clear()
    load_test_pictures(root, image_shape=SHAPE, trained_on=trained_on)
    assert "'test/a/twin.png' and 'test/b/twin.png' are the same picture" in caplog.text


def test_test_pictures_that_the_expected_data_set_trains_on_are_warned_of_again(tmp_path, caplog):
    root = fill(tmp_path / "pets", {"train/a": 3, "train/b": 2, "test/a": 2, "test/b": 2})
    for part in ("train", "test"):
        write(root / part / "a" / "twin.png", 77)
    trained_on = expect(load(root))
    assert trained_on.test_copies == 1
    told = "1 of the 5 test images is also among the training images"
    for expected in (trained_on, None):
        caplog.clear()
        found = load_test_pictures(root, image_shape=SHAPE, trained_on=expected)
        # Of a model of other pictures the folder's own training images say nothing.
        assert found.test_copies == (0 if expected is None else 1)
        assert told in caplog.text


def test_a_damaged_test_picture_of_the_expected_data_set_is_named(tmp_path, caplog):
    root = fill(tmp_path / "pets", {"train/a": 3, "train/b": 3, "test/a": 3, "test/b": 3})
    expected = expect(load(root))
    damage(root / "test" / "b" / "001.png")
    with pytest.raises(DataError, match=r"1 of 12 pictures cannot be used: .*test/b/001\.png"):
        load_test_pictures(root, image_shape=SHAPE, trained_on=expected)
    found = load_test_pictures(root, image_shape=SHAPE, trained_on=expected, skip_damaged=True)
    assert found.left_out == ("test/b/001.png",)
    assert found.source != expected.data
    assert caplog.text.count("leaving out pictures") == 1


@pytest.mark.parametrize("counts", LAYOUTS)
def test_what_was_left_out_of_the_expected_data_set_is_left_out_again(
    tmp_path, caplog, counts: dict[str, int]
):
    root = fill(tmp_path / "pets", counts)
    names = [f"{folder}/{place:03}.png" for folder in counts for place in (0, 2)]
    for name in names:
        damage(root / name)
    dataset = load_dataset(root, image_shape=SHAPE, skip_damaged=True)
    caplog.clear()
    seen: list[int] = []
    found = load_test_pictures(
        root,
        image_shape=SHAPE,
        trained_on=expect(dataset),
        skip_damaged=True,
        on_pictures=lambda _, total: seen.append(total),
    )
    assert (found.images.images == dataset.test.images).all()
    assert (found.source, found.labelled) == (
        dataset.source,
        len(dataset.train) + len(dataset.test),
    )
    labelled = [name for name in names if not name.startswith("unlabelled")]
    assert found.left_out == tuple(labelled)
    assert set(seen) == {len(dataset.test)}
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == (
        f"leaving out pictures: {len(labelled)} that could not be used when the model was trained, "
        f"such as {labelled[0]!r}"
    )
    # Unasked, nothing is left out.
    with pytest.raises(DataError, match=f"{len(names)} of {sum(counts.values())} pictures cannot"):
        load_test_pictures(root, image_shape=SHAPE, trained_on=expect(dataset))


@pytest.mark.parametrize("counts", LAYOUTS)
def test_all_labelled_pictures_are_known_without_those_that_have_no_label(
    tmp_path, counts: dict[str, int]
):
    root = fill(tmp_path / "pets", counts)
    dataset = load(root)
    for path in (root / "unlabelled").iterdir():
        damage(path)
    found = load_test_pictures(root, image_shape=SHAPE, everything=True, trained_on=expect(dataset))
    assert (found.data_set, found.tested) == (dataset.source, len(dataset.test))


def test_what_is_odd_in_a_model_says_nothing_of_its_pictures():
    assert read_trained_on({}) == TrainedOn()
    odd = {"data": 3, "pictures_sha256": ["x"], "left_out": "a.png", "test_copies": "all"}
    assert read_trained_on(odd) == TrainedOn()
    about = {"data": "pets-0", "pictures_sha256": {"test": "x"}, "left_out": ["a/1.png"]}
    assert read_trained_on({**about, "test_copies": 2}) == TrainedOn(
        "pets-0", {"test": "x"}, {"a/1.png"}, 2
    )
