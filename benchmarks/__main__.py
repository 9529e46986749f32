"""Measure every contestant in turn, several rounds, and print the table: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.steps import CONTESTANTS
from cae.files import write_json

RESULTS = Path(__file__).parent / "results"
BASELINE = "autoencoder, plain PyTorch"


def run_once(name: str, *, steps: int) -> dict[str, Any]:
    """Return one contestant's figures, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.steps", name, "--steps", str(steps)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(finished.stdout)


def summarise(rounds: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return a row per contestant; ratios are taken round by round, because machines drift."""
    rows: list[dict[str, Any]] = []
    for name, measured in rounds.items():
        rates = [one["images_per_second"] for one in measured]
        row: dict[str, Any] = {
            "name": name,
            "images_per_second": statistics.median(rates),
            "lowest": min(rates),
            "highest": max(rates),
            "peak_mib": max(one["peak_mib"] for one in measured),
        }
        if name.startswith("autoencoder"):
            plain = [one["images_per_second"] for one in rounds[BASELINE]]
            row["ratio_to_plain"] = statistics.median(
                rate / other for rate, other in zip(rates, plain, strict=True)
            )
        rows.append(row)
    return rows


def make_table(rows: list[dict[str, Any]]) -> Table:
    """Return the table of the rows for the terminal."""
    table = Table(title="Training step, batch 64, the origin's README configuration")
    for heading in ("step", "images/s", "min - max", "x plain PyTorch", "peak MiB"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for row in rows:
        ratio = row.get("ratio_to_plain")
        table.add_row(
            row["name"],
            f"{row['images_per_second']:,.0f}",
            f"{row['lowest']:,.0f} - {row['highest']:,.0f}",
            "" if ratio is None else f"{ratio:.2f}",
            f"{row['peak_mib']:,.0f}",
        )
    return table


def main() -> None:
    """Measure, print the table, and write it as JSON into benchmarks/results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40, help="timed steps of each round")
    parser.add_argument("--out", type=Path, help="the JSON file (default: benchmarks/results/...)")
    arguments = parser.parse_args()
    console = Console()
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for number in range(1, arguments.rounds + 1):
        for name, measured in rounds.items():
            with console.status(f"round {number} of {arguments.rounds}: {name}"):
                measured.append(run_once(name, steps=arguments.steps))
    rows = summarise(rounds)
    environment = rounds[BASELINE][0]["environment"]
    date = datetime.now(UTC).date().isoformat()
    hardware = environment["accelerator"] or environment["processor"]
    name = f"steps_{hardware}_torch{environment['packages']['torch']}_{date}".replace(" ", "-")
    path = arguments.out or RESULTS / f"{name}.json"
    write_json(
        path,
        {
            "command": "python -m benchmarks",
            "date": date,
            "rounds": arguments.rounds,
            "steps": arguments.steps,
            "environment": environment,
            "rows": rows,
        },
    )
    console.print(make_table(rows))
    console.print(f"written to {path}")


if __name__ == "__main__":
    main()
