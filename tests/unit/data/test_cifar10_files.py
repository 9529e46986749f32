"""A copy is found wherever it may lie, and no byte of it is passed on unchecked."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from cae.data.cifar10_files import (
    BINARY,
    PYTHON,
    Copy,
    find_copy,
    open_archive,
    read_archive,
    read_folder,
    require_complete,
)
from cae.errors import DataError


def write_archive(path, *members: tuple[str, bytes] | tarfile.TarInfo):
    """Write a tar of files given as (name, content), and of other members as they are."""
    with tarfile.open(path, "w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            entry = tarfile.TarInfo(member[0])
            entry.size = len(member[1])
            archive.addfile(entry, io.BytesIO(member[1]))
    return path


def make_link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = kind, target
    return link


def test_checksums_of_the_binary_version_are_those_of_the_real_images(cifar10_folder):
    # The python version's checksums are the published ones; its files, read by their own format
    # (two lists under known keys) and written in the binary format, must give the other table.
    for given, expected in zip(PYTHON.files, BINARY.files, strict=True):
        content = (cifar10_folder / PYTHON.folder / given.name).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == given.md5
        batch = pickle.loads(content, encoding="bytes")
        labels = np.array(batch[b"labels"], dtype=np.uint8)
        records = np.column_stack([labels, batch[b"data"]]).tobytes()
        assert hashlib.md5(records, usedforsecurity=False).hexdigest() == expected.md5


def test_copy_is_found_as_a_folder_inside_a_folder_and_as_an_archive(tiny, tmp_path):
    for version in tiny.versions:
        parent = tmp_path / version.folder
        folder = tiny.write_folder(parent / version.folder, version)
        for path in (folder, parent):
            assert find_copy(path, versions=tiny.versions) == Copy(folder, version)
        keeps = tmp_path / f"keeps {version.archive}"
        keeps.mkdir()
        (keeps / version.archive).write_bytes(tiny.make_archive(version))
        for path in (keeps / version.archive, keeps):
            assert find_copy(path) == Copy(keeps / version.archive, None)


def test_folder_is_preferred_to_the_archive_beside_it(tiny, tmp_path):
    (tmp_path / PYTHON.archive).write_bytes(b"")
    folder = tiny.write_folder(tmp_path / BINARY.folder, tiny.binary)
    assert find_copy(tmp_path) == Copy(folder, BINARY)


def test_folder_with_one_batch_file_is_a_damaged_copy_and_not_an_absent_one(tiny, tmp_path):
    folder = tiny.write_folder(tmp_path / PYTHON.folder, tiny.python)
    for file in PYTHON.files[:-1]:
        (folder / file.name).unlink()
    assert find_copy(tmp_path) == Copy(folder, PYTHON)


def test_no_copy_is_found_in_other_or_missing_folders(tmp_path):
    (tmp_path / "holiday.txt").write_text("sun")
    (tmp_path / PYTHON.folder).mkdir()
    assert find_copy(tmp_path) is None
    assert find_copy(tmp_path / "missing") is None


def test_place_that_cannot_be_looked_into_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        find_copy(tmp_path / ("x" * 300))


def test_folder_gives_each_file_with_its_bytes(tiny, tmp_path):
    folder = tiny.write_folder(tmp_path / "copy", tiny.python)
    read = {file.name: data for file, data in read_folder(folder, tiny.python)}
    assert read == {file.name: tiny.contents[file.name] for file in tiny.python.files}


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch"])
def test_truncated_file_is_refused_by_name_with_both_checksums(tiny, tmp_path, name):
    folder = tiny.write_folder(tmp_path / "copy", tiny.python)
    (folder / name).write_bytes(tiny.contents[name][:-100])
    with pytest.raises(
        DataError, match=rf"copy/{name}: [\d,]+ bytes with MD5 \w{{32}}, expected MD5 \w{{32}}"
    ):
        list(read_folder(folder, tiny.python))


def test_far_too_large_file_is_refused_unread(tiny, tmp_path):
    folder = tiny.write_folder(tmp_path / "copy", tiny.python)
    os.truncate(folder / "data_batch_1", 2**40)  # sparse: it takes no space
    with pytest.raises(DataError, match=r"data_batch_1: cannot be read: it has [\d,]+ bytes, more"):
        list(read_folder(folder, tiny.python))


def test_folder_in_the_place_of_a_file_is_a_data_error(tiny, tmp_path):
    folder = tiny.write_folder(tmp_path / "copy", tiny.python)
    (folder / "data_batch_1").unlink()
    (folder / "data_batch_1").mkdir()
    with pytest.raises(DataError, match="data_batch_1: cannot be read: Is a directory"):
        list(read_folder(folder, tiny.python))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("place", [0, 1])
def test_archive_gives_its_batch_files_whatever_its_order_and_compression(
    tiny, tmp_path, mode, place
):
    version = tiny.versions[place]
    path = tmp_path / "any name"
    path.write_bytes(tiny.make_archive(version, mode=mode, reverse=True))
    found, files = open_archive(path, versions=tiny.versions)
    assert found is version
    assert [(file.name, data) for file, data in files] == [
        (file.name, tiny.contents[file.name]) for file in version.files[::-1]
    ]


def test_archive_with_a_damaged_batch_is_refused(tiny, tmp_path):
    path = write_archive(tmp_path / "a.tar", (f"{PYTHON.folder}/data_batch_1", b"damaged"))
    with pytest.raises(DataError, match=r"a.tar: cifar-10-batches-py/data_batch_1: 7 bytes with"):
        list(read_archive(path, versions=tiny.versions))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_truncated_archive_is_refused(tiny, tmp_path, mode, share):
    content = tiny.make_archive(tiny.python, mode=mode)
    path = tmp_path / "a.tar"
    end = len(content) if mode != "w" else 130_000  # an uncompressed tar ends in long padding
    path.write_bytes(content[: int(end * share)])
    with pytest.raises(DataError):
        require_complete(
            [file.name for _, file, _ in read_archive(path, versions=tiny.versions)],
            tiny.python,
            place=path,
        )


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08 not gzip" * 100])
def test_file_that_is_no_archive_is_refused(tiny, tmp_path, content):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a.tar.gz: "):
        open_archive(path, versions=tiny.versions)


def test_archive_of_something_else_is_refused(tiny, tmp_path):
    path = write_archive(tmp_path / "a.tar", ("holiday/data_batch_1", b"sun"))
    with pytest.raises(DataError, match="holds no batch file of CIFAR-10"):
        open_archive(path, versions=tiny.versions)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_link_in_the_place_of_a_batch_file_is_refused(tiny, tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_bytes(tiny.contents["data_batch_1"])
    link = make_link(f"{PYTHON.folder}/data_batch_1", str(secret), kind)
    path = write_archive(tmp_path / "a.tar", link)
    with pytest.raises(DataError, match="data_batch_1 is not a plain file"):
        list(read_archive(path, versions=tiny.versions))


@pytest.mark.parametrize("name", ["../evil", "/evil", "cifar-10-batches-py/../../evil"])
def test_archive_that_points_out_of_itself_is_refused(tiny, tmp_path, name):
    path = write_archive(tmp_path / "a.tar", (name, b"evil"))
    with pytest.raises(DataError, match="points outside the archive"):
        list(read_archive(path, versions=tiny.versions))


def test_far_too_large_member_of_an_archive_is_refused_unread(tiny, tmp_path):
    entry = tarfile.TarInfo(f"{PYTHON.folder}/data_batch_1")
    entry.size = 2**40
    path = tmp_path / "a.tar"
    path.write_bytes(entry.tobuf() + bytes(10_240))
    with pytest.raises(DataError, match="claims 1,099,511,627,776 bytes"):
        list(read_archive(path, versions=tiny.versions))
