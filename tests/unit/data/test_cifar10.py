"""CIFAR-10 is loaded alike from every form of copy, and fetched whole or not at all."""

from __future__ import annotations

import os
import pickle
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from cae.data import cifar10
from cae.data.cifar10 import CLASS_NAMES, fetch_cifar10, load_cifar10
from cae.data.cifar10_files import PYTHON
from cae.errors import CheckpointError, DataError


def assert_holds_tiny(dataset, tiny):
    assert (dataset.train.images == tiny.images[:35]).all()
    assert (dataset.train.labels == tiny.labels[:35]).all()
    assert (dataset.test.images == tiny.images[35:]).all()
    assert (dataset.test.labels == tiny.labels[35:]).all()
    assert dataset.train.class_names == dataset.test.class_names == CLASS_NAMES
    assert (dataset.source, dataset.fallback_reason) == ("cifar10", None)


def test_every_form_of_copy_gives_the_same_images_in_the_same_order(tiny, tmp_path):
    for version in tiny.versions:
        folder = tiny.write_folder(tmp_path / version.folder, version)
        assert_holds_tiny(load_cifar10(folder, versions=tiny.versions), tiny)
        for reverse in (False, True):
            archive = tmp_path / version.archive
            archive.write_bytes(tiny.make_archive(version, reverse=reverse))
            assert_holds_tiny(load_cifar10(archive, versions=tiny.versions), tiny)


def test_images_are_one_block_of_their_own_memory_as_training_wants_it(tiny, tmp_path):
    folder = tiny.write_folder(tmp_path / "copy", tiny.python)
    images = load_cifar10(folder, versions=tiny.versions).train.images
    block = images.transpose(0, 2, 3, 1)
    assert block.flags.c_contiguous
    assert block.flags.writeable
    assert images.base is not None
    assert images.base.nbytes == images.nbytes


def test_real_cifar10_has_the_published_sizes_classes_and_first_image(cifar10_folder):
    dataset = load_cifar10(cifar10_folder)
    assert dataset.train.images.shape == (50_000, 3, 32, 32)
    assert dataset.test.images.shape == (10_000, 3, 32, 32)
    assert dataset.train.class_counts().tolist() == [5_000] * 10
    assert dataset.test.class_counts().tolist() == [1_000] * 10
    folder = cifar10_folder / PYTHON.folder
    names = pickle.loads((folder / "batches.meta").read_bytes(), encoding="latin1")["label_names"]
    assert dataset.train.class_names == tuple(names)
    third = pickle.loads((folder / "data_batch_3").read_bytes(), encoding="bytes")
    assert dataset.train.labels is not None
    assert dataset.train.labels[20_000:30_000].tolist() == third[b"labels"]
    assert (dataset.train.images[20_000:30_000].reshape(10_000, 3072) == third[b"data"]).all()


def test_real_cifar10_loads_within_a_second_and_a_half_of_processor_time(cifar10_folder):
    # Processor time, because other tests run beside this one.
    before = time.process_time()
    load_cifar10(cifar10_folder)
    assert time.process_time() - before < 4


def test_missing_path_is_an_error_that_says_what_was_expected(tmp_path):
    with pytest.raises(DataError, match=r"gone: no such file or folder; expected a copy of CIFAR"):
        load_cifar10(tmp_path / "gone")


def test_folder_with_another_content_is_an_error_that_says_what_was_expected(tmp_path):
    (tmp_path / "holiday.txt").write_text("sun")
    with pytest.raises(DataError, match=r"holds no CIFAR-10: .* cifar-10-batches-py or .*tar\.gz"):
        load_cifar10(tmp_path)


def test_missing_batches_are_named(tiny, tmp_path):
    folder = tiny.write_folder(tmp_path / "copy", tiny.python)
    (folder / "data_batch_2").unlink()
    (folder / "test_batch").unlink()
    with pytest.raises(DataError, match="copy: lacks data_batch_2, test_batch of CIFAR-10"):
        load_cifar10(folder, versions=tiny.versions)


def test_hostile_pickle_does_not_run_even_when_its_checksum_is_the_expected_one(tiny, tmp_path):
    class MakesAFolder:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    hostile = tiny.with_content("data_batch_4", pickle.dumps(MakesAFolder(), protocol=2))
    folder = hostile.write_folder(tmp_path / "copy", hostile.python)
    with pytest.raises(DataError, match=r"copy/data_batch_4: the pickle asks for .*mkdir"):
        load_cifar10(folder, versions=hostile.versions)
    assert not (tmp_path / "made").exists()


