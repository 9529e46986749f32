"""The report: everything that is known of a run, gathered, drawn and typeset as one PDF."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cae.errors import ConfigError
from cae.files import write_bytes, write_json
from cae.report.architecture_plot import plot_architecture
from cae.report.control import Control, read_control, tell_conditions, tell_control
from cae.report.limits import list_limits
from cae.report.machines import make_machines_table, tell_machines
from cae.report.names import name_data, name_reconstructions
from cae.report.paper_plots import crop_to_pictures, plot_classes, plot_training
from cae.report.paper_tables import (
    make_cost_table,
    make_peers_table,
    make_results_table,
    make_split_table,
    make_study_tables,
)
from cae.report.phrases import write_cores, write_percent
from cae.report.recipe import (
    find_followed,
    list_commands,
    make_changes_tables,
    make_config_tables,
    wrap_command,
)
from cae.report.regularisations import make_regularisations_table, tell_regularisations
from cae.report.run_sentences import (
    name_seed,
    tell_beside,
    tell_classes,
    tell_conclusion,
    tell_cost,
    tell_data,
    tell_finetuning,
    tell_headline,
    tell_peers,
    tell_pretraining,
    tell_reconstruction,
    tell_training,
)
from cae.report.seeds import Group, group_runs
from cae.report.sources import Run, Training, read_peers, read_run, read_speed, read_training
from cae.report.speed import make_speed_table, tell_precision, tell_speed
from cae.report.study_plots import plot_accuracy_against_labels, plot_cost, plot_differences
from cae.report.study_results import Study, read_study
from cae.report.study_sentences import (
    find_drawn_differences,
    find_key_differences,
    tell_answer,
    tell_effects_elsewhere,
    tell_equal_epochs,
    tell_in_short,
    tell_least_p,
)
from cae.report.study_setup import tell_extent, tell_recipe
from cae.report.study_verdicts import make_verdicts_table, tell_best, tell_shares_of_cost
from cae.report.tasks import TARGETS, name_output
from cae.report.typesetting import require_typesetter, typeset
from cae.run_folder import StudyFolder

_MOST_DIFFERENCES = 30
_SHOWN_DIGITS = 12
_FINGERPRINT_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that the report is made of."""

    groups: tuple[Group, ...]
    training: Training
    control: Control | None
    study: Study | None
    regularisations: Study | None
    speed: dict[str, Any] | None
    peers: dict[str, Any]
    command: str


def make_report(
    run: str | Path,
    out: str | Path,
    *,
    beside: Sequence[str | Path] = (),
    study: str | Path | None = None,
    benchmarks: str | Path | None = None,
    command: str = "cae report",
) -> Path:
    """Write the report on a run to the PDF `out`, whole or not at all; return its path.

    The same files give the same bytes.

    Args:
        run: the folder of the run that the report is about.
        out: the PDF.
        beside: the folders of other runs to compare. Those of the same recipe as another, with
            another seed, are told of together.
        study: the folder of a study's results; None: history/study of the run.
        benchmarks: the folder of results of `make bench`, of which that of the run's machine is
            shown, or else the newest; None: benchmarks/results of the run.
        command: what the report says that it was made by.

    Raises:
        MissingExtraError: Typst is not installed.
        CheckpointError: a file of a run, of the study or of the benchmarks is missing or damaged,
            or `out` cannot be written.
        ConfigError: the configuration of a run cannot be read, or `study` is given and holds none.
    """
    require_typesetter()
    material = gather(
        Path(run),
        beside=list(map(Path, beside)),
        study=None if study is None else Path(study),
        benchmarks=None if benchmarks is None else Path(benchmarks),
        command=command,
    )
    with tempfile.TemporaryDirectory(prefix="cae-report-") as name:
        folder = Path(name)
        data = describe(material)
        content = data | {"figures": draw(material, folder), "fingerprint": fingerprint(data)}
        write_json(folder / "data.json", content)
        write_bytes(Path(out), typeset(folder, date=data["date"]))
    return Path(out)


