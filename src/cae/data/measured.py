"""A user's own pictures to measure a model on, and whether they are those of its data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cae.data.copies import tell_contradictions
from cae.data.folder import load_layout, name_folder, name_source, require_same_classes
from cae.data.folder_reader import FolderReader, Listing, list_labelled
from cae.data.images import ImageSet
from cae.data.layout import UNLABELLED, Layout, find_layout, find_pictures
from cae.data.pictures import OnPictures, PictureReader
from cae.data.splits import set_test_aside
from cae.errors import DataError


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
        left_out: as of `Dataset`.
    """

    images: ImageSet
    source: str
    labelled: int
    data_set: str | None
    tested: int
    left_out: tuple[str, ...]


def load_test_pictures(
    path: Path,
    *,
    image_shape: tuple[int, int, int],
    everything: bool = False,
    asked: str | None = None,
    skip_damaged: bool = False,
    on_pictures: OnPictures | None = None,
) -> MeasuredPictures:
    """Return the test pictures below `path`; all that are labelled, where none are to train on.

    Args:
        path: a folder as `load_folder` takes it, or with the folder `test` alone.
        image_shape: [height, width, channels] of the images.
        everything: take all labelled pictures in any case; there may be a single class.
        asked: what a data set is called; with `everything`, `data_set` is told if it may be that
            one: only then are the pictures without a label read too.
        skip_damaged, on_pictures: as of `load_folder`.

    Raises:
        DataError: as `load_folder`.
    """
    layout = find_layout(path)
    reader = FolderReader(path, image_shape, skip_damaged=skip_damaged, on_pictures=on_pictures)
    if not everything and (layout.test is None or layout.train is not None):
        dataset = load_layout(layout, reader)
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
    if asked is not None and asked.rpartition("-")[0] == name_folder(path):
        data_set, tested = _find_data_set(layout, images, listing, skip_damaged=skip_damaged)
    return MeasuredPictures(
        images=images,
        source=name_source(path, [images]),
        labelled=len(images),
        data_set=data_set,
        tested=tested,
        left_out=left_out,
    )


def _list_everything(layout: Layout) -> Listing:
    """Return all pictures that lie in a class's folder, for training or testing."""
    folders: dict[str, list[Path]] = {}
    for part in (layout.classes, layout.train, layout.test):
        for name, folder in (part or {}).items():
            folders.setdefault(name, []).append(folder)
    if not folders:
        raise DataError(
            f"{layout.root}: holds no folder of a class; give labelled pictures, in folders named "
            "after their classes"
        )
    return list_labelled(dict(sorted(folders.items())), name=layout.root.resolve().name)


def _find_data_set(
    layout: Layout, images: ImageSet, listing: Listing, *, skip_damaged: bool
) -> tuple[str | None, int]:
    """Return what the data set is called that all labelled pictures are of, and how many test.

    Args:
        layout: of the pictures.
        images: all labelled ones.
        listing: that they were read from.
        skip_damaged: whether pictures without a label may be left out.
    """
    if len(images.class_names) < 2:
        return None, len(images)
    try:
        layout.require_parts()
        if layout.classes is not None:
            train, test = set_test_aside(images)
        else:
            train, test = _take_apart(layout, images, listing)
    except DataError:  # They are no data set.
        return None, len(images)
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
    """Return those of the labelled pictures that lie in the folder for training, and the others."""
    assert layout.train is not None
    assert layout.test is not None
    require_same_classes(layout.root, layout.train, layout.test)
    folders = set(layout.test.values())
    is_test = np.array([not folders.isdisjoint(path.parents) for path in listing.paths])
    if images.rows is not None:
        is_test = is_test[images.rows]
    return images.select(np.flatnonzero(~is_test)), images.select(np.flatnonzero(is_test))
