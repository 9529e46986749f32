"""What `cae run` costs besides its steps: `python -m benchmarks.startup`.

Measures the wall time from the command to the start of training, with the images in the page
cache, and the peak resident memory of a whole run (both stages, evaluation and plots) of one epoch
each. CIFAR-10 is looked for where `cae run` looks for it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.record import RESULTS, spread, write_result
from cae.runtime.device import choose_runtime, describe_environment

COMMAND = ("run", "--data", "cifar10", "--set", "epochs=1", "--fresh")


def measure_run() -> dict[str, float]:
    """Return the seconds until training starts and the peak memory in MiB of one `cae run`."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            [Path(sys.executable).with_name("cae"), *COMMAND, "--out", folder],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        said: list[str] = []
        seconds = None
        for line in process.stderr:
            said.append(line)
            # The line that opens the first stage is written right before its first step.
            if seconds is None and line.startswith("autoencoder"):
                seconds = time.perf_counter() - started
        _, status, usage = os.wait4(process.pid, 0)
        if status or seconds is None:
            sys.exit(f"cae {' '.join(COMMAND)} failed:\n{''.join(said)}")
    return {"seconds_to_training": seconds, "peak_mib": usage.ru_maxrss / 1024}


def main() -> None:
    """Measure several runs after one that is not counted, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    measure_run()  # Brings the images and the libraries into the page cache.
    runs = [measure_run() for _ in range(options.rounds)]
    figures = {name: spread([run[name] for run in runs]) for name in runs[0]}
    write_result(
        RESULTS / "startup.json",
        {"measured": f"cae {' '.join(COMMAND)}", **figures},
        command="python -m benchmarks.startup",
        environment=describe_environment(choose_runtime()),
    )
    for name, values in figures.items():
        Console().print(
            f"{name}: {values['median']:.1f} ({values['min']:.1f} to {values['max']:.1f})"
        )


if __name__ == "__main__":
    main()
