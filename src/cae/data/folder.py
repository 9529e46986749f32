"""A user's own pictures, in a folder for each class, as a data set."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cae.data.images import Dataset, ImageSet
from cae.data.layout import (
    TEST,
    TRAIN,
    UNLABELLED,
    Layout,
    find_folders,
    find_layout,
    find_pictures,
    holds_pictures,
    list_pictures,
)
from cae.data.pictures import OnPictures, PictureReader
from cae.data.splits import set_test_aside
from cae.errors import DataError, TooFewError
from cae.wording import show

_DIGEST_DIGITS = 8
_MOST_NAME = 40
_MOST_TOLD = 4

logger = logging.getLogger(__name__)


class _Reader:
    """Loads pictures in one shape, and remembers which files have the same pixels."""

    def __init__(self, pictures: PictureReader) -> None:
        self._pictures = pictures
        self.places: dict[bytes, list[Path]] = defaultdict(list)

    def load(self, paths: Sequence[Path]) -> NDArray[np.uint8]:
        """Return the pictures in `paths`, uint8 [N, C, H, W], to be used if all of them can be."""
        images, usable = self._pictures.read(paths)
        for place in usable:
            self.places[_digest(images[place])].append(paths[place])
        return images

    def require_all(self) -> None:
        """Warn of what is doubtful in all that was loaded, and refuse what cannot be used."""
        self._pictures.tell()
        self._pictures.require_all()


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
    Folders within these are looked through too, and what links lead to; files whose names begin
    with a dot, files that are no pictures by their names, and runs are passed by. See
    `find_layout`.

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
    return _load_layout(find_layout(path), image_shape, on_pictures)


def _load_layout(
    layout: Layout, image_shape: tuple[int, int, int], on_pictures: OnPictures | None
) -> Dataset:
    layout.require_parts()
    path = layout.root
    reader = _Reader(PictureReader(image_shape, on_progress=on_pictures))
    if layout.classes is not None:
        name = path.resolve().name
        train, test = set_test_aside(_load_classes(layout.classes, reader, name=name, place=path))
    else:
        assert layout.train is not None
        assert layout.test is not None
        _require_same_classes(path, layout.train, layout.test)
        train = _load_classes(layout.train, reader, name=TRAIN, place=path / TRAIN)
        test = _load_classes(layout.test, reader, name=TEST, place=path / TEST)
    rest = None
    if layout.unlabelled is not None:
        rest = _load_unlabelled(layout.unlabelled, reader, train.class_names)
    # Those of all parts at once: nobody wants to mend one folder after the other.
    reader.require_all()
    learnt_from = [train] if rest is None else [train, rest]
    _warn_of_copies(test, learnt_from, reader.places, path)
    source = _name_source(path, [test, *learnt_from])
    return Dataset(
        *(train, test, ()),
        source=source,
        unlabelled=rest,
        is_test_set_aside=layout.classes is not None,
    )


@dataclass(frozen=True, slots=True)
class MeasuredPictures:
    """A user's own pictures to measure a model on.

    Attributes:
        images: labelled, of one class or more.
        source: what they are called: `Dataset.source`, where they are part of a data set.
        labelled: how many labelled pictures there are, `images` among them.
        data_set: `Dataset.source` of the data set that they are the labelled pictures of, or test
            pictures of; None where they are of none, or it was not asked for.
        tested: how many of `images` are for testing; all of them where they are of no data set.
    """

    images: ImageSet
    source: str
    labelled: int
    data_set: str | None
    tested: int


def load_test_pictures(
    path: Path,
    *,
    image_shape: tuple[int, int, int],
    everything: bool = False,
    asked: str | None = None,
    on_pictures: OnPictures | None = None,
) -> MeasuredPictures:
    """Return the test pictures below `path`; all that are labelled, where none are to train on.

    Args:
        path: a folder as `load_folder` takes it, or with the folder `test` alone.
        image_shape: [height, width, channels] of the images.
        everything: take all labelled pictures in any case; there may be a single class.
        asked: what a data set is called; with `everything`, `data_set` is told if it may be that
            one: only then are the pictures without a label read too.
        on_pictures: as of `load_folder`.

    Raises:
        DataError: as `load_folder`.
    """
    layout = find_layout(path)
    if not everything and (layout.test is None or layout.train is not None):
        dataset = _load_layout(layout, image_shape, on_pictures)
        count = len(dataset.train) + len(dataset.test)
        source, tested = dataset.source, len(dataset.test)
        return MeasuredPictures(dataset.test, source, count, source, tested)
    folders: dict[str, list[Path]] = {}
    for part in (layout.classes, layout.train, layout.test):
        for name, folder in (part or {}).items():
            folders.setdefault(name, []).append(folder)
    if not folders:
        raise DataError(
            f"{path}: holds no folder of a class; give labelled pictures, in folders named after "
            "their classes"
        )
    reader = _Reader(PictureReader(image_shape, on_progress=on_pictures))
    images = _load_labelled(dict(sorted(folders.items())), reader, name=path.resolve().name)
    reader.require_all()
    source, data_set, tested = _name_source(path, [images]), None, len(images)
    if asked is not None and asked.rpartition("-")[0] == _name_folder(path):
        data_set, tested = _find_data_set(layout, images)
    return MeasuredPictures(images, source, len(images), data_set, tested)


def _find_data_set(layout: Layout, images: ImageSet) -> tuple[str | None, int]:
    """Return what the data set is called that all labelled pictures are of, and how many test.

    Args:
        layout: of the pictures.
        images: all labelled ones, as `_load_labelled` gives them.
    """
    if len(images.class_names) < 2:
        return None, len(images)
    try:
        layout.require_parts()
        if layout.classes is not None:
            train, test = set_test_aside(images)
        else:
            train, test = _take_apart(layout, images)
    except DataError:  # They are no data set.
        return None, len(images)
    parts = [test, train]
    if layout.unlabelled is not None:
        reader = PictureReader(images.image_shape)
        pixels, usable = reader.read(list(find_pictures(layout.unlabelled)))
        if not usable or len(usable) < len(pixels):
            return None, len(images)
        parts.append(ImageSet(pixels, None, images.class_names, UNLABELLED))
    return _name_source(layout.root, parts), len(test)


def _take_apart(layout: Layout, images: ImageSet) -> tuple[ImageSet, ImageSet]:
    """Return those of the labelled pictures that lie in the folder for training, and the others."""
    assert layout.train is not None
    assert layout.test is not None
    _require_same_classes(layout.root, layout.train, layout.test)
    is_test: list[bool] = []
    for name in images.class_names:
        for part in (layout.train, layout.test):
            is_test += [part is layout.test] * sum(1 for _ in find_pictures(part[name]))
    return (
        images.select(np.flatnonzero(np.logical_not(is_test))),
        images.select(np.flatnonzero(is_test)),
    )


def _require_same_classes(path: Path, train: Mapping[str, Path], test: Mapping[str, Path]) -> None:
    if train.keys() != test.keys():
        odd = min(train.keys() ^ test.keys())
        where, missing = (TRAIN, TEST) if odd in train else (TEST, TRAIN)
        raise DataError(
            f"{path}: class {show(odd)} is in {where} and not in {missing}; give both the same "
            "classes"
        )


def _load_classes(
    folders: Mapping[str, Path], reader: _Reader, *, name: str, place: Path
) -> ImageSet:
    """Return the pictures in folders named by their classes, class by class, sorted by name.

    Args:
        folders: of the classes, by name.
        reader: of the pictures.
        name: of the set.
        place: where the folders should lie, for messages where there is none.
    """
    names = tuple(folders)
    if len(names) < 2:
        found, deeper = "none", ""
        for only, folder in folders.items():
            place, found = folder.parent, f"only {show(only)}"
            if len(find_folders(folder)) > 1:
                deeper = f"; if the classes are the folders in it, give {folder}"
        raise TooFewError(
            f"{place}: expected a folder for each of two classes or more, found {found}; give some "
            "labelled pictures, a few of each class, folders named after their classes"
            f"{deeper}"
        )
    return _load_labelled({name: [folder] for name, folder in folders.items()}, reader, name=name)


def _load_labelled(
    folders: Mapping[str, Sequence[Path]], reader: _Reader, *, name: str
) -> ImageSet:
    """Return the pictures in the folders of each class, class by class."""
    for class_name in folders:
        try:
            class_name.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"{name}: a class cannot be called {class_name!a}, which is no UTF-8; rename its "
                "folder"
            ) from None
    paths = [[path for each in found for path in list_pictures(each)] for found in folders.values()]
    labels = np.repeat(np.arange(len(paths), dtype=np.int64), [len(found) for found in paths])
    flat = [path for found in paths for path in found]
    return ImageSet(reader.load(flat), labels, tuple(folders), name)


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
    return f"{_name_folder(path)}-{digest.hexdigest()[:_DIGEST_DIGITS]}"


def _name_folder(path: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9]+", "-", path.resolve().name).strip("-")[:_MOST_NAME]
    return name or "pictures"
