"""Where the images of a run come from, and what is tried when they are not given."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import SupportsIndex

import platformdirs

from cae.data.cifar10 import ARCHIVE, NAME, fetch_cifar10, load_cifar10
from cae.data.cifar10_files import VERSIONS, find_copy
from cae.data.digits import load_digits
from cae.data.download import OnProgress, PublishedFile
from cae.data.folder import is_picture_folder, load_folder
from cae.data.images import Dataset
from cae.data.layout import UNLABELLED
from cae.data.pictures import OnPictures
from cae.errors import ConfigError, DataError
from cae.wording import show

FOLDER_VARIABLE = "CAE_DATA_DIR"
_CIFAR10_SHAPE = (32, 32, 3)
_NAMES = ("auto", "cifar10", "digits")

logger = logging.getLogger(__name__)


def load_dataset(
    source: str | Path = "auto",
    *,
    image_shape: tuple[int, int, int] | None = None,
    skip_damaged: bool = False,
    on_download: OnProgress | None = None,
    on_pictures: OnPictures | None = None,
    cache: str | Path | None = None,
    archive: PublishedFile = ARCHIVE,
) -> Dataset:
    """Return the data set that `source` names.

    Args:
        source: "cifar10": CIFAR-10 from the folder in the environment variable CAE_DATA_DIR, else
            from the cache, else downloaded into it. "auto": the same, but if CIFAR-10 can neither
            be found nor downloaded, the built-in digits, with `fallback_reason` set. "digits": the
            built-in digits. Anything else: the path of a CIFAR-10 folder or archive, or of a
            folder of your own pictures, laid out as `cae.data.folder.load_folder` describes.
        image_shape: [height, width, channels] that your own pictures are resized to; None:
            CIFAR-10's.
        skip_damaged: leave out those of your own pictures that cannot be used, with a warning; the
            data set names them in `left_out`. A damaged copy of CIFAR-10 is always refused.
        on_download: called with the number of bytes downloaded so far and the total.
        on_pictures: called with how many of your own pictures have been read, and the total.
        cache: the folder that downloads are kept in; None: this program's folder in the user's
            cache.
        archive: the published archive to download.

    Raises:
        DataError: the copy found is damaged, a given path holds no data set, or, for "cifar10",
            no copy can be found or downloaded.
        TooFewError: (a DataError) your own pictures are of fewer than two classes, or a class has
            too few to set some aside for testing.
        ConfigError: `image_shape` is not a shape that images can have.
    """
    source = str(source)
    if image_shape is not None:
        _require_shape(image_shape)
    if source == "digits":
        return load_digits()
    if source not in _NAMES:
        return _load_given(source, image_shape, on_pictures, skip_damaged=skip_damaged)

    cache = Path(cache or platformdirs.user_cache_path("cae"))
    tried: list[str] = []
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        path = _expand(given)
        if find_copy(path):
            return load_cifar10(path)
        logger.warning("%s: %s holds no %s; looking elsewhere", FOLDER_VARIABLE, path, NAME)
        tried.append(f"{FOLDER_VARIABLE} ({path}): none there")
    else:
        tried.append(f"{FOLDER_VARIABLE}: not set")
    if find_copy(cache):
        try:
            return load_cifar10(cache)
        except DataError as error:
            raise DataError(f"{error}; remove {cache} to have it downloaded again") from None
    tried.append(f"the cache ({cache}): none there")
    try:
        return load_cifar10(fetch_cifar10(cache, archive=archive, on_progress=on_download))
    except DataError as error:
        tried.append(f"a download: {error}")

    reason = _explain(tried, archive)
    if source == "cifar10":
        raise DataError(reason)
    return replace(load_digits(), fallback_reason=reason)


def find_picture_folder(source: str) -> Path | None:
    """Return the folder, if `source` names a folder of the user's own pictures, else None.

    Raises:
        DataError: the file system refuses to look there.
    """
    if source in _NAMES:
        return None
    path = _expand(source)
    # A path that cannot exist is simply not there: no reason to fail.
    if not source or not os.path.lexists(path) or not path.is_dir() or find_copy(path):
        return None
    return path if is_picture_folder(path) else None


def _load_given(
    source: str,
    image_shape: tuple[int, int, int] | None,
    on_pictures: OnPictures | None,
    *,
    skip_damaged: bool,
) -> Dataset:
    path = _expand(source)
    if not source or not os.path.lexists(path):
        raise DataError(
            f"{source!r}: no such file or folder; give auto, cifar10, digits, or the path of a "
            f"{NAME} folder or archive, or of a folder with a folder of pictures for each class"
        )
    if not path.is_dir() or find_copy(path):
        return load_cifar10(path)
    if is_picture_folder(path):
        if image_shape is not None and image_shape[2] not in (1, 3):
            raise ConfigError(
                f"image_shape {list(image_shape)}: pictures have 1 channel (grey) or 3 (RGB), not "
                f"{image_shape[2]}; it is height, width, channels"
            )
        return load_folder(
            path,
            image_shape=image_shape or _CIFAR10_SHAPE,
            skip_damaged=skip_damaged,
            on_pictures=on_pictures,
        )
    raise DataError(
        f"{path}: holds neither {NAME} (the batch files, a folder or an archive of them) nor "
        "a folder of pictures for each class; put the pictures of each class into a folder, and "
        f"those without a label into one called {UNLABELLED}"
    )


def _require_shape(image_shape: Sequence[object]) -> None:
    sizes = [each for each in image_shape if isinstance(each, SupportsIndex) and int(each) > 0]
    if len(image_shape) != 3 or len(sizes) != 3:
        raise ConfigError(
            f"image_shape {show(image_shape)}: expected height, width and channels, whole numbers "
            "from 1 up, such as (64, 64, 3)"
        )


def _expand(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # ~NAME of a user who does not exist
        raise DataError(f"{path}: {error}; give the full path") from None


def _explain(tried: list[str], archive: PublishedFile) -> str:
    archives = " or ".join(version.archive for version in VERSIONS)
    return (
        f"{NAME} was neither found nor downloaded. Tried: {'; '.join(tried)}. To provide a copy, "
        f"download {archive.url} on any machine and set {FOLDER_VARIABLE} to the folder that "
        f"holds it ({archives}, or unpacked), or give it as the data path"
    )
