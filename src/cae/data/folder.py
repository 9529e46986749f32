"""A user's own pictures, in a folder for each class, as a data set."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cae.data.copies import list_files, tell_contradictions
from cae.data.folder_reader import FolderReader, Listing, list_labelled
from cae.data.images import Dataset, ImageSet
from cae.data.layout import (
    TEST,
    TRAIN,
    UNLABELLED,
    Layout,
    find_folders,
    find_layout,
    holds_pictures,
    list_pictures,
)
from cae.data.pictures import OnPictures
from cae.data.splits import draw_test_images, set_test_aside
from cae.errors import DataError, TooFewError
from cae.wording import show

_DIGEST_DIGITS = 8
_MOST_NAME = 40


def is_picture_folder(path: Path) -> bool:
    """Return whether there is a picture in one of the folders in `path`, or below.

    Raises:
        DataError: the file system refuses to look there.
    """
    return any(map(holds_pictures, find_folders(path).values()))


def load_folder(
    path: Path,
    *,
    image_shape: tuple[int, int, int],
    skip_damaged: bool = False,
    on_pictures: OnPictures | None = None,
) -> Dataset:
    """Return the pictures below `path` as a data set, each resized as `load_pictures` does.

    `path` holds a folder of pictures for each class, of which a fifth, from each class its share,
    is set aside for testing; or folders `train` and `test`, each with a folder for each class.
    Beside them a folder `unlabelled` may hold pictures that only the autoencoder learns from.
    Subfolders of these are searched too, and links are followed. Files whose names begin with a
    dot, files that are not pictures, going by their names, and runs are skipped. See
    `find_layout`.

    The data set's `source` is the folder's name and the beginning of the SHA-256 of the pixels:
    with other pictures, or pictures of another size, it is another data set. No class is thinned.

    Args:
        path: the folder.
        image_shape: [height, width, channels] of the images.
        skip_damaged: leave out the pictures that cannot be used, and name them in `left_out`; the
            data set is then the same as if they had been deleted.
        on_pictures: called with how many pictures of a part have been read, and its total.

    Raises:
        DataError: the folders are not laid out like that, there are too few pictures, or some of
            them cannot be used; with `skip_damaged`, only if none of a class can.
    """
    reader = FolderReader(path, image_shape, skip_damaged=skip_damaged, on_pictures=on_pictures)
    layout = find_layout(path)
    return load_layout(layout, list_parts(layout), reader)


def load_layout(layout: Layout, listings: Sequence[Listing], reader: FolderReader) -> Dataset:
    """Return the pictures of a layout as a data set; see `load_folder`.

    Args:
        layout: from `find_layout`.
        listings: its labelled pictures, from `list_parts`.
        reader: reads the pictures.
    """
    path = layout.root
    rest = None
    if layout.unlabelled is not None:
        class_names = listings[0].class_names
        rest = Listing(list_pictures(layout.unlabelled), None, class_names, UNLABELLED)
    parts = [reader.read(listing) for listing in listings]
    unlabelled = None if rest is None else reader.read(rest)
    # For all parts at once: nobody wants to repair one folder after the other.
    left_out = reader.settle()
    train, test = parts if len(parts) == 2 else set_test_aside(parts[0])
    learnt_from = [train] if unlabelled is None else [train, unlabelled]
    tell_contradictions(train, test)
    return Dataset(
        *(train, test, ()),
        source=name_source(path, [test, *learnt_from]),
        unlabelled=unlabelled,
        is_test_set_aside=layout.classes is not None,
        left_out=left_out,
        pictures_sha256={
            TRAIN: compute_pictures_sha256(train),
            TEST: compute_pictures_sha256(test),
        },
    )


def list_parts(layout: Layout) -> list[Listing]:
    """Return the labelled pictures: those to train on and to test on, or both in one listing.

    Raises:
        DataError: training and test pictures have different classes, one of the two is missing, or
            a folder holds no pictures.
        TooFewError: (a DataError) there are fewer than two classes, or a class has too few
            pictures to set some aside.
    """
    layout.require_parts()
    path = layout.root
    if layout.classes is None:
        assert layout.train is not None
        assert layout.test is not None
        require_same_classes(path, layout.train, layout.test)
        return [
            _list_classes(layout.train, name=TRAIN, place=path / TRAIN),
            _list_classes(layout.test, name=TEST, place=path / TEST),
        ]
    listing = _list_classes(layout.classes, name=path.resolve().name, place=path)
    assert listing.labels is not None
    # Checked now: if there are too few, the pictures need not be read.
    draw_test_images(listing.labels, listing.class_names, name=listing.name)
    return [listing]


def require_same_classes(path: Path, train: Mapping[str, Path], test: Mapping[str, Path]) -> None:
    """Refuse training and test folders, in `path`, that do not have the same classes."""
    if train.keys() != test.keys():
        odd = min(train.keys() ^ test.keys())
        where, missing = (TRAIN, TEST) if odd in train else (TEST, TRAIN)
        raise DataError(
            f"{path}: class {show(odd)} is in {where} but not in {missing}; give both the same "
            "classes"
        )


def _list_classes(folders: Mapping[str, Path], *, name: str, place: Path) -> Listing:
    """Return the pictures in folders named by their classes.

    Args:
        folders: the classes' folders by name.
        name: the name of the set.
        place: where the folders should be, for the message if there are none.
    """
    if len(folders) < 2:
        found, deeper = "none", ""
        for only, folder in folders.items():
            place, found = folder.parent, f"only {show(only)}"
            if len(find_folders(folder)) > 1:
                deeper = f"; if the classes are the folders in it, give {folder}"
        raise TooFewError(
            f"{place}: expected a folder for each of two or more classes, found {found}; give some "
            "labelled pictures, a few of each class, in folders named after their classes"
            f"{deeper}"
        )
    return list_labelled({name: [folder] for name, folder in folders.items()}, name=name)


def name_source(path: Path, parts: Iterable[ImageSet]) -> str:
    """Return the name of the images in the folder `path`: `Dataset.source`.

    Args:
        path: the folder.
        parts: the parts of the data set: test images, training images, then unlabelled ones if any.
    """
    digest = hashlib.sha256()
    for part in parts:
        height, width, channels = part.image_shape
        shape = (len(part), channels, height, width)
        digest.update(repr((part.class_names, shape)).encode())
        for content in part.dump():
            digest.update(content)
    return f"{name_folder(path)}-{digest.hexdigest()[:_DIGEST_DIGITS]}"


def compute_pictures_sha256(images: ImageSet) -> str:
    """Return the SHA-256, in hexadecimal, of images that come from files, and of their classes.

    The digests of the pictures are hashed, not their pixels, which are many times as many bytes.
    """
    assert images.origin is not None
    digest = hashlib.sha256(repr((images.class_names, images.image_shape)).encode())
    for of_picture, _ in list_files(images):
        digest.update(of_picture)
    if images.labels is not None:
        digest.update(images.labels.astype("<i8").tobytes())
    return digest.hexdigest()


def name_folder(path: Path) -> str:
    """Return the beginning of the name of images in the folder `path`; see `name_source`."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", path.resolve().name).strip("-")[:_MOST_NAME]
    return name or "pictures"
