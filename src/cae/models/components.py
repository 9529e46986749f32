"""Principal components of patches: the best that a linear code can do."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor


def compute_components(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return variances [D], the largest first, and components [D, D], unit vectors in rows.

    Args:
        rows: float64 [n, D], about zero mean; the variances are about zero.
    """
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(rows.T @ rows / len(rows)))
    components = vectors.T.flip(0)
    # Components are known up to their sign: this one is the same on every machine.
    signs = torch.where(components.sum(dim=1, keepdim=True) < 0, -1.0, 1.0)
    return values.flip(0), components * signs
