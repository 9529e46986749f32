"""A folder of pictures becomes the data set that its folders tell, and says where it does not."""

from __future__ import annotations

import logging
import os
import sys

import numpy as np
import pytest
from PIL import Image

from cae.config import DataConfig
from cae.data.folder import is_picture_folder, load_folder
from cae.data.measured import load_test_pictures
from cae.data.sources import load_dataset
from cae.data.splits import describe_splits, make_splits
from cae.errors import DataError
from tests.unit.data.numbered_pictures import SHAPE, damage, draw, fill, load, write


def test_classes_are_folders_and_a_fifth_of_each_is_set_aside(tmp_path):
    dataset = load(fill(tmp_path / "My pets!", {"dog": 10, "cat": 20}))
    assert dataset.train.class_names == dataset.test.class_names == ("cat", "dog")
    assert dataset.train.class_counts().tolist() == [16, 8]
    assert dataset.test.class_counts().tolist() == [4, 2]
    assert dataset.train.image_shape == SHAPE
    assert dataset.thinned_classes == ()
    assert dataset.unlabelled is None
    assert dataset.fallback_reason is None
    # Every picture is there once, as it was, under its label.
    expected = {draw(number).tobytes(): "dog" if number < 10 else "cat" for number in range(30)}
    found: dict[bytes, str] = {}
    for part in (dataset.train, dataset.test):
        assert part.labels is not None
        for image, label in zip(part.images, part.labels, strict=True):
            found[image.transpose(1, 2, 0).tobytes()] = part.class_names[label]
    assert found == expected


def test_training_and_test_pictures_may_be_given(tmp_path):
    root = fill(tmp_path, {"train/a": 3, "train/b": 2, "test/a": 2, "test/b": 1, "unlabelled": 4})
    dataset = load(root)
    assert dataset.train.class_counts().tolist() == [3, 2]
    assert dataset.test.class_counts().tolist() == [2, 1]
    assert dataset.unlabelled is not None
    assert len(dataset.unlabelled) == 4
    assert dataset.unlabelled.labels is None


def test_folders_in_a_class_are_looked_through_and_what_is_no_picture_is_passed_by(
    tmp_path, caplog
):
    fill(tmp_path, {"a": 6, "b/first": 3, "b/second/half": 3})
    (tmp_path / "a" / "notes.txt").write_text("of the day")
    (tmp_path / "a" / ".hidden.png").write_text("no picture")
    (tmp_path / "b" / ".cache").mkdir()
    (tmp_path / "b" / ".cache" / "0.png").write_text("no picture")
    (tmp_path / ".thumbnails").mkdir()
    with caplog.at_level(logging.WARNING):
        dataset = load(tmp_path)
    assert dataset.train.class_names == ("a", "b")
    assert len(dataset.train) + len(dataset.test) == 12
    (message,) = [record.getMessage() for record in caplog.records]
    assert "skipping what is not a picture: 1 file, such as notes.txt" in message


def test_the_suffix_is_read_in_either_case(tmp_path):
    fill(tmp_path, {"a": 5, "b": 5})
    (tmp_path / "a" / "000.png").rename(tmp_path / "a" / "000.PNG")
    dataset = load(tmp_path)
    assert len(dataset.train) + len(dataset.test) == 10


def test_the_source_is_known_by_name_and_pixels(tmp_path):
    root = fill(tmp_path / "My pets!", {"dog": 5, "cat": 5})
    source = load(root).source
    assert source == load(root).source
    assert source.startswith("My-pets-")
    assert source == load(fill(tmp_path / "copy" / "My pets!", {"dog": 5, "cat": 5})).source
    assert source != load(root, (4, 4, 3)).source
    write(root / "dog" / "more.png", 99)
    assert source != load(root).source
    # Other labels are other data.
    root = fill(tmp_path / "other" / "My pets!", {"dog": 5, "cat": 5})
    (root / "dog").rename(root / "ant")
    assert source != load(root).source


def test_pictures_that_are_tested_on_and_learnt_from_are_warned_of(tmp_path, caplog):
    root = fill(tmp_path, {"train/a": 3, "train/b": 3, "test/a": 2, "test/b": 2})
    write(root / "test" / "a" / "again.png", 0)
    write(root / "unlabelled" / "again.png", 6)  # the first of the test pictures
    make_splits(load(root), DataConfig(val_size=0))
    assert "2 of the 5 test images are also among the training images" in caplog.text
    assert "'test/a/000.png' and 'unlabelled/again.png' are the same picture" in caplog.text


