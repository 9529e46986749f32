"""CIFAR-10's files: what they are, where a copy is found, and their bytes, each file checked."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Protocol

from cae.data.cifar10_formats import Batch, decode_binary_batch, decode_python_batch
from cae.errors import DataError
from cae.incoming import open_plain, read_plain
from cae.wording import show

NAME = "CIFAR-10"
REMEDY = "replace it with a fresh copy"

# No published file is half as large; larger files are not read into memory.
_MAX_FILE_BYTES = 64 * 2**20
# The published archives unpack to 186 MB and have eight members: one with far more is a bomb.
_MAX_ARCHIVE_BYTES = 256 * 2**20
_MOST_MEMBERS = 100


@dataclass(frozen=True)
class BatchFile:
    """One file of images: its name, its MD5 in hexadecimal, and how many images it holds."""

    name: str
    md5: str
    count: int = 10_000


class Decoder(Protocol):
    """Turns the bytes of a batch file into its `count` images and labels, or raises DataError."""

    def __call__(self, data: bytes, *, count: int, place: str) -> Batch: ...


@dataclass(frozen=True)
class Version:
    """One published form of the data set: its folder and archive, its files, their format."""

    folder: str
    archive: str
    train: tuple[BatchFile, ...]
    test: BatchFile
    decode: Decoder

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
# Only the archive's MD5 is published. These were computed from the same images and labels written
# in the binary format; other projects that check the published files list the same checksums.
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
    version: Version | None  # None: an archive, whose version is known only when it is read


def find_copy(path: Path, *, versions: Sequence[Version] = VERSIONS) -> Copy | None:
    """Return the copy of CIFAR-10 that `path` is or holds, or None; nothing is read yet.

    `path` may be the folder of the batch files, a folder that holds that folder or an archive,
    or an archive; any file is taken for one. A folder counts as a copy if it has any batch file:
    if others are missing, the copy is damaged, not absent.

    Raises:
        DataError: the file system refuses to look there.
    """
    try:
        if path.is_file():
            return Copy(path, None)
        for version in versions:
            for folder in (path, path / version.folder):
                if any((folder / file.name).is_file() for file in version.files):
                    return Copy(folder, version)
        for version in versions:
            if (path / version.archive).is_file():
                return Copy(path / version.archive, None)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    return None


def read_archive(
    path: Path, *, versions: Sequence[Version]
) -> Iterator[tuple[Version, BatchFile, bytes]]:
    """Yield the batch files in the archive at `path`, in its order, each checked by its MD5.

    Only regular files with the names of one version are read, each straight into memory: no name
    or link in the archive decides where anything is written.

    Raises:
        DataError: the archive or a file in it is damaged, a link, or far too large.
    """
    wanted = {
        (version.folder, file.name): (version, file)
        for version in versions
        for file in version.files
    }
    try:
        with _open_tar(path) as archive:
            for count, member in enumerate(archive):
                name = PurePosixPath(member.name)
                if name.is_absolute() or ".." in name.parts:
                    raise DataError(
                        f"{path}: {show(member.name)} points outside the archive; it may be an "
                        f"attack, {REMEDY}"
                    )
                if member.size > _MAX_ARCHIVE_BYTES:
                    # tarfile would skip it in small steps, far beyond the end of the file.
                    raise DataError(
                        f"{path}: {show(member.name)} claims {member.size:,} bytes; this is not "
                        f"the published archive, {REMEDY}"
                    )
                if count == _MOST_MEMBERS:
                    raise DataError(
                        f"{path}: more than {_MOST_MEMBERS} members; this is not the published "
                        f"archive, {REMEDY}"
                    )
                key = (name.parent.name, name.name)
                if key not in wanted:
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or member.size > _MAX_FILE_BYTES:
                    raise DataError(
                        f"{path}: {member.name} is not a plain file of the expected size; this is "
                        f"not the published archive, {REMEDY}"
                    )
                version, file = wanted[key]
                data = content.read()
                require_md5(data, file, place=f"{path}: {member.name}")
                yield version, file, data
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - tarfile raises almost any on damaged archives
        reason = str(error) or type(error).__name__
        raise DataError(f"{path}: not a readable archive: {reason}; {REMEDY}") from None


@contextmanager
def _open_tar(path: Path) -> Generator[tarfile.TarFile]:
    """Yield the archive; no more than a bounded number of its bytes is ever unpacked."""
    with open_plain(path, most_bytes=_MAX_ARCHIVE_BYTES) as file:
        start = file.read(6)
        file.seek(0)
        openers = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
        opener = next((openers[magic] for magic in openers if start.startswith(magic)), None)
        plain = _Bounded((file if opener is None else opener(file)).read)
        with tarfile.open(fileobj=plain, mode="r|") as archive:
            yield archive


class _Bounded(io.RawIOBase):
    """A stream that refuses to return more bytes than the archives may unpack to."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        super().__init__()
        self._read = read
        self._left = _MAX_ARCHIVE_BYTES

    def read(self, size: int = -1, /) -> bytes:
        data = self._read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"unpacked it has more than {_MAX_ARCHIVE_BYTES:,} bytes")
        return data


def require_md5(data: bytes, file: BatchFile, *, place: str) -> None:
    """Refuse `data` if it is not the published content of `file`.

    Raises:
        DataError: naming both checksums.
    """
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != file.md5:
        raise DataError(
            f"{place}: {len(data):,} bytes with MD5 {found}, expected MD5 {file.md5}: damaged or "
            f"not {NAME}; {REMEDY}"
        )


def require_complete(found: Iterable[str], version: Version, *, place: Path) -> None:
    """Refuse a copy at `place` if files of `version` are missing from those named in `found`.

    Raises:
        DataError: naming the files that are missing.
    """
    missing = [file.name for file in version.files if file.name not in set(found)]
    if missing:
        raise DataError(f"{place}: lacks {', '.join(missing)} of {NAME}; {REMEDY}")


def open_archive(
    path: Path, versions: Sequence[Version]
) -> tuple[Version, Iterator[tuple[BatchFile, bytes]]]:
    """Return the archive's version, which its first batch file shows, and its batch files."""
    members = read_archive(path, versions=versions)
    first = next(members, None)
    if first is None:
        raise DataError(f"{path}: the archive holds no batch file of {NAME}; {REMEDY}")
    version = first[0]
    files = ((file, data) for found, file, data in chain([first], members) if found is version)
    return version, files


def read_folder(folder: Path, version: Version) -> Iterator[tuple[BatchFile, bytes]]:
    """Yield the batch files of `version` that `folder` has, each checked by its MD5."""
    for file in version.files:
        path = folder / file.name
        try:
            if not path.exists():
                continue
            data = read_plain(path, most_bytes=_MAX_FILE_BYTES)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}; {REMEDY}") from None
        require_md5(data, file, place=str(path))
        yield file, data
