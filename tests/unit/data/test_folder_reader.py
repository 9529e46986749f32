"""Pictures of folders are listed and read as a set that knows its files."""

from __future__ import annotations

import pytest

from cae.data.folder_reader import FolderReader, Listing, list_labelled
from cae.data.origin import compute_digest
from cae.errors import DataError
from tests.unit.data.numbered_pictures import SHAPE, damage, draw, fill


def test_a_class_may_have_several_folders(tmp_path):
    fill(tmp_path, {"train/a": 2, "test/a": 1, "train/b": 1})
    folders = {"a": [tmp_path / "train/a", tmp_path / "test/a"], "b": [tmp_path / "train/b"]}
    listing = list_labelled(folders, name="pets")
    names = [path.relative_to(tmp_path).as_posix() for path in listing.paths]
    assert names == ["train/a/000.png", "train/a/001.png", "test/a/000.png", "train/b/000.png"]
    assert listing.labels is not None
    assert listing.labels.tolist() == [0, 0, 0, 1]
    assert (listing.class_names, listing.name) == (("a", "b"), "pets")


def test_what_is_read_knows_its_files_and_their_pixels(tmp_path):
    root = fill(tmp_path / "pets", {"a": 2, "b/deep": 2})
    listing = list_labelled({name: [root / name] for name in "ab"}, name="pets")
    reader = FolderReader(root, SHAPE)
    images = reader.read(listing)
    assert reader.settle() == ()
    assert images.origin is not None
    assert list(images.origin.files) == [
        *("a/000.png", "a/001.png", "b/deep/000.png", "b/deep/001.png")
    ]
    expected = [compute_digest(draw(number).transpose(2, 0, 1)) for number in range(4)]
    assert list(images.origin.digests) == expected


def test_what_is_left_out_is_left_out_of_all_parts_and_told_once(tmp_path, caplog):
    root = fill(tmp_path / "pets", {"a": 4, "b": 3, "unlabelled": 3})
    names = ["a/002.png", "b/000.png", "unlabelled/002.png"]
    for name in names:
        damage(root / name)
    labelled = list_labelled({name: [root / name] for name in "ab"}, name="pets")
    rest = Listing(sorted((root / "unlabelled").iterdir()), None, ("a", "b"), "unlabelled")
    reader = FolderReader(root, SHAPE, skip_damaged=True)
    images, unlabelled = reader.read(labelled), reader.read(rest)
    assert not caplog.records
    assert reader.settle() == tuple(names)
    assert caplog.text.count("leaving out pictures: 3 of 10 pictures cannot be used: ") == 1
    assert images.rows is not None
    assert images.rows.tolist() == [0, 1, 3, 5, 6]
    assert images.class_counts().tolist() == [3, 2]
    assert (images.images[2].transpose(1, 2, 0) == draw(3)).all()
    assert (unlabelled.images[1].transpose(1, 2, 0) == draw(8)).all()
    assert len(unlabelled) == 2

    strict = FolderReader(root, SHAPE)
    strict.read(labelled)
    with pytest.raises(DataError, match=r"2 of 7 pictures cannot be used: .*--skip-damaged"):
        strict.settle()
