"""The bytes of CIFAR-10's batch files, read into arrays without running anything in them."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from cae.data.pickles import Call, Name, read_pickle
from cae.errors import DataError

CHANNELS, SIDE = 3, 32
PIXELS = CHANNELS * SIDE * SIDE
CLASSES = 10

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]

_MAKE_ARRAY = Name("numpy.core.multiarray", "_reconstruct")
_DTYPE = Name("numpy", "dtype")
_NAMES = frozenset({_MAKE_ARRAY, _DTYPE, Name("numpy", "ndarray")})


def decode_python_batch(data: bytes, *, count: int, place: str) -> Batch:
    """Return pixels uint8 [count, 3, 32, 32] and labels int64 [count] of a pickled batch.

    The pixels are a read-only view of bytes in the pickle. Nothing in the pickle can run code: it
    is read as a description (see `cae.data.pickles`), in which the three names of NumPy that the
    published files use are not looked up, and any other name is refused.

    Raises:
        DataError: the bytes are not a pickle, use other names, or have other content.
    """
    try:
        batch = read_pickle(data, allowed=_NAMES)
    except DataError as error:
        raise DataError(f"{place}: {error}") from None
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{place}: not a readable pickle: {_describe(error)}") from None
    values = cast("dict[object, object]", batch) if isinstance(batch, dict) else {}
    pixels = _read_pixels(values.get(b"data"), count)
    labels = _read_labels(values.get(b"labels"), count)
    if pixels is None or labels is None:
        raise DataError(
            f"{place}: expected {count} images of {PIXELS} bytes under 'data' and {count} labels "
            f"from 0 to {CLASSES - 1} under 'labels', found other content"
        )
    return pixels, labels


def decode_binary_batch(data: bytes, *, count: int, place: str) -> Batch:
    """Return pixels uint8 [count, 3, 32, 32] and labels int64 [count] of a binary batch.

    Each image is one byte of label, then its pixels. The pixels are a read-only view of `data`.

    Raises:
        DataError: the size is not that of `count` images, or a label is above 9.
    """
    if len(data) != count * (1 + PIXELS):
        raise DataError(
            f"{place}: expected {count * (1 + PIXELS)} bytes ({count} images), found {len(data)}"
        )
    records = np.frombuffer(data, dtype=np.uint8).reshape(count, 1 + PIXELS)
    labels = records[:, 0].astype(np.int64)
    if (labels >= CLASSES).any():
        raise DataError(f"{place}: label {labels.max()}, expected 0 to {CLASSES - 1}")
    return records[:, 1:].reshape(count, CHANNELS, SIDE, SIDE), labels


def _read_pixels(record: object, count: int) -> NDArray[np.uint8] | None:
    if not isinstance(record, Call) or record.function != _MAKE_ARRAY:
        return None
    state = record.state
    if not isinstance(state, tuple) or len(cast("tuple[object, ...]", state)) != 5:
        return None
    _, shape, kind, column_major, content = cast("tuple[object, ...]", state)
    if shape != (count, PIXELS) or column_major is not False:
        return None
    if not isinstance(kind, Call) or kind.function != _DTYPE:
        return None
    if not isinstance(kind.arguments, tuple) or kind.arguments[:1] != (b"u1",):
        return None
    if not isinstance(content, bytes) or len(content) != count * PIXELS:
        return None
    return np.frombuffer(content, dtype=np.uint8).reshape(count, CHANNELS, SIDE, SIDE)


def _read_labels(value: object, count: int) -> NDArray[np.int64] | None:
    if not isinstance(value, list):
        return None
    labels = cast("list[object]", value)
    if len(labels) != count or not all(type(label) is int for label in labels):
        return None
    if not all(0 <= label < CLASSES for label in cast("list[int]", labels)):
        return None
    return np.array(labels, dtype=np.int64)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
