"""A picture made to harm is refused with exit code 3, in bounded time and memory."""

from __future__ import annotations

import io
import os
import shutil
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cae.data.pictures import load_pictures
from cae.errors import DataError

RANDOM = np.random.default_rng(0)
PICTURE = Image.fromarray(RANDOM.integers(0, 256, (40, 30, 3), dtype=np.uint8))


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def load(path: Path, *, channels: int = 3) -> np.ndarray:
    return load_pictures([path], image_shape=(8, 8, channels), class_names=("a", "b")).images


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def make_png(width: int, height: int, *chunks: bytes, pixels: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", zlib.compress(pixels))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body) + chunk(b"IEND", b"")


def make_gif(width: int, height: int, *, frame: int) -> bytes:
    """Return a GIF whose only frame is larger than the picture that it says it is."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    image = b"," + struct.pack("<HHHHB", 0, 0, frame, frame, 0) + b"\x02\x02\x4c\x01\x00"
    return head + image + b";"


def make_bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def make_inflating_png(kind: bytes) -> bytes:
    return make_png(8, 8, chunk(kind, b"a\0\0" + zlib.compress(bytes(2 * 10**8), level=1)))


# Made when they are needed: every worker that collects the tests would wait for the last two.
BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG of 60000 x 60000": lambda: make_png(60_000, 60_000),
    "PNG of 2**31 - 1": lambda: make_png(2**31 - 1, 2**31 - 1),
    "PNG just above the limit": lambda: make_png(8001, 8000),
    "GIF of 65535 x 65535": lambda: make_gif(65_535, 65_535, frame=1),
    "GIF whose frame is larger": lambda: make_gif(1, 1, frame=65_535),
    "BMP of 10**9": lambda: make_bmp(10**9, 10**9),
    "PPM of 10**9": lambda: b"P6 1000000000 1000000000 255\n",
    "PNG of text": lambda: make_inflating_png(b"zTXt"),
    "PNG of a profile": lambda: make_inflating_png(b"iCCP"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_is_decoded(name, tmp_path, bounded):
    path = tmp_path / "bomb.png"
    path.write_bytes(BOMBS[name]())
    with bounded(mib=300), pytest.raises(DataError, match=r"bomb\.png: "):
        load(path)


def test_the_largest_picture_that_is_allowed_is_read_in_bounded_memory(tmp_path, run_bounded):
    path = tmp_path / "large.png"
    path.write_bytes(encode(Image.new("L", (8000, 8000)), "PNG", compress_level=1))
    code = (
        "from cae.data.pictures import load_pictures\n"
        "names = ('a', 'b')\n"
        "print(load_pictures([Path(sys.argv[1])], image_shape=(8, 8, 3), class_names=names))"
    )
    answer = run_bounded(code, path)
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF"])
def test_a_picture_cut_anywhere_is_read_or_refused(kind, tmp_path):
    whole = encode(PICTURE, kind)
    path = tmp_path / "cut"
    for length in {*range(0, min(len(whole), 200), 7), *range(0, len(whole), len(whole) // 40)}:
        path.write_bytes(whole[:length])
        with suppress(DataError):
            assert load(path).shape == (1, 3, 8, 8)


PROGRAMS = {
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "SVG of entities": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>',
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"
    b"(%pipe%touch ran) (w) file\n%%EOF\n",
    "PDF": b"%PDF-1.4\n1 0 obj<</OpenAction<</S/Launch/F(touch ran)>>>>endobj\n",
    "ImageMagick": b"push graphic-context\nimage over 0,0 0,0 'https://x/\"|touch ran\"'\n",
    "HTML": b"<html><script>1</script></html>",
    "ZIP": b"PK\x03\x04" + bytes(100),
    "WMF": b"\xd7\xcd\xc6\x9a\x00\x00" + bytes(100),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("suffix", ["png", "svg", "eps"])
def test_what_is_a_program_rather_than_pixels_is_not_opened(name, suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"picture.{suffix}"
    path.write_bytes(PROGRAMS[name])
    with pytest.raises(DataError, match="not an image of a known format"):
        load(path)
    assert list(tmp_path.iterdir()) == [path]


def test_pillow_is_not_let_to_start_ghostscript(tmp_path, monkeypatch):
    """Pillow would: it takes this file for a picture, and `gs` for what draws it."""
    tools = tmp_path / "bin"
    tools.mkdir()
    trace = tmp_path / "it ran"
    (tools / "gs").write_text(f"#!/bin/sh\n{shutil.which('touch')} '{trace}'\n")
    (tools / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    path = tmp_path / "picture.png"
    path.write_bytes(encode(PICTURE, "EPS"))
    with pytest.raises(DataError, match="not an image of a known format"):
        load(path)
    assert not trace.exists()
    with suppress(OSError), Image.open(path) as picture:
        picture.load()
    assert trace.exists()


MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "I", "I;16", "F"]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_read_or_refused(mode, channels, tmp_path):
    path = tmp_path / "a.tiff"
    try:
        Image.new(mode, (9, 7)).save(path)
    except OSError:
        pytest.skip(f"Pillow writes no TIFF of mode {mode}")
    if mode in ("F", "I") or (mode, channels) == ("LAB", 1):
        with pytest.raises(DataError, match="save it"):
            load(path, channels=channels)
    else:
        assert load(path, channels=channels).shape == (1, channels, 8, 8)


def test_an_orientation_that_there_is_not_changes_nothing(tmp_path):
    expected = tmp_path / "plain.png"
    PICTURE.save(expected)
    for orientation in (0, 9, 255, 65_535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / "a.png"
        PICTURE.save(path, exif=exif.tobytes())
        assert (load(path) == load(expected)).all()


@pytest.mark.parametrize("length", [0, 6, 8, 20, 60_000])
def test_metadata_of_noise_does_not_keep_a_picture_from_being_read(length, tmp_path):
    path = tmp_path / "a.jpg"
    noise = b"Exif\0\0MM\0*" + RANDOM.bytes(length)
    PICTURE.save(path, exif=noise)
    assert load(path).shape == (1, 3, 8, 8)


def test_of_a_thousand_frames_one_is_decoded(tmp_path):
    frames = [Image.new("P", (500, 500), n % 256) for n in range(1000)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    started = time.process_time()
    assert load(path).max() == load(path).min()
    assert time.process_time() - started < 5
