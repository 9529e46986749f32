"""The pictures in folders, listed class by class and read, leaving out damaged ones on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cae.data.images import ImageSet
from cae.data.layout import list_pictures
from cae.data.origin import Origin, compute_digest
from cae.data.pictures import OnPictures, PictureReader
from cae.errors import DataError
from cae.wording import show


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """Files that are to become a set of images.

    Attributes:
        paths: the N files, class by class.
        labels: int64 [N], each an index into `class_names`; None when unlabelled.
        class_names: the names of all classes.
        name: the name of the set.
    """

    paths: Sequence[Path]
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    name: str

    def select(self, places: Sequence[int] | NDArray[np.int64]) -> Listing:
        """Return the files at the indices `places`, in that order, under the same name."""
        return replace(
            self,
            paths=[self.paths[place] for place in places],
            labels=None if self.labels is None else self.labels[np.asarray(places, np.int64)],
        )


def list_labelled(folders: Mapping[str, Sequence[Path]], *, name: str) -> Listing:
    """Return the pictures in the folders of each class, class by class, sorted by name in each.

    Raises:
        DataError: a folder holds no picture, or a class's name is not UTF-8.
    """
    for class_name in folders:
        try:
            class_name.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"{name}: a class cannot be called {class_name!a}, which is not UTF-8; rename its "
                "folder"
            ) from None
    paths = [[path for each in found for path in list_pictures(each)] for found in folders.values()]
    labels = np.repeat(np.arange(len(paths), dtype=np.int64), [len(found) for found in paths])
    return Listing([path for found in paths for path in found], labels, tuple(folders), name)


def name_file(path: Path, root: Path) -> str:
    """Return the name of a file below the folder `root` in JSON and in messages."""
    return path.relative_to(root).as_posix()


class FolderReader:
    """Reads the parts of a data set in one shape, and reports problems in the files of all."""

    def __init__(
        self,
        root: Path,
        image_shape: tuple[int, int, int],
        *,
        skip_damaged: bool = False,
        on_pictures: OnPictures | None = None,
    ) -> None:
        """Make a reader.

        Args:
            root: the folder that all files lie below.
            image_shape: [height, width, channels] of the images.
            skip_damaged: leave out the files that cannot be used.
            on_pictures: called with how many pictures of a part have been read, and its total.

        Raises:
            DataError: the number of channels is neither 1 nor 3.
        """
        self._root = root
        self._skips = skip_damaged
        self._pictures = PictureReader(image_shape, on_progress=on_pictures)

    def read(self, listing: Listing) -> ImageSet:
        """Return the images; call `settle` before using them.

        The set has no rows for files that are left out; its `rows` are indices into the listing.

        Raises:
            DataError: after leaving files out, nothing is left of a class or of the whole set.
        """
        pixels, usable = self._pictures.read(listing.paths)
        origin = Origin(list(map(self._name, listing.paths)), list(map(compute_digest, pixels)))
        images = ImageSet(pixels, listing.labels, listing.class_names, listing.name, origin=origin)
        if not self._skips or len(usable) == len(images):
            return images
        places = np.array(usable, dtype=np.int64)
        self._require_some_left(listing, places)
        return images.select(places)

    @property
    def is_whole(self) -> bool:
        """Whether all files read so far can be used."""
        return not self._pictures.refused

    def settle(self) -> tuple[str, ...]:
        """Warn of doubtful pictures among all that were read, and of the files left out.

        Returns:
            The files that were left out, relative to the root, in the order of reading.

        Raises:
            DataError: some files cannot be used, and leaving them out was not requested.
        """
        self._pictures.tell()
        if not self._skips:
            self._pictures.require_all(can_be_skipped=True)
        self._pictures.tell_refused()
        return tuple(map(self._name, self._pictures.refused))

    def _name(self, path: Path) -> str:
        return name_file(path, self._root)

    def _require_some_left(self, listing: Listing, usable: NDArray[np.int64]) -> None:
        classes: list[tuple[str, NDArray[np.int64]]] = []
        if listing.labels is None:
            classes.append((listing.name, np.arange(len(listing.paths))))
        else:
            classes += [
                (f"{listing.name}, class {show(name)}", np.flatnonzero(listing.labels == label))
                for label, name in enumerate(listing.class_names)
            ]
        for place, members in classes:
            if len(members) and not np.isin(members, usable).any():
                self._pictures.tell_refused()  # with the reasons
                raise DataError(
                    f"{place}: none of its pictures can be used ({len(members):,} in all), such as "
                    f"{listing.paths[members[0]]}; save them again, or remove the folder"
                )
