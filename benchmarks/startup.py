"""What `cae run` costs besides its steps: `python -m benchmarks.startup`.

Measures the wall time from the command to the start of training, with the images in the page
cache, and the peak resident memory of whole runs (both stages, evaluation and plots), which are
short: one epoch of each stage with the preset `base`; with `quick`, the default, all of its
autoencoder (one epoch) and two epochs of its classifier, the first of small images.
CIFAR-10 is looked for where `cae run` looks for it.
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
from cae.apps.failures import TERMINATED
from cae.runtime.device import choose_runtime, describe_environment

COMMAND = ("run", "--data", "cifar10")
SHORT = {
    "base": ("--set", "epochs=1"),
    "quick": ("--set", "classifier.epochs=2", "--set", "classifier.low_resolution_epochs=1"),
}


def measure_run(*options: str, to_its_end: bool) -> tuple[float, float]:
    """Return the seconds until training starts and the peak memory in MiB of one `cae run`."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            [Path(sys.executable).with_name("cae"), *COMMAND, *options, "--out", folder],
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
                if not to_its_end:
                    process.terminate()
        _, status, usage = os.wait4(process.pid, 0)
        expected = 0 if to_its_end else TERMINATED
        if seconds is None or os.waitstatus_to_exitcode(status) != expected:
            sys.exit(f"cae {' '.join([*COMMAND, *options])} failed:\n{''.join(said)}")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Measure several starts and a run of each preset, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    measure_run(to_its_end=False)  # Brings the images and the libraries into the page cache.
    starts = spread([measure_run(to_its_end=False)[0] for _ in range(options.rounds)])
    peaks = {
        preset: round(measure_run("--preset", preset, *short, to_its_end=True)[1], 1)
        for preset, short in SHORT.items()
    }
    write_result(
        RESULTS / "startup.json",
        {
            "measured": f"cae {' '.join(COMMAND)}",
            "seconds_to_training": starts,
            "peak_mib": peaks,
            "peak_mib_of": {preset: " ".join(short) for preset, short in SHORT.items()},
        },
        command="python -m benchmarks.startup",
        environment=describe_environment(choose_runtime()),
    )
    console = Console()
    console.print(
        f"to training: {starts['median']:.1f} s ({starts['min']:.1f} to {starts['max']:.1f})"
    )
    for preset, peak in peaks.items():
        console.print(f"peak memory, {preset}: {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
