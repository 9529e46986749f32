"""A user's picture files, of any common format and size, as images of the shape a model takes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from cae.data.images import ImageSet, make_room
from cae.data.threads import map_files
from cae.errors import DataError
from cae.incoming import open_plain

# As RGB this takes 192 MB; a small file can claim far more pixels than the memory holds.
_MOST_PIXELS = 64_000_000
_MOST_BYTES = 512 * 2**20
# Decoding takes up to 24 bytes a pixel: pictures larger than this are decoded one at a time.
_LARGE_PIXELS = 4_000_000
# Those of Pillow's formats that hold nothing but pixels. EPS, for one, is a program, which Pillow
# has Ghostscript run.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
_MOST_TOLD = 5
_MODES = {1: "L", 3: "RGB"}
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_LYING = (5, 6, 7, 8)  # orientations of EXIF that swap width and height
_UNKNOWN = ("unknown",)
# A 16-bit picture with all values below this uses only a quarter of the range and looks dark.
_FEW_OF_16_BITS = 2**14

# Called with how many pictures have been read, and the total.
OnPictures = Callable[[int, int], None]

logger = logging.getLogger(__name__)


def load_pictures(
    paths: Sequence[str | Path] | str | Path,
    *,
    image_shape: tuple[int, int, int],
    class_names: tuple[str, ...] | None = None,
) -> ImageSet:
    """Return the pictures in `paths`, in that order, as an unlabelled set, for `classify`.

    A picture is turned upright as its EXIF orientation says, laid on white where it is
    transparent, converted to RGB or grey, and resized to height x width with antialiasing; one
    that has that size already keeps its pixels. Of several frames or pages, the first is taken.

    Args:
        paths: files of any common format (PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000, AVIF),
            of at most 64 million pixels each.
        image_shape: [height, width, channels] to return, with 1 or 3 channels; that of a model is
            its `image_shape`.
        class_names: the classes that the pictures may be of; None if not known.

    Raises:
        DataError: no path is given; files are missing, not images, damaged or too large (the
            message names the first few); the number of channels is neither 1 nor 3; or the images
            do not fit in memory.
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    reader = PictureReader(image_shape)
    if not files:
        raise DataError("no picture is given; name at least one file")
    images, _ = reader.read(files)
    reader.tell()
    reader.require_all()
    return ImageSet(images, None, class_names or _UNKNOWN, "pictures")


