"""Rounds become medians with their ranges, and ratios that are taken within a round."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from benchmarks.compare import judge, pair_rows
from benchmarks.contest import FLOOR, OURS, PEAK
from benchmarks.summary import TRAINING_FLOP, make_tables, summarise

PEER = "a peer"
CASE = "batch 64"


def measure(task: str, name: str, **rates: float) -> dict[str, Any]:
    rates = {key.replace("_", " "): rate for key, rate in rates.items()}
    environment = {"precision": "bfloat16"}
    return {
        "task": task,
        "contestant": name,
        "rates": rates,
        "peak_mib": 100.0,
        "environment": environment,
    }


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Two rounds on a machine that is half as fast in the second one."""
    measured = []
    for speed in (1.0, 0.5):
        measured += [
            measure("machine", PEAK, float32=1e12 * speed, bfloat16=4e12 * speed),
            measure("autoencoder", OURS, batch_64=900 * speed),
            measure("autoencoder", PEER, batch_64=300 * speed),
            measure("autoencoder", FLOOR, batch_64=1000 * speed),
        ]
    return summarise(measured)


def find(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["contestant"] == name)


def test_rates_are_told_by_median_and_range(rows):
    assert find(rows, PEER)["rate"] == {"median": 225, "min": 150, "max": 300}
    assert find(rows, PEER)["rounds"] == [300, 150]


def test_ratios_do_not_depend_on_the_machines_speed_in_a_round(rows):
    assert find(rows, PEER)["ours_over_this"] == {"median": 3, "min": 3, "max": 3}
    assert find(rows, FLOOR)["ours_over_this"]["median"] == pytest.approx(0.9)
    share = 900 * TRAINING_FLOP["autoencoder"] / 4e12
    assert find(rows, OURS)["of_peak"]["min"] == pytest.approx(share)
    assert find(rows, OURS)["of_peak"]["max"] == pytest.approx(share)


def test_the_table_shows_each_contestant_once(rows):
    console = Console(record=True, width=120)
    (table,) = make_tables(rows)
    console.print(table)
    text = console.export_text()
    assert text.count(PEER) == 1
    assert "3.00" in text
    assert PEAK not in text


def test_results_are_compared_where_both_have_a_row_and_told_apart_where_ranges_do_not_meet(rows):
    def row(low: float, high: float) -> dict[str, Any]:
        return {**find(rows, PEER), "rate": {"median": (low + high) / 2, "min": low, "max": high}}

    other = {**row(1, 2), "contestant": "only in the new one"}
    assert pair_rows([row(1, 2)], [other, row(3, 4)]) == [(row(1, 2), row(3, 4))]
    assert judge(row(1, 2), row(3, 4)) == "faster"
    assert judge(row(3, 4), row(1, 2)) == "slower"
    assert judge(row(1, 3), row(2, 4)) == ""
