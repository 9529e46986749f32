"""A download ends with the published file or with one clear error, whatever the server does."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from cae.data.download import PublishedFile, download
from cae.errors import DataError


@pytest.fixture
def target(tmp_path):
    return tmp_path / "folder" / "archive.tar.gz"


def files_beside(target):
    return sorted(path.name for path in target.parent.iterdir())


def test_file_arrives_whole_with_rising_progress_and_leaves_nothing_else(server, target):
    seen: list[tuple[int, int | None]] = []
    download(server.file, target, on_progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == server.content
    assert files_beside(target) == ["archive.tar.gz"]
    done = [count for count, _ in seen]
    assert done == sorted(set(done))
    assert done[-1] == 1_000_000
    assert {total for _, total in seen} == {1_000_000}


def test_broken_transfer_goes_on_where_it_stopped(server, target):
    server.breaks = [300_000, 200_000]
    download(server.file, target)
    assert target.read_bytes() == server.content
    assert server.ranges == [None, "bytes=300000-", "bytes=500000-"]


def test_part_of_an_earlier_call_is_used(server, target):
    server.breaks = [150_000] * 5
    with pytest.raises(DataError, match=r"ended early.*750,000 of 1,000,000 bytes are here"):
        download(server.file, target)
    assert files_beside(target) == ["archive.tar.gz.part"]
    server.ranges.clear()
    seen: list[int] = []
    download(server.file, target, on_progress=lambda done, total: seen.append(done))
    assert target.read_bytes() == server.content
    assert server.ranges == ["bytes=750000-"]
    assert min(seen) > 750_000


def test_server_without_ranges_sends_the_file_again_from_its_start(server, target):
    server.honours_ranges = False
    server.breaks = [300_000]
    download(server.file, target)
    assert target.read_bytes() == server.content
    assert server.ranges == [None, "bytes=300000-"]


def test_whole_part_is_checked_and_named_without_asking_the_server(server, target):
    target.parent.mkdir()
    target.with_name("archive.tar.gz.part").write_bytes(server.content)
    download(server.file, target)
    assert target.read_bytes() == server.content
    assert server.ranges == []


@pytest.mark.parametrize("size", [1_000, 1_000_000, 1_000_001])
def test_part_of_another_file_is_thrown_away(server, target, size):
    target.parent.mkdir()
    target.with_name("archive.tar.gz.part").write_bytes(bytes(size))
    download(server.file, target)
    assert target.read_bytes() == server.content
    assert files_beside(target) == ["archive.tar.gz"]


def test_wrong_checksum_is_an_error_and_leaves_nothing(server, target):
    with pytest.raises(DataError, match=r"has MD5 \w{32}, expected 0{32}; it was deleted"):
        download(replace(server.file, md5="0" * 32), target)
    assert files_beside(target) == []


@pytest.mark.parametrize("size", [999_999, 1_000_001])
def test_file_of_another_size_is_refused_before_it_is_stored(server, target, size):
    with pytest.raises(DataError, match=f"offers a file of 1,000,000 bytes, expected {size:,}"):
        download(replace(server.file, size_bytes=size), target)
    assert files_beside(target) == []


def test_endless_answer_is_cut_off(server, target):
    server.sends_length = False
    with pytest.raises(DataError, match="sent more than the expected 500,000 bytes"):
        download(replace(server.file, size_bytes=500_000), target)
    assert files_beside(target) == []


def test_answer_without_a_length_is_taken_and_its_end_is_checked(server, target):
    server.sends_length = False
    server.breaks = [400_000]
    download(server.file, target)
    assert target.read_bytes() == server.content


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_refusal_of_the_server_is_named(server, target, status):
    server.status = status
    with pytest.raises(DataError, match=f"the server answered {status} "):
        download(server.file, target)
    assert files_beside(target) == []
    assert len(server.ranges) == 1


def test_server_that_is_not_there_is_an_error_at_once(server, target):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        file = replace(server.file, url=f"http://127.0.0.1:{unused.getsockname()[1]}/file")
        with pytest.raises(DataError, match=r"cannot be reached: .*refused"):
            download(file, target)


def test_server_that_never_answers_is_given_up_after_the_timeout(server, target):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = replace(server.file, url=f"http://127.0.0.1:{silent.getsockname()[1]}/file")
        with pytest.raises(DataError, match="cannot be reached: timed out"):
            download(file, target, timeout_seconds=0.1)


@pytest.mark.parametrize(
    "url", ["http://example.org/a", "ftp://example.org/a", "file:///etc/hosts"]
)
def test_address_that_others_could_change_on_the_way_is_refused(target, url):
    with pytest.raises(DataError, match=f"{url}: only https"):
        download(PublishedFile(url, "0" * 32, 10), target)


def test_redirect_to_such_an_address_is_refused(server, target):
    server.redirect = "http://example.org/archive"
    with pytest.raises(DataError, match=r"http://example.org/archive: only https"):
        download(server.file, target)


def test_folder_that_cannot_be_made_is_a_data_error(server, target):
    target.parent.write_text("a file in its place")
    with pytest.raises(DataError, match="cannot be written: "):
        download(server.file, target)
