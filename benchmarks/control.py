"""What a recipe's own autoencoder is worth: `python -m benchmarks.control`.

Trains the classifier of a preset (`optimal`, unless told otherwise) from scratch, for as many more
epochs as its autoencoder's computation pays for, on the same images and with the same seed as a
published run of the preset, and compares the two test accuracies. A control takes as long as the
run did: on two cores ten minutes with `quick`, forty to eighty with `optimal`. The same command
goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import cae
from benchmarks.record import RESULTS, write_result
from cae.config import dump
from cae.files import read_json, read_sealed_json
from cae.report.results.sources import Run, drop_seeds, read_run
from cae.run_folder import RunFolder
from cae.runtime.device import describe_environment
from cae.study.cost import choose_equal_epochs, count_finetuning, count_pretraining

ROOT = Path(__file__).parents[1]
PRESETS, DATA = ("optimal", "quick"), "cifar10"
ENVIRONMENT = ("date", "processor", "threads", "device", "precision", "python", "packages")


def find_published(preset: str) -> dict[int, Run]:
    """Return the published runs of a preset by seed.

    The first of `optimal` is at the root. Further seeds of `quick`, on one core with other programs
    beside them, are for their accuracy alone: their names keep them out of the report's tables.
    """
    folders = [*RESULTS.glob(f"run_{preset}_{DATA}*"), *RESULTS.glob(f"{preset}_seed*")]
    runs = [read_run(ROOT), *map(read_run, folders)]
    return {run.seed: run for run in runs if run.folder.name == preset}


def require_recipe(run: Run) -> None:
    """Refuse to train a control by another recipe than the run's.

    Raises:
        ConfigError: the preset has changed since.
    """
    preset = run.folder.name
    if drop_seeds(dump(cae.load_preset(preset))) != run.recipe:
        raise cae.ConfigError(
            f"{run.folder.root} is not of preset {preset} as it is now: a control would be of "
            "another recipe; train the run again first"
        )


def count_operations(run: Run) -> dict[str, Any]:
    """Return what both stages of a run compute, and what its control does, in operations.

    The control's epochs bring it as near as whole ones can; those added have images of full size.
    """
    config = cae.load_preset(run.folder.name)
    split = run.evaluation["split"]["train"]
    images, classes = split["images"], list(split["classes"].values())
    balanced = config.classifier.class_balance == "sampling"
    served = max(classes) * len(classes) if balanced else images

    def count(epochs: int) -> float:
        classifier = config.classifier.model_copy(update={"epochs": epochs})
        return count_finetuning(
            config.autoencoder, classifier, images=served, num_classes=len(classes)
        )

    epochs = config.classifier.epochs
    pretraining = count_pretraining(config.autoencoder, images=images)
    more = choose_equal_epochs(count, epochs=epochs, more=pretraining)
    return {
        "autoencoder_first": {"epochs": epochs, "operations": pretraining + count(epochs)},
        "from_scratch": {"epochs": more, "operations": count(more)},
    }


def train_control(folder: Path, preset: str, *, seed: int, epochs: int) -> Run:
    """Train and measure the control by the command `cae`, as far as the folder does not hold it."""
    cae_command = Path(sys.executable).with_name("cae")
    settings = [
        f"classifier.epochs={epochs}",
        f"autoencoder.seed={seed}",
        f"classifier.seed={seed}",
    ]
    options = [word for setting in settings for word in ("--set", setting)]
    finetune = ["finetune", "--data", DATA, "--from-scratch", "--preset", preset, *options]
    subprocess.run([cae_command, *finetune, "--out", folder], check=True, stdout=subprocess.DEVNULL)
    run_folder = RunFolder(folder, preset)
    model = run_folder.model(run_folder.classifier).json
    answer = subprocess.run(
        [cae_command, "evaluate", model, "--data", DATA, "--json"],
        check=True,
        stdout=subprocess.PIPE,
    )
    history = read_sealed_json(run_folder.history(run_folder.classifier))
    evaluation = {"test": {"classifier": json.loads(answer.stdout)}, "split": history["split"]}
    evaluation["seconds"] = {"finetune": round(history["seconds"], 1)}
    return Run(run_folder, {}, evaluation, read_sealed_json(run_folder.environment))


def summarise(run: Run, thinned: Sequence[str]) -> dict[str, Any]:
    """Return a run's test scores, thinned classes' recalls among them, and their conditions."""
    scores, environment = run.scores, run.environment
    return {
        "accuracy": scores["accuracy"],
        "accuracy_interval": scores["accuracy_interval"],
        "macro_f1": scores["macro_f1"],
        "recall": {name: scores["per_class"][name]["recall"] for name in thinned},
        "seconds": run.evaluation["seconds"],
        "environment": {key: environment[key] for key in ENVIRONMENT},
    }


def make_table(pairs: Sequence[dict[str, Any]]) -> Table:
    """Return the table of the pairs."""
    table = Table()
    for heading in ("seed", "autoencoder first", "from scratch", "points gained"):
        table.add_column(heading, justify="right")
    for pair in pairs:
        first, control = pair["autoencoder_first"]["accuracy"], pair["from_scratch"]["accuracy"]
        gained = f"{100 * (first - control):+.2f}"
        table.add_row(str(pair["seed"]), f"{first:.2%}", f"{control:.2%}", gained)
    return table


def read_pairs(path: Path, *, of: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the pairs that were measured before of the same recipe and images, by seed."""
    result = read_json(path) if path.exists() else {}
    if any(result.get(key) != value for key, value in of.items()):
        return {}
    return {pair["seed"]: pair for pair in result.get("pairs", [])}


