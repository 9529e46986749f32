"""Folders are classes, or set apart from them, as their names and contents tell."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cae.data.layout import find_layout, list_pictures
from cae.errors import DataError
from cae.run_folder import RunFolder, StudyFolder


def lay(root: Path, *folders: str) -> Path:
    """Make the folders, each with a file that is a picture by its name, and return their root."""
    for folder in folders:
        (root / folder).mkdir(parents=True)
        (root / folder / "0.png").touch()
    return root


def test_folders_are_classes_and_nothing_is_said(tmp_path, caplog):
    layout = find_layout(lay(tmp_path, "dog", "cat", "cat/old", "unlabelled"))
    assert layout.classes is not None
    assert layout.classes == {"cat": tmp_path / "cat", "dog": tmp_path / "dog"}
    assert [*layout.classes] == ["cat", "dog"]
    assert (layout.train, layout.test) == (None, None)
    assert layout.unlabelled == tmp_path / "unlabelled"
    assert not caplog.records


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "Test"),
        ("training_set", "test_set"),
        ("TrainingSet", "TestSet"),
        ("training data", "Testing"),
        ("seg_train", "seg_test"),
        ("train", "Test"),
    ],
)
def test_training_and_test_pictures_are_known_by_many_names(tmp_path, caplog, train, test):
    inner = ("a", "b")
    lay(tmp_path, *(f"{part}/{name}" for part in (train, test) for name in inner), "unlabeled")
    layout = find_layout(tmp_path)
    assert layout.classes is None
    assert layout.train == {name: tmp_path / train / name for name in inner}
    assert layout.test == {name: tmp_path / test / name for name in inner}
    assert layout.unlabelled == tmp_path / "unlabeled"
    layout.require_parts()
    assert not caplog.records


@pytest.mark.parametrize(
    "names",
    [
        ("crash_test", "road_test"),
        ("test_tube", "training_shoe", "cup"),
        ("express train", "test pilot"),
    ],
)
def test_classes_that_have_such_words_in_their_names_are_classes(tmp_path, names):
    layout = find_layout(lay(tmp_path, *(f"{name}/{of}" for name in names for of in "ab")))
    assert layout.classes is not None
    assert list(layout.classes) == sorted(names)


@pytest.mark.parametrize("name", ["UNLABELLED", "unlabeled", "Unlabelled images"])
def test_what_has_no_label_is_known_by_several_names(tmp_path, name):
    layout = find_layout(lay(tmp_path, "a", "b", name))
    assert layout.classes is not None
    assert list(layout.classes) == ["a", "b"]
    assert layout.unlabelled == tmp_path / name


def test_vehicles_are_no_parts(tmp_path, caplog):
    """A class may be called Train where its pictures lie in it, or where no test is beside it."""
    layout = find_layout(lay(tmp_path, "Train", "Test bench", "Car", "Train/steam", "Train/old"))
    assert layout.classes is not None
    assert list(layout.classes) == ["Car", "Test bench", "Train"]
    (record,) = caplog.records
    words = "the folder 'Train' is taken for a class; if it is not one, rename it train"
    assert words in record.getMessage()


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (["train/a", "train/unlabelled", "test/a"], r"train/unlabelled: .* move them to .*/unlab"),
        (["Train/a", "Test/a", "Test/unlabeled"], r"Test/unlabeled: .* move them to .*/unlabelled"),
        (["train/a", "training_set/a", "test/a"], "'train' and 'training_set' mean the same"),
        (["a", "unlabelled", "unlabeled"], "'unlabeled' and 'unlabelled' mean the same"),
        (["train/a", "val/a"], "found 'val'; rename it test to test on it"),
        (["test/a", "val/a"], "found 'val'; rename it train to train on it"),
        (["Train/a", "Valid/a"], "found 'Valid'; rename it test to test on it"),
        (["train/a", "test/a", "val/a"], "found 'val'; move its pictures into one of these"),
        (["train/a", "test/a", "b", "c", "d", "e"], "found 'b', 'c', 'd' and 1 more; move"),
        (["test/a", "b"], "has a folder test, but none called train; give both"),
    ],
)
def test_what_does_not_go_together_is_refused_with_a_remedy(tmp_path, folders, words):
    with pytest.raises(DataError, match=words):
        find_layout(lay(tmp_path, *folders))


def test_test_pictures_alone_are_a_layout_but_not_one_to_train_on(tmp_path):
    layout = find_layout(lay(tmp_path, "test/a", "test/b"))
    assert layout.train is None
    assert layout.test is not None
    with pytest.raises(DataError, match="has a folder test, but none called train"):
        layout.require_parts()


def test_classes_that_all_hold_the_same_folders_are_warned_of(tmp_path, caplog):
    years, kinds = ("2019", "2020"), ("cat", "dog")
    find_layout(lay(tmp_path, *(f"{year}/{kind}" for year in years for kind in kinds)))
    (record,) = caplog.records
    assert "'2019' and '2020' are taken for the classes" in record.getMessage()
    assert "the same folders in it, 'cat' and 'dog'; if those are" in record.getMessage()


def test_a_folder_of_images_in_each_class_is_no_reason_to_warn(tmp_path, caplog):
    find_layout(lay(tmp_path, "cat/images", "dog/images"))
    assert not caplog.records


def test_runs_among_the_pictures_are_passed_by_with_a_word(tmp_path, caplog):
    lay(tmp_path, "cat", "dog", "runs/mine/plots", "study/plots", "dog/mine/plots")
    RunFolder(tmp_path / "runs" / "mine", "x").make()
    RunFolder(tmp_path / "dog" / "mine", "x").make()
    StudyFolder(tmp_path / "study").make()
    with caplog.at_level(logging.WARNING):
        layout = find_layout(tmp_path)
    assert layout.classes is not None
    assert list(layout.classes) == ["cat", "dog"]
    assert list_pictures(tmp_path / "dog") == [tmp_path / "dog" / "0.png"]
    told = [record.getMessage().partition(": ") for record in caplog.records]
    assert [(Path(path).name, words) for path, _, words in told] == [
        (name, "skipping a folder that is not a class but holds a run of cae")
        for name in ("mine", "mine", "study")
    ]


def test_in_the_folder_of_a_run_the_pictures_directly_in_it_are_found(tmp_path, caplog):
    run = lay(tmp_path, "mine", "mine/plots") / "mine"
    RunFolder(run, "x").make()
    with caplog.at_level(logging.WARNING):
        assert list_pictures(run) == [run / "0.png"]
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == f"{run}: holds a run of cae; skipping the folders in it"
    # It is no class for that.
    layout = find_layout(lay(tmp_path, "cat", "dog"))
    assert layout.classes is not None
    assert list(layout.classes) == ["cat", "dog"]


def test_links_are_followed_and_no_folder_is_looked_through_twice(tmp_path):
    archive = lay(tmp_path / "archive", "2019", "2020/trip")
    folder = lay(tmp_path / "mine", "cat")
    (folder / "cat" / "album").symlink_to(archive / "2019")
    (folder / "cat" / "again").symlink_to(archive / "2019")
    (archive / "2019" / "all").symlink_to(archive)  # and so round in a circle
    assert list_pictures(folder / "cat") == [
        folder / "cat" / "0.png",
        folder / "cat" / "again" / "0.png",
        folder / "cat" / "again" / "all" / "2020" / "trip" / "0.png",
    ]
