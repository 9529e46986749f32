"""An archive writes nothing outside its folder, and unpacks no more than CIFAR-10 takes."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import time
from pathlib import Path

import pytest

from cae.data import cifar10_files
from cae.data.cifar10 import fetch_cifar10, load_cifar10
from cae.data.download import PublishedFile
from cae.errors import DataError

FOLDER = "cifar-10-batches-py"
BATCH = b"not a batch"


def make_member(name: str, content: bytes = b"", **about: object) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in about.items():
        setattr(member, key, value)
    return member, content


def make_archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def make_wrong_places(outside: Path) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    batch = f"{FOLDER}/data_batch_1"
    return {
        "parent": make_member("../escaped", BATCH),
        "parent within": make_member(f"{FOLDER}/../../escaped", BATCH),
        "parent of a batch": make_member(f"../{batch}", BATCH),
        "absolute": make_member(f"{outside}/escaped", BATCH),
        "absolute batch": make_member(f"{outside}/{batch}", BATCH),
        "symbolic link": make_member(batch, type=tarfile.SYMTYPE, linkname=f"{outside}/secret"),
        "link to a parent": make_member(batch, type=tarfile.SYMTYPE, linkname="../../secret"),
        "hard link": make_member(batch, type=tarfile.LNKTYPE, linkname=f"{outside}/secret"),
        "device": make_member(batch, type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        "disk": make_member(batch, type=tarfile.BLKTYPE, devmajor=8, devminor=0),
        "pipe": make_member(batch, type=tarfile.FIFOTYPE),
        "folder": make_member(batch, type=tarfile.DIRTYPE),
        "unknown": make_member(batch, type=b"Z"),
    }


@pytest.mark.parametrize("name", make_wrong_places(Path("/")))
@pytest.mark.parametrize("door", ["load", "fetch"])
def test_a_member_in_a_wrong_place_leaves_nothing_behind(name, door, tmp_path, snapshot):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    member = make_wrong_places(outside)[name]
    content = make_archive(make_member(f"{FOLDER}/readme.html"), member)
    cache = tmp_path / "cache"
    cache.mkdir()
    before = snapshot()
    if door == "load":
        (cache / "cifar-10-python.tar.gz").write_bytes(content)
        with pytest.raises(DataError):
            load_cifar10(cache)
        (cache / "cifar-10-python.tar.gz").unlink()
    else:
        # Where the checksum of the archive is right too: it is here already, whole.
        (cache / "cifar-10-python.tar.gz.part").write_bytes(content)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        with pytest.raises(DataError):
            fetch_cifar10(cache, archive=PublishedFile("https://x", md5, len(content)))
        (cache / "cifar-10-python.tar.gz").unlink()
    assert snapshot() == before


def test_a_link_is_not_followed_to_a_later_member(tmp_path, snapshot):
    """First a link that leaves the folder, then a file "through" it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    path = tmp_path / "a.tar.gz"
    path.write_bytes(
        make_archive(
            make_member(FOLDER, type=tarfile.SYMTYPE, linkname=str(outside)),
            make_member(f"{FOLDER}/data_batch_1", BATCH),
        )
    )
    before = snapshot()
    with pytest.raises(DataError, match="expected MD5"):
        load_cifar10(path)
    assert snapshot() == before


def write_bomb(path: Path, header: bytes, *, zeros: int) -> Path:
    """Write a compressed archive of `header` and then zeros: a thousandth of what it unpacks to."""
    block = 2**20
    path.write_bytes(gzip.compress(header) + gzip.compress(bytes(block)) * (zeros // block))
    return path


BOMBS = {
    "a file that is not wanted": make_member("big")[0],
    "a batch": make_member(f"{FOLDER}/data_batch_1")[0],
    "a long name": make_member("././@LongLink", type=tarfile.GNUTYPE_LONGNAME)[0],
    "a header": make_member("pax", type=tarfile.XHDTYPE)[0],
    "a global header": make_member("pax", type=tarfile.XGLTYPE)[0],
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_unpacked_no_further_than_the_published_archive(name, tmp_path, run_bounded):
    # A header may claim anything; a member that claims more than all is refused for that alone.
    BOMBS[name].size = 2**31 if "name" in name or "header" in name else 2**28
    path = write_bomb(
        tmp_path / "a.tar.gz", BOMBS[name].tobuf(tarfile.GNU_FORMAT), zeros=300 * 2**20
    )
    code = (
        "from cae.data.cifar10 import load_cifar10\n"
        "from cae.errors import DataError\n"
        "try:\n    load_cifar10(Path(sys.argv[1]))\nexcept DataError as error:\n    print(error)"
    )
    answer = run_bounded(code, path)
    assert answer.code == 0, answer.err
    assert "more than 268,435,456 bytes" in answer.out or "expected size" in answer.out


def test_a_sparse_member_does_not_become_the_size_it_claims(tmp_path):
    member = make_member(f"{FOLDER}/data_batch_1", type=tarfile.GNUTYPE_SPARSE)[0]
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"77777777777\0"  # the real size: 8 GiB
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(header) + bytes(1024))
    with pytest.raises(DataError, match="claims 8,589,934,591 bytes"):
        load_cifar10(path)


@pytest.mark.parametrize("name", ["readme.html", "data_batch_1"])
@pytest.mark.parametrize("size", [2**33, 2**62, 2**87])
def test_a_member_that_claims_exabytes_is_not_skipped_step_by_step(name, size, tmp_path):
    member = make_member(f"{FOLDER}/{name}")[0]
    member.size = size
    path = tmp_path / "a.tar"
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    started = time.process_time()
    with pytest.raises(DataError, match=f"claims {size:,} bytes"):
        load_cifar10(path)
    assert time.process_time() - started < 5


def test_a_huge_number_of_members_is_not_read_to_its_end(tmp_path, monkeypatch):
    path = write_bomb(tmp_path / "a.tar.gz", make_member("x")[0].tobuf() * 100_000, zeros=0)
    started = time.process_time()
    with pytest.raises(DataError, match="more than 100 members"):
        load_cifar10(path)
    assert time.process_time() - started < 5


def test_headers_that_announce_headers_without_end_are_refused(tmp_path):
    """Each extended header makes tarfile call itself for the next."""
    record = b"8 a=bcd\n"
    header = make_member("pax", record, type=tarfile.XHDTYPE)[0].tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / "a.tar"
    path.write_bytes((header + record.ljust(512, b"\0")) * 10_000)
    with pytest.raises(DataError, match=r"not a readable archive: .*recursion"):
        load_cifar10(path)


def test_the_bound_is_above_what_the_published_archives_take():
    batches = 6 * (2 + 10_000 * 3072 + 600_000)
    assert batches < cifar10_files._MAX_ARCHIVE_BYTES
    assert max(len(version.files) for version in cifar10_files.VERSIONS) < 100


def test_a_stream_in_a_stream_is_not_unpacked_further(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(gzip.compress(make_archive(make_member("x", b"x")))))
    with pytest.raises(DataError, match="not a readable archive"):
        load_cifar10(path)


def test_an_unpacked_size_that_lies_decides_nothing(tmp_path):
    content = make_archive(make_member("x", b"x"))
    path = tmp_path / "a.tar.gz"
    path.write_bytes(content[:-4] + struct.pack("<I", 2**32 - 1))
    with pytest.raises(DataError, match=r"holds no batch file|not a readable archive"):
        load_cifar10(path)
