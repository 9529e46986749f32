"""Pictures of users: what reaches the model, and what is refused."""

from __future__ import annotations

import os
import struct
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from cae.data import pictures, threads
from cae.data.images import ImageSet
from cae.data.pictures import PictureReader, load_pictures
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


def write_png(path: Path, *, width: int, height: int, bits: int = 8, pixels: bytes = b"") -> Path:
    """Write an RGB PNG chunk by chunk; without `pixels` it claims a size and holds not a single."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
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
    path = save(tmp_path / ("a.tiff" if mode == "I;16" else "a.pgm"), Image.fromarray(values))
    with Image.open(path) as picture:
        assert picture.mode == mode
    assert np.unique(load(path).images).tolist() == [128]


def write_deep_colours(path: Path, largest: int) -> Path:
    row = np.repeat(np.linspace(0, largest, 32)[:, None], 3, axis=1).astype(">u2").tobytes()
    return write_png(path, width=32, height=32, bits=16, pixels=(b"\0" + row) * 32)


def write_deep_grey(path: Path, largest: int) -> Path:
    return save(path, np.linspace(0, largest, 1024).astype(np.uint16).reshape(32, 32))


@pytest.mark.parametrize("bits", [8, 12, 14])
@pytest.mark.parametrize(
    ("write", "suffix"),
    [(write_deep_grey, "tiff"), (write_deep_grey, "png"), (write_deep_colours, "png")],
)
def test_pictures_of_16_bits_that_use_few_of_them_are_warned_of(
    tmp_path: Path, caplog, write, suffix: str, bits: int
):
    path, other = (write(tmp_path / f"{name}.{suffix}", 2**bits - 1) for name in "ab")
    load(path, other, write(tmp_path / f"c.{suffix}", 65535))
    (record,) = caplog.records
    assert record.getMessage().startswith("2 pictures are nearly black: of the 16-bit values")
    assert f"by {path} up to {2**bits - 1:,}; if" in record.getMessage()


def test_a_whole_range_and_a_black_frame_are_not_warned_of(tmp_path: Path, caplog):
    black = save(tmp_path / "b.png", np.zeros((4, 4), np.uint16))
    load(write_deep_grey(tmp_path / "a.tiff", 65535), black)
    assert not caplog.records


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_of_an_unknown_scale_are_refused(tmp_path: Path, dtype: type):
    path = save(tmp_path / "a.tiff", Image.fromarray(np.full((4, 4), 200, dtype)))
    with pytest.raises(DataError, match=r"a\.tiff: its values are .* of an unknown scale; save it"):
        load(path)


def make_photo(height: int, width: int) -> np.ndarray:
    """Return a picture of waves of many lengths, as smooth as photos are, and a little noise."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = np.zeros((height, width))
    for length, turn in zip(range(1, 60), random.uniform(0, 7, 59), strict=True):
        along = x * np.cos(turn) + y * np.sin(turn)
        waves += np.sin(2 * np.pi * length * along + turn) / length
    pixels = 128 + 45 * np.stack([waves, -waves, waves[::-1]], axis=2)
    return (pixels + random.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(32, 32, 3), (48, 64, 3), (32, 32, 1)])
