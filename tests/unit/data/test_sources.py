"""The data set asked for is the one that comes, and what stands in for it says why."""

from __future__ import annotations

import logging
import socket
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from cae.data.cifar10 import ARCHIVE
from cae.data.cifar10_files import PYTHON
from cae.data.sources import find_picture_folder, load_dataset
from cae.errors import ConfigError, DataError
from cae.files import compute_md5

MISSING = r"CIFAR-10 was neither found nor downloaded\. Tried: "


@pytest.fixture
def unreachable():
    """The published archive, on a port of this machine where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        yield replace(ARCHIVE, url=f"http://127.0.0.1:{port}/cifar-10-python.tar.gz")


@pytest.fixture
def nothing_given(monkeypatch):
    monkeypatch.delenv("CAE_DATA_DIR", raising=False)


@pytest.mark.usefixtures("nothing_given")
def test_cifar10_that_is_nowhere_is_one_error_with_all_that_was_tried(unreachable, tmp_path):
    with pytest.raises(DataError, match=MISSING) as caught:
        load_dataset("cifar10", cache=tmp_path, archive=unreachable)
    message = str(caught.value)
    assert "CAE_DATA_DIR: not set" in message
    assert f"the cache ({tmp_path}): none there" in message
    assert f"{unreachable.url}: cannot be reached: " in message
    assert "To provide a copy, download" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("nothing_given")
def test_automatic_choice_falls_back_to_the_digits_and_says_why(unreachable, tmp_path):
    dataset = load_dataset("auto", cache=tmp_path, archive=unreachable)
    assert dataset.source == "digits"
    assert dataset.fallback_reason is not None
    assert dataset.fallback_reason.startswith("CIFAR-10 was neither found nor downloaded. Tried: ")
    assert "To provide a copy, download" in dataset.fallback_reason


def test_digits_asked_for_are_no_fallback():
    dataset = load_dataset("digits")
    assert (dataset.source, dataset.fallback_reason) == ("digits", None)


@pytest.mark.parametrize("source", ["auto", "cifar10"])
def test_folder_that_the_environment_names_comes_first(source, cifar10_folder, tmp_path):
    dataset = load_dataset(source, cache=tmp_path)
    assert (dataset.source, dataset.fallback_reason) == ("cifar10", None)
    assert len(dataset.train) == 50_000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", ["auto", "cifar10"])
def test_damaged_copy_is_an_error_and_never_passed_over(
    source, tiny, unreachable, tmp_path, monkeypatch
):
    given = tmp_path / "given"
    tiny.write_folder(given / PYTHON.folder, tiny.python)  # not the published checksums
    monkeypatch.setenv("CAE_DATA_DIR", str(given))
    with pytest.raises(DataError, match=r"given/.*data_batch_1: .* expected MD5 c99cafc1"):
        load_dataset(source, cache=tmp_path, archive=unreachable)


@pytest.mark.usefixtures("nothing_given")
def test_damaged_copy_in_the_cache_is_an_error(tiny, unreachable, tmp_path):
    tiny.write_folder(tmp_path / PYTHON.folder, tiny.python)
    with pytest.raises(DataError, match=r"data_batch_1: .*; remove .* to have it downloaded again"):
        load_dataset("auto", cache=tmp_path, archive=unreachable)


def test_environment_that_names_a_place_without_cifar10_is_warned_about_and_listed(
    unreachable, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("CAE_DATA_DIR", str(tmp_path / "gone"))
    with caplog.at_level(logging.WARNING):
        dataset = load_dataset("auto", cache=tmp_path, archive=unreachable)
    assert f"CAE_DATA_DIR: {tmp_path / 'gone'} holds no CIFAR-10" in caplog.text
    assert dataset.fallback_reason is not None
    assert f"CAE_DATA_DIR ({tmp_path / 'gone'}): none there" in dataset.fallback_reason


@pytest.mark.usefixtures("nothing_given")
def test_cache_is_by_default_the_users_own(unreachable):
    cache = str(platformdirs.user_cache_path("cae"))
    with pytest.raises(DataError) as caught:
        load_dataset("cifar10", archive=unreachable)
    assert f"the cache ({cache}): none there" in str(caught.value)


def test_path_gives_the_copy_that_lies_there(cifar10_folder):
    for path in (cifar10_folder, cifar10_folder / PYTHON.folder):
        assert len(load_dataset(str(path)).test) == 10_000


def test_path_that_does_not_exist_is_an_error_that_lists_what_can_be_given(tmp_path):
    with pytest.raises(DataError, match="gone': no such file or folder; give auto, cifar10, digit"):
        load_dataset(str(tmp_path / "gone"))


def test_path_without_cifar10_is_an_error_and_no_fallback(tmp_path):
    with pytest.raises(DataError, match=r"holds neither CIFAR-10 .* nor a folder of pictures"):
        load_dataset(str(tmp_path))


@pytest.mark.parametrize(
    "shape", [(0, 64, 3), (64, -1, 3), (64, 64), (64, 64, 3, 1), (6.5, 64, 3), ("64", 64, 3)]
)
@pytest.mark.parametrize("source", ["digits", "auto", "pets"])
def test_what_is_no_size_of_images_is_refused_before_any_is_read(source, shape):
    with pytest.raises(ConfigError, match=r"image_shape \(.*: expected height, width and channels"):
        load_dataset(source, image_shape=shape)


def test_channels_that_pictures_do_not_have_are_refused_by_that_name(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / name / "0.png")
    with pytest.raises(
        ConfigError, match=r"image_shape \[4, 4, 2\]: pictures have 1 channel .* 2;"
    ):
        load_dataset(tmp_path, image_shape=(4, 4, 2))


@pytest.mark.parametrize("source", ["digits", "auto", "", "gone", "x" * 5000, "a\0b", "~nobody-x"])
def test_what_is_no_folder_of_pictures_is_none(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("digits", "auto"):
        (tmp_path / name / "a").mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name / "a" / "0.png")
    if source.startswith("~"):
        with pytest.raises(DataError, match="give the full path"):
            find_picture_folder(source)
    else:
        assert find_picture_folder(source) is None
    assert find_picture_folder("./digits") == Path("digits")
    (tmp_path / "empty").mkdir()
    assert find_picture_folder("empty") is None


def test_a_path_may_be_one(cifar10_folder):
    assert load_dataset(cifar10_folder / PYTHON.folder).source == "cifar10"


def test_file_that_is_no_archive_is_an_error(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"sun")
    with pytest.raises(DataError, match=r"holiday.jpg: not a readable archive: "):
        load_dataset(str(tmp_path / "holiday.jpg"))


@pytest.mark.slow
def test_real_files_are_downloaded_unpacked_loaded_and_found_again(
    cifar10_folder, server, tmp_path, monkeypatch
):
    packed = tmp_path / PYTHON.archive
    with tarfile.open(packed, "w") as archive:
        archive.add(cifar10_folder / PYTHON.folder, PYTHON.folder)
    server.content = packed.read_bytes()
    assert server.file.md5 == compute_md5(packed)
    monkeypatch.delenv("CAE_DATA_DIR")
    seen: list[tuple[int, int | None]] = []
    cache = tmp_path / "cache"
    fetched = load_dataset(
        "cifar10",
        cache=cache,
        archive=server.file,
        on_download=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (len(server.content), len(server.content))
    again = load_dataset("cifar10", cache=cache, archive=replace(server.file, md5="unused"))
    assert np.array_equal(fetched.train.images, again.train.images)
    assert len(server.ranges) == 1
