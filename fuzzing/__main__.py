"""Tries every target and writes a table and a file of what was found: `python -m fuzzing`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.record import RESULTS, write_result
from cae.errors import MissingExtraError
from cae.runtime.device import choose_runtime, describe_environment
from fuzzing.coverage import import_atheris
from fuzzing.engines import Row, describe_row, follow_coverage, try_target
from fuzzing.targets import make_targets


def main() -> None:
    """Try all targets; exit with 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("--inputs", type=int, default=60_000, help="shared out over the targets")
    parser.add_argument(
        "--coverage",
        type=int,
        default=0,
        metavar="N",
        help="N more for each target of bytes, led by coverage (extra: fuzz)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", metavar="TARGET")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}/fuzz.json")
    options = parser.parse_args()  # fmt: skip
    console = Console(width=100)
    if options.coverage:
        try:
            import_atheris()
        except MissingExtraError as error:
            sys.exit(f"error: {error}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for target in make_targets(Path(folder)):
            if options.only and target.name not in options.only:
                continue
            inputs = options.inputs * target.share // 100
            rows.append(try_target(target, inputs=inputs, seed=options.seed))
            _tell(rows[-1], console)
            if options.coverage and target.seeds:
                rows.append(follow_coverage(target, inputs=options.coverage, seed=options.seed))
                _tell(rows[-1], console)
    console.print(make_table(rows))
    if options.write:
        words = ["python -m fuzzing --inputs", str(options.inputs), "--seed", str(options.seed)]
        words += ["--coverage", str(options.coverage)] if options.coverage else []
        write_result(
            RESULTS / "fuzz.json",
            {"seed": options.seed, "targets": [describe_row(row) for row in rows]},
            command=" ".join([*words, "--write"]),
            environment=describe_machine(),
        )
    sys.exit(any(row.findings for row in rows))


def describe_machine() -> dict[str, Any]:
    """Return the conditions of the figures, with the versions of what reads the inputs."""
    environment = describe_environment(choose_runtime(device="cpu", precision="float32"))
    for name in ("hypothesis", "atheris", "pillow", "pydantic", "safetensors", "typer"):
        with suppress(PackageNotFoundError):
            environment["packages"][name] = version(name)
    return environment


def make_table(rows: Sequence[Row]) -> Table:
    """Return the table of what was tried."""
    table = Table()
    table.add_column("target")
    table.add_column("inputs are")
    for heading in ("inputs", "refused", "findings", "seconds", "slowest, ms"):
        table.add_column(heading, justify="right")
    for row in rows:
        counts = (row.inputs, row.refused, len(row.findings))
        times = (f"{row.seconds:.1f}", f"{row.slowest_ms:.1f}")
        table.add_row(row.target, row.engine, *(f"{count:,}" for count in counts), *times)
    table.add_section()
    sums = (sum(row.inputs for row in rows), sum(row.refused for row in rows))
    found = sum(len(row.findings) for row in rows)
    seconds = sum(row.seconds for row in rows)
    table.add_row("all", "", *(f"{count:,}" for count in (*sums, found)), f"{seconds:.1f}", "")
    return table


def _tell(row: Row, console: Console) -> None:
    console.print(f"{row.target} ({row.engine}): {row.inputs:,} inputs in {row.seconds:.1f} s")
    for finding in row.findings[:10]:
        console.print(f"  {finding.what}\n    {finding.value[:300]}", markup=False)


if __name__ == "__main__":
    main()
