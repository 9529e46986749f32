"""CIFAR-10 on disk: which files it has, where a copy is found, and how it is loaded."""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np

from cae.data.cifar10_formats import (
    CHANNELS,
    SIDE,
    Batch,
    decode_binary_batch,
    decode_python_batch,
)
from cae.data.images import Dataset, ImageSet
from cae.errors import DataError

NAME = "CIFAR-10"
SOURCE = "cifar10"
CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
THINNED_CLASSES = ("bird", "deer", "truck")

# No published file is half as large; a larger one is not read into memory.
_MAX_FILE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class BatchFile:
    """One file of images: its name, its MD5 in hexadecimal, and how many images it holds."""

    name: str
    md5: str
    count: int = 10_000


@dataclass(frozen=True)
class Version:
    """One published form of the data set: its folder and archive, its files, their format."""

    folder: str
    archive: str
    train: tuple[BatchFile, ...]
    test: BatchFile
    decode: Callable[..., Batch]

    @property
    def files(self) -> tuple[BatchFile, ...]:
        return (*self.train, self.test)


PYTHON = Version(
    folder="cifar-10-batches-py",
    archive="cifar-10-python.tar.gz",
    train=(
        BatchFile("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        BatchFile("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        BatchFile("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        BatchFile("data_batch_4", "634d18415352ddfa80567beed471001a"),
        BatchFile("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    ),
    test=BatchFile("test_batch", "40351d587109b95175f43aff81a1287e"),
    decode=decode_python_batch,
)
# Only the archive's MD5 is published; these were computed from the same images and labels written in
# the binary format, and other projects that check the published files name the same ones.
BINARY = Version(
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    train=(
        BatchFile("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
        BatchFile("data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"),
        BatchFile("data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"),
        BatchFile("data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"),
        BatchFile("data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"),
    ),
    test=BatchFile("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"),
    decode=decode_binary_batch,
)
VERSIONS = (PYTHON, BINARY)


@dataclass(frozen=True)
class Copy:
    """A copy of the data set on disk: a folder of batch files, or an archive of one."""

    path: Path
    version: Version | None  # None: an archive, which shows its version when it is read


def find_copy(path: Path, *, versions: Sequence[Version] = VERSIONS) -> Copy | None:
    """Return the copy of CIFAR-10 that `path` is or holds, or None; nothing is read yet.

    `path` may be the folder of the batch files, a folder that holds that folder or an archive,
    or an archive. A folder counts from its first batch file on: one that lacks others is a
    damaged copy, not an absent one.
    """
    if path.is_file():
        return Copy(path, None)
    for version in versions:
        for folder in (path, path / version.folder):
            if any((folder / file.name).is_file() for file in version.files):
                return Copy(folder, version)
    for version in versions:
        if (path / version.archive).is_file():
            return Copy(path / version.archive, None)
    return None


def load_cifar10(path: Path, *, versions: Sequence[Version] = VERSIONS) -> Dataset:
    """Return CIFAR-10 from `path`, its training images in the order of the batch files.

    `path` is what `find_copy` takes. Each file is read once and its MD5 is checked before
    anything else looks at it; an archive is read in place, and nothing is written.

    Raises:
        DataError: `path` is missing, holds no copy of CIFAR-10, or a damaged one.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; expected a copy of {NAME}")
    copy = find_copy(path, versions=versions)
    if copy is None:
        folders = " or ".join(version.folder for version in versions)
        archives = " or ".join(version.archive for version in versions)
        raise DataError(
            f"{path}: holds no {NAME}; expected the batch files, a folder {folders}, or an archive "
            f"{archives}"
        )
    if copy.version is None:
        return _decode(*_open_archive(copy.path, versions), place=copy.path)
    return _decode(copy.version, _read_folder(copy.path, copy.version), place=copy.path)


def read_archive(
    path: Path, versions: Sequence[Version]
) -> Iterator[tuple[Version, BatchFile, bytes]]:
    """Yield the batch files in the archive at `path`, in its order; their MD5 is not checked.

    Only regular files with the names of one version are read, each straight into memory: no name
    or link in the archive decides where anything is written.

    Raises:
        DataError: the archive is damaged, or a batch file in it is a link or far too large.
    """
    wanted = {
        (version.folder, file.name): (version, file)
        for version in versions
        for file in version.files
    }
    try:
        with tarfile.open(path, mode="r|*") as archive:
            for member in archive:
                key = PurePosixPath(member.name).parts[-2:]
                if len(key) != 2 or key not in wanted:
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or member.size > _MAX_FILE_BYTES:
                    raise DataError(
                        f"{path}: {member.name} is not a plain file of the expected size; the "
                        f"archive is not the published {NAME}"
                    )
                yield *wanted[key], content.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(
            f"{path}: not a readable archive of {NAME}: {error}; download it again"
        ) from None


def _open_archive(
    path: Path, versions: Sequence[Version]
) -> tuple[Version, Iterator[tuple[BatchFile, bytes]]]:
    """Return which version the archive holds, by its first batch file, and its batch files."""
    members = read_archive(path, versions)
    first = next(members, None)
    if first is None:
        raise DataError(f"{path}: the archive holds no batch file of {NAME}")
    version = first[0]
    files = ((file, data) for found, file, data in chain([first], members) if found is version)
    return version, files


def _read_folder(folder: Path, version: Version) -> Iterator[tuple[BatchFile, bytes]]:
    for file in version.files:
        path = folder / file.name
        try:
            if path.stat().st_size > _MAX_FILE_BYTES:
                raise DataError(f"{path}: far larger than the published file; download it again")
            yield file, path.read_bytes()
        except FileNotFoundError:
            raise DataError(f"{path}: missing; {folder} holds only a part of {NAME}") from None
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def require_md5(data: bytes, file: BatchFile, *, place: str) -> None:
    """Refuse `data` if it is not the published content of `file`.

    Raises:
        DataError: naming both checksums.
    """
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != file.md5:
        raise DataError(
            f"{place}: {len(data):,} bytes with MD5 {found}, expected MD5 {file.md5}: damaged or "
            f"not {NAME}; download it again"
        )


def _decode(version: Version, files: Iterable[tuple[BatchFile, bytes]], *, place: Path) -> Dataset:
    """Return the data set of `files`, which come in any order and are held one at a time."""
    starts: dict[str, int] = {}
    total = 0
    for file in version.train:
        starts[file.name], total = total, total + file.count
    train = _make_arrays(total)
    test = _make_arrays(version.test.count)
    missing = {file.name for file in version.files}
    for file, data in files:
        where = f"{place / file.name}"
        require_md5(data, file, place=where)
        images, labels = test if file is version.test else train
        rows = slice(starts.get(file.name, 0), starts.get(file.name, 0) + file.count)
        images[rows], labels[rows] = version.decode(data, count=file.count, place=where)
        missing.discard(file.name)
    if missing:
        raise DataError(f"{place}: lacks {', '.join(sorted(missing))}; it holds a part of {NAME}")
    return Dataset(
        train=ImageSet(*train, CLASS_NAMES, NAME),
        test=ImageSet(*test, CLASS_NAMES, NAME),
        thinned_classes=THINNED_CLASSES,
        source=SOURCE,
    )


def _make_arrays(count: int) -> Batch:
    images = np.empty((count, CHANNELS, SIDE, SIDE), dtype=np.uint8)
    return images, np.empty(count, dtype=np.int64)
