"""Measure every contestant in turn, several rounds, and print the table: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.contest import TASKS
from benchmarks.record import RESULTS, name_today, write_result
from benchmarks.summary import make_tables, summarise


def measure_rounds(
    tasks: list[str], *, rounds: int, steps: int, console: Console
) -> Iterator[dict[str, Any]]:
    """Yield what each contestant measured, round after round: A B C, A B C, and so on."""
    for number in range(1, rounds + 1):
        for task in tasks:
            for name in TASKS[task]:
                with console.status(f"round {number} of {rounds}: {task}, {name}"):
                    measured = _run_contestant(task, name, steps=steps)
                yield {"round": number, "task": task, "contestant": name, **measured}


def main() -> None:
    """Measure, print the table, and write it as JSON into benchmarks/results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40, help="timed steps of each measurement")
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=[task for task in TASKS if task != "machine"],
        default=[task for task in TASKS if task != "machine"],
    )
    parser.add_argument("--out", type=Path, help="the JSON file (default: benchmarks/results/...)")
    options = parser.parse_args()
    console = Console()
    tasks = ["machine", *options.tasks]
    measured = list(
        measure_rounds(tasks, rounds=options.rounds, steps=options.steps, console=console)
    )
    environment = measured[0]["environment"]
    rows = summarise(measured)
    path = options.out or RESULTS / f"{_name_result(environment)}.json"
    write_result(
        path,
        {"rows": rows},
        command=f"python -m benchmarks --rounds {options.rounds} --steps {options.steps}",
        environment=environment,
    )
    for table in make_tables(rows):
        console.print(table)
    console.print(f"written to {path}")


def _run_contestant(task: str, name: str, *, steps: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.contest", task, name, "--steps", str(steps)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        sys.exit(f"{task}, {name}: failed\n{finished.stderr}")
    return json.loads(finished.stdout.splitlines()[-1])


def _name_result(environment: dict[str, Any]) -> str:
    hardware = environment["accelerator"] or environment["processor"]
    parts = ("steps", hardware, f"torch-{environment['packages']['torch']}", name_today())
    return "_".join(re.sub(r"[^A-Za-z0-9.+]+", "-", part).strip("-") for part in parts)


if __name__ == "__main__":
    main()