def test_where_none_are_set_apart_copies_are_named_as_well(tmp_path, caplog):
    root = tmp_path / "pets"
    for place in range(5):
        write(root / "a" / f"{place}.png", 1)
        write(root / "b" / f"{place}.png", 2 + place)
    dataset = load(root)
    assert not caplog.records  # What is trained on is not known yet.
    make_splits(dataset, DataConfig(val_size=0))
    assert "1 of the 2 test images is also among the training images" in caplog.text
    # The test picture first.
    assert "'a/4.png', 'a/0.png', 'a/1.png' and 2 more are the same picture" in caplog.text


def test_pictures_in_two_classes_are_warned_of_where_they_are_learnt_and_measured(tmp_path, caplog):
    root = fill(tmp_path / "pets", {"a": 10, "b": 10})
    write(root / "b" / "again.png", 3)
    load(root)
    words = "1 picture is in several classes, pixel for pixel"
    assert caplog.text.count(words) == 1
    assert "'a/003.png' and 'b/again.png' are the same picture" in caplog.text
    caplog.clear()
    load_test_pictures(root, image_shape=SHAPE, everything=True)
    assert caplog.text.count(words) == 1


def test_of_built_in_images_nothing_is_said(cifar10_folder, caplog):
    for source in ("digits", str(cifar10_folder)):
        make_splits(load_dataset(source), DataConfig())
    assert not caplog.records


def test_the_autoencoder_alone_learns_from_what_has_no_label(tmp_path):
    root = fill(tmp_path, {"a": 10, "b": 10, "unlabelled": 7})
    splits = make_splits(load(root), DataConfig(val_size=0.25))
    assert (len(splits.train), len(splits.labelled), len(splits.pretraining)) == (12, 12, 19)
    assert splits.pretraining.labels is None
    assert (splits.pretraining.images[:12] == splits.train.images).all()
    assert splits.train.labels is not None
    described = describe_splits(splits)["split"]
    assert described["unlabelled"] == {"images": 7, "classes": {}}
    assert described["train"] == {"images": 12, "classes": {"a": 6, "b": 6}}


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"a": 9}, "expected a folder for each of two or more classes, found only 'a'"),
        (
            {"unlabelled": 9},
            "expected a folder for each of two or more classes, found none; give some labelled",
        ),
        ({"a": 9, "b": 1}, "class 'b' has 1 image, and needs three"),
        (
            {"train": 3, "bus": 3, "car": 3},
            r"/train: holds .*; if train is a class, rename its .*_",
        ),
        (
            {"test": 3, "bus": 3},
            r"/test: holds .*; if test is a class, rename its folder \(test_\)",
        ),
        ({"train": 3, "test": 3}, r"/train: holds pictures, but no class folders; if train is"),
        ({"train/a": 3, "train/b": 3, "test": 3}, r"/test: holds pictures, but no class folders;"),
        ({"train/a": 2, "train/b": 2}, "has a folder train, but none called test; give both"),
        ({"test/a": 2, "b": 2}, "has a folder test, but none called train; give both"),
        (
            {"train/a": 2, "train/b": 2, "test/a": 2, "test/b": 2, "val/a": 2},
            "there may only be unlabelled, found 'val'; move its pictures",
        ),
        ({"train/a": 2, "train/b": 2, "test/a": 2, "test/c": 2}, "class 'b' is in train but not"),
        ({"train/a": 2, "train/b": 2, "test/a": 2}, "class 'b' is in train but not in test; give"),
        ({"Training/a": 2, "Test/a": 2}, "/Training: expected .* found only 'a'"),
        ({"train/a": 2, "test/a": 2}, "/train: expected .* found only 'a'"),
        ({"pets/a": 2, "pets/b": 2}, r"found only 'pets'.*in it, give .*pets$"),
    ],
)
def test_another_layout_is_refused_with_what_to_do(tmp_path, counts, words):
    with pytest.raises(DataError, match=words):
        load(fill(tmp_path, counts))


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            {"a": 2, "b": 30},
            "class 'a' has 2 images, one of them set aside for testing, and needs three, one",
        ),
        (
            {"train/a": 1, "train/b": 30, "test/a": 1, "test/b": 1},
            "class 'a' has 1 image to train on, and needs two, one each to train and to vali",
        ),
    ],
)
def test_pictures_set_aside_count_where_too_few_are_left(tmp_path, counts, words):
    dataset = load(fill(tmp_path, counts))
    with pytest.raises(DataError, match=words):
        make_splits(dataset, DataConfig())
    assert len(make_splits(dataset, DataConfig(val_size=0.0)).train) > 20


