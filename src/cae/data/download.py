"""The download of one file: resumed where it stopped, checked before it gets its name."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from cae.errors import DataError
from cae.files import compute_md5

OnProgress = Callable[[int, int | None], None]

_ATTEMPTS = 5
_CHUNK_BYTES = 1 << 18
_SLOWEST_BYTES_PER_SECOND = 10_000  # at which the published archive takes five hours
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class PublishedFile:
    """A file on the network: its address, its MD5 in hexadecimal, and its size in bytes."""

    url: str
    md5: str
    size_bytes: int


def download(
    file: PublishedFile,
    destination: Path,
    *,
    on_progress: OnProgress | None = None,
    timeout_seconds: float = 15.0,
) -> None:
    """Download `file` to `destination`, which appears only when size and MD5 are right.

    What has arrived so far is kept beside it as NAME.part: a broken transfer is resumed from there,
    now or in a later call, if the server allows it, and otherwise starts again. A file with a
    wrong MD5 is deleted.

    Args:
        file: what to download; by https, or by http from this machine itself.
        destination: the path of the finished file; its folder is made if needed.
        on_progress: called with the number of bytes here so far and the total.
        timeout_seconds: how long to wait for a connection, and for each piece of the answer. A
            connection is given up if it has brought less than 10 kB a second on average after
            twice that time.

    Raises:
        DataError: the file cannot be reached or stored, or is not the published one.
    """
    part = destination.with_name(destination.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        resumed = _size(part) > 0
        _complete(file, part, on_progress, timeout_seconds)
        if resumed and compute_md5(part) != file.md5:
            # What an earlier call left may belong to another file: once more from the start.
            part.unlink()
            _complete(file, part, on_progress, timeout_seconds)
        found = compute_md5(part)
        if found != file.md5:
            part.unlink()
            raise DataError(
                f"{file.url}: the downloaded file has MD5 {found}, expected {file.md5}; it was "
                "deleted"
            )
        part.replace(destination)
    except OSError as error:
        raise DataError(f"{destination}: cannot be written: {error.strerror or error}") from None


class _BrokenError(Exception):
    """A connection ended before the file was complete; another one may bring the rest."""


def _complete(
    file: PublishedFile, part: Path, on_progress: OnProgress | None, timeout_seconds: float
) -> None:
    """Complete the file `part`, over several connections if they break."""
    if _size(part) > file.size_bytes:
        part.unlink()
    reason = "the connection ended early"
    for _ in range(_ATTEMPTS):
        if _size(part) == file.size_bytes:
            return
        try:
            _add(file, part, on_progress, timeout_seconds)
        except _BrokenError as error:
            reason = str(error)
    if _size(part) != file.size_bytes:
        raise DataError(
            f"{file.url}: {reason}, {_ATTEMPTS} times; {_size(part):,} of {file.size_bytes:,} "
            "bytes are here and the next run resumes from them"
        )


def _add(
    file: PublishedFile, part: Path, on_progress: OnProgress | None, timeout_seconds: float
) -> None:
    """Add to `part` what one connection brings."""
    done = _size(part)
    with _connect(file.url, part, start=done, timeout_seconds=timeout_seconds) as response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            done = 0
        elif not (response.headers["Content-Range"] or "").startswith(f"bytes {done}-"):
            part.unlink(missing_ok=True)
            raise _BrokenError(f"the server sent another range than the one from byte {done}")
        if response.length is not None and done + response.length != file.size_bytes:
            raise DataError(
                f"{file.url}: offers a file of {done + response.length:,} bytes, expected "
                f"{file.size_bytes:,}; it is not the published one"
            )
        with part.open("ab" if done else "wb") as out:
            for chunk in _read_chunks(response, patience_seconds=2 * timeout_seconds):
                done += len(chunk)
                if done > file.size_bytes:
                    part.unlink()
                    raise DataError(
                        f"{file.url}: sent more than the expected {file.size_bytes:,} bytes"
                    )
                out.write(chunk)
                if on_progress:
                    on_progress(done, file.size_bytes)


def _connect(
    url: str, part: Path, *, start: int, timeout_seconds: float
) -> http.client.HTTPResponse:
    _require_safe(url)
    request = urllib.request.Request(url, headers={"User-Agent": "cae"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        return urllib.request.build_opener(_SafeRedirects).open(request, timeout=timeout_seconds)
    except DataError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise _BrokenError("the server has no such range") from None
        raise DataError(f"{url}: the server answered {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise DataError(f"{url}: cannot be reached: {error.reason}") from None
    # ValueError: a redirect to something that is not an address.
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(f"{url}: cannot be reached: {_describe(error)}") from None


def _read_chunks(response: http.client.HTTPResponse, *, patience_seconds: float) -> Iterator[bytes]:
    started, done = time.monotonic(), 0
    # Only the reading is guarded: an OSError of the disk is not one of the network.
    while True:
        try:
            # `read1` returns what is there: waiting for a whole chunk could take for ever.
            chunk = response.read1(_CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenError(f"the connection broke: {_describe(error)}") from None
        if not chunk:
            return
        done += len(chunk)
        seconds = time.monotonic() - started
        if seconds > patience_seconds and done < _SLOWEST_BYTES_PER_SECOND * seconds:
            raise _BrokenError(f"the connection delivered {done:,} bytes in {seconds:.0f} s")
        yield chunk


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an address that may be downloaded from."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        # Not from a server that proved its identity to one on this machine, which did not.
        _require_safe(newurl, encrypted=urlsplit(req.full_url).scheme == "https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_safe(url: str, *, encrypted: bool = False) -> None:
    address = urlsplit(url)
    is_local = address.scheme == "http" and address.hostname in _LOOPBACK
    if address.scheme == "https" or (is_local and not encrypted):
        return
    raise DataError(f"{url}: only https addresses are downloaded from")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__
