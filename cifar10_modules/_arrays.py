"""Arrays of the origin's API as the package's image sets, and back: an exact round trip.

The API's images are float32 [N, H, W, C] in [0, 1] and its labels one-hot [N, K]; the package
works on uint8 [N, C, H, W] and label numbers.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cae
from cae.errors import DataError

Images = NDArray[np.floating[Any]]
Labels = NDArray[Any]

_ROWS_AT_ONCE = 4096  # Bounds the float copy that a conversion needs: 50 MB of 32x32 RGB.
# float32 keeps k / 255 * 255 within 3e-5 of k.
_ROUNDING_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an array comes from: the data set's name, and its classes if they are known."""

    source: str
    class_names: tuple[str, ...] | None


_UNKNOWN = Provenance("arrays", None)
_handed_out: dict[int, tuple[weakref.ref[NDArray[Any]], Provenance]] = {}


def to_floats(images: NDArray[np.uint8], *, divisor: float = 255.0) -> NDArray[np.float32]:
    """Return uint8 images [N, C, H, W] over `divisor`, as float32 [N, H, W, C]."""
    count, channels, height, width = images.shape
    floats = np.empty((count, height, width, channels), dtype=np.float32)
    return np.divide(images.transpose(0, 2, 3, 1), np.float32(divisor), out=floats)


def to_plain(value: Any) -> Any:
    """Return a value with NumPy's numbers and arrays in it as Python's own numbers and lists."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in value]
    return value


def to_image_set(
    x: Images,
    y: Labels | None = None,
    *,
    name: str,
    class_names: Sequence[str] | None = None,
) -> cae.ImageSet:
    """Return arrays of this API as the package's image set.

    Pixels that are not k / 255 for a whole k are rounded to such values, with a warning.

    Args:
        x: floats [N, H, W, C] in [0, 1].
        y: one-hot labels [N, K]; None for unlabelled images.
        name: of `x` in messages.
        class_names: K names; None for those that were loaded with `x`, else "0", "1", ...

    Raises:
        DataError: arrays of another kind, naming what is expected.
    """
    pixels = _to_bytes(x, name=name)
    if y is None:
        return cae.ImageSet(pixels, None, ("unlabelled",), name)
    if y.ndim != 2:
        raise DataError(
            f"labels of {name} have shape {list(y.shape)}: expected one-hot [N, K]; make them of "
            "numbers by np.eye(K)[numbers]"
        )
    given = class_names is not None and len(class_names) > 0
    names = (class_names if given else find_provenance(x).class_names) or ()
    if len(names) != y.shape[1]:
        if given:
            raise DataError(
                f"labels of {name}: {y.shape[1]} columns for {len(names)} class names; give as "
                "many in class_names"
            )
        names = [str(number) for number in range(y.shape[1])]
    return cae.ImageSet(pixels, to_numbers(y, name=f"labels of {name}"), tuple(names), name)


def to_numbers(y: Labels, *, name: str) -> NDArray[np.int64]:
    """Return labels, one-hot [N, K] or already numbers [N], as int64 [N].

    Raises:
        DataError: `y` is neither.
    """
    if y.ndim == 1 and np.issubdtype(y.dtype, np.integer):
        return y.astype(np.int64)
    if y.ndim != 2 or not (((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()):
        raise DataError(
            f"{name}, shape {list(y.shape)} and type {y.dtype}: expected one-hot labels [N, K], "
            "one 1 in each row, or label numbers [N]"
        )
    return y.argmax(axis=1).astype(np.int64)


def remember(array: NDArray[Any], provenance: Provenance) -> None:
    """Keep in mind where an array comes from, as long as it lives."""
    _handed_out[id(array)] = (weakref.ref(array), provenance)


def find_provenance(*arrays: NDArray[Any] | None) -> Provenance:
    """Return where the first array comes from that is known, or is a slice of a known one."""
    for each in arrays:
        array = each
        while array is not None and isinstance(array.base, np.ndarray):
            array = array.base
        reference, provenance = _handed_out.get(id(array), (None, _UNKNOWN))
        # An id may be used again once its array is gone.
        if reference is not None and reference() is array:
            return provenance
    return _UNKNOWN


def _find_remedy(low: float, high: float) -> str:
    """Return what to do with pixels of such a range, if that can be guessed."""
    if low >= 0 and 2 < high <= 255:
        return "; divide them by 255 (normalize)"
    # A little beyond: images under noise.
    return "; np.clip(x, 0, 1) brings them there" if low >= -1 and high <= 2 else ""


def _to_bytes(x: Images, *, name: str) -> NDArray[np.uint8]:
    """Return float images [N, H, W, C] in [0, 1] as uint8 [N, C, H, W]."""
    if x.ndim != 4 or not x.size or not np.issubdtype(x.dtype, np.floating):
        raise DataError(
            f"{name}, shape {list(x.shape)} and type {x.dtype}: expected images as floats "
            "[N, H, W, C] in [0, 1], at least one; divide bytes by 255"
        )
    count, height, width, channels = x.shape
    pixels = np.empty((count, channels, height, width), dtype=np.uint8)
    farthest = 0.0
    for start in range(0, count, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        low, high = float(x[rows].min()), float(x[rows].max())
        # Comparisons with NaN are false, so `not (...)` refuses it too.
        if not (low >= 0 and high <= 1):
            raise DataError(
                f"{name}: pixels from {low} to {high}: expected [0, 1]{_find_remedy(low, high)}"
            )
        scaled = x[rows].transpose(0, 3, 1, 2) * 255
        whole = np.rint(scaled)
        farthest = max(farthest, float(np.abs(scaled - whole).max()))
        pixels[rows] = whole
    if farthest > _ROUNDING_TOLERANCE:
        warnings.warn(
            f"{name}: pixels are kept as whole 255ths, so these change by up to "
            f"{farthest / 255:.1g}; round them yourself by np.rint(255 * x) / 255",
            stacklevel=4,
        )
    return pixels
