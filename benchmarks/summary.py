"""From the rounds to the rows and the tables: medians with their ranges, and ratios by round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from benchmarks.contest import FLOOR, OURS, PEAK
from benchmarks.record import spread
from benchmarks.workload import DECODER, ENCODER, HEAD

# Nominal operations of a training step per image: a convolution's backward pass costs its forward
# twice (the gradients of its weights and of its input); the images themselves need no gradient.
TRAINING_FLOP = {
    "autoencoder": 3 * sum(layer.flop_per_image for layer in (*ENCODER, *DECODER))
    - ENCODER[0].flop_per_image,
    "classifier": sum(layer.flop_per_image for layer in ENCODER)
    + 3 * sum(layer.flop_per_image for layer in HEAD),
}


def summarise(measured: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each task, case and contestant.

    Ratios are taken round by round, because the speed of shared machines drifts, and their
    medians stand in the row: `ours_over_this` is our rate over the contestant's, `of_peak` the
    share of the matrix product's rate in the same precision.

    Args:
        measured: what each contestant measured in each round.
    """
    rounds: dict[tuple[str, str, str], list[float]] = {}
    memory: dict[tuple[str, str], float] = {}
    precision = measured[0]["environment"]["precision"]
    for one in measured:
        task, name = one["task"], one["contestant"]
        memory[task, name] = max(memory.get((task, name), 0.0), one["peak_mib"])
        for case, rate in one["rates"].items():
            rounds.setdefault((task, case, name), []).append(rate)
    rows: list[dict[str, Any]] = []
    for (task, case, name), rates in rounds.items():
        row: dict[str, Any] = {
            "task": task,
            "case": case,
            "contestant": name,
            "rate": spread(rates),
            "unit": "FLOP/s" if name == PEAK else "images/s",
            "rounds": rates,
        }
        if name != PEAK:
            row["peak_mib"] = round(memory[task, name], 1)
            ours = rounds[task, case, OURS]
            row["ours_over_this"] = spread([a / b for a, b in zip(ours, rates, strict=True)])
        if name in (OURS, FLOOR) and task in TRAINING_FLOP:
            peaks = rounds["machine", precision, PEAK]
            shares = zip(rates, peaks, strict=True)
            row["of_peak"] = spread([rate * TRAINING_FLOP[task] / peak for rate, peak in shares])
        rows.append(row)
    return rows


def make_tables(rows: Sequence[dict[str, Any]]) -> list[Table]:
    """Return a table for each task and case."""
    tables: dict[tuple[str, str], Table] = {}
    for row in rows:
        key = row["task"], row["case"]
        if row["contestant"] == PEAK:
            continue
        if key not in tables:
            tables[key] = Table(title=", ".join(key), title_justify="left")
            for heading in ("", "images/s", "min to max", "ours / this", "of peak", "peak MiB"):
                tables[key].add_column(heading, justify="right" if heading else "left")
        low, high = row["rate"]["min"], row["rate"]["max"]
        of_peak = row.get("of_peak")
        tables[key].add_row(
            row["contestant"],
            f"{row['rate']['median']:,.0f}",
            f"{low:,.0f} to {high:,.0f}",
            f"{row['ours_over_this']['median']:.2f}",
            f"{of_peak['median']:.2f}" if of_peak else "",
            f"{row['peak_mib']:,.0f}",
        )
    return list(tables.values())