def test_a_class_called_train_is_one_under_the_name_that_is_proposed(tmp_path):
    dataset = load(fill(tmp_path, {"train_": 3, "test_": 3, "car": 3}))
    assert dataset.train.class_names == ("car", "test_", "train_")


def test_a_class_without_pictures_is_refused(tmp_path):
    fill(tmp_path, {"a": 5, "b": 5})
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match=r"c: holds no pictures .* add some or remove the folder"):
        load(tmp_path)
    (tmp_path / "c").rename(tmp_path / "unlabelled")
    with pytest.raises(DataError, match="unlabelled: holds no pictures"):
        load(tmp_path)


@pytest.mark.parametrize("parts", [("",), ("train", "test")])
def test_pictures_in_no_class_are_told_of(tmp_path, caplog, parts: tuple[str, ...]):
    fill(tmp_path, {f"{part}/{name}".strip("/"): 5 for part in parts for name in "ab"})
    write(tmp_path / parts[0] / "loose.png", 99)
    write(tmp_path / parts[0] / ".hidden.png", 98)
    load(tmp_path)
    (record,) = caplog.records
    words = "skipping pictures that are not in a class's folder: 1, such as 'loose.png'"
    assert words in record.getMessage()


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes are Linux's")
def test_a_class_whose_name_no_file_can_hold_is_refused(tmp_path):
    fill(tmp_path, {"a": 5, os.fsdecode(b"b\xff"): 5})
    with pytest.raises(DataError, match=r"cannot be called 'b\\udcff', which is not UTF-8; rename"):
        load(tmp_path)


def test_several_damaged_pictures_are_told_at_once(tmp_path):
    fill(tmp_path, {"a": 9, "b": 9})
    for place in range(7):
        damage(tmp_path / "b" / f"00{place}.png")
    with pytest.raises(DataError, match="7 of 18 pictures cannot be used: ") as caught:
        load(tmp_path)
    assert str(caught.value).count("b/00") == 5


def test_damaged_pictures_of_all_parts_are_told_at_once(tmp_path):
    counts = {"train/a": 3, "train/b": 3, "test/a": 3, "test/b": 3, "unlabelled": 3}
    fill(tmp_path, counts)
    for part in ("train/a", "test/b", "unlabelled"):
        damage(tmp_path / part / "001.png")
    with pytest.raises(DataError, match="3 of 15 pictures cannot be used: ") as caught:
        load(tmp_path)
    for part in ("train/a", "test/b", "unlabelled"):
        assert f"{part}/001.png" in str(caught.value)


def test_doubtful_pictures_of_all_parts_are_warned_of_once(tmp_path, caplog):
    fill(tmp_path, {f"{part}/{name}": 3 for part in ("train", "test") for name in "ab"})
    for place, part in enumerate(("train/a", "test/b")):
        dark = np.full(SHAPE[:2], 4000 + 2000 * place, np.uint16)
        Image.fromarray(dark).save(tmp_path / part / "dark.png")
    load(tmp_path)
    (record,) = caplog.records
    assert record.getMessage().startswith("2 pictures are nearly black")


def test_pictures_are_counted_while_they_are_read(tmp_path):
    seen: list[tuple[int, int]] = []
    fill(tmp_path, {"a": 3, "b": 3})
    load_dataset(
        tmp_path, image_shape=SHAPE, on_pictures=lambda done, total: seen.append((done, total))
    )
    assert seen == [(done, 6) for done in range(1, 7)]


def test_a_damaged_picture_is_named(tmp_path):
    fill(tmp_path, {"a": 5, "b": 5})
    damage(tmp_path / "b" / "002.png")
    with pytest.raises(DataError, match=r"b/002\.png: "):
        load(tmp_path)


def test_a_damaged_picture_can_be_left_out_as_the_message_says(tmp_path):
    fill(tmp_path, {"a": 5, "b": 5})
    damage(tmp_path / "b" / "002.png")
    words = r"1 of 10 pictures cannot be used: .*b/002\.png: .*; .* out with --skip-damaged \(skip"
    with pytest.raises(DataError, match=words):
        load(tmp_path)
    assert load_dataset(tmp_path, image_shape=SHAPE, skip_damaged=True).left_out == ("b/002.png",)


