"""What the template sets of everything that was gathered: sentences, tables, commands."""

from __future__ import annotations

from typing import Any

from cae.report.names import name_data, name_reconstructions
from cae.report.phrases import write_cores, write_percent
from cae.report.results.control import Control
from cae.report.results.material import Material, find_latest_date
from cae.report.results.study_results import Difference, Study
from cae.report.words.beside import tell_beside, tell_peers
from cae.report.words.control import tell_conditions, tell_control, tell_gain
from cae.report.words.limits import list_limits
from cae.report.words.machines import make_machines_table, tell_machines
from cae.report.words.paper_tables import (
    make_cost_table,
    make_peers_table,
    make_results_table,
    make_split_table,
    make_study_tables,
)
from cae.report.words.recipe import (
    find_followed,
    list_commands,
    make_changes_tables,
    make_config_tables,
    wrap_command,
)
from cae.report.words.regularisations import (
    make_regularisations_table,
    tell_epochs,
    tell_regularisations,
)
from cae.report.words.run_sentences import (
    name_seed,
    tell_classes,
    tell_conclusion,
    tell_cost,
    tell_data,
    tell_finetuning,
    tell_headline,
    tell_pretraining,
    tell_reconstruction,
    tell_training,
)
from cae.report.words.speed import make_speed_table, tell_precision, tell_speed
from cae.report.words.study_sentences import (
    find_drawn_differences,
    find_key_differences,
    tell_in_short,
    tell_least_p,
    tell_tests,
)
from cae.report.words.study_setup import tell_extent, tell_recipe
from cae.report.words.study_verdicts import (
    make_equal_epochs_table,
    make_verdicts_table,
    tell_best,
    tell_parted,
    tell_shares_of_cost,
    tell_stronger,
    tell_verdict,
)
from cae.report.words.tasks import TARGETS

_MOST_DIFFERENCES = 30
_SHOWN_DIGITS = 12


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
        "name": group.name,
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
                    _tell_in_short(material),
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
        "validates": bool(run.evaluation["split"].get("validation", {}).get("images")),
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
            "peers_table": make_peers_table(peers, group.accuracy, name=group.name),
        },
        "study": None if material.study is None else describe_study(material.study),
        "regularisations": None
        if material.regularisations is None
        else {
            "words": tell_regularisations(material.regularisations, thinned=thinned),
            "epochs": tell_epochs(material.regularisations),
            "least_p": tell_least_p(material.regularisations.differences),
            "machines": tell_machines(material.regularisations),
            "table": make_regularisations_table(material.regularisations, thinned=thinned),
        },
        "study_commands": _list_commands(material.study or material.regularisations),
        "control": "" if material.control is None else tell_gain(material.control, group.name),
        "controls": _tell_controls(material),
        "no_control": tell_control(group, None, material.study) if material.control is None else "",
        "in_short": _tell_in_short(material),
        "shares_of_cost": tell_shares_of_cost(material.study),
        "changes": make_changes_tables(groups),
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
        "commands": list(map(wrap_command, _list_run_commands(material))),
        "report_command": wrap_command(material.command),
    }


def _list_configs(study: Study | None) -> list[dict[str, Any]]:
    return [] if study is None else [{"autoencoder": each.config} for each in study.pretrainings]


def _tell_in_short(material: Material) -> str:
    # A control has answered where no study has.
    is_answered = material.study is None and material.control is not None
    return "" if is_answered else tell_in_short(material.study)


def _tell_controls(material: Material) -> list[str]:
    """Return a paragraph for each recipe of which it was measured what it reaches from scratch."""
    # Runs of one recipe have one control: it is told with the first of them.
    names: dict[Control, str] = {}
    for group, control in zip(material.groups, material.controls, strict=True):
        if control is not None:
            names.setdefault(control, group.name)
    return [
        f"{tell_gain(control, name)} {tell_conditions(control)}" for control, name in names.items()
    ]


def _list_run_commands(material: Material) -> list[str]:
    commands = list_commands([run for group in material.groups for run in group.runs])
    controls = dict.fromkeys(control.command for control in material.controls if control)
    return [*commands, *controls]


def _list_commands(study: Study | None) -> list[str]:
    return [] if study is None else list(map(wrap_command, study.commands or ["cae study"]))


def describe_study(study: Study) -> dict[str, Any]:
    """Return what the template sets of a study."""
    rows = find_shown_differences(study)
    return {
        "extent": tell_extent(study),
        "recipe": tell_recipe(study),
        "machines": make_machines_table(study),
        "tests": tell_tests(study),
        "verdict": tell_verdict(study),
        "verdicts": make_verdicts_table(study),
        "equal_epochs": make_equal_epochs_table(study),
        "best": tell_best(study),
        "parted": tell_parted(study),
        "stronger": tell_stronger(study),
        "least_p": tell_least_p(rows),
        "tables": make_study_tables(study),
        "left_out": len(find_key_differences(study)) - len(rows),
        "cost_encoder": study.encoders[0],
    }


def find_shown_differences(study: Study) -> list[Difference]:
    """Return the differences that the report draws: those that count, and no more than fit."""
    return find_drawn_differences(study)[:_MOST_DIFFERENCES]
