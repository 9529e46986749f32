"""Principal components of patches, which are the best possible linear code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor

# How many of the images' numbers are processed at a time; their patches take some megabytes.
_NUMBERS_AT_ONCE = 2**20


def split_images(images: Tensor) -> Iterator[Tensor]:
    """Yield images [n, C, H, W] some at a time, as float64."""
    at_once = max(1, _NUMBERS_AT_ONCE // images[0].numel())
    yield from (some.double() for some in torch.split(images, at_once))


def compute_components(parts: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return variances [D], the largest first, and components [D, D], unit vectors in rows.

    Args:
        parts: the rows, float64 [n, D] in each part, with a mean of about zero; variances are
            measured from zero. Only one part is in memory at a time.
    """
    products, count = torch.zeros(()), 0
    for rows in parts:
        assert rows.ndim == 2
        products = products + rows.T @ rows
        count += len(rows)
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(products / count))
    components = vectors.T.flip(0)
    # Components are defined up to their sign: this choice is the same on every machine.
    signs = torch.where(components.sum(dim=1, keepdim=True) < 0, -1.0, 1.0)
    return values.flip(0), components * signs