@pytest.mark.parametrize(
    "counts",
    [
        {"a": 10, "b": 20, "unlabelled": 4},
        {"train/a": 6, "train/b": 5, "test/a": 4, "test/b": 4, "unlabelled": 4},
    ],
)
def test_without_its_damaged_pictures_a_data_set_is_what_it_is_once_they_are_taken_away(
    tmp_path, caplog, counts: dict[str, int]
):
    root = fill(tmp_path / "pets", counts)
    damaged = [f"{folder}/{place:03}.png" for folder in counts for place in (1, 3)]
    for name in damaged:
        damage(root / name)
    found = load_folder(root, image_shape=SHAPE, skip_damaged=True)
    (told,) = [record.getMessage() for record in caplog.records]
    count = sum(counts.values())
    assert told.startswith(f"leaving out pictures: {len(damaged)} of {count} pictures cannot be us")
    assert f"{root / damaged[0]}: " in told
    assert found.left_out == tuple(damaged)
    for name in damaged:
        (root / name).unlink()
    caplog.clear()
    expected = load_folder(root, image_shape=SHAPE, skip_damaged=True)
    assert not caplog.records
    assert expected.left_out == ()
    assert found.source == expected.source == load(root).source
    assert found.unlabelled is not None
    assert expected.unlabelled is not None
    for one, other in (
        (found.train, expected.train),
        (found.test, expected.test),
        (found.unlabelled, expected.unlabelled),
    ):
        assert (one.images == other.images).all()
        assert one.labels is other.labels is None or (one.labels == other.labels).all()
    splits = make_splits(found, DataConfig())
    assert splits.left_out == found.left_out
    same = make_splits(expected, DataConfig())
    assert splits.images_sha256 == same.images_sha256
    assert (splits.pretraining.images == same.pretraining.images).all()


@pytest.mark.parametrize("folder", ["b", "unlabelled"])
def test_a_class_of_which_nothing_is_left_is_refused(tmp_path, folder: str, caplog):
    fill(tmp_path / "pets", {"a": 5, "b": 5, "unlabelled": 3})
    count = len(list((tmp_path / "pets" / folder).iterdir()))
    for path in (tmp_path / "pets" / folder).iterdir():
        damage(path)
    where = "unlabelled" if folder == "unlabelled" else "pets, class 'b'"
    words = rf"^{where}: none of its pictures can be used \({count} in all\), such as .*000\.png"
    with pytest.raises(DataError, match=words):
        load_folder(tmp_path / "pets", image_shape=SHAPE, skip_damaged=True)
    assert "000.png: not an image of a known format" in caplog.text  # and why


def test_a_class_of_which_too_little_is_left_is_refused_after_the_damaged_were_named(
    tmp_path, caplog
):
    fill(tmp_path, {"a": 5, "b": 3})
    damage(tmp_path / "b" / "000.png")
    damage(tmp_path / "b" / "001.png")
    with pytest.raises(DataError, match="class 'b' has 1 image, and needs three"):
        load_folder(tmp_path, image_shape=SHAPE, skip_damaged=True)
    assert "2 of 8 pictures cannot be used" in caplog.text


def test_pictures_that_are_too_few_are_refused_before_any_is_read(tmp_path):
    fill(tmp_path, {"a": 9, "b": 1})
    damage(tmp_path / "a" / "000.png")
    with pytest.raises(DataError, match="class 'b' has 1 image, and needs three"):
        load(tmp_path)


def test_a_path_is_taken_for_what_it_holds(tmp_path):
    fill(tmp_path / "pets", {"a": 5, "b": 5})
    assert is_picture_folder(tmp_path / "pets")
    dataset = load_dataset(str(tmp_path / "pets"), image_shape=SHAPE)
    assert dataset.train.image_shape == SHAPE
    assert load_dataset(str(tmp_path / "pets")).train.image_shape == (32, 32, 3)
    (tmp_path / "empty" / "a").mkdir(parents=True)
    assert not is_picture_folder(tmp_path / "empty")
    with pytest.raises(
        DataError, match=r"empty: holds neither CIFAR-10 .* nor a folder of pictures .*unlabelled"
    ):
        load_dataset(str(tmp_path / "empty"))
