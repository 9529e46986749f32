"""A user's own pictures to measure a model on, and whether they belong to its data set."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from cae.data.copies import describe_copies, find_copies, tell_contradictions, tell_copies
from cae.data.folder import (
    compute_pictures_sha256,
    list_parts,
    load_layout,
    name_folder,
    name_source,
    require_same_classes,
)
from cae.data.folder_reader import FolderReader, Listing, list_labelled, name_file
from cae.data.images import ImageSet
from cae.data.layout import TEST, TRAIN, UNLABELLED, Layout, find_layout, find_pictures
from cae.data.pictures import OnPictures, PictureReader
from cae.data.splits import draw_test_images, set_test_aside
from cae.errors import DataError, TooFewError
from cae.wording import show

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MeasuredPictures:
    """A user's own pictures to measure a model on.

    Attributes:
        images: labelled, of one class or more.
        source: their name: `Dataset.source`, if they are part of a data set.
        labelled: how many labelled pictures there are, including `images`.
        data_set: `Dataset.source` of the data set whose labelled pictures or test pictures these
            are; None if they are not from a data set, or if that was not asked.
        tested: how many of `images` are test images; all of them if they are not from a data set.
        left_out: as in `Dataset`.
        test_copies: how many of `images` the model was also trained on, according to its JSON.
    """

    images: ImageSet
    source: str
    labelled: int
    data_set: str | None
    tested: int
    left_out: tuple[str, ...]
    test_copies: int = 0


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """What a model's JSON says about the pictures that it was trained on.

    Attributes:
        data: `Dataset.source` of its data set; None if the JSON does not say.
        pictures_sha256: as in `Dataset`; empty if the data set is not a folder of pictures, or if
            the model was saved before this was recorded.
        left_out: as in `Dataset`.
        test_copies: as in `Splits`.
    """

    data: str | None = None
    pictures_sha256: Mapping[str, str] = field(default_factory=dict[str, str])
    left_out: Collection[str] = ()
    test_copies: int = 0


def read_trained_on(about: Mapping[str, Any]) -> TrainedOn:
    """Return what `about`, in a model's JSON, says of its pictures; invalid entries are ignored."""
    data, sums, left_out, copies = (
        about.get(key) for key in ("data", "pictures_sha256", "left_out", "test_copies")
    )
    return TrainedOn(
        data=data if isinstance(data, str) else None,
        pictures_sha256=cast("dict[str, str]", sums) if isinstance(sums, dict) else {},
        left_out=set(map(str, cast("list[Any]", left_out))) if isinstance(left_out, list) else (),
        test_copies=copies if isinstance(copies, int) and copies > 0 else 0,
    )


def load_test_pictures(
    path: Path,
    *,
    image_shape: tuple[int, int, int],
    everything: bool = False,
    trained_on: TrainedOn | None = None,
    skip_damaged: bool = False,
    on_pictures: OnPictures | None = None,
) -> MeasuredPictures:
    """Return the test pictures below `path`; all labelled ones if it has none to train on.

    If `path` holds the data set that the model was trained on, only its test pictures are read:
    their checksum is enough to recognise it. For any other data set all pictures are read, because
    its name depends on them.

    Args:
        path: a folder as `load_folder` takes it, or one with the folder `test` alone.
        image_shape: [height, width, channels] of the images.
        everything: take all labelled pictures in any case; a single class is allowed.
        trained_on: the data set that is expected; with `everything`, `data_set` is found only if
            the folder may hold that one.
        skip_damaged, on_pictures: as in `load_folder`; with `skip_damaged`, files that were left
            out of the expected data set are left out again without being read.

    Raises:
        DataError: as in `load_folder`.
    """
    layout = find_layout(path)
    if trained_on is None or _name_before(trained_on.data) != name_folder(path):
        trained_on = TrainedOn()
    reader = FolderReader(path, image_shape, skip_damaged=skip_damaged, on_pictures=on_pictures)
    if not everything and (layout.test is None or layout.train is not None):
        listings = list_parts(layout)
        if TEST in trained_on.pictures_sha256:
            left_out = set(trained_on.left_out) if skip_damaged else set[str]()
            of_tests = FolderReader(path, image_shape, on_pictures=on_pictures)
            found = _load_expected(layout, listings, of_tests, trained_on, left_out=left_out)
            if found is not None:
                return found
        dataset = load_layout(layout, listings, reader)
        # Which of the others the model was trained on, if any, is not known.
        copied = find_copies(dataset.test, [dataset.train, dataset.unlabelled])
        tell_copies(copied, of=len(dataset.test), role="test")
        count = len(dataset.train) + len(dataset.test)
        return MeasuredPictures(
            images=dataset.test,
            source=dataset.source,
            labelled=count,
            data_set=dataset.source,
            tested=len(dataset.test),
            left_out=dataset.left_out,
        )
    listing = _list_everything(layout)
    images = reader.read(listing)
    left_out = reader.settle()
    tell_contradictions(images)
    data_set, tested = None, len(images)
    if trained_on.data is not None:
        data_set, tested = _find_data_set(
            layout, images, listing, trained_on, skip_damaged=skip_damaged
        )
    return MeasuredPictures(
        images=images,
        source=name_source(path, [images]),
        labelled=len(images),
        data_set=data_set,
        tested=tested,
        left_out=left_out,
    )


