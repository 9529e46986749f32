"""Hold two results of `make bench` against each other: `python -m benchmarks.compare OLD NEW`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cae.files import read_json

Row = dict[str, Any]


def pair_rows(old: list[Row], new: list[Row]) -> list[tuple[Row, Row]]:
    """Return the rows that both results have, in the order of the new one."""
    known = {_identify(row): row for row in old}
    return [(known[_identify(row)], row) for row in new if _identify(row) in known]


def judge(old: Row, new: Row) -> str:
    """Return "faster" or "slower" where the ranges of the rounds do not meet, else nothing."""
    if new["rate"]["min"] > old["rate"]["max"]:
        return "faster"
    return "slower" if new["rate"]["max"] < old["rate"]["min"] else ""


def make_table(pairs: list[tuple[Row, Row]]) -> Table:
    """Return the table of paired rows."""
    table = Table()
    for heading in ("task", "contestant", "old", "new", "new / old", ""):
        table.add_column(heading, justify="right" if heading in ("old", "new") else "left")
    for old, new in pairs:
        giga = new["unit"] == "FLOP/s"
        rates = [row["rate"]["median"] / (1e9 if giga else 1) for row in (old, new)]
        table.add_row(
            f"{new['task']}, {new['case']}",
            new["contestant"],
            *(f"{rate:,.0f}{' GFLOP/s' if giga else ''}" for rate in rates),
            f"{rates[1] / rates[0]:.2f}",
            judge(old, new),
        )
    return table


def main() -> None:
    """Print the conditions of both results, and the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args()
    console = Console()
    old, new = (read_json(path) for path in (options.old, options.new))
    for label, result in (("old", old), ("new", new)):
        conditions = result["environment"]
        console.print(
            f"{label}: {result['date']}, {conditions['accelerator'] or conditions['processor']}, "
            f"torch {conditions['packages']['torch']}, {result['command']}",
            soft_wrap=True,
        )
    if old["environment"]["processor"] != new["environment"]["processor"]:
        console.print("The machines differ: only the ratios within each result compare.")
    console.print(make_table(pair_rows(old["rows"], new["rows"])))


def _identify(row: Row) -> tuple[str, str, str]:
    return row["task"], row["case"], row["contestant"]


if __name__ == "__main__":
    main()
