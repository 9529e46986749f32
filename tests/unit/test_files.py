"""A file is written whole or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from cae import files
from cae.errors import CheckpointError


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "result.json"
    path.write_text("old")
    return path


def assert_untouched(path: Path) -> None:
    assert path.read_text() == "old"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_writing_replaces_the_old_content_and_leaves_nothing_else(old):
    files.write_bytes(old, b"new\x00")
    assert old.read_bytes() == b"new\x00"
    assert list(old.parent.iterdir()) == [old]


def test_missing_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "note.txt"
    files.write_text(path, "größe")
    assert path.read_bytes() == "größe".encode()


def test_until_the_end_readers_see_the_old_content(old):
    with files.replace_whole(old) as temporary:
        temporary.write_text("new")
        assert old.read_text() == "old"
    assert old.read_text() == "new"


def test_the_temporary_file_lies_beside_the_target_hidden_and_with_its_suffix(old):
    with files.replace_whole(old) as temporary:
        temporary.write_text("new")
        assert temporary.parent == old.parent
        assert temporary.name.startswith(".")
        assert temporary.suffix == old.suffix


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_leaves_the_old_content_and_no_temporary_file(old, failure):
    def write() -> None:
        with files.replace_whole(old) as temporary:
            temporary.write_text("ne")
            raise failure

    with pytest.raises(CheckpointError if isinstance(failure, OSError) else type(failure)):
        write()
    assert_untouched(old)


def test_a_full_disk_at_the_last_moment_leaves_the_old_content(old, monkeypatch):
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CheckpointError, match=r"result\.json: cannot be written: No space left"):
        files.write_text(old, "new")
    assert_untouched(old)


def test_the_content_reaches_the_disk_before_its_name_does(old, monkeypatch):
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watch_fsync(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        events.append("folder on disk" if folder else "content on disk")
        fsync(descriptor)

    def watch_replace(self: Path, target: Path) -> Path:
        events.append("renamed")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(Path, "replace", watch_replace)
    files.write_text(old, "new")
    assert events[:2] == ["content on disk", "renamed"]
    assert os.name != "posix" or events[2:] == ["folder on disk"]


def test_a_file_that_somebody_is_writing_is_not_swept_away(old):
    with files.replace_whole(old) as temporary:
        files.sweep(old.parent)
        temporary.write_text("new")
        files.sweep(old.parent)
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such locks")
def test_what_another_process_writes_stays_until_that_is_killed(tmp_path):
    program = f"""
from pathlib import Path
from cae.files import replace_whole
with replace_whole(Path({str(tmp_path)!r}) / "report.pdf"):
    print("writing", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "writing\n"
        files.sweep(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        other.kill()
        other.wait()
    files.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_files_cannot_be_locked_the_old_are_swept_away(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if os.name == "posix":
        monkeypatch.setattr("fcntl.flock", fail)
    old, new = (tmp_path / f".{name}.cae-tmp.json" for name in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    files.write_text(tmp_path / "written", "x")
    files.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {new.name, "written"}


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such locks")
def test_a_file_that_is_swept_away_before_it_is_locked_is_made_again(old, monkeypatch):
    import fcntl

    calls: list[int] = []
    flock = fcntl.flock

    def sweep_first(file: BinaryIO, operation: int) -> None:
        calls.append(operation)
        if len(calls) == 1:
            files.sweep(old.parent)
        flock(file, operation)

    monkeypatch.setattr("fcntl.flock", sweep_first)
    files.write_text(old, "new")
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]
    assert calls[0] == calls[2] == fcntl.LOCK_EX


def test_a_target_that_cannot_be_replaced_leaves_no_temporary_file(tmp_path):
    folder = tmp_path / "taken"
    folder.mkdir()
    with pytest.raises(CheckpointError, match="taken: cannot be written"):
        files.write_text(folder, "new")
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.skipif(os.name != "posix", reason="permissions by umask are POSIX's")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
    path = tmp_path / "result.txt"
    before = os.umask(umask)
    try:
        files.write_text(path, "new")
    finally:
        left = os.umask(before)
    assert left == umask
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_json_comes_back_as_it_was_written_and_is_readable(tmp_path):
    value = {"name": "größe", "values": [1, 0.1, None, True], "nested": {"a": []}}
    path = tmp_path / "value.json"
    files.write_json(path, value)
    assert files.read_json(path) == value
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "größe" in text
    assert text.endswith("}\n")


def test_names_that_are_not_utf_8_come_back_from_json_and_are_shown_in_text(tmp_path):
    name = os.fsdecode(b"/data/gr\xc3\xb6\xff")
    path = tmp_path / "value.json"
    files.write_sealed_json(path, {"place": name, name: 1})
    assert files.read_sealed_json(path) == {"place": name, name: 1}
    assert r"grö\udcff" in path.read_text(encoding="utf-8")
    files.write_text(path, f"{name},1\n")
    assert path.read_bytes() == b"/data/gr\xc3\xb6\\udcff,1\n"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_has_no_infinity_and_the_old_file_stays(old, number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(old, {"loss": number})
    assert_untouched(old)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"a": 1,}', b"\xff\xfe", b"[" * 100_000, b"1" * 5_000],
    ids=["empty", "half", "comma", "not UTF-8", "nested too deep", "number too long"],
)
def test_what_is_not_json_is_an_error_that_names_the_file(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"bad\.json: not valid JSON"):
        files.read_json(path)


def test_a_missing_file_and_a_folder_are_errors_that_name_them(tmp_path):
    with pytest.raises(CheckpointError, match=r"gone\.json: no such file"):
        files.read_json(tmp_path / "gone.json")
    with pytest.raises(CheckpointError, match=f"{tmp_path.name}: cannot be read"):
        files.read_json(tmp_path)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_checksums_are_those_of_the_whole_content(tmp_path, size):
    content = bytes(range(256)) * (size // 256 + 1)
    path = tmp_path / "data.bin"
    path.write_bytes(content[:size])
    assert files.compute_md5(path) == hashlib.md5(content[:size]).hexdigest()
    assert files.compute_sha256(path) == hashlib.sha256(content[:size]).hexdigest()
