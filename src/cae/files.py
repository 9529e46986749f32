"""Files written whole or not at all, read with clear errors, and their checksums."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from cae.errors import CheckpointError
from cae.incoming import MOST_JSON_BYTES, parse_json, read_plain

if sys.platform != "win32":
    import fcntl

_CHUNK_BYTES = 1 << 20
_TEMPORARY = ".cae-tmp"
# Without file locks: a temporary file not written to for this long counts as left behind.
_LEFT_BEHIND_SECONDS = 600.0
_SEAL = "sha256"


@contextmanager
def replace_whole(path: Path) -> Generator[Path]:
    """Yield a temporary path beside `path`; on success it is fsynced and renamed over `path`.

    If the block raises, the temporary file is removed and whatever stood at `path` is untouched.
    The temporary name keeps the suffix of `path`, because writers such as Matplotlib choose their
    format by it.

    Raises:
        CheckpointError: the file cannot be written: the disk is full, the folder read-only, and so
            on.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _hold_temporary(path) as temporary:
            try:
                yield temporary
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
                temporary.replace(path)
                _fsync_folder(path.parent)
            finally:
                # If it cannot be removed either, the next run in its folder sweeps it away.
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be written: {error.strerror or error}; make room for it, or fix the "
            "permissions of its folder, and try again"
        ) from error


def remove(path: Path) -> None:
    """Remove the file at `path`, if there is one.

    Raises:
        CheckpointError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be removed: {error.strerror}; remove it, or fix the permissions of "
            "its folder, and try again"
        ) from error


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in `folder`.

    Those that are still being written stay: a report may be made while a run starts in its folder.
    """
    for path in folder.glob(f".*{_TEMPORARY}*"):
        with suppress(OSError):  # It is in nobody's way.
            _remove_if_left_behind(path)


@contextmanager
def _hold_temporary(path: Path) -> Generator[Path]:
    """Make a file beside `path`, locked for the block; the lock ends with the process too."""
    temporary, file = _open_temporary(path)
    try:
        if sys.platform == "win32":  # Windows cannot rename an open file.
            file.close()
        yield temporary
    finally:
        file.close()


def _open_temporary(path: Path) -> tuple[Path, BinaryIO]:
    while True:
        ending = f"{_TEMPORARY}{path.suffix}"
        temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{ending}")
        # Not by mkstemp, which makes a file private: a published one follows the user's umask.
        file = temporary.open("xb")
        if sys.platform != "win32":
            with suppress(
                OSError
            ):  # Some file systems have no locks; see `_remove_if_left_behind`.
                fcntl.flock(file, fcntl.LOCK_EX)
        if temporary.exists():
            return temporary, file
        file.close()  # It was swept away before it was locked.


def _remove_if_left_behind(path: Path) -> None:
    """Remove the temporary file at `path` if nobody is writing it any more."""
    if sys.platform != "win32":
        with suppress(OSError), path.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            path.unlink()  # While it is locked, so that nobody can have begun to write it.
            return
    if time.time() - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
        path.unlink()


def write_bytes(path: Path, *parts: bytes) -> None:
    """Write `parts`, one after the other, to `path` atomically, making folders as needed."""
    with replace_whole(path) as temporary, temporary.open("wb") as file:
        file.writelines(parts)


def write_text(path: Path, text: str) -> None:
    r"""Write `text` to `path` as UTF-8, atomically.

    A byte of a file name that is not UTF-8, which Python shows as a lone surrogate, cannot be
    encoded: it is written as `\udcff`, as JSON would write it, and is read back unchanged.
    """
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as readable JSON, atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_sealed_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write the object `value` as `write_json` does, with its own checksum as its last key.

    A file with a changed digit would still be JSON; with the seal, readers notice.
    """
    write_json(path, {**value, _SEAL: _compute_seal(value)})


def read_json(path: Path) -> Any:
    """Return the JSON value in `path`.

    Raises:
        CheckpointError: the file is missing, unreadable or not JSON.
    """
    try:
        return parse_json(read_plain(path, most_bytes=MOST_JSON_BYTES))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not valid JSON: {error}") from None


def read_sealed_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`, which `write_sealed_json` wrote, without its seal.

    Raises:
        CheckpointError: the file is missing, unreadable or not JSON, or does not match its seal.
    """
    return break_seal(path, read_json(path))


def break_seal(path: Path, value: Any) -> dict[str, Any]:
    """Return the object `value`, read from `path`, without its seal, which must match.

    Raises:
        CheckpointError: there is no seal, or it belongs to another object.
    """
    if not isinstance(value, dict) or _SEAL not in value:
        raise CheckpointError(f"{path}: not as it was written: its {_SEAL!r} is missing")
    content = dict(cast("dict[str, Any]", value))
    if content.pop(_SEAL) != _compute_seal(content):
        raise CheckpointError(
            f"{path}: changed or damaged since it was written: its {_SEAL!r} does not match its "
            "content; restore a copy, or make it again"
        )
    return content


def _compute_seal(value: Mapping[str, Any]) -> str:
    text = json.dumps(dict(value), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def compute_md5(path: Path) -> str:
    """Return the MD5 of the file's bytes as 32 hexadecimal digits."""
    return _compute_digest(path, "md5")


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of the file's bytes as 64 hexadecimal digits."""
    return _compute_digest(path, "sha256")


def _compute_digest(path: Path, algorithm: str) -> str:
    # MD5 only identifies the published files here; `usedforsecurity` lets FIPS builds compute it.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _fsync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder for fsync.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
