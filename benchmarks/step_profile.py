"""Where the time of a training step goes: `python -m benchmarks.step_profile autoencoder`.

Times the step of a preset, on random images of full size, and prints the milliseconds of each
operation, summed over its calls in a step; the profiler itself slows the small ones. With `--set`
the step is first held against the one without: both are taken in turn, and the ratio is of the
same round.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from torch.profiler import ProfilerActivity, profile

import cae
from benchmarks.contestants import ours
from benchmarks.timing import Step, time_steps
from cae.runtime.device import Runtime, describe_environment

STAGES = ("autoencoder", "classifier")


def make_step(stage: str, config: cae.RunConfig, runtime: Runtime) -> Step:
    """Return the training step of a stage of `config`."""
    if stage == "autoencoder":
        return ours.make_autoencoder_step(runtime, config=config.autoencoder)
    return ours.make_classifier_step(
        runtime, autoencoder=config.autoencoder, config=config.classifier
    )


def time_in_turn(steps: Sequence[Step], *, rounds: int, count: int) -> list[list[float]]:
    """Return for each of `steps` the milliseconds it takes, one figure a round of `count` steps."""
    taken: list[list[float]] = [[] for _ in steps]
    for number in range(rounds):
        for step, milliseconds in zip(steps, taken, strict=True):
            warmup = 2 if number else 5
            milliseconds.append(1000 * time_steps(step, steps=count, warmup=warmup))
    return taken


def make_times_table(names: Sequence[str], taken: Sequence[Sequence[float]]) -> Table:
    """Return each step's median, its range, and its ratio to the first, taken within a round."""
    table = Table("step", *(_right(name) for name in ("ms, median", "range", "ratio")))
    for name, milliseconds in zip(names, taken, strict=True):
        ratios = [own / first for own, first in zip(milliseconds, taken[0], strict=True)]
        table.add_row(
            name,
            f"{statistics.median(milliseconds):.1f}",
            f"{min(milliseconds):.1f} - {max(milliseconds):.1f}",
            f"{statistics.median(ratios):.2f}",
        )
    return table


def make_operations_table(step: Step, *, count: int, rows: int) -> Table:
    """Return the operations of a step that take longest, as the profiler sees `count` steps."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(count):
            step()
    operations = sorted(profiled.key_averages(), key=lambda one: -one.self_cpu_time_total)
    total = sum(one.self_cpu_time_total for one in operations)
    table = Table("operation", *(_right(name) for name in ("ms a step", "share", "calls a step")))
    for one in operations[:rows]:
        table.add_row(
            one.key.removeprefix("aten::"),
            f"{one.self_cpu_time_total / count / 1000:.2f}",
            f"{one.self_cpu_time_total / total:.1%}",
            f"{one.count / count:g}",
        )
    table.add_row("all", f"{total / count / 1000:.2f}", "", "")
    return table


def main() -> None:
    """Time and profile a step, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_profile", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--preset", default="base")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="in a round, and in the profile")
    parser.add_argument("--rows", type=int, default=16, help="of the table of operations")
    options = parser.parse_args()
    runtime = cae.choose_runtime(precision=options.precision)
    preset = cae.load_preset(options.preset)
    configs = {options.preset: preset}
    if options.settings:
        name = f"{options.preset}, {', '.join(options.settings)}"
        configs[name] = cae.override(preset, options.settings)
    steps = [make_step(options.stage, config, runtime) for config in configs.values()]
    taken = time_in_turn(steps, rounds=options.rounds, count=options.steps)
    console = Console()
    environment = describe_environment(runtime)
    described = "{processor}, threads: {threads}, {precision}".format_map(environment)
    console.print(described, highlight=False)
    console.print(make_times_table(tuple(configs), taken))
    console.print(make_operations_table(steps[-1], count=options.steps, rows=options.rows))


def _right(name: str) -> Column:
    return Column(name, justify="right")


if __name__ == "__main__":
    main()