class PictureReader:
    """Reads files as images of one shape, and remembers which cannot be used or are doubtful."""

    def __init__(
        self, image_shape: tuple[int, int, int], *, on_progress: OnPictures | None = None
    ) -> None:
        """Make a reader.

        Args:
            image_shape: [height, width, channels] of the images.
            on_progress: called during `read` with how many of its pictures are done, and the total.

        Raises:
            DataError: the number of channels is neither 1 nor 3.
        """
        if image_shape[2] not in _MODES:
            raise DataError(
                f"the model takes images of {image_shape[2]} channels, but pictures have 1 (grey) "
                "or 3 (RGB)"
            )
        self._image_shape = image_shape
        self._on_progress = on_progress
        self._count = 0
        self._refused: list[_RefusedError] = []
        self._dark: list[tuple[Path, int]] = []
        self._of_many_frames: list[Path] = []

    def read(self, paths: Sequence[Path]) -> tuple[NDArray[np.uint8], list[int]]:
        """Return the images, uint8 [N, C, H, W], and the indices of those that can be used.

        The content of the others is undefined.
        """
        images = make_room(len(paths), self._image_shape)
        usable: list[int] = []
        # Closed if this ends early, so that files not yet begun are not read any more.
        with closing(map_files(partial(self._read_into, images, paths), paths)) as all_found:
            for place, found in enumerate(all_found):
                if isinstance(found, _RefusedError):
                    self._refused.append(found)
                else:
                    usable.append(place)
                    if found.largest is not None and 0 < found.largest < _FEW_OF_16_BITS:
                        self._dark.append((paths[place], found.largest))
                    if found.has_more_frames:
                        self._of_many_frames.append(paths[place])
                if self._on_progress is not None:
                    self._on_progress(place + 1, len(paths))
        self._count += len(paths)
        return images, usable

    def _read_into(
        self, images: NDArray[np.uint8], paths: Sequence[Path], place: int
    ) -> _Found | _RefusedError:
        """Read a picture into its place."""
        height, width, channels = self._image_shape
        try:
            pixels, found = _read_picture(paths[place], mode=_MODES[channels], size=(width, height))
        except _RefusedError as error:
            return error
        images[place] = pixels.reshape(height, width, channels).transpose(2, 0, 1)
        return found

    def tell(self) -> None:
        """Warn of pictures that were read but are probably not as intended, once for each kind."""
        if self._dark:
            path, largest = self._dark[0]
            logger.warning(
                "%s nearly black: of the 16-bit values, up to 65,535, only the lowest are used, by "
                "%s up to %s; if the values have about 12 bits, save the pictures as 8 bits, or "
                "scaled to 16",
                *(_count_pictures(len(self._dark)), path, f"{largest:,}"),
            )
        if self._of_many_frames:
            logger.warning(
                "%s of several frames or pages, of which only the first is used, such as %s",
                *(_count_pictures(len(self._of_many_frames)), self._of_many_frames[0]),
            )

    @property
    def refused(self) -> list[Path]:
        """The files that cannot be used, in the order in which they were read."""
        return [error.path for error in self._refused]

    def tell_refused(self) -> None:
        """Warn of the files that cannot be used and are left out."""
        if self._refused:
            logger.warning("leaving out pictures: %s", self._describe_refused())

    def require_all(self, *, can_be_skipped: bool = False) -> None:
        """Refuse to go on if there are files that cannot be used.

        Args:
            can_be_skipped: whether the message may suggest leaving them out.

        Raises:
            DataError: there are such files; the message names the first few.
        """
        refused = self._refused
        if len(refused) == 1 and not can_be_skipped:
            raise DataError(str(refused[0]))
        if refused:
            remedy = "save these files again, or remove them"
            if can_be_skipped:
                remedy = (
                    "save these files again, remove them, or leave them out with --skip-damaged "
                    "(skip_damaged=True in Python)"
                )
            raise DataError(f"{self._describe_refused()}; {remedy}")

    def _describe_refused(self) -> str:
        told = [error.reason for error in self._refused[:_MOST_TOLD]]
        if more := len(self._refused) - len(told):
            told.append(f"and {more:,} more")
        count = f"{len(self._refused):,} of {self._count:,} pictures cannot be used"
        return f"{count}: {' | '.join(told)}"


class _RefusedError(DataError):
    """A file cannot be used as a picture."""

    def __init__(self, path: Path, reason: str, remedy: str) -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path = path
        self.reason = f"{path}: {reason}"


@dataclass(frozen=True, slots=True)
class _Found:
    """What was noticed about a picture that was read.

    Attributes:
        largest: the largest of its values, if they had 16 bits; else None.
        has_more_frames: whether it was the first of several frames or pages.
    """

    largest: int | None
    has_more_frames: bool


def _count_pictures(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count:,} pictures are"


_one_large_picture = threading.Lock()


