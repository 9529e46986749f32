"""CIFAR-10: a copy on disk read into arrays, and a copy downloaded."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from cae.data.cifar10_files import (
    NAME,
    PYTHON,
    VERSIONS,
    BatchFile,
    Version,
    find_copy,
    open_archive,
    read_archive,
    read_folder,
    require_complete,
)
from cae.data.cifar10_formats import CHANNELS, SIDE, Batch
from cae.data.download import OnProgress, PublishedFile, download
from cae.data.images import Dataset, ImageSet, copy_images, make_room
from cae.errors import CheckpointError, DataError
from cae.files import write_bytes

SOURCE = "cifar10"
CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
THINNED_CLASSES = ("bird", "deer", "truck")
ARCHIVE = PublishedFile(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",
    size_bytes=170_498_071,
)


def load_cifar10(path: Path, *, versions: Sequence[Version] = VERSIONS) -> Dataset:
    """Return CIFAR-10 from `path`, its training images in the order of the batch files.

    `path` is anything that `find_copy` takes. Each file is read once, and its MD5 is checked before
    anything else looks at it. An archive is read in place, and nothing is written.

    Raises:
        DataError: `path` is missing, or holds no copy of CIFAR-10 or a damaged one.
    """
    copy = find_copy(path, versions=versions)
    if copy is None:
        what = "no such file or folder; expected a copy of"
        if path.exists():
            what = "holds no" if path.is_dir() else "is a pipe or a device, not a copy of"
        folders = " or ".join(version.folder for version in versions)
        archives = " or ".join(version.archive for version in versions)
        raise DataError(
            f"{path}: {what} {NAME}: the batch files, a folder {folders}, or an archive {archives}"
        )
    if copy.version is None:
        version, files = open_archive(copy.path, versions)
    else:
        version, files = copy.version, read_folder(copy.path, copy.version)
    return _decode(version, files, place=copy.path)


def fetch_cifar10(
    cache: Path,
    *,
    archive: PublishedFile = ARCHIVE,
    version: Version = PYTHON,
    on_progress: OnProgress | None = None,
) -> Path:
    """Download CIFAR-10 into the folder `cache` and return the folder of its batch files.

    If several processes call this, one downloads and the others wait for it. The folder appears
    whole or not at all; a broken download is kept, and the next call resumes it.

    Raises:
        DataError: the archive cannot be downloaded, stored or used.
    """
    from filelock import FileLock  # Not needed if there is a copy already.

    folder, lock = cache / version.folder, cache / ".lock"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, mode=0o666):  # The cache may be shared by users.
            try:
                if find_copy(folder, versions=(version,)) is None:
                    path = cache / version.archive
                    download(archive, path, on_progress=on_progress)
                    _unpack(path, folder, version)
                    path.unlink()
            finally:
                with suppress(OSError):
                    lock.unlink()
    except OSError as error:
        raise DataError(f"{cache}: cannot be written: {error.strerror or error}") from None
    except CheckpointError as error:
        raise DataError(str(error)) from None
    return folder


def _unpack(archive: Path, folder: Path, version: Version) -> None:
    """Write the archive's batch files into `folder`, which appears with all of them at once."""
    # Left by killed processes: only this one holds the lock.
    for left in folder.parent.glob(f".{folder.name}-*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        found: set[str] = set()
        # The names come from our own list and the bytes are checked: the archive decides nothing.
        for _, file, data in read_archive(archive, versions=(version,)):
            write_bytes(temporary / file.name, data)
            found.add(file.name)
        require_complete(found, version, place=archive)
        with suppress(OSError):  # An empty folder is in the way, on Windows.
            folder.rmdir()
        if folder.is_dir():  # It holds something else, which is kept.
            for path in temporary.iterdir():
                path.replace(folder / path.name)
        else:
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _decode(version: Version, files: Iterable[tuple[BatchFile, bytes]], *, place: Path) -> Dataset:
    """Return the data set in checked `files`, which come in any order, one in memory at a time."""
    train = _make_arrays(sum(file.count for file in version.train))
    test = _make_arrays(version.test.count)
    targets: dict[str, Batch] = {version.test.name: test}
    start = 0
    for file in version.train:
        rows = slice(start, start := start + file.count)
        targets[file.name] = train[0][rows], train[1][rows]
    found: set[str] = set()
    for file, data in files:
        images, labels = targets[file.name]
        pixels, labels[:] = version.decode(data, count=file.count, place=f"{place / file.name}")
        copy_images(images, pixels)
        found.add(file.name)
    require_complete(found, version, place=place)
    return Dataset(
        train=ImageSet(*train, CLASS_NAMES, NAME),
        test=ImageSet(*test, CLASS_NAMES, NAME),
        thinned_classes=THINNED_CLASSES,
        source=SOURCE,
    )


def _make_arrays(count: int) -> Batch:
    return make_room(count, (SIDE, SIDE, CHANNELS)), np.empty(count, dtype=np.int64)