def test_fetched_archive_is_unpacked_into_the_cache_and_leaves_nothing_else(tiny, server, tmp_path):
    server.content = tiny.make_archive(tiny.python)
    cache = tmp_path / "new" / "cache"
    folder = fetch_cifar10(cache, archive=server.file, version=tiny.python)
    assert folder == cache / "cifar-10-batches-py"
    assert list(cache.iterdir()) == [folder]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        file.name: tiny.contents[file.name] for file in tiny.python.files
    }
    assert_holds_tiny(load_cifar10(cache, versions=tiny.versions), tiny)


def test_what_is_in_the_cache_is_not_fetched_again(tiny, server, tmp_path):
    tiny.write_folder(tmp_path / PYTHON.folder, tiny.python)
    fetch_cifar10(tmp_path, archive=server.file, version=tiny.python)
    assert server.ranges == []


@pytest.mark.parametrize("others", [(), ("notes.txt",)])
def test_a_folder_in_the_cache_without_batches_is_filled(tiny, server, tmp_path, others):
    folder = tmp_path / PYTHON.folder
    folder.mkdir()
    for name in others:
        (folder / name).write_text("mine")
    server.content = tiny.make_archive(tiny.python)
    assert fetch_cifar10(tmp_path, archive=server.file, version=tiny.python) == folder
    assert_holds_tiny(load_cifar10(tmp_path, versions=tiny.versions), tiny)
    assert all((folder / name).read_text() == "mine" for name in others)


def test_archive_with_the_right_checksum_but_without_a_batch_leaves_no_folder(
    tiny, server, tmp_path
):
    server.content = tiny.make_archive(tiny.binary)
    with pytest.raises(DataError, match=r"lacks data_batch_1, .*test_batch"):
        fetch_cifar10(tmp_path, archive=server.file, version=tiny.python)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_cache_that_cannot_be_written_is_a_data_error(tiny, server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file/cache: cannot be written: Not a directory"):
        fetch_cifar10(tmp_path / "file" / "cache", archive=server.file, version=tiny.python)


def test_a_full_disk_while_unpacking_is_a_data_error(tiny, server, tmp_path, monkeypatch):
    def fill(path: Path, *_: bytes) -> None:
        raise CheckpointError(f"{path}: cannot be written: No space left on device")

    server.content = tiny.make_archive(tiny.python)
    monkeypatch.setattr(cifar10, "write_bytes", fill)
    with pytest.raises(DataError, match="No space left on device"):
        fetch_cifar10(tmp_path, archive=server.file, version=tiny.python)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


@pytest.mark.skipif(os.name != "posix", reason="permissions by umask are POSIX's")
def test_the_cache_is_as_open_as_the_umask_says_and_a_killed_process_leaves_nothing_in_it(
    tiny, server, tmp_path
):
    left = tmp_path / f".{PYTHON.folder}-killed.tmp"
    left.mkdir()
    server.content = tiny.make_archive(tiny.python)
    before = os.umask(0o022)
    try:
        folder = fetch_cifar10(tmp_path, archive=server.file, version=tiny.python)
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert list(tmp_path.iterdir()) == [folder]


def test_fetch_waits_for_another_process_that_fetches_and_takes_what_it_brought(
    tiny, server, tmp_path
):
    other = FileLock(tmp_path / ".lock")
    other.acquire()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fetch_cifar10, tmp_path, archive=server.file, version=tiny.python)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.2)
        folder = tiny.write_folder(tmp_path / PYTHON.folder, tiny.python)
        other.release()
        assert waiting.result(timeout=60) == folder
    assert server.ranges == []


@pytest.mark.slow
def test_archive_of_the_real_files_loads_like_their_folder(cifar10_folder, tmp_path):
    with tarfile.open(tmp_path / PYTHON.archive, "w") as archive:
        archive.add(cifar10_folder / PYTHON.folder, PYTHON.folder)
    packed, plain = load_cifar10(tmp_path), load_cifar10(cifar10_folder)
    assert np.array_equal(packed.train.images, plain.train.images)
    assert np.array_equal(packed.test.images, plain.test.images)
