"""docs/reliability.md holds the figures of its runs, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.record import RESULTS
from benchmarks.reliability.table import write_rows

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
FUZZ = json.loads((ROOT / "benchmarks" / "results" / "fuzz.json").read_text(encoding="utf-8"))


def read_rows(heading: str) -> list[list[str]]:
    """Return the cells below the first table line that begins with `heading`."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip(" *") for cell in line.strip("|").split("|")])
    return rows


def test_the_table_of_inputs_shows_the_run():
    *rows, total = read_rows("target")
    assert rows == [
        [
            row["target"],
            row["engine"],
            *(f"{row[count]:,}" for count in ("inputs", "refused")),
            f"{len(row['findings']):,}",
            f"{row['seconds']:.0f}",
            f"{row['slowest_ms']:.0f}",
        ]
        for row in FUZZ["targets"]
    ]
    inputs = sum(row["inputs"] for row in FUZZ["targets"])
    assert total[2] == f"{inputs:,}"
    assert inputs >= 100_000
    assert int(total[4]) == sum(len(row["findings"]) for row in FUZZ["targets"]) == 0


def test_the_table_of_mistreated_runs_shows_their_records():
    assert [f"| {' | '.join(row)} |" for row in read_rows("what was done")] == write_rows()
    for part in ("kills", "faults", "damage"):
        found = json.loads((RESULTS / f"reliability_{part}.json").read_text(encoding="utf-8"))
        assert found["date"] in PAGE.read_text(encoding="utf-8")


def test_the_conditions_are_those_of_the_run():
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    environment = FUZZ["environment"]
    assert f"`{FUZZ['command']}`" in text
    assert FUZZ["date"] in text
    assert f"Python {environment['python']}" in text
    for name in ("hypothesis", "atheris", "pillow", "safetensors"):
        assert f"{name} {environment['packages'][name]}" in text.lower()


def test_the_table_of_attacks_counts_the_tests(request: pytest.FixtureRequest):
    given = request.config.args
    if request.config.option.keyword or given not in (["tests"], [str(ROOT / "tests")]):
        pytest.skip("counts the attacks where all tests are collected")
    counts = Counter(
        item.path.name for item in request.session.items if item.path.parent.name == "attacks"
    )
    told = {row[4].strip("`"): int(row[2]) for row in read_rows("the way in")}
    assert told == dict(counts)
