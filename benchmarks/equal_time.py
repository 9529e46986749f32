"""An autoencoder first against a record recipe in its own time: `python -m benchmarks.equal_time`.

The record is airbench94_muon (Jordan, arXiv 2404.00498): eight epochs from scratch, here written
with this package's keys, on all 42,500 training images. Ours is preset `quick` on the same images,
in the batches of 1,000 that it had when this was measured, and as many epochs as let its
autoencoder, its classifier and its answers take no longer. Each is trained in turn and answers for
the test images once; wall times are from the first to the last of that.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from rich.console import Console
from rich.table import Table

import cae
from benchmarks.record import RESULTS, write_result
from cae.evaluation.metrics import evaluate_classification
from cae.evaluation.predict import predict_probabilities
from cae.runtime.device import Runtime, describe_environment

ALL_IMAGES = "data.val_size=0"
RECORD = (
    ALL_IMAGES,
    "classifier.epochs=8",
    "classifier.batch_size=2000",
    "classifier.lr=0.24",
    "classifier.low_resolution_epochs=0",
    "classifier.low_resolution_side=24",
    "classifier.class_balance=none",
    "classifier.posthoc_logit_adjustment=0",
)
OURS = (
    ALL_IMAGES,
    "classifier.epochs=8",
    "classifier.batch_size=1000",
    "classifier.lr=0.24",
    "classifier.low_resolution_epochs=5",
    "classifier.posthoc_logit_adjustment=1",
)


def measure(
    config: cae.RunConfig, dataset: cae.Dataset, *, pretrains: bool, runtime: Runtime
) -> dict[str, Any]:
    """Return the seconds of each stage and of all, the test accuracy and the thinned recalls."""
    splits = cae.make_splits(dataset, config.data)
    begin = time.perf_counter()
    weights = None
    if pretrains:
        pretrained = cae.pretrain(splits.train, splits.val, config.autoencoder, runtime=runtime)
        weights = pretrained.model.encoder.state_dict()
    between = time.perf_counter()
    classifier = cae.finetune(
        splits.labelled,
        splits.val,
        config.autoencoder,
        config.classifier,
        encoder_weights=weights,
        runtime=runtime,
    ).model
    trained = time.perf_counter()
    probabilities = predict_probabilities(classifier, splits.test, runtime=runtime)
    end = time.perf_counter()
    assert splits.test.labels is not None
    scores = evaluate_classification(probabilities, splits.test.labels, splits.test.class_names)
    return {
        "images": len(splits.train),
        "accuracy": scores["accuracy"],
        "accuracy_interval": scores["accuracy_interval"],
        "recall": {name: scores["per_class"][name]["recall"] for name in ("bird", "deer", "truck")},
        "seconds": {
            "pretrain": round(between - begin, 1),
            "finetune": round(trained - between, 1),
            "answer": round(end - trained, 1),
            "total": round(end - begin, 1),
        },
    }


def main() -> None:
    """Train both in turn, for each seed, and write the figures after each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.equal_time", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42])
    options = parser.parse_args()
    dataset, console, runtime = cae.load_dataset("cifar10"), Console(), cae.choose_runtime()
    seeds: list[int] = options.seeds
    runs: list[dict[str, Any]] = []
    for seed in seeds:
        run: dict[str, Any] = {"seed": seed}
        for name, settings in (("record", RECORD), ("ours", OURS)):
            of_stages = [f"{stage}.seed={seed}" for stage in ("autoencoder", "classifier")]
            config = cae.override(cae.load_preset("quick"), [*settings, *of_stages])
            run[name] = measure(config, dataset, pretrains=name == "ours", runtime=runtime)
            console.print(name, run[name])
        runs.append(run)
        write_result(
            RESULTS / "equal_time.json",
            {"settings": {"record": list(RECORD), "ours": list(OURS)}, "runs": runs},
            command=" ".join(["python -m benchmarks.equal_time --seeds", *map(str, seeds)]),
            environment=describe_environment(runtime),
        )
    console.print(make_table(runs))


def make_table(runs: list[dict[str, Any]]) -> Table:
    """Return the table of the runs."""
    table = Table()
    for heading in ("seed", "record", "seconds", "ours", "seconds"):
        table.add_column(heading, justify="right")
    for run in runs:
        cells = [
            cell
            for name in ("record", "ours")
            for cell in (f"{run[name]['accuracy']:.2%}", f"{run[name]['seconds']['total']:.0f}")
        ]
        table.add_row(str(run["seed"]), *cells)
    return table


if __name__ == "__main__":
    main()
