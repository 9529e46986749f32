"""Pictures are told apart by their pixels alone."""

from __future__ import annotations

import numpy as np

from cae.data.origin import compute_digest


def test_digests_are_those_of_the_pixels_however_they_lie():
    image = np.random.default_rng(0).integers(0, 256, (3, 5, 7), dtype=np.uint8)
    other = np.asfortranarray(image)
    assert compute_digest(image) == compute_digest(other)
    other[2, 4, 6] ^= 1
    assert compute_digest(image) != compute_digest(other)
