"""What every contestant computes: the origin's two networks on the same random images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

BATCH_SIZE = 64
INFERENCE_BATCH_SIZES = (1, 64, 1000)
CLASSES = 10
_IMAGES = 4096  # Random pixels: no step's time depends on what the images show.


@dataclass(frozen=True, slots=True)
class Convolution:
    """A 3x3 convolution of the networks, on images of `side` x `side` pixels."""

    channels_in: int
    channels_out: int
    side: int

    @property
    def flop_per_image(self) -> int:
        """Multiplications and additions of one forward pass."""
        return 2 * 9 * self.channels_in * self.channels_out * self.side**2


ENCODER = (
    Convolution(3, 32, 32),
    Convolution(32, 32, 32),
    Convolution(32, 64, 16),
    Convolution(64, 64, 16),
    Convolution(64, 128, 8),
    Convolution(128, 128, 8),
)
DECODER = (
    Convolution(128, 128, 8),
    Convolution(128, 128, 8),
    Convolution(128, 64, 8),
    Convolution(64, 64, 8),
    Convolution(64, 32, 16),
    Convolution(32, 32, 16),
    Convolution(32, 3, 32),
)
HEAD = (Convolution(128, 128, 8),)


@cache
def make_pixels() -> NDArray[np.uint8]:
    """Return random images, uint8 [N, 3, 32, 32]."""
    return np.random.default_rng(0).integers(0, 256, (_IMAGES, 3, 32, 32), dtype=np.uint8)


@cache
def make_labels() -> NDArray[np.int64]:
    """Return their random labels, int64 [N]."""
    return np.random.default_rng(1).integers(0, CLASSES, _IMAGES)
