"""Whether bfloat16 trains to the same results as float32: `python -m benchmarks.parity`.

Trains the autoencoder and the classifier of a preset on CIFAR-10 in both precisions, a pair for
each seed, and compares what they reach on the validation images. The test images stay unread.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

import cae
from benchmarks.record import RESULTS, write_result
from cae.runtime.device import describe_environment

PRECISIONS = ("float32", "bfloat16")

Figures = dict[str, float]


def train(config: cae.RunConfig, dataset: cae.Dataset, *, precision: str) -> Figures:
    """Return what both stages reach on the validation images at their last epoch."""
    runtime = cae.choose_runtime(precision=precision)
    splits = cae.make_splits(dataset, config.data)
    pretrained = cae.pretrain(splits.train, splits.val, config.autoencoder, runtime=runtime)
    finetuned = cae.finetune(
        splits.train,
        splits.val,
        config.autoencoder,
        config.classifier,
        encoder_weights=pretrained.model.encoder.state_dict(),
        runtime=runtime,
    )
    return {
        "mse": pretrained.fit.history.metrics["val_mse"][-1],
        "accuracy": finetuned.fit.history.metrics["val_accuracy"][-1],
        "seconds": round(pretrained.fit.history.seconds + finetuned.fit.history.seconds, 1),
    }


def compare(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return how far the means over the seeds lie apart, and the ratio of the times.

    `mse_relative` is bfloat16's mean over float32's, less 1; `accuracy_points` the difference of
    the mean accuracies in percentage points.
    """

    def mean(precision: str, figure: str) -> float:
        return statistics.fmean(run[precision][figure] for run in runs)

    return {
        "mse_relative": mean("bfloat16", "mse") / mean("float32", "mse") - 1,
        "accuracy_points": 100 * (mean("bfloat16", "accuracy") - mean("float32", "accuracy")),
        "times_as_fast": mean("float32", "seconds") / mean("bfloat16", "seconds"),
    }


def main() -> None:
    """Train, compare, and write the figures after each seed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=__doc__)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", dest="settings")
    options = parser.parse_args()
    dataset, console = cae.load_dataset("cifar10"), Console()
    runs: list[dict[str, Any]] = []
    for seed in options.seeds:
        settings = [*options.settings, f"seed={seed}"]
        config = cae.override(cae.load_preset(options.preset), settings)
        runs.append(
            {
                "seed": seed,
                **{each: train(config, dataset, precision=each) for each in PRECISIONS},
            }
        )
        console.print(runs[-1])
        words = ["python -m benchmarks.parity --preset", options.preset, "--seeds"]
        words += [str(each) for each in options.seeds]
        words += ["--set", *options.settings] if options.settings else []
        write_result(
            RESULTS / "parity.json",
            {"runs": runs, "difference": compare(runs)},
            command=" ".join(words),
            environment=describe_environment(cae.choose_runtime()),
        )
    console.print(make_table(runs))
    console.print(compare(runs))


def make_table(runs: Sequence[dict[str, Any]]) -> Table:
    """Return the table of the runs."""
    table = Table()
    for heading in (
        "seed",
        *(f"{figure}, {p}" for figure in ("MSE", "accuracy") for p in PRECISIONS),
    ):
        table.add_column(heading, justify="right")
    for run in runs:
        errors = [f"{run[precision]['mse']:.5f}" for precision in PRECISIONS]
        shares = [f"{run[precision]['accuracy']:.2%}" for precision in PRECISIONS]
        table.add_row(str(run["seed"]), *errors, *shares)
    return table


if __name__ == "__main__":
    main()
