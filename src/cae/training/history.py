"""What happened in each epoch, in columns, and its file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cae.errors import CheckpointError
from cae.files import break_seal, read_json, write_sealed_json


@dataclass(slots=True)
class History:
    """One list per metric, one value per epoch: `loss`, `val_loss`, `lr`, `seconds` and so on."""

    metrics: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def append(self, record: Mapping[str, float]) -> None:
        """Add an epoch's values."""
        for name, value in record.items():
            self.metrics.setdefault(name, []).append(value)

    @property
    def epochs(self) -> int:
        """How many epochs were completed."""
        return len(self.metrics.get("loss", ()))

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 1, of the lowest validation loss (the first of equals)."""
        losses = self.metrics["val_loss"]
        return losses.index(min(losses)) + 1

    @property
    def seconds(self) -> float:
        """Wall time of all epochs, validation included."""
        return math.fsum(self.metrics.get("seconds", ()))


def write_history(path: Path, history: History, *, about: Mapping[str, Any]) -> None:
    """Write a history as JSON: what it is `about`, then its best epoch, seconds and columns."""
    write_sealed_json(
        path,
        {
            **about,
            "best_epoch": history.best_epoch,
            "seconds": round(history.seconds, 3),
            "metrics": history.metrics,
        },
    )


def read_history(path: Path) -> dict[str, Any]:
    """Return the JSON object of a history file.

    Raises:
        CheckpointError: the file is missing, damaged, or not a history.
    """
    value: Any = read_json(path)
    if not isinstance(value, dict) or not isinstance(value.get("metrics"), dict):  # pyright: ignore[reportUnknownMemberType]
        raise CheckpointError(f"{path}: not a training history: it has no 'metrics'")
    return break_seal(path, value)
