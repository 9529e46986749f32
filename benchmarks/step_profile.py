"""Where the time of a training step goes: `python -m benchmarks.step_profile autoencoder`.

Prints the milliseconds of each operation, summed over its calls in a step. The profiler itself
slows the small ones.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from benchmarks.contestants import ours
from cae.runtime.device import choose_runtime

MAKERS = {"autoencoder": ours.make_autoencoder_step, "classifier": ours.make_classifier_step}


def main() -> None:
    """Profile our step and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_profile", description=__doc__)
    parser.add_argument("stage", choices=MAKERS)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rows", type=int, default=16)
    options = parser.parse_args()
    step = MAKERS[options.stage](choose_runtime(precision=options.precision))
    for _ in range(10):
        step()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(options.steps):
            step()
    operations = sorted(profiled.key_averages(), key=lambda one: -one.self_cpu_time_total)
    total = sum(one.self_cpu_time_total for one in operations)
    table = Table()
    for heading in ("operation", "ms a step", "share", "calls a step"):
        table.add_column(heading, justify="left" if heading == "operation" else "right")
    for one in operations[: options.rows]:
        table.add_row(
            one.key.removeprefix("aten::"),
            f"{one.self_cpu_time_total / options.steps / 1000:.2f}",
            f"{one.self_cpu_time_total / total:.1%}",
            f"{one.count / options.steps:g}",
        )
    table.add_row("all", f"{total / options.steps / 1000:.2f}", "", "")
    Console().print(table)


if __name__ == "__main__":
    main()