def _name_before(data: str | None) -> str | None:
    """Return the part of a data set's name before the digits of its checksum."""
    return None if data is None else data.rpartition("-")[0]


def _load_expected(
    layout: Layout,
    listings: Sequence[Listing],
    reader: FolderReader,
    trained_on: TrainedOn,
    *,
    left_out: Set[str],
) -> MeasuredPictures | None:
    """Return the test pictures of the expected data set; None if these are others.

    Which pictures are set aside depends only on how many files each class has, not on their
    content: the others need not be read.

    Args:
        layout: of the pictures.
        listings: all labelled pictures.
        reader: reads the test pictures.
        trained_on: the data set that is expected.
        left_out: names of labelled files that are not to be read.
    """
    names = [[name_file(path, layout.root) for path in each.paths] for each in listings]
    kept = [
        listing.select([place for place, name in enumerate(of) if name not in left_out])
        for listing, of in zip(listings, names, strict=True)
    ]
    test = kept[-1]
    if layout.classes is not None:
        assert test.labels is not None
        try:
            test = test.select(draw_test_images(test.labels, test.class_names, name=test.name))
        except TooFewError:
            return None
    images = reader.read(test)
    if not reader.is_whole or compute_pictures_sha256(images) != trained_on.pictures_sha256[TEST]:
        return None
    reader.settle()
    tell_contradictions(images)
    if trained_on.test_copies:
        # Found when the model was trained: the training images are not read now.
        told = describe_copies(trained_on.test_copies, of=len(images), role="test")
        logger.warning("%s", told)
    missing = [name for of in names for name in of if name in left_out]
    if missing:
        logger.warning(
            "leaving out pictures: %s that could not be used when the model was trained, such as "
            "%s",
            f"{len(missing):,}",
            show(missing[0]),
        )
    assert trained_on.data is not None
    return MeasuredPictures(
        images=images,
        source=trained_on.data,
        labelled=sum(len(listing.paths) for listing in kept),
        data_set=trained_on.data,
        tested=len(images),
        left_out=tuple(missing),
        test_copies=trained_on.test_copies,
    )


def _list_everything(layout: Layout) -> Listing:
    """Return all pictures in classes' folders, whether for training or testing."""
    folders: dict[str, list[Path]] = {}
    for part in (layout.classes, layout.train, layout.test):
        for name, folder in (part or {}).items():
            folders.setdefault(name, []).append(folder)
    if not folders:
        raise DataError(
            f"{layout.root}: holds no class folders; give labelled pictures, in folders named "
            "after their classes"
        )
    return list_labelled(dict(sorted(folders.items())), name=layout.root.resolve().name)


def _find_data_set(
    layout: Layout,
    images: ImageSet,
    listing: Listing,
    trained_on: TrainedOn,
    *,
    skip_damaged: bool,
) -> tuple[str | None, int]:
    """Return the name of the data set that all labelled pictures form, and its number of tests.

    The name is None if they do not form one.

    Args:
        layout: of the pictures.
        images: all labelled pictures.
        listing: the files that they were read from.
        trained_on: the data set that is expected.
        skip_damaged: whether damaged pictures without a label may be left out.
    """
    if len(images.class_names) < 2:
        return None, len(images)
    try:
        layout.require_parts()
        if layout.classes is not None:
            train, test = set_test_aside(images)
        else:
            train, test = _take_apart(layout, images, listing)
    except DataError:  # They do not form a data set.
        return None, len(images)
    sums = {TRAIN: compute_pictures_sha256(train), TEST: compute_pictures_sha256(test)}
    if sums == trained_on.pictures_sha256:
        return trained_on.data, len(test)
    parts = [test, train]
    if layout.unlabelled is not None:
        reader = PictureReader(images.image_shape)
        pixels, usable = reader.read(list(find_pictures(layout.unlabelled)))
        if not usable or (len(usable) < len(pixels) and not skip_damaged):
            return None, len(images)
        rest = ImageSet(pixels, None, images.class_names, UNLABELLED)
        parts.append(rest.select(np.array(usable, dtype=np.int64)))
    return name_source(layout.root, parts), len(test)


def _take_apart(layout: Layout, images: ImageSet, listing: Listing) -> tuple[ImageSet, ImageSet]:
    """Return the labelled pictures from the training folder, and those from the test folder."""
    assert layout.train is not None
    assert layout.test is not None
    require_same_classes(layout.root, layout.train, layout.test)
    folders = set(layout.test.values())
    is_test = np.array([not folders.isdisjoint(path.parents) for path in listing.paths])
    if images.rows is not None:
        is_test = is_test[images.rows]
    return images.select(np.flatnonzero(~is_test)), images.select(np.flatnonzero(is_test))
