"""Pictures of users: what reaches the model, and what is refused."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cae.data.images import ImageSet
from cae.data.pictures import load_pictures
from cae.errors import DataError

NAMES = ("cat", "dog")


def load(*paths: Path, shape: tuple[int, int, int] = (32, 32, 3)) -> ImageSet:
    return load_pictures(paths, image_shape=shape, class_names=NAMES)


def make_pixels(height: int = 32, width: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, picture: Image.Image | np.ndarray, **options: Any) -> Path:
    picture = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    picture.save(path, **options)
    return path


def write_png_header(path: Path, *, width: int, height: int) -> Path:
    """Write a PNG that claims a size and holds not a single pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def test_a_picture_of_the_models_size_keeps_every_pixel(tmp_path: Path):
    pixels = make_pixels()
    images = load(save(tmp_path / "a.png", pixels))
    assert images.image_shape == (32, 32, 3)
    assert (images.images[0] == pixels.transpose(2, 0, 1)).all()
    assert images.labels is None
    assert images.class_names == NAMES


def test_pictures_come_in_the_order_given(tmp_path: Path):
    dark = save(tmp_path / "a.png", Image.new("RGB", (8, 8), (0, 0, 0)))
    light = save(tmp_path / "b.png", Image.new("RGB", (8, 8), (255, 255, 255)))
    assert load(light, dark, light).images[:, 0, 0, 0].tolist() == [255, 0, 255]


def test_shrinking_averages_instead_of_skipping_pixels(tmp_path: Path):
    stripes = np.zeros((320, 320, 3), np.uint8)
    stripes[:, ::2] = 255
    shrunk = load(save(tmp_path / "a.png", stripes)).images
    assert np.abs(shrunk.astype(int) - 127).max() <= 8


def test_height_and_width_are_not_mixed_up(tmp_path: Path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 15:] = 255
    images = load(save(tmp_path / "a.png", wide), shape=(8, 16, 3)).images
    assert images.shape == (1, 3, 8, 16)
    assert images[0, 0, :, 0].max() == 0
    assert images[0, 0, :, -1].min() == 255


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "webp", "tiff", "ppm"])
def test_every_common_format_is_read(tmp_path: Path, suffix: str):
    images = load(save(tmp_path / f"a.{suffix}", Image.new("RGB", (40, 20), (200, 30, 60))))
    assert np.abs(images.images[0, :, 16, 16].astype(int) - [200, 30, 60]).max() <= 4


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_every_colour_mode_becomes_rgb(tmp_path: Path, mode: str):
    picture = Image.new("RGB", (16, 16), (255, 255, 255)).convert(mode)
    assert load(save(tmp_path / "a.tiff", picture)).images.min() == 255


def test_a_model_of_grey_images_gets_the_luminance(tmp_path: Path):
    green = save(tmp_path / "a.png", Image.new("RGB", (32, 32), (0, 255, 0)))
    images = load(green, shape=(32, 32, 1))
    assert images.image_shape == (32, 32, 1)
    # ITU-R 601: luma is 0.299 R + 0.587 G + 0.114 B.
    assert abs(int(images.images[0, 0, 0, 0]) - 0.587 * 255) <= 1


def test_transparent_parts_are_laid_on_white(tmp_path: Path):
    pixels = np.zeros((32, 32, 4), np.uint8)  # black and invisible
    pixels[:, :16, 3] = 255
    pixels[:, 24:, 3] = 128
    row = load(save(tmp_path / "a.png", pixels)).images[0, 0, 0]
    assert row[:16].max() == 0
    assert row[16:24].min() == 255
    assert np.abs(row[24:].astype(int) - 127).max() <= 1


def test_a_transparent_colour_of_a_palette_is_laid_on_white(tmp_path: Path):
    picture = Image.new("P", (32, 32), 0)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putpixel((0, 0), 1)
    images = load(save(tmp_path / "a.png", picture, transparency=0)).images
    assert images[0, :, 0, 0].tolist() == [255, 0, 0]
    assert images[0, :, 5, 5].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, mode: str):
    values = np.full((32, 32), 32768, np.uint16 if mode == "I;16" else np.int32)
    path = save(tmp_path / "a.tiff", Image.fromarray(values))
    with Image.open(path) as picture:
        assert picture.mode == mode
    assert np.unique(load(path).images).tolist() == [128]


def test_a_photo_is_turned_as_its_orientation_says(tmp_path: Path):
    lying = np.zeros((32, 32, 3), np.uint8)
    lying[:, :8] = 255  # the left side is bright
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise: the left side comes on top
    upright = load(save(tmp_path / "a.png", lying, exif=exif)).images[0, 0]
    assert upright[:8].min() == 255
    assert upright[8:].max() == 0


def test_a_photo_of_16_bits_is_turned_too(tmp_path: Path):
    lying = np.zeros((32, 32), np.uint16)
    lying[:, :8] = 65535
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = load(save(tmp_path / "a.png", Image.fromarray(lying), exif=exif)).images[0, 0]
    assert upright[:8].min() == 255
    assert upright[8:].max() == 0


def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path):
    first, second = (Image.new("RGB", (32, 32), (value, value, value)) for value in (0, 255))
    path = save(tmp_path / "a.gif", first, save_all=True, append_images=[second])
    assert load(path).images.max() == 0


def write_text(path: Path) -> None:
    path.write_text("I am no image")


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_half_a_png(path: Path) -> None:
    save(path, make_pixels(64, 64), format="PNG")
    path.write_bytes(path.read_bytes()[:4000])


def write_half_a_jpeg(path: Path) -> None:
    save(path, make_pixels(64, 64), format="JPEG")
    path.write_bytes(path.read_bytes()[:1500])


def write_noise_in_a_png(path: Path) -> None:
    save(path, make_pixels(64, 64), format="PNG")
    data = bytearray(path.read_bytes())
    data[60:200] = bytes(140)
    path.write_bytes(bytes(data))


def make_folder(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def write_fractions(path: Path) -> None:
    save(path, np.full((4, 4), 0.5, np.float32), format="TIFF")


def write_bomb(path: Path) -> None:
    write_png_header(path, width=9000, height=9000)


def write_large_bomb(path: Path) -> None:
    write_png_header(path, width=60_000, height=60_000)


def write_file_as_folder(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such file"),
        (write_text, "not an image of a known format"),
        (write_nothing, "not an image of a known format"),
        (write_half_a_png, "damaged"),
        (write_half_a_jpeg, "damaged"),
        (write_noise_in_a_png, "damaged"),
        (make_folder, "is a folder"),
        (make_pipe, "not a plain file"),
        (write_fractions, "save it as 8 bits"),
        (write_bomb, "9000 x 9000 pixels, more than the 64 million"),
        (write_large_bomb, "64 million"),
        (write_file_as_folder, "cannot be read"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_no_usable_picture_is_refused_by_name(tmp_path: Path, make, words: str):
    path = tmp_path / "bad.png"
    make(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=words) as caught:
            load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_no_picture_at_all_is_refused():
    with pytest.raises(DataError, match="at least one"):
        load()


def test_channels_that_pictures_do_not_have_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="5 channels"):
        load(save(tmp_path / "a.png", make_pixels()), shape=(32, 32, 5))