def _read_picture(
    path: Path, *, mode: str, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], _Found]:
    """Return a picture as uint8 [H, W] or [H, W, C], and what was noticed about it."""
    too_large = f"more than the {_MOST_PIXELS // 10**6} million allowed"
    try:
        if path.is_dir():
            raise _RefusedError(path, "is a folder", "name the images in it")
        # The size is checked below, before any pixel is decoded.
        with (
            open_plain(path, most_bytes=_MOST_BYTES) as file,
            Image.open(file, formats=_FORMATS) as picture,
        ):
            if picture.width * picture.height > _MOST_PIXELS:
                reason = f"{picture.width} x {picture.height} pixels, {too_large}"
                raise _RefusedError(path, reason, "make it smaller first")
            _require_known_scale(picture, path)
            is_deep = ";16" in str(picture.tile)
            box = _choose_small(picture, size)
            is_large = picture.width * picture.height > _LARGE_PIXELS
            with _one_large_picture if is_large else nullcontext():
                # Turned first: the orientation is lost when the bits are reduced.
                shrunk = picture if box is None else _shrink_photo(picture, size, box)
                upright = ImageOps.exif_transpose(shrunk)
                upright, largest = _reduce_to_8_bits(upright, is_deep=is_deep)
                pixels = _lay_on_white(upright).convert(mode).resize(size, _RESAMPLING)
            return np.asarray(pixels), _Found(largest, _has_more_frames(picture))
    except DataError:
        raise
    except FileNotFoundError:
        raise _RefusedError(path, "no such file", "check the name") from None
    except UnidentifiedImageError:
        known = f"give one of {', '.join(_FORMATS)}"
        raise _RefusedError(path, "not an image of a known format", known) from None
    except Image.DecompressionBombError:
        raise _RefusedError(path, f"its pixels are {too_large}", "make it smaller first") from None
    except PermissionError:
        raise _RefusedError(path, "permission denied", "change its permissions") from None
    except MemoryError:
        remedy = "make it smaller, or free some memory"
        raise _RefusedError(path, "takes more memory than there is", remedy) from None
    except Exception as error:  # noqa: BLE001 - Pillow's readers raise anything on damaged files
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _RefusedError(
            path,
            f"cannot be read as an image: {reason or type(error).__name__}",
            "it may be damaged, get or save it again",
        ) from None


# Antialiased when shrinking, and the same kernel that enlarges the built-in digits.
_RESAMPLING = Image.Resampling.BICUBIC

_Box = tuple[float, float, float, float]


def _choose_small(picture: Image.Image, size: tuple[int, int]) -> _Box | None:
    """Let a JPEG of more than four times the wanted size be decoded at 1/2, 1/4 or 1/8 of its own.

    Returns:
        The box that the whole picture takes up in what will be decoded, at twice the wanted size or
        more; None if it takes up all of it.
    """
    drafted = picture.draft(None, (2 * max(size), 2 * max(size)))
    return None if drafted is None or drafted[1][2:] == picture.size else drafted[1]


def _shrink_photo(picture: Image.Image, size: tuple[int, int], box: _Box) -> Image.Image:
    """Return a JPEG in the wanted size, but not yet turned upright."""
    width, height = size
    if picture.getexif().get(ExifTags.Base.Orientation) in _LYING:
        width, height = height, width
    # The last column and row may hold less than a pixel: the box ends within them.
    return picture.resize((width, height), _RESAMPLING, box=box)


def _require_known_scale(picture: Image.Image, path: Path) -> None:
    kinds = {"F": "fractions"}
    if picture.format != "PPM":  # Pillow has scaled a PPM's largest value to that of 16 bits.
        kinds["I"] = "32-bit or signed integers"
    if picture.mode in kinds:
        reason = f"its values are {kinds[picture.mode]} of an unknown scale"
        raise _RefusedError(path, reason, "save it as 8 bits")


def _reduce_to_8_bits(picture: Image.Image, *, is_deep: bool) -> tuple[Image.Image, int | None]:
    """Return a picture of 8 bits a channel, and the largest value of one that had 16 bits.

    Args:
        picture: grey ones still have their 16 bits, which Pillow's own conversion would clip
            instead of scale; of coloured ones Pillow has read only the upper 8 bits.
        is_deep: whether it had 16 bits.
    """
    if picture.mode not in _SIXTEEN_BIT_MODES:
        if not is_deep:
            return picture, None
        colours = cast("tuple[tuple[int, int], ...]", picture.convert("RGB").getextrema())
        return picture, 256 * max(largest for _, largest in colours) + 255
    values = np.asarray(picture).astype(np.float64)
    small = np.rint(values.clip(0, 65535) / 257).astype(np.uint8)
    return Image.fromarray(small), int(values.max())


def _has_more_frames(picture: Image.Image) -> bool:
    # Phones store a preview or a brightness map after a photo: nobody misses those.
    if picture.format in ("JPEG", "MPO"):
        return False
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # noqa: BLE001 - the first frame is read, and what follows is damaged
        return False


def _lay_on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture
    colours = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)
