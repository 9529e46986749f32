"""A user's own pictures, in a folder for each class, as a data set."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from cae.data.images import Dataset, ImageSet
from cae.data.pictures import load_pictures
from cae.data.splits import set_test_aside
from cae.errors import DataError
from cae.wording import show

TRAIN, TEST, UNLABELLED = "train", "test", "unlabelled"

_SUFFIXES = re.compile(r"\.(png|jpe?g|webp|gif|bmp|tiff?|p[pgn]m|jp2|avif)", re.IGNORECASE)
# How the special folders are written, too.
_MEANT = {TRAIN: TRAIN, TEST: TEST, UNLABELLED: UNLABELLED, "unlabeled": UNLABELLED}
_DIGEST_DIGITS = 8
_MOST_NAME = 40
_MOST_TOLD = 4

logger = logging.getLogger(__name__)


class _Reader:
    """Loads pictures in one shape, and remembers which files have the same pixels."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        self._image_shape = image_shape
        self.places: dict[bytes, list[Path]] = defaultdict(list)

    def load(self, paths: Sequence[Path], class_names: tuple[str, ...]) -> ImageSet:
        """Return the pictures in `paths` as an unlabelled set."""
        images = load_pictures(paths, image_shape=self._image_shape, class_names=class_names)
        for image, path in zip(images.images, paths, strict=True):
            self.places[_digest(image)].append(path)
        return images


def is_picture_folder(path: Path) -> bool:
    """Return whether there is a picture in a folder of the folder `path`.

    Raises:
        DataError: the file system refuses to look there.
    """
    folders = _find_folders(path).values()
    return any(next(_find_pictures(folder), None) is not None for folder in folders)


def load_folder(path: Path, *, image_shape: tuple[int, int, int]) -> Dataset:
    """Return the pictures below `path` as a data set, each resized as `load_pictures` does.

    `path` holds a folder of pictures for each class, of which a fifth, every class with its share,
    is set aside for testing; or folders `train` and `test`, each with a folder for each class.
    Beside them a folder `unlabelled` may hold pictures that only the autoencoder learns from.
    Folders within these are looked through too; links to folders, files whose names begin with a
    dot, and files that are no pictures by their names are passed by.

    The data set's `source` is the folder's name and the beginning of the SHA-256 of the pixels:
    with other pictures, or pictures of another size, it is another data set. No class is thinned.

    Args:
        path: the folder.
        image_shape: [height, width, channels] of the images.

    Raises:
        DataError: the folders are not laid out like that, there are too few pictures, or one of
            them cannot be read.
    """
    folders = _find_folders(path)
    _warn_of_loose_pictures(path)
    unlabelled = folders.pop(UNLABELLED, None)
    reader = _Reader(image_shape)
    if TRAIN in folders or TEST in folders:
        train, test = _load_parts(path, folders, reader)
    else:
        _warn_of_names(path, folders)
        name = path.resolve().name
        train, test = set_test_aside(_load_classes(folders, reader, name=name))
    rest = None
    if unlabelled is not None:
        rest = _load_unlabelled(unlabelled, reader, train.class_names)
    learnt_from = [train] if rest is None else [train, rest]
    _warn_of_copies(test, learnt_from, reader.places, path)
    source = _name_source(path, [test, *learnt_from])
    return Dataset(train, test, (), source=source, unlabelled=rest)


def _warn_of_names(path: Path, folders: Mapping[str, Path]) -> None:
    """Warn of classes that are probably meant to be none."""
    for name in folders:
        meant = _MEANT.get(name.casefold(), name)
        if meant != name:
            logger.warning(
                "%s: the folder %s is taken for a class; if it is none, call it %s",
                *(path, show(name), meant),
            )


def _warn_of_loose_pictures(path: Path) -> None:
    names = [each.name for each in path.iterdir() if _is_picture(each) and each.is_file()]
    loose = [name for name in names if not name.startswith(".")]
    if loose:
        logger.warning(
            "%s: passing by pictures that lie in no class's folder: %d, such as %s",
            *(path, len(loose), show(min(loose))),
        )


def _load_parts(
    path: Path, folders: Mapping[str, Path], reader: _Reader
) -> tuple[ImageSet, ImageSet]:
    """Return what the folders `train` and `test` hold."""
    for name in (TRAIN, TEST):
        if name not in folders:
            raise DataError(
                f"{path}: has a folder {TEST if name == TRAIN else TRAIN}, but none called {name}; "
                f"give both, or the classes' folders alone, to have a fifth set aside for testing"
            )
    others = sorted(folders.keys() - {TRAIN, TEST})
    if others:
        raise DataError(
            f"{path}: beside {TRAIN} and {TEST} there may be {UNLABELLED} only, found "
            f"{show(others[0])}; move its pictures into one of them (validation images are taken "
            "from the training images)"
        )
    for name in (TRAIN, TEST):
        _warn_of_loose_pictures(folders[name])
    train, test = (
        _load_classes(_find_folders(folders[part]), reader, name=part) for part in (TRAIN, TEST)
    )
    if train.class_names != test.class_names:
        (odd, *_) = sorted(set(train.class_names) ^ set(test.class_names))
        where, missing = (TRAIN, TEST) if odd in train.class_names else (TEST, TRAIN)
        raise DataError(
            f"{path}: class {show(odd)} is in {where} and not in {missing}; give both the same "
            "classes"
        )
    return train, test


def _load_classes(folders: Mapping[str, Path], reader: _Reader, *, name: str) -> ImageSet:
    """Return the pictures in folders named by their classes, class by class, sorted by name."""
    names = tuple(folders)
    if len(names) < 2:
        found = f"only {show(names[0])}" if names else "none"
        raise DataError(
            f"{name}: expected a folder for each of two classes or more, found {found}; give some "
            "labelled pictures, a few of each class, folders named after their classes"
        )
    for class_name in names:
        try:
            class_name.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"{name}: a class cannot be called {class_name!a}, which is no UTF-8; rename its "
                "folder"
            ) from None
    paths = [_list_pictures(folder) for folder in folders.values()]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(found) for found in paths])
    flat = [path for found in paths for path in found]
    return ImageSet(reader.load(flat, names).images, labels, names, name)


def _load_unlabelled(folder: Path, reader: _Reader, class_names: tuple[str, ...]) -> ImageSet:
    return reader.load(_list_pictures(folder), class_names).rename(UNLABELLED)


def _find_folders(path: Path) -> dict[str, Path]:
    """Return the folders in a folder by their names, sorted by these."""
    try:
        found = sorted(each for each in path.iterdir() if each.is_dir())
    except OSError as error:
        _refuse(error)
    return {each.name: each for each in found if not each.name.startswith(".")}


def _list_pictures(folder: Path) -> list[Path]:
    paths = list(_find_pictures(folder))
    if not paths:
        raise DataError(
            f"{folder}: holds no picture (PNG, JPEG, WebP and the like); add them or remove the "
            "folder"
        )
    return paths


def _find_pictures(folder: Path) -> Iterator[Path]:
    """Yield the pictures in a folder and in the folders within it, sorted by their names."""
    others: list[Path] = []
    for directory, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            path = Path(directory, name)
            if _is_picture(path):
                yield path
            else:
                others.append(path)
    if others:
        logger.warning(
            "%s: passing by what is no picture: %d files, such as %s",
            folder,
            len(others),
            others[0].name,
        )


def _is_picture(path: Path) -> bool:
    return _SUFFIXES.fullmatch(path.suffix) is not None


def _refuse(error: OSError) -> NoReturn:
    raise DataError(f"{error.filename}: cannot be looked into: {error.strerror}") from None


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