def gather(
    run: Path,
    *,
    beside: Sequence[Path],
    study: Path | None,
    benchmarks: Path | None,
    command: str,
) -> Material:
    """Read everything that the report is made of; see `make_report`."""
    first = read_run(run)
    others = [read_run(folder) for folder in beside if folder.resolve() != run.resolve()]
    for other in others:
        _require_same_data(first, other.folder.root, other.evaluation["data"])
    results = first.folder.study if study is None else find_results(study)
    found, regularisations = read_study(results), read_study(results, plan="origin")
    if study is not None and found is None and regularisations is None:
        raise ConfigError(
            f"{study}: holds no study's summary.json; leave --study out, or make one with cae study"
        )
    for each in (found, regularisations):
        if each is not None and each.data is not None:
            _require_same_data(first, results, each.data)
    benchmarks = benchmarks or first.folder.benchmarks
    return Material(
        tuple(group_runs([first, *others])),
        read_training(first),
        read_control(benchmarks, first),
        found,
        regularisations,
        read_speed(benchmarks, first.environment),
        read_peers(),
        command,
    )


def find_results(study: Path) -> Path:
    """Return where a study has its results, given that folder or the study's own."""
    within = StudyFolder(study).results
    return within if within.is_dir() else study


def _require_same_data(run: Run, other: Path, data: str) -> None:
    ours = run.evaluation["data"]
    if data != ours:
        raise ConfigError(
            f"{other}: is of the data {data}, but {run.folder.root} of {ours}; a report compares "
            "figures of the same images: leave it out, or name another one"
        )


def draw(material: Material, folder: Path) -> dict[str, str]:
    """Draw the figures into `folder`; return their file names by what they show."""
    run, training = material.groups[0].first, material.training
    height, width, channels = run.config["autoencoder"]["image_shape"]
    paths = {
        "architecture": plot_architecture(
            training.layers,
            folder / "architecture.svg",
            image_shape=(height, width, channels),
            predicts=name_output(run.config["autoencoder"]),
        ),
        "classes": plot_classes(
            run.scores, folder / "classes.svg", thinned=run.evaluation["thinned_classes"]
        ),
        "reconstructions": crop_to_pictures(
            training.reconstructions, folder / "reconstructions.png"
        ),
    }
    if training.drawn:
        paths["training"] = plot_training(training.drawn, folder / "training.svg")
    if material.study is not None:
        study = material.study
        paths["accuracy"] = plot_accuracy_against_labels(study, folder / "accuracy.svg")
        paths["cost"] = plot_cost(study, folder / "cost.svg")
        rows = find_drawn_differences(study)[:_MOST_DIFFERENCES]
        if rows:
            paths["differences"] = plot_differences(rows, folder / "differences.svg")
    return {name: path.name for name, path in paths.items()}


def fingerprint(data: Mapping[str, Any]) -> str:
    """Return what tells data from other data; a PDF holds that of its own among its keywords."""
    text = json.dumps(data, sort_keys=True)
    return f"data {hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT_DIGITS]}"


