"""A measurement's file: its figures with the command, the date and the conditions beside them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cae.files import write_json

RESULTS = Path(__file__).parent / "results"


def write_result(
    path: Path, figures: Mapping[str, Any], *, command: str, environment: Mapping[str, Any]
) -> None:
    """Write the figures that `command` measured today under these conditions."""
    head = {"command": command, "date": name_today(), "environment": dict(environment)}
    write_json(path, {**head, **figures})


def name_today() -> str:
    """Return today's date as files and figures name it."""
    return datetime.now(UTC).date().isoformat()


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, minimum and maximum."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}
