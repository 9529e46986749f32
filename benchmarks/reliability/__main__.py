"""Mistreat runs and write what became of them: `python -m benchmarks.reliability PART`.

The parts are kills, faults and damage, of about a quarter of an hour each, and overhead (ten
minutes on an idle machine with CIFAR-10). Each writes its own file below benchmarks/results.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from benchmarks.record import RESULTS, write_result
from benchmarks.reliability.damage import damage_finished_run, damage_states
from benchmarks.reliability.faults import fail_every_call
from benchmarks.reliability.kills import kill_again_and_again
from benchmarks.reliability.overhead import compare_throughput
from cae.runtime.device import choose_runtime, describe_environment

SEED = 42
EXACT = choose_runtime(device="cpu", precision="float32")  # what the mistreated runs compute in
RUNTIMES = {"overhead": choose_runtime()}


def measure_kills() -> dict[str, Any]:
    """Kill runs 120 times."""
    return kill_again_and_again(kills=120, seed=SEED).as_json()


def measure_faults() -> dict[str, Any]:
    """Let each writing call fail with each error, and once more where plots are drawn."""
    return {
        "training": fail_every_call(draws=False).as_json(),
        "training_and_plots": fail_every_call(draws=True, names=("ENOSPC",), stride=3).as_json(),
    }


def measure_damage() -> dict[str, Any]:
    """Damage states 2,000 times and each file of a finished run 30 times."""
    return {
        "states": damage_states(cases=2000, resumed=20, seed=SEED).as_json(),
        "finished_run": damage_finished_run(cases_each=15, seed=SEED).as_json(),
    }


def measure_overhead() -> dict[str, Any]:
    """Train with states saved and without, three times each."""
    return compare_throughput(rounds=3, epochs=3)


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "kills": measure_kills,
    "faults": measure_faults,
    "damage": measure_damage,
    "overhead": measure_overhead,
}


def main() -> None:
    """Run the parts asked for, print what they found, and fail if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    problems = 0
    for part in parser.parse_args().parts:
        started = time.perf_counter()
        found = PARTS[part]()
        write_result(
            RESULTS / f"reliability_{part}.json",
            {"seed": SEED, **found, "seconds": round(time.perf_counter() - started)},
            command=f"python -m benchmarks.reliability {part}",
            environment=describe_environment(RUNTIMES.get(part) or EXACT),
        )
        Console().print_json(data=found)
        problems += sum(len(each.get("problems", ())) for each in (found, *_select_parts(found)))
    sys.exit(1 if problems else 0)


def _select_parts(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for value in found.values() if isinstance(value, dict)]


if __name__ == "__main__":
    main()