def describe(material: Material) -> dict[str, Any]:
    """Return the data that the template sets, but for the figures: sentences, tables, commands."""
    groups, peers, training = material.groups, material.peers, material.training
    group, run = groups[0], groups[0].first
    is_cifar, thinned = run.evaluation["data"] == "cifar10", run.evaluation["thinned_classes"]
    figure = peers["origin"]["figure"]["test_accuracy"]
    return {
        "data_name": name_data(run.evaluation["data"]),
        "is_cifar": is_cifar,
        "is_thinned": bool(thinned),
        "name": run.name,
        "date": find_latest_date(material),
        "seed": name_seed(group),
        "origin": peers["origin"] | {"accuracy": f"{figure:.0%}"},
        "abstract": " ".join(
            filter(
                None,
                (
                    tell_headline(group, peers["origin"]),
                    # The error of a target that is no picture has no scale that a reader knows.
                    tell_reconstruction(group) if "psnr" in run.quality else "",
                    tell_control(group, material.control, material.study),
                    tell_in_short(material.study),
                ),
            )
        ),
        "data": {"words": tell_data(run), "table": make_split_table(run)},
        "split": run.evaluation["split"]["fingerprint"][:_SHOWN_DIGITS],
        "pretraining": tell_pretraining(run),
        "finetuning": tell_finetuning(run),
        "follows": find_followed([run.config, *_list_configs(material.study)]),
        "reconstructions": name_reconstructions(run.quality),
        "target": TARGETS[run.config["autoencoder"]["target"]],
        "is_augmented": run.config["classifier"]["data_augmentation"],
        "parameters": f"{run.evaluation['parameters']:,}",
        "config": make_config_tables(run.config),
        "results": {
            "headline": tell_headline(group, peers["origin"]),
            "peers": tell_peers(group, peers["same_task"]) if is_cifar else "",
            "classes": tell_classes(group),
            "training": tell_training(training),
            "reconstruction": tell_reconstruction(group),
            "beside": tell_beside(group, groups[1:]),
            "table": make_results_table(groups, peers["origin"]),
            "conclusion": tell_conclusion(group),
            "is_of_seeds": any(each.accuracy.seeds > 1 for each in groups),
            "is_of_many_machines": any(len(each.by_place) > 1 for each in groups),
            "peers_table": make_peers_table(peers, group.accuracy, name=run.name),
        },
        "study": None if material.study is None else describe_study(material.study),
        "regularisations": None
        if material.regularisations is None
        else {
            "words": tell_regularisations(material.regularisations, thinned=thinned),
            "machines": tell_machines(material.regularisations),
            "table": make_regularisations_table(material.regularisations, thinned=thinned),
        },
        "study_commands": _list_commands(material.study or material.regularisations),
        "answer": tell_answer(material.study),
        "control": tell_control(group, material.control, material.study),
        "control_conditions": tell_conditions(material.control),
        "control_command": material.control and wrap_command(material.control.command),
        "in_short": tell_in_short(material.study),
        "shares_of_cost": tell_shares_of_cost(material.study),
        "changes": make_changes_tables([each.first for each in groups]),
        "cost": {
            "words": tell_cost(group),
            "table": make_cost_table(groups),
            "fast": [
                peer
                | {
                    "accuracy": write_percent(peer["figure"]["test_accuracy"], 2),
                    "seconds": f"{peer['figure']['seconds']:g}",
                }
                for peer in peers["speed"]
            ],
            "speed": None
            if material.speed is None
            else {
                "table": make_speed_table(material.speed),
                "words": tell_speed(material.speed),
                "note": tell_precision(material.speed),
                "command": material.speed["command"],
                "date": material.speed["date"],
                "processor": material.speed["environment"]["processor"],
                "cores": write_cores(material.speed["environment"]["threads"]),
            },
        },
        "limits": list_limits(group, material.control, material.study),
        "commands": list(
            map(wrap_command, list_commands([run for group in groups for run in group.runs]))
        ),
        "report_command": wrap_command(material.command),
    }


def find_latest_date(material: Material) -> str:
    """Return the day (YYYY-MM-DD) of the newest of all that the report tells of."""
    dates = [run.environment["date"] for group in material.groups for run in group.runs]
    for study in (material.study, material.regularisations):
        dates += [] if study is None else [each.last_date for each in study.machines]
    dates += [] if material.control is None else material.control.dates
    return max([*dates, *([] if material.speed is None else [material.speed["date"]])])


def _list_configs(study: Study | None) -> list[dict[str, Any]]:
    return [] if study is None else [{"autoencoder": each.config} for each in study.pretrainings]


def _list_commands(study: Study | None) -> list[str]:
    return [] if study is None else list(map(wrap_command, study.commands or ["cae study"]))


def describe_study(study: Study) -> dict[str, Any]:
    """Return what the template sets of a study."""
    rows = find_drawn_differences(study)
    return {
        "extent": tell_extent(study),
        "recipe": tell_recipe(study),
        "machines": make_machines_table(study),
        "equal_epochs": tell_equal_epochs(study),
        "verdicts": make_verdicts_table(study),
        "best": tell_best(study),
        "elsewhere": tell_effects_elsewhere(study),
        "least_p": tell_least_p(rows[:_MOST_DIFFERENCES]),
        "tables": make_study_tables(study),
        "left_out": len(find_key_differences(study)) - len(rows[:_MOST_DIFFERENCES]),
        "cost_encoder": study.encoders[0],
    }
