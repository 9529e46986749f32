"""Files written whole or not at all, read with clear errors, and their checksums."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cae.errors import CheckpointError
from cae.incoming import MOST_JSON_BYTES, parse_json, read_plain

_CHUNK_BYTES = 1 << 20


@contextmanager
def replace_whole(path: Path) -> Generator[Path]:
    """Yield a temporary path beside `path`; on success it is fsynced and renamed over `path`.

    If the block raises, the temporary file is removed and whatever stood at `path` is untouched.
    The temporary name keeps the suffix of `path`, because writers such as Matplotlib choose their
    format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}-", suffix=f".tmp{path.suffix}"
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes the file private (0600); a published result follows the user's umask.
        temporary.chmod(0o666 & ~_read_umask())
        temporary.replace(path)
        _fsync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically, making parent folders as needed."""
    with replace_whole(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as readable JSON, atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


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


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
