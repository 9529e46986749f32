"""Only plain files of bounded size are opened, and JSON means one thing or is refused."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cae.incoming import open_plain, parse_json, read_plain

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


def test_a_plain_file_is_read_whole_and_closed(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(bytes(range(256)))
    assert read_plain(path, most_bytes=256) == bytes(range(256))
    with open_plain(path, most_bytes=256) as file:
        assert file.read(3) == b"\0\1\2"
    assert file.closed


def test_a_link_to_a_plain_file_is_followed(tmp_path: Path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").symlink_to("a")
    assert read_plain(tmp_path / "b", most_bytes=1) == b"x"


def test_a_larger_file_is_refused_unread(tmp_path: Path):
    path = tmp_path / "a"
    path.touch()
    os.truncate(path, 2**40)  # sparse: it takes no space
    with pytest.raises(
        OSError, match=r"it has 1,099,511,627,776 bytes, more than the 256"
    ) as caught:
        read_plain(path, most_bytes=256)
    assert caught.value.errno == errno.EFBIG


def test_a_pipe_is_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe or a device, not a plain file"):
        read_plain(tmp_path / "pipe", most_bytes=256)


def test_a_device_is_refused():
    with pytest.raises(OSError, match="it is a pipe or a device, not a plain file"):
        read_plain(Path("/dev/zero"), most_bytes=256)


def test_a_folder_and_a_missing_file_are_told_apart(tmp_path: Path):
    with pytest.raises(IsADirectoryError):
        read_plain(tmp_path, most_bytes=256)
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "none", most_bytes=256)


@given(values)
def test_what_python_writes_as_json_is_read_as_python_reads_it(value: object):
    text = json.dumps(value)
    assert parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', r"the key 'a' occurs 2 times"),
        ('[{"b": {"a": 1, "c": 0, "a": 1, "a": 3}}]', r"'a' occurs 3 times"),
        ("NaN", "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
        ("1e999999", "the number '1e999999' is too large"),
        ("-1e400", "too large"),
        ("1" + "0" * 5000, "integer string conversion"),
        ("[" * 65 + "]" * 65, "nested more than 64 deep"),
        ('{"a":' * 65 + "1" + "}" * 65, "nested more than 64 deep"),
        ("", "Expecting value"),
        ("\ufeff{}", "BOM"),
    ],
)  # fmt: skip
def test_json_that_could_mislead_is_refused(text: str, words: str):
    with pytest.raises(ValueError, match=words):
        parse_json(text.encode())


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(ValueError, match="utf-8"):
        parse_json(b"\xff\xfe{}")


def test_nesting_up_to_the_limit_is_read():
    assert parse_json(b"[" * 63 + b"]" * 63)
