"""Pictures that a user hands in, of any format and size, as images of the shape a model takes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from cae.data.images import ImageSet, make_room
from cae.errors import DataError
from cae.incoming import open_plain

# As RGB this takes 192 MB; a small file can claim far more pixels than the memory holds.
_MOST_PIXELS = 64_000_000
_MOST_BYTES = 512 * 2**20
# Of Pillow's formats those that hold pixels and nothing else: EPS, for one, is a program, which
# Pillow has Ghostscript run.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
_MOST_TOLD = 5
_MODES = {1: "L", 3: "RGB"}
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def load_pictures(
    paths: Sequence[Path], *, image_shape: tuple[int, int, int], class_names: tuple[str, ...]
) -> ImageSet:
    """Return the pictures in `paths`, in that order, as an unlabelled set.

    A picture is turned upright as its EXIF orientation says, laid on white where it is
    transparent, converted to RGB or grey, and resized to height x width with antialiasing; one
    of that size keeps its pixels. Of an animation the first frame is taken.

    Args:
        paths: files of any common format (PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000, AVIF),
            of at most 64 million pixels each.
        image_shape: [height, width, channels] to return, with 1 or 3 channels.
        class_names: the classes that the pictures may be of.

    Raises:
        DataError: no path, files that are missing, not an image, damaged or too large, of which
            the first few are told, or a number of channels that pictures do not have.
    """
    height, width, channels = image_shape
    if channels not in _MODES:
        raise DataError(
            f"the model takes images of {channels} channels, but pictures have 1 (grey) or 3 (RGB)"
        )
    if not paths:
        raise DataError("no picture is given; name at least one file")
    images = make_room(len(paths), image_shape)
    refused: list[DataError] = []
    for place, path in enumerate(paths):
        try:
            pixels = _read_pixels(path, mode=_MODES[channels], size=(width, height))
        except DataError as error:
            refused.append(error)
            continue
        images[place] = pixels.reshape(height, width, channels).transpose(2, 0, 1)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        told = " | ".join(map(str, refused[:_MOST_TOLD]))
        more = " | ..." if len(refused) > _MOST_TOLD else ""
        raise DataError(f"{len(refused)} of {len(paths)} pictures cannot be used: {told}{more}")
    return ImageSet(images, None, class_names, "pictures")


def _read_pixels(path: Path, *, mode: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        if path.is_dir():
            raise DataError(f"{path}: is a folder; name the images in it")
        # The size is checked below, before any pixel is decoded, and what Pillow warns of (odd
        # metadata, mostly) changes no pixel.
        with (
            open_plain(path, most_bytes=_MOST_BYTES) as file,
            warnings.catch_warnings(action="ignore"),
            Image.open(file, formats=_FORMATS) as picture,
        ):
            if picture.width * picture.height > _MOST_PIXELS:
                raise DataError(
                    f"{path}: {picture.width} x {picture.height} pixels, more than the "
                    f"{_MOST_PIXELS // 10**6} million allowed; make it smaller first"
                )
            # First turned: what has its bits reduced no longer knows which side was up.
            upright = _reduce_to_8_bits(ImageOps.exif_transpose(picture), path)
            return np.asarray(_lay_on_white(upright).convert(mode).resize(size, _RESAMPLING))
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the name") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{path}: not an image of a known format; give one of {', '.join(_FORMATS)}"
        ) from None
    except Image.DecompressionBombError:
        raise DataError(
            f"{path}: more than the {_MOST_PIXELS // 10**6} million pixels allowed; make it "
            "smaller first"
        ) from None
    except Exception as error:  # noqa: BLE001 - Pillow's readers raise anything on damaged files
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(
            f"{path}: cannot be read as an image: {reason or type(error).__name__}; it may be "
            "damaged, get or save it anew"
        ) from None


# Antialiased when it makes smaller, and the kernel that enlarged the built-in digits.
_RESAMPLING = Image.Resampling.BICUBIC


def _reduce_to_8_bits(picture: Image.Image, path: Path) -> Image.Image:
    """Return a picture of 8 bits a channel; Pillow's own conversion would clip instead of scale."""
    if picture.mode == "F":
        raise DataError(f"{path}: its values are fractions of an unknown scale; save it as 8 bits")
    if picture.mode not in _SIXTEEN_BIT_MODES:
        return picture
    values = np.asarray(picture).astype(np.float64)
    return Image.fromarray(np.rint(values.clip(0, 65535) / 257).astype(np.uint8))


def _lay_on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture
    colours = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)
