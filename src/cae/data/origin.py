"""The files that pixels were read from, and a digest that tells which of them are one picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The files that pixels were read from.

    Attributes:
        files: M names below the folder of the data set, with "/" between folders.
        digests: M values, equal where the pixels are equal, as `compute_digest` returns them.
    """

    files: Sequence[str]
    digests: Sequence[bytes]


def compute_digest(image: NDArray[np.uint8]) -> bytes:
    """Return 16 bytes that are the same for images [C, H, W] of the same pixels, and only those."""
    # In the order in which it lies in memory.
    return hashlib.blake2b(image.transpose(1, 2, 0).tobytes(), digest_size=16).digest()
