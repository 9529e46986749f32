"""A download comes by HTTPS from where it should, whole, checked and in bounded time, or not."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cae.data import download as module
from cae.data.download import PublishedFile, download
from cae.errors import DataError

CONTENT = bytes(range(256)) * 400
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """A function that answers every request by `answer` and returns the address."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(OSError):  # the client may have heard enough
                    answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep the tests' output clean."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return f"http://127.0.0.1:{server.server_port}/file"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def refuse(url: str, tmp_path: Path, words: str, *, seconds: float = 15) -> None:
    """Check that the download fails as it should and leaves no file under its name."""
    with pytest.raises(DataError, match=words):
        download(PublishedFile(url, MD5, len(CONTENT)), tmp_path / "file", timeout_seconds=seconds)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "HTTP://example.org/a",
        "ftp://example.org/a",
        "file:///etc/passwd",
        "data:text/plain,abc",
        "jar:file:///a",
        "//example.org/a",
        "http://localhost.example.org/a",
        "http://127.0.0.1.example.org/a",
        "http://localhost@example.org/a",
        "",
    ],
)
def test_only_https_is_spoken_to_others(url, tmp_path):
    refuse(url, tmp_path, "only https addresses are downloaded from")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "target",
    [
        "http://example.org/a",
        "file:///etc/passwd",
        "ftp://example.org/a",
        "http://[bad/",
        "gopher://x",
        "http://10.0.0.1/a",
    ],
)
def test_a_redirect_to_anything_else_is_refused(target, serve, tmp_path):
    def redirect(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", target)
        request.end_headers()

    refuse(serve(redirect), tmp_path, r"only https|cannot be reached|answered 302")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["http://127.0.0.1/a", "http://localhost:8080/a"])
def test_an_encrypted_answer_does_not_lead_to_a_plain_one_on_this_machine(target):
    handler = module._SafeRedirects()
    headers = HTTPMessage()
    for origin, is_followed in (("https://example.org/a", False), ("http://localhost/b", True)):
        request = urllib.request.Request(origin)
        arguments = (request, io.BytesIO(), 302, "Found", headers, target)
        if is_followed:
            assert handler.redirect_request(*arguments) is not None
        else:
            with pytest.raises(DataError, match="only https"):
                handler.redirect_request(*arguments)


def test_redirects_in_a_circle_end(serve, tmp_path):
    def redirect(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", request.path + "x")
        request.end_headers()

    refuse(serve(redirect), tmp_path, "answered 302")


def test_a_wrong_content_leaves_nothing_behind(serve, tmp_path):
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        request.wfile.write(CONTENT[::-1])

    refuse(serve(send), tmp_path, "it was deleted")
    assert list(tmp_path.iterdir()) == []


def test_a_body_without_end_is_cut_off(serve, tmp_path):
    sent = 0

    def send(request: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        request.send_response(200)
        request.end_headers()
        while True:
            sent += request.wfile.write(bytes(2**16))

    refuse(serve(send), tmp_path, "sent more than the expected 102,400 bytes")
    assert list(tmp_path.iterdir()) == []
    assert sent < 64 * 2**20


def test_a_body_that_trickles_is_given_up(serve, tmp_path):
    """Each byte comes in time, and a hundred thousand of them would take hours."""

    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        while True:
            request.wfile.write(b"x")
            request.wfile.flush()
            time.sleep(0.05)

    started = time.monotonic()
    refuse(serve(send), tmp_path, r"the connection delivered \d+ bytes", seconds=0.15)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0" * 100,
        b"HTTP/1.1 999 \r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200,
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
        b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-\r\n\r\nabc",
        b"HTTP/1.1 302 Found\r\nLocation: \x1b[2J\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + b"\x1f\x8b" + bytes(50),
    ],
)
def test_an_answer_that_is_no_http_is_one_error(answer, serve, tmp_path):
    def send(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(answer)

    refuse(serve(send), tmp_path, r"^http://127\.0\.0\.1:\d+/file: |only https")
