"""Small real inputs that the tests of several modules share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cae.data.images import ImageSet
from cae.runtime.device import Runtime

NAMES = ("bird", "cat", "deer", "dog")


def draw_images(
    count: int,
    *,
    height: int = 8,
    width: int = 8,
    channels: int = 3,
    classes: int = 3,
    seed: int = 0,
) -> ImageSet:
    """Return random images of random pixels, every class among them."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    labels = random.permutation(np.arange(count, dtype=np.int64) % classes)
    return ImageSet(pixels, labels, NAMES[:classes], "noise")


@pytest.fixture(scope="session")
def make_images():
    return draw_images


@pytest.fixture(scope="session")
def float32() -> Runtime:
    """The CPU in its exact precision: what a reference in NumPy can be compared with."""
    return Runtime(torch.device("cpu"), "float32")
