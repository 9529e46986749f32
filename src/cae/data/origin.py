"""The files that pixels were read from, and digests that show which are the same picture."""

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
        files: M paths relative to the folder of the data set, with "/" between folders.
        digests: M values, equal where the pixels are equal, as `compute_digest` returns them.
    """

    files: Sequence[str]
    digests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Copied:
    """A picture that is both measured and learnt from.

    Attributes:
        measured, learnt_from: the files that hold it, at least one of each; see `Origin`.
    """

    measured: Sequence[str]
    learnt_from: Sequence[str]


def compute_digest(image: NDArray[np.uint8]) -> bytes:
    """Return 16 bytes that are equal for images [C, H, W] with equal pixels, and only for those."""
    # In the order of the memory.
    return hashlib.blake2b(image.transpose(1, 2, 0).tobytes(), digest_size=16).digest()
