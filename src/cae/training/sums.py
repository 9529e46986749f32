"""Metrics added up over batches, on the device, and read once."""

from __future__ import annotations

import torch
from torch import Tensor


class Sums:
    """The totals and weights of named metrics; metric m is sum(totals[m]) / sum(weights[m])."""

    def __init__(self, names: tuple[str, ...], *, device: torch.device) -> None:
        self._names = names
        # float64: half a million float32 additions would drift in the fourth digit.
        self._totals, self._weights = torch.zeros(
            (2, len(names)), dtype=torch.float64, device=device
        )

    def add(self, totals: Tensor, weights: Tensor) -> None:
        """Add what a batch measured."""
        self._totals += totals
        self._weights += weights

    def read(self) -> dict[str, float]:
        """Return the metrics by name; this waits for the device."""
        values = (self._totals / self._weights).unbind()
        return {name: value.item() for name, value in zip(self._names, values, strict=True)}

    def copy(self) -> Tensor:
        """Return the totals and weights so far, [2, metrics], on the CPU."""
        return torch.stack((self._totals, self._weights)).cpu()

    def restore(self, sums: Tensor) -> None:
        """Continue from what `copy` returned."""
        self._totals, self._weights = sums.to(self._totals.device).clone()
