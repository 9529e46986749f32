"""The history of a training, with a column for each metric, and its file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

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
    def is_validated(self) -> bool:
        """Whether validation images were looked at after each epoch."""
        return "val_loss" in self.metrics

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 1, of the lowest validation loss (the first of equals).

        Without validation it is the last epoch.
        """
        losses = self.metrics.get("val_loss")
        if losses is None:
            return self.epochs
        return losses.index(min(losses)) + 1

    @property
    def seconds(self) -> float:
        """Wall time of all epochs, validation included."""
        return math.fsum(self.metrics.get("seconds", ()))


def write_history(path: Path, history: History, *, about: Mapping[str, Any]) -> None:
    """Write a history as JSON: the facts in `about`, then its best epoch, seconds and columns."""
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
    """Return the JSON object of a history file, its columns of equal length.

    Raises:
        CheckpointError: the file is missing, damaged, or not a history.
    """
    value = read_json(path)
    if not isinstance(value, dict) or not isinstance(value.get("metrics"), dict):  # pyright: ignore[reportUnknownMemberType]
        raise CheckpointError(f"{path}: not a training history: it has no 'metrics'")
    content = break_seal(path, value)
    columns = list(cast("dict[str, object]", content["metrics"]).values())
    if not all(map(_is_column, columns)) or len({len(cast("list[Any]", c)) for c in columns}) > 1:
        raise CheckpointError(
            f"{path}: not a training history: expected lists of numbers of the same length "
            "under 'metrics'"
        )
    return content


def _is_column(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, int | float) for each in cast("list[object]", value)
    )
