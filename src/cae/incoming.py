"""Input from outside: plain files of bounded size, and JSON with only one meaning."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from cae.wording import show

# More than any configuration, model description, history or evaluation that is written here.
MOST_JSON_BYTES = 16 * 2**20

_MOST_LEVELS = 64


@contextmanager
def open_plain(path: Path, *, most_bytes: int) -> Generator[BinaryIO]:
    """Yield the plain file at `path`, open for reading.

    Pipes and devices are refused: waiting for a pipe may never end, and neither may a device.

    Raises:
        OSError: the file cannot be opened, is not a plain file, or is larger than `most_bytes`.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        _require_plain(file, path, most_bytes)
        yield file


def read_plain(path: Path, *, most_bytes: int) -> bytes:
    """Return the bytes of the plain file at `path`; see `open_plain` for what is refused."""
    with open_plain(path, most_bytes=most_bytes) as file:
        return file.read()


def parse_json(data: bytes) -> Any:
    """Return the value of JSON in UTF-8, which must have only one meaning.

    Raises:
        ValueError: the bytes are not JSON, a key occurs twice in an object, a number is not finite,
            or values are nested more than 64 deep.
        RecursionError: values are nested so deep that they cannot even be read.
    """
    value = json.loads(
        data.decode(),
        object_pairs_hook=_make_object,
        parse_constant=_refuse_constant,
        parse_float=_parse_float,
    )
    _require_shallow(value)
    return value


def _open_at_once(path: str, flags: int) -> int:
    # Opening a pipe that nobody writes to would wait. Windows has neither such pipes nor the flag.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _require_plain(file: BinaryIO, path: Path, most_bytes: int) -> None:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a plain file", str(path))
    if status.st_size > most_bytes:
        size = f"it has {status.st_size:,} bytes, more than the {most_bytes:,} allowed"
        raise OSError(errno.EFBIG, size, str(path))


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        ((key, count),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {show(key)} occurs {count} times")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _parse_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {show(text)} is too large")
    return value


def _require_shallow(value: object) -> None:
    level = [value]
    for _ in range(_MOST_LEVELS):
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(cast("dict[str, object]", each).values())
            elif isinstance(each, list):
                inner.extend(cast("list[object]", each))
        if not inner:
            return
        level = inner
    raise ValueError(f"values are nested more than {_MOST_LEVELS} deep")
