"""The sources of the report: runs, measured speeds and peers' figures, read from their JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from cae.config import RunConfig, dump, parse_section
from cae.errors import CheckpointError
from cae.files import break_seal, read_json, read_sealed_json
from cae.incoming import parse_json
from cae.run_folder import RunFolder, find_configuration
from cae.training.history import read_history

_FEWEST_DRAWN_EPOCHS = 5


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: its name, and the content of its files.

    Attributes:
        config: by section (data, autoencoder, classifier), plain values by key.
        evaluation: the content of evaluation.json.
        environment: the content of environment.json.
    """

    folder: RunFolder
    config: dict[str, dict[str, Any]]
    evaluation: dict[str, Any]
    environment: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def scores(self) -> dict[str, Any]:
        """The classifier's scores on the test images."""
        return self.evaluation["test"]["classifier"]

    @property
    def quality(self) -> dict[str, Any]:
        """The autoencoder's scores on the test images."""
        return self.evaluation["test"]["autoencoder"]

    @property
    def seed(self) -> int:
        return self.evaluation["seeds"]["classifier"]

    @property
    def recipe(self) -> dict[str, dict[str, Any]]:
        """The configuration without its seeds: what runs with other seeds share."""
        return drop_seeds(self.config)


@dataclass(frozen=True, slots=True)
class Training:
    """The training and the models of the run that the report is about.

    Attributes:
        histories: by stage, the content of the history's file.
        models: by stage, the content of the model's JSON.
        reconstructions: the path of the plot of reconstructions.
    """

    histories: dict[str, dict[str, Any]]
    models: dict[str, dict[str, Any]]
    reconstructions: Path

    @property
    def drawn(self) -> dict[str, dict[str, Any]]:
        """The histories with enough epochs for a curve; fewer values are better put in words.

        So are those without validation: a loss on training images alone says little.
        """
        return {
            stage: history
            for stage, history in self.histories.items()
            if len(history["metrics"]["loss"]) >= _FEWEST_DRAWN_EPOCHS
            and "val_loss" in history["metrics"]
        }

    @property
    def layers(self) -> dict[str, list[dict[str, Any]]]:
        """By stage, the layers in order, each with its name, layer and parameters."""
        return {stage: model["architecture"] for stage, model in self.models.items()}


def read_run(root: Path) -> Run:
    """Return the finished run in the folder `root`.

    Raises:
        CheckpointError: a file of it, which the message names, is missing or damaged.
        ConfigError: its configuration has a key or a value that does not exist.
    """
    if not find_configuration(root).exists():
        raise CheckpointError(
            f"{root}: holds no run, for there is no run.json; name the folder of one with --run, "
            "or make one with cae run"
        )
    configuration = _read(find_configuration(root), ("name", "config"), read_sealed_json)
    folder = RunFolder(root, configuration["name"])
    evaluation = _read(
        folder.evaluation,
        ("name", "data", "split", "thinned_classes", "seeds", "test", "seconds", "parameters"),
        read_sealed_json,
    )
    environment = _read(
        folder.environment, ("date", "processor", "threads", "precision"), read_sealed_json
    )
    if evaluation["name"] != folder.name:
        raise CheckpointError(
            f"{folder.evaluation}: is of the run {evaluation['name']!r}, but run.json beside it "
            f"names {folder.name!r}; evaluate the run again: cae run --out {root}"
        )
    # Checked, and with defaults for keys that were added after it was written.
    config = parse_section(RunConfig, configuration["config"], place=str(folder.configuration))
    return Run(folder, dump(config), evaluation, environment)


def drop_seeds(config: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a configuration, by section, without its seeds."""
    return {
        section: {key: value for key, value in keys.items() if key != "seed"}
        for section, keys in config.items()
    }


def read_training(run: Run) -> Training:
    """Return how the run's models were trained and built.

    Raises:
        CheckpointError: a file, which the message names, is missing or damaged: a history, a
            model's JSON, or the plot of reconstructions (only looked for, not read, here).
    """
    folder = run.folder
    names = {"autoencoder": folder.autoencoder, "classifier": folder.classifier}
    reconstructions = folder.plot(f"reconstructions_{folder.name}")
    if not reconstructions.is_file():
        raise CheckpointError(
            f"{reconstructions}: no such file; "
            f"restore a copy of {reconstructions.name}, or make it again with cae run"
        )
    return Training(
        {
            stage: _read(folder.history(name), ("metrics", "seconds"), read_history)
            for stage, name in names.items()
        },
        {
            stage: _read(folder.model(name).json, ("architecture", "about"), read_sealed_json)
            for stage, name in names.items()
        },
        reconstructions,
    )


def read_speed(folder: Path, environment: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the newest result of `make bench` in `folder`, or None if there is none.

    Results from the hardware that the run was trained on are preferred. Among several from one day
    it is the last one by name.

    Args:
        folder: the folder of the results.
        environment: the run's, whose accelerator, or else processor, is looked for.

    Raises:
        CheckpointError: a result is damaged.
    """
    results = [
        read_result(path, ("date", "environment", "rows"))
        for path in sorted(folder.glob("steps_*.json"), reverse=True)
    ]

    here = _name_hardware(environment)
    return max(
        results,
        key=lambda result: (_name_hardware(result["environment"]) == here, result["date"]),
        default=None,
    )


def read_result(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the content of a measurement's file, which must have `keys`.

    Raises:
        CheckpointError: the file is damaged, or a key is missing.
    """
    return _read(path, keys, read_json, again="measure it again")


def _name_hardware(environment: Mapping[str, Any]) -> str:
    return environment.get("accelerator") or environment["processor"]


def read_peers() -> dict[str, Any]:
    """Return what others have measured, with the method, the result and the source of each.

    `origin` is the system that this one follows. The lists are peers on the same task, with all
    labels and with few labels, and recipes made for speed. Accuracies are fractions.
    """
    text = files("cae.report").joinpath("peers.json").read_bytes()
    return cast("dict[str, Any]", parse_json(text))


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`, whether it was sealed or not.

    Raises:
        CheckpointError: the file is missing or damaged, or does not hold an object.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: expected a JSON object; restore a copy, or make it again")
    content = cast("dict[str, Any]", value)
    return break_seal(path, content) if "sha256" in content else content


def _read(
    path: Path,
    keys: tuple[str, ...],
    read: Callable[[Path], Mapping[str, Any]],
    *,
    again: str = "make it again with cae run",
) -> dict[str, Any]:
    lost = f"restore a copy of {path.name}, or {again}"
    try:
        content = read(path)
    except CheckpointError as error:
        remedy = "" if "; " in str(error) else f"; {lost}"
        raise CheckpointError(f"{error}{remedy}") from None
    missing = [key for key in keys if key not in content]
    if missing:
        raise CheckpointError(f"{path}: has no {missing[0]!r}; {lost}")
    return dict(content)
