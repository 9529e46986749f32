"""A user's own pictures, in a folder for each class, as a data set."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cae.data.images import Dataset, ImageSet
from cae.data.layout import (
    TEST,
    TRAIN,
    UNLABELLED,
    find_folders,
    find_layout,
    holds_pictures,
    list_pictures,
)
from cae.data.pictures import OnPictures, PictureReader
from cae.data.splits import set_test_aside
from cae.errors import DataError
from cae.wording import show

_DIGEST_DIGITS = 8
_MOST_NAME = 40
_MOST_TOLD = 4

logger = logging.getLogger(__name__)


class _Reader:
    """Loads pictures in one shape, and remembers which files have the same pixels."""

    def __init__(self, pictures: PictureReader) -> None:
        self.pictures = pictures
        self.places: dict[bytes, list[Path]] = defaultdict(list)

    def load(self, paths: Sequence[Path]) -> NDArray[np.uint8]:
        """Return the pictures in `paths`, uint8 [N, C, H, W], to be used if all of them can be."""
        images, usable = self.pictures.read(paths)
        for place in usable:
            self.places[_digest(images[place])].append(paths[place])
        return images


def is_picture_folder(path: Path) -> bool:
    """Return whether there is a picture in a folder of the folder `path`.

    Raises:
        DataError: the file system refuses to look there.
    """
    return any(map(holds_pictures, find_folders(path).values()))


def load_folder(
    path: Path, *, image_shape: tuple[int, int, int], on_pictures: OnPictures | None = None
) -> Dataset:
    """Return the pictures below `path` as a data set, each resized as `load_pictures` does.

    `path` holds a folder of pictures for each class, of which a fifth, every class with its share,
    is set aside for testing; or folders `train` and `test`, each with a folder for each class.
    Beside them a folder `unlabelled` may hold pictures that only the autoencoder learns from.
    Folders within these are looked through too; links to folders, files whose names begin with a
    dot, files that are no pictures by their names, and runs are passed by. See `find_layout`.

    The data set's `source` is the folder's name and the beginning of the SHA-256 of the pixels:
    with other pictures, or pictures of another size, it is another data set. No class is thinned.

    Args:
        path: the folder.
        image_shape: [height, width, channels] of the images.
        on_pictures: called with how many pictures of a part are read, and how many there are.

    Raises:
        DataError: the folders are not laid out like that, there are too few pictures, or some of
            them cannot be used.
    """
    layout = find_layout(path)
    layout.require_parts()
    reader = _Reader(PictureReader(image_shape, on_progress=on_pictures))
    if layout.classes is not None:
        name = path.resolve().name
        train, test = set_test_aside(_load_classes(layout.classes, reader, name=name))
    else:
        assert layout.train is not None
        assert layout.test is not None
        train = _load_classes(layout.train, reader, name=TRAIN)
        test = _load_classes(layout.test, reader, name=TEST)
        _require_same_classes(path, train, test)
    rest = None
    if layout.unlabelled is not None:
        rest = _load_unlabelled(layout.unlabelled, reader, train.class_names)
    # Those of all parts at once: nobody wants to mend one folder after the other.
    reader.pictures.tell()
    reader.pictures.require_all()
    learnt_from = [train] if rest is None else [train, rest]
    _warn_of_copies(test, learnt_from, reader.places, path)
    source = _name_source(path, [test, *learnt_from])
    return Dataset(train, test, (), source=source, unlabelled=rest)


def _require_same_classes(path: Path, train: ImageSet, test: ImageSet) -> None:
    if train.class_names != test.class_names:
        (odd, *_) = sorted(set(train.class_names) ^ set(test.class_names))
        where, missing = (TRAIN, TEST) if odd in train.class_names else (TEST, TRAIN)
        raise DataError(
            f"{path}: class {show(odd)} is in {where} and not in {missing}; give both the same "
            "classes"
        )


def _load_classes(folders: Mapping[str, Path], reader: _Reader, *, name: str) -> ImageSet:
    """Return the pictures in folders named by their classes, class by class, sorted by name."""
    names = tuple(folders)
    if len(names) < 2:
        found, deeper = "none", ""
        for only, folder in folders.items():
            found = f"only {show(only)}"
            if len(find_folders(folder)) > 1:
                deeper = f"; if the classes are the folders in it, give {folder}"
        raise DataError(
            f"{name}: expected a folder for each of two classes or more, found {found}; give some "
            "labelled pictures, a few of each class, folders named after their classes"
            f"{deeper}"
        )
    for class_name in names:
        try:
            class_name.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"{name}: a class cannot be called {class_name!a}, which is no UTF-8; rename its "
                "folder"
            ) from None
    paths = [list_pictures(folder) for folder in folders.values()]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(found) for found in paths])
    flat = [path for found in paths for path in found]
    return ImageSet(reader.load(flat), labels, names, name)


def _load_unlabelled(folder: Path, reader: _Reader, class_names: tuple[str, ...]) -> ImageSet:
    return ImageSet(reader.load(list_pictures(folder)), None, class_names, UNLABELLED)


def _warn_of_copies(
    test: ImageSet,
    learnt_from: Sequence[ImageSet],
    places: Mapping[bytes, Sequence[Path]],
    root: Path,
) -> None:
    """Warn of test images that are trained on too: what is measured on them means little."""
    seen = {_digest(image) for part in learnt_from for image in part.images}
    copies = [digest for digest in map(_digest, test.images) if digest in seen]
    if copies:
        same = [show(str(path.relative_to(root))) for path in places[copies[0]]]
        if len(same) > _MOST_TOLD:
            same[_MOST_TOLD - 1 :] = [f"{len(same) - _MOST_TOLD + 1} more"]
        logger.warning(
            "%s of the %s test images are among the training images too, pixel by pixel, and make "
            "the scores look better than they are; keep one of each alone: %s are one picture",
            f"{len(copies):,}",
            f"{len(test):,}",
            f"{', '.join(same[:-1])} and {same[-1]}",
        )


def _digest(image: NDArray[np.uint8]) -> bytes:
    # In the order in which it lies in memory.
    return hashlib.blake2b(image.transpose(1, 2, 0).tobytes(), digest_size=16).digest()


def _name_source(path: Path, parts: Sequence[ImageSet]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        height, width, channels = part.image_shape
        shape = (len(part), channels, height, width)
        digest.update(repr((part.class_names, shape)).encode())
        for content in part.dump():
            digest.update(content)
    name = re.sub(r"[^A-Za-z0-9]+", "-", path.resolve().name).strip("-")[:_MOST_NAME]
    return f"{name or 'pictures'}-{digest.hexdigest()[:_DIGEST_DIGITS]}"
