"""The table of mistreated runs in docs/reliability.md: `python -m benchmarks.reliability.table`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.record import RESULTS
from cae.files import read_json


def write_rows(results: Path = RESULTS) -> list[str]:
    """Return the rows, a line of Markdown each."""
    parts: list[dict[str, Any]] = [
        read_json(results / f"reliability_{part}.json")
        for part in ("kills", "faults", "damage", "overhead")
    ]
    kills, faults, damage, overhead = parts
    rows = [
        _write_kills(kills),
        _write_faults(faults),
        *_write_damage(damage),
        _write_overhead(overhead),
    ]
    return [f"| {' | '.join(row)} |" for row in rows]


def _write_kills(found: dict[str, Any]) -> list[str]:
    signals = ", ".join(f"{count} by {name}" for name, count in sorted(found["by_signal"].items()))
    during = ", ".join(f"{count} in {name}" for name, count in found["during"].items())
    during = during.replace("in the end", "at the end").replace(
        "in evaluation", "in the evaluation"
    )
    return [
        f"ended at random moments: {signals}; {during}",
        f"{found['kills']:,}",
        f"{found['runs_completed']} runs were resumed to their end, "
        f"{_count(found)} with another result",
        _name_command("kills"),
    ]


def _write_faults(found: dict[str, Any]) -> list[str]:
    parts = [found["training"], found["training_and_plots"]]
    # A round in which the call did not come to pass, for a run makes one more or less, is none.
    idle = sum(part["failed_calls"].get("None", 0) for part in parts)
    failed = sum(sum(part["failed_calls"].values()) for part in parts) - idle
    ended = {
        name: sum(part["ended"].get(name, 0) for part in parts)
        for name in {name for part in parts for name in part["ended"]}
    }
    went_on = ended.pop("went on") - idle
    return [
        "each call that writes fails once in turn (opening, writing by half, flushing, renaming, "
        "removing, making a folder), with ENOSPC, EIO and EACCES",
        f"{failed:,}",
        f"{sum(ended.values())} runs ended in an error and {went_on} went on without; "
        f"{sum(map(_count, parts))} left a torn file, a traceback or, run again, another result",
        _name_command("faults"),
    ]


def _write_damage(found: dict[str, Any]) -> list[list[str]]:
    states, finished = found["states"], found["finished_run"]
    cases, ended = states["cases"], finished["ended"]
    return [
        [
            "the latest state cut at a random byte, or with a random bit flipped",
            f"{cases['cut, read'] + cases['bit, read']:,}",
            f"each gave way to the state before it; {cases['cut, gone on with']} of the cut and "
            f"{cases['bit, gone on with']} of the flipped were then trained to the end: "
            f"{_count(states)} had another result",
            _name_command("damage"),
        ],
        [
            "each file of a finished run cut or changed in the same ways, and the run asked for",
            f"{sum(finished['cases'].values()):,}",
            f"{ended['exit code 4']} times the damaged file was named (exit code 4), "
            f"{ended['whole again']} times it was a plot or the figures, and made again; "
            f"{_count(finished)} times "
            "anything else",
            _name_command("damage"),
        ],
    ]


def _write_overhead(found: dict[str, Any]) -> list[str]:
    ratio = found["ratio"]
    return [
        f"trained with states saved every {found['every_seconds']:.0f} s, and without, in turn",
        f"{len(found['saved_images_per_second'])} pairs",
        f"{ratio['median']:.3f} times the throughput ({ratio['min']:.3f} to {ratio['max']:.3f}), "
        f"{found['environment']['threads']} threads in {found['environment']['precision']}",
        _name_command("overhead"),
    ]


def _count(found: dict[str, Any]) -> int:
    return len(found["problems"])


def _name_command(part: str) -> str:
    return f"`python -m benchmarks.reliability {part}`"


if __name__ == "__main__":
    Console(soft_wrap=True, markup=False, highlight=False).print("\n".join(write_rows()))