@pytest.mark.parametrize("size", [(800, 600), (601, 907), (900, 100)])
def test_a_jpeg_is_decoded_small_and_looks_the_same(tmp_path: Path, shape, size):
    path = save(tmp_path / "a.jpg", make_photo(*size), quality=90)
    with Image.open(path) as picture:
        whole = picture.convert("RGB" if shape[2] == 3 else "L")
        whole = whole.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    expected = np.asarray(whole).reshape(shape).transpose(2, 0, 1).astype(int)
    difference = np.abs(load(path, shape=shape).images[0] - expected)
    assert difference.mean() < 1
    assert difference.max() <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_that_is_decoded_small_is_turned_as_ever(tmp_path: Path, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.jpg", make_photo(601, 907), quality=90, exif=exif)
    with Image.open(path) as picture:
        turned = ImageOps.exif_transpose(picture).resize((48, 32), Image.Resampling.BICUBIC)
    found = load(path, shape=(32, 48, 3)).images[0].transpose(1, 2, 0)
    assert np.abs(found.astype(int) - np.asarray(turned)).mean() < 1


def test_a_jpeg_of_the_models_size_keeps_every_pixel(tmp_path: Path):
    path = save(tmp_path / "a.jpg", make_photo(32, 32))
    with Image.open(path) as picture:
        assert (load(path).images[0] == np.asarray(picture).transpose(2, 0, 1)).all()


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


@pytest.mark.parametrize("suffix", ["gif", "tiff", "png", "webp"])
def test_frames_that_are_passed_by_are_told_of_once(tmp_path: Path, caplog, suffix: str):
    frames = [Image.fromarray(make_photo(32, 32)), Image.new("RGB", (32, 32), "red")]
    paths = [
        save(tmp_path / f"{place}.{suffix}", frames[0], save_all=True, append_images=frames[1:])
        for place in range(3)
    ]
    load(*paths, save(tmp_path / f"one.{suffix}", frames[0]))
    (record,) = caplog.records
    assert record.getMessage() == (
        "3 pictures are of several frames or pages, of which only the first is used, such as "
        f"{paths[0]}"
    )


def test_a_preview_behind_a_photo_is_nothing_to_tell(tmp_path: Path, caplog):
    photo, preview = (Image.fromarray(make_photo(side, side)) for side in (64, 16))
    path = save(tmp_path / "a.jpg", photo, format="MPO", save_all=True, append_images=[preview])
    load(path)
    assert not caplog.records


def test_many_unusable_files_are_told_of_with_one_remedy(tmp_path: Path):
    good = save(tmp_path / "good.png", make_pixels())
    for place in range(8):
        (tmp_path / f"{place}.png").write_text("I am no image")
    bad = sorted(tmp_path.glob("?.png"))
    with pytest.raises(DataError) as caught:
        load(good, *bad)
    told = " | ".join(f"{path}: not an image of a known format" for path in bad[:5])
    assert str(caught.value) == (
        f"8 of 9 pictures cannot be used: {told} | and 3 more; save these files again, or "
        "remove them"
    )


def test_a_reader_goes_on_after_what_it_cannot_use(tmp_path: Path):
    good = [save(tmp_path / f"{place}.png", make_pixels()) for place in range(2)]
    seen: list[tuple[int, int]] = []
    reader = PictureReader((32, 32, 3), on_progress=lambda *counts: seen.append(counts))
    images, usable = reader.read([good[0], tmp_path / "gone.png", good[1]])
    assert usable == [0, 2]
    assert (images[usable] == make_pixels().transpose(2, 0, 1)).all()
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(DataError, match=r"gone\.png: no such file; check the name"):
        reader.require_all()
    reader.read([tmp_path])
    with pytest.raises(DataError, match=r"2 of 4 pictures cannot be used: .*gone.* is a folder; s"):
        reader.require_all()


def test_of_large_pictures_one_at_a_time_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(threads, "_count_threads", lambda: 4)
    monkeypatch.setattr(pictures, "_LARGE_PIXELS", 32 * 32 - 1)
    monkeypatch.setattr(threads, "_BYTES_WORTH_THREADS", 1)
    decoding: list[int] = []
    most = 0

    def lay(picture: Any) -> Any:
        nonlocal most
        decoding.append(1)
        time.sleep(0.005)
        most = max(most, len(decoding))
        decoding.pop()
        return lay_on_white(picture)

    lay_on_white = pictures._lay_on_white
    monkeypatch.setattr(pictures, "_lay_on_white", lay)
    small, large = (
        save(tmp_path / "s.png", make_pixels(31, 31)),
        save(tmp_path / "l.png", make_pixels()),
    )
    PictureReader((8, 8, 3)).read([large] * 12)
    assert most == 1
    PictureReader((8, 8, 3)).read([small] * 12)
    assert most > 1


def test_paths_may_be_text_and_the_classes_unknown(tmp_path: Path):
    path = save(tmp_path / "a.png", make_pixels())
    for paths in (str(path), path, [str(path)]):
        images = load_pictures(paths, image_shape=(32, 32, 3))
        assert (images.images[0] == make_pixels().transpose(2, 0, 1)).all()
        assert images.labels is None


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
    write_png(path, width=9000, height=9000)


def write_large_bomb(path: Path) -> None:
    write_png(path, width=60_000, height=60_000)


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


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "permission denied; change its permissions"),
        (MemoryError(), "takes more memory than there is; make it smaller, or free some memory"),
    ],
)
def test_a_remedy_fits_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
):
    def fail(*_: object, **__: object) -> None:
        raise error

    path = save(tmp_path / "a.png", make_pixels())
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(DataError, match=f"{path}: {words}"):
        load(path)