def main() -> None:
    """Train the controls of some seeds in turn, and write the figures after each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.control", description=__doc__)
    parser.add_argument("--preset", default=PRESETS[0], choices=PRESETS)
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="of published runs (default: the last one)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="where the controls go, a folder each"
    )
    options = parser.parse_args()
    preset: str = options.preset
    published = find_published(preset)
    seeds: list[int] = options.seeds or [max(published)]
    if unknown := sorted(set(seeds) - set(published)):
        parser.error(
            f"--seeds: no published run of preset {preset} has seed {unknown[0]}; published are "
            f"{', '.join(map(str, sorted(published)))}"
        )
    called = "python -m benchmarks.control" + (f" --preset {preset}" * (preset != PRESETS[0]))
    path = RESULTS / f"control_{preset}.json"
    pairs: dict[int, dict[str, Any]] = {}
    for seed in seeds:
        run = published[seed]
        require_recipe(run)
        operations = count_operations(run)
        folder: Path = options.out / f"{preset}-{seed}-from-scratch"
        epochs = operations["from_scratch"]["epochs"]
        control = train_control(folder, preset, seed=seed, epochs=epochs)
        split = run.evaluation["split"]
        if control.evaluation["split"] != split:
            sys.exit(f"{folder} was trained on other images than {run.folder.root}")
        thinned = run.evaluation["thinned_classes"]
        both = {
            "autoencoder_first": summarise(run, thinned),
            "from_scratch": summarise(control, thinned),
        }
        measured_of = {
            "recipe": run.recipe,
            "data": run.evaluation["data"],
            "split": split["fingerprint"],
            "computation": operations,
        }
        pairs = read_pairs(path, of=measured_of)
        pairs[seed] = {"seed": seed, **both}
        write_result(
            path,
            {**measured_of, "pairs": [pairs[each] for each in sorted(pairs)]},
            command=" ".join([called, "--seeds", *map(str, sorted(pairs))]),
            environment=describe_environment(cae.choose_runtime()),
        )
    Console().print(make_table([pairs[each] for each in sorted(pairs)]))


if __name__ == "__main__":
    main()
