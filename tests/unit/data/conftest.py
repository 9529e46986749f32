"""CIFAR-10 in small: real formats, few images; and a server on this machine that sends a file."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from cae.data.cifar10_files import BINARY, PYTHON, Version
from cae.data.download import PublishedFile

WriteMode = Literal["w", "w:gz", "w:bz2", "w:xz"]

COUNT = 7  # images in each file


def write_python_batch(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> bytes:
    """Return the batch as Python 2 and NumPy 1 pickled it, written opcode by opcode."""

    def text(value: bytes) -> bytes:
        return b"U" + struct.pack("<B", len(value)) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    content = pixels.tobytes()
    make_array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    make_array += number(0) + b"\x85" + text(b"b") + b"\x87R"
    make_dtype = b"cnumpy\ndtype\n" + text(b"u1") + number(0) + number(1) + b"\x87R"
    make_dtype += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) * 2 + number(0) + b"tb"
    shape = number(len(pixels)) + number(pixels[0].size) + b"\x86"
    state = b"(" + number(1) + shape + make_dtype + b"\x89"
    state += b"T" + struct.pack("<i", len(content)) + content + b"tb"
    label_list = b"](" + b"".join(number(label) for label in labels.tolist()) + b"e"
    return b"\x80\x02}(" + text(b"data") + make_array + state + text(b"labels") + label_list + b"u."


def write_binary_batch(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> bytes:
    return b"".join(
        bytes([label]) + image.tobytes() for label, image in zip(labels, pixels, strict=True)
    )


@dataclass(frozen=True)
class TinyCifar10:
    """Both versions of the same few images, with the checksums of their files."""

    images: NDArray[np.uint8]  # [6 * COUNT, 3, 32, 32], the last COUNT for testing
    labels: NDArray[np.int64]
    python: Version
    binary: Version
    contents: dict[str, bytes]

    @property
    def versions(self) -> tuple[Version, Version]:
        return self.python, self.binary

    def write_folder(self, folder: Path, version: Version) -> Path:
        """Write the files of `version` into a new folder and return it."""
        folder.mkdir(parents=True)
        for file in version.files:
            (folder / file.name).write_bytes(self.contents[file.name])
        return folder

    def make_archive(
        self, version: Version, *, mode: WriteMode = "w:gz", reverse: bool = False
    ) -> bytes:
        """Return the bytes of the archive of `version`, as the published one is laid out."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as archive:
            add_member(archive, f"{version.folder}/readme.html", b"<html>")
            for file in version.files[::-1] if reverse else version.files:
                add_member(archive, f"{version.folder}/{file.name}", self.contents[file.name])
        return buffer.getvalue()

    def with_content(self, name: str, content: bytes) -> TinyCifar10:
        """Return the same with another content of one file, and checksums that agree with it."""
        contents = self.contents | {name: content}
        python, binary = (
            replace(
                version,
                train=tuple(replace(file, md5=md5(contents[file.name])) for file in version.train),
                test=replace(version.test, md5=md5(contents[version.test.name])),
            )
            for version in self.versions
        )
        return TinyCifar10(self.images, self.labels, python, binary, contents)


def add_member(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def make_tiny_cifar10() -> TinyCifar10:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6 * COUNT, 3, 32, 32), dtype=np.uint8)
    labels = random.integers(0, 10, 6 * COUNT)
    contents: dict[str, bytes] = {}
    versions: list[Version] = []
    for version, write in ((PYTHON, write_python_batch), (BINARY, write_binary_batch)):
        for place, file in enumerate(version.files):
            rows = slice(place * COUNT, (place + 1) * COUNT)
            contents[file.name] = write(images[rows], labels[rows])
        files = [replace(file, md5=md5(contents[file.name]), count=COUNT) for file in version.files]
        versions.append(replace(version, train=tuple(files[:-1]), test=files[-1]))
    return TinyCifar10(images, labels, versions[0], versions[1], contents)


@pytest.fixture(scope="session")
def tiny() -> TinyCifar10:
    return make_tiny_cifar10()


@dataclass
class FileServer:
    """Sends one content; `breaks` holds after how many bytes each of the first answers breaks."""

    content: bytes
    port: int = 0
    honours_ranges: bool = True
    sends_length: bool = True
    breaks: list[int] = field(default_factory=list[int])
    status: int = 200
    redirect: str | None = None
    ranges: list[str | None] = field(default_factory=list[str | None])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/cifar-10-python.tar.gz"

    @property
    def file(self) -> PublishedFile:
        return PublishedFile(self.url, md5(self.content), len(self.content))


class _Handler(BaseHTTPRequestHandler):
    files: ClassVar[FileServer]

    def do_GET(self) -> None:
        files = self.files
        wanted = self.headers["Range"]
        files.ranges.append(wanted)
        if files.redirect:
            self.send_response(302)
            self.send_header("Location", files.redirect)
            self.end_headers()
            return
        if files.status != 200:
            self.send_error(files.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if not files.honours_ranges:
            start = 0
        elif start >= len(files.content):
            self.send_error(416)
            return
        body = files.content[start:]
        self.send_response(206 if start else 200)
        if start:
            last, size = len(files.content) - 1, len(files.content)
            self.send_header("Content-Range", f"bytes {start}-{last}/{size}")
        if files.sends_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # the client may have heard enough
            self.wfile.write(body[: files.breaks.pop(0)] if files.breaks else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Keep the tests' output clean."""


@pytest.fixture
def server() -> Iterator[FileServer]:
    files = FileServer(np.random.default_rng(1).bytes(1_000_000))
    handler = type("Handler", (_Handler,), {"files": files})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        files.port = running.server_port
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield files
        running.shutdown()
        thread.join()
