"""Randomness as a function: seeds and permutations that depend on their arguments alone."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def derive_seed(root: int, *stream: str | int) -> int:
    """Return a 63-bit seed for the stream named by `stream` under the root seed.

    Equal arguments give equal seeds on every machine and in every version; different streams
    give independent ones (SHA-256 of the unambiguous text of the arguments).
    """
    parts = (f"{type(part).__name__}:{part}" for part in (root, *stream))
    # Escaped, so that a separator inside a name cannot make two streams one.
    text = "\x1f".join(
        part.replace("\x1b", "\x1b\x1b").replace("\x1f", "\x1b\x1f") for part in parts
    )
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def make_permutation(count: int, *, seed: int) -> NDArray[np.int64]:
    """Return a uniformly random permutation of 0 .. count-1, the same on every machine.

    Built on the raw output of Philox, whose stream NumPy guarantees; the sampling methods of
    `numpy.random.Generator` may change between NumPy's versions.
    """
    keys = np.random.Philox(key=seed).random_raw(count)
    return np.argsort(keys, kind="stable").astype(np.int64)
