"""The table tells of every trial in the folder, whoever made it, and of nothing twice."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from filelock import FileLock

from cae.config import dump
from cae.errors import CheckpointError, ConfigError
from cae.files import read_json, read_sealed_json, write_sealed_json
from cae.run_folder import StudyFolder
from cae.study.results import enter_grid, read_grids, read_rows, require_room, write_results
from cae.study.trials import Cell

COLUMNS = [
    "plan",
    "encoder",
    "pretraining",
    "arm",
    "labels_per_class",
    "seed",
    "state",
    "val_accuracy",
    "test_accuracy",
    "macro_f1",
    "recall_cat",
    "recall_dog",
    "pretrain_seconds",
    "finetune_seconds",
    "pretrain_epochs",
    "finetune_epochs",
    "flops",
    "key",
    "error",
]


def describe(trial, **more) -> dict[str, Any]:
    environment = {"threads": 2, "processor": "a", "precision": "float32"}
    described = {"seconds": 3.0, "epochs": 2, "flops": trial.flops}
    return {**described, "date": "2026-11-25", "environment": environment, **more}


def finish(
    folder: StudyFolder,
    trial,
    *,
    accuracy: float = 0.5,
    pretraining: Mapping[str, Any] = MappingProxyType({}),
    **more,
) -> None:
    """Write a result as a trial does, of made-up figures; `pretraining`: what it says of that."""
    path = folder.result(trial.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    per_class = {"cat": {"recall": accuracy}, "dog": {"recall": None}}
    scores = {"accuracy": accuracy, "macro_f1": accuracy / 2, "per_class": per_class}
    config = {"autoencoder": dump(trial.autoencoder), "classifier": None}
    found = {"validation": {"mse": 0.1}}
    if trial.classifier is not None:
        config["classifier"] = dump(trial.classifier)
        before = None if trial.pretraining is None else describe(trial.pretraining, **pretraining)
        accuracies = {"validation": {"accuracy": accuracy + 0.01}, "test": scores}
        found = {**accuracies, "pretraining": before}
    write_sealed_json(
        path, {"key": trial.key, "config": config, **describe(trial), **found, **more}
    )


def finish_all(folder: StudyFolder, cells) -> None:
    for cell in cells:
        finish(folder, cell.trial, accuracy=0.5 + cell.seed / 10)
        if cell.trial.pretraining is not None:
            finish(folder, cell.trial.pretraining)


def get_seeds(machine: Mapping[str, Any]) -> list[int]:
    (cell,) = machine["cells"]
    return cell["seeds"]


def read_table(folder: StudyFolder) -> list[dict[str, str]]:
    with folder.table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_for_each_trial(folder, make_cells):
    cells = make_cells(2, labels=3)
    enter_grid(folder, cells, command="cae study")
    finish_all(folder, cells)
    write_results(folder)
    rows = read_table(folder)
    assert list(rows[0]) == COLUMNS
    assert rows[2] == {
        "plan": "labels",
        "encoder": "origin",
        "pretraining": "plain",
        "arm": "fine_tuned",
        "labels_per_class": "3",
        "seed": "0",
        "state": "finished",
        "val_accuracy": "0.51",
        "test_accuracy": "0.5",
        "macro_f1": "0.25",
        "recall_cat": "0.5",
        "recall_dog": "",
        "pretrain_seconds": "3.0",
        "finetune_seconds": "3.0",
        "pretrain_epochs": "2",
        "finetune_epochs": "2",
        "flops": "5000000000.0",
        "key": cells[1].trial.key,
        "error": "",
    }
    assert [(row["arm"], row["seed"]) for row in rows] == [
        ("scratch", "0"),
        ("scratch", "1"),
        ("fine_tuned", "0"),
        ("fine_tuned", "1"),
    ]
    scratch = rows[0]
    assert (scratch["pretrain_epochs"], scratch["pretrain_seconds"]) == ("0", "0.0")
    assert scratch["flops"] == "1000000000.0"


def test_all_labels_are_called_all_and_come_last(folder, make_cells):
    cells = [*make_cells(1), *make_cells(1, labels=10), *make_cells(1, labels=3)]
    enter_grid(folder, cells, command="cae study")
    finish_all(folder, cells)
    write_results(folder)
    budgets = [row["labels_per_class"] for row in read_table(folder)]
    assert budgets == ["3", "3", "10", "10", "all", "all"]


def test_what_is_not_over_has_no_row_and_what_failed_has_its_error(folder, make_cells):
    cells = make_cells(2)
    enter_grid(folder, cells, command="cae study")
    finish(folder, cells[0].trial)
    failed = cells[2].trial
    folder.failure(failed.key).parent.mkdir(parents=True)
    write_sealed_json(folder.failure(failed.key), {"key": failed.key, "error": "no, really"})
    write_results(folder)
    assert [(row["seed"], row["state"], row["error"]) for row in read_table(folder)] == [
        ("0", "finished", ""),
        ("1", "failed", "no, really"),
    ]


def test_several_calls_add_up(folder, make_cells):
    first, second = make_cells(1), make_cells(2, labels=3)
    for cells in (first, second, first):
        enter_grid(folder, cells, command=f"cae study of {len(cells)}")
        finish_all(folder, cells)
    summary = write_results(folder)
    assert len(read_table(folder)) == 6
    assert summary["conditions"]["commands"] == ["cae study of 2", "cae study of 4"] or summary[
        "conditions"
    ]["commands"] == ["cae study of 4", "cae study of 2"]
    assert len(read_grids(folder)) == 2


def test_the_trials_of_another_folder_join_those_of_this(folder, make_cells, tmp_path: Path):
    other = StudyFolder(tmp_path / "other")
    cells = make_cells(2)
    for where, part in ((folder, cells[:2]), (other, cells[2:])):
        enter_grid(where, part, command="cae study")
        finish_all(where, part)
    shutil.copytree(other.root / "trials", folder.root / "trials", dirs_exist_ok=True)
    write_results(folder)
    assert len(read_table(folder)) == 4


def test_a_trial_in_two_cells_is_told_in_both(folder, make_cells):
    (scratch, _) = make_cells(1)
    same = replace(scratch, plan="origin")
    enter_grid(folder, [scratch], command="cae study")
    enter_grid(folder, [same], command="cae study --plan origin")
    finish(folder, scratch.trial)
    assert [row["plan"] for row in read_rows(folder)] == ["labels", "origin"]


def test_another_trial_in_the_same_cell_is_refused(folder, make_cells):
    cells = make_cells(1)
    enter_grid(folder, cells, command="cae study")
    finish(folder, cells[0].trial)
    with pytest.raises(ConfigError, match=r"another recipe .*epochs is 2 there and 5 now.*--out"):
        enter_grid(folder, make_cells(2, epochs=5)[:1], command="cae study")
    # Of one recipe, but of other labels: nothing that a recipe tells of.
    data = cells[0].trial.data.model_copy(update={"labelled_seed": 7})
    other = replace(cells[0], trial=replace(cells[0].trial, data=data))
    with pytest.raises(ConfigError, match=r"other trials in 1 of this grid's 1 cells, labels/"):
        enter_grid(folder, [other], command="cae study")
    assert len(read_grids(folder)) == 1


def change_classifier(cell: Cell, **changes: Any) -> Cell:
    assert cell.trial.classifier is not None
    classifier = cell.trial.classifier.model_copy(update=changes)
    return replace(cell, trial=replace(cell.trial, classifier=classifier))


def test_trials_of_another_recipe_are_refused_whatever_their_cells(folder, make_cells):
    cells = make_cells(2)
    mine = [cell for cell in cells if cell.seed == 0]
    enter_grid(folder, mine, command="cae study --seeds 1")
    finish_all(folder, mine)
    others = [cell for cell in cells if cell.seed == 1]
    for key, value in (("lr", 0.5), ("optimizer", "sgd")):
        other = [change_classifier(cell, **{key: value}) for cell in others]
        with pytest.raises(ConfigError, match=rf"another recipe .*{key} is .*--out"):
            enter_grid(folder, other, command="cae study")
    # One arm alone with another length, too.
    longer = [change_classifier(others[0], epochs=99), *others[1:]]
    with pytest.raises(ConfigError, match=r"epochs is .* there and 99 now"):
        enter_grid(folder, longer, command="cae study")
    enter_grid(folder, others, command="cae study")
    assert len(read_grids(folder)) == 2


def test_an_older_study_is_known_by_the_configurations_of_its_results(folder, make_cells):
    cells = make_cells(2)
    enter_grid(folder, [cell for cell in cells if cell.seed == 0], command="cae study --seeds 1")
    finish_all(folder, cells[:2])
    (path,) = folder.find_grids()
    grid = read_sealed_json(path)
    recipe = grid["recipe"]
    write_sealed_json(path, {key: grid[key] for key in grid.keys() - {"recipe", "sha256"}})
    others = [cell for cell in cells if cell.seed == 1]
    with pytest.raises(ConfigError, match=r"another recipe \(.*lr is .* there and 0\.5 now"):
        enter_grid(folder, [change_classifier(cell, lr=0.5) for cell in others], command="x")
    # The command that made it gives it its recipe, and leaves the rest.
    enter_grid(folder, [cell for cell in cells if cell.seed == 0], command="another")
    healed = read_sealed_json(path)
    assert (healed["recipe"], healed["command"]) == (recipe, "cae study --seeds 1")


def test_a_grid_of_which_nothing_is_finished_makes_room(folder, make_cells):
    cells = make_cells(1)
    wrong = [change_classifier(cell, lr=0.5) for cell in cells]
    enter_grid(folder, wrong, command="wrong")
    enter_grid(folder, cells, command="right")
    (path,) = folder.find_grids()
    assert read_sealed_json(path)["command"] == "right"
    finish(folder, cells[0].trial)
    with pytest.raises(ConfigError, match="another recipe"):
        require_room(folder, wrong)


def test_a_grid_that_somebody_is_at_work_on_is_not_removed(folder, make_cells, caplog):
    cells = make_cells(1)
    enter_grid(folder, cells, command="first")
    wrong = [change_classifier(cell, lr=0.5) for cell in cells]
    busy = folder.trial(cells[1].trial.pretraining.key).root
    busy.mkdir(parents=True)
    with (
        FileLock(busy.resolve() / ".lock", is_singleton=False),
        pytest.raises(ConfigError, match="another recipe"),
    ):
        enter_grid(folder, wrong, command="second")
    assert [grid["command"] for grid in read_grids(folder)] == ["first"]
    enter_grid(folder, wrong, command="second")
    assert [grid["command"] for grid in read_grids(folder)] == ["second"]
    assert "removed to make room" in caplog.text


def test_folders_of_different_studies_cannot_be_put_into_one(folder, make_cells, tmp_path: Path):
    cells = make_cells(1)
    enter_grid(folder, cells, command="cae study")
    other = StudyFolder(tmp_path / "other")
    enter_grid(other, [change_classifier(cell, lr=0.5) for cell in cells], command="cae study")
    (path,) = other.find_grids()
    (folder.root / "trials" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ConfigError, match=r"two recipes|two trials"):
        read_rows(folder)
    # Grids of before the recipe was written down are known by their trials' keys.
    for each in folder.find_grids():
        grid = read_sealed_json(each)
        write_sealed_json(each, {key: grid[key] for key in grid.keys() - {"recipe", "sha256"}})
    with pytest.raises(ConfigError, match=r"two trials for labels/.*one recipe"):
        read_rows(folder)


def test_other_data_are_refused(folder, make_cells):
    (cell, _) = make_cells(1)
    enter_grid(folder, [cell], command="cae study")
    finish(folder, cell.trial)
    other = replace(cell, seed=5, trial=replace(cell.trial, source="digits"))
    with pytest.raises(ConfigError, match="holds a study of noise, not of digits"):
        enter_grid(folder, [other], command="cae study")


def test_the_summary_holds_conditions_and_figures_as_plain_json(folder, make_cells):
    cells = make_cells(2)
    enter_grid(folder, cells, command="cae study --seeds 2")
    finish_all(folder, cells)
    assert write_results(folder) == read_json(folder.summary)
    summary = json.loads(folder.summary.read_text())
    assert list(summary) == ["conditions", "plan", "estimates", "differences"]
    assert summary["conditions"] == {
        "data": "noise",
        "commands": ["cae study --seeds 2"],
        "machines": [
            {
                "plan": "labels",
                "cells": [{"encoder": "origin", "labels_per_class": "all", "seeds": [0, 1]}],
                "first_date": "2026-11-25",
                "environment": {"threads": 2, "processor": "a", "precision": "float32"},
                "last_date": "2026-11-25",
            }
        ],
        "pretrainings": [
            {
                "plan": "labels",
                "encoder": "origin",
                "pretraining": "plain",
                "autoencoder": {
                    key: value
                    for key, value in dump(cells[1].trial.pretraining.autoencoder).items()
                    if key != "seed"
                },
            }
        ],
    }
    assert summary["estimates"][0]["test_accuracy"]["values"] == [0.5, 0.6]


def test_the_origins_encoder_is_told_before_the_optimal_one(folder, make_cells):
    cells = [
        replace(cell, encoder=encoder)
        for encoder in ("optimal", "origin")
        for cell in make_cells(1)
    ]
    enter_grid(folder, cells, command="cae study")
    finish_all(folder, cells)
    summary = write_results(folder)
    assert [each["encoder"] for each in read_table(folder)] == ["origin"] * 2 + ["optimal"] * 2
    for told in (
        summary["estimates"],
        summary["conditions"]["pretrainings"],
        summary["conditions"]["machines"][0]["cells"],
    ):
        assert list(dict.fromkeys(each["encoder"] for each in told)) == ["origin", "optimal"]


def test_conditions_that_differ_are_all_told(folder, make_cells):
    cells = make_cells(2)
    enter_grid(folder, cells, command="cae study")
    finish(folder, cells[0].trial)
    finish(folder, cells[2].trial, environment={"threads": 8}, date="2026-11-26")
    first, second = write_results(folder)["conditions"]["machines"]
    assert (get_seeds(first), first["environment"]["threads"]) == ([0], 2)
    assert (get_seeds(second), second["environment"]["threads"]) == ([1], 8)
    assert (first["last_date"], second["first_date"]) == ("2026-11-25", "2026-11-26")


def test_a_machine_is_told_with_its_seeds_and_its_first_and_last_day(folder, make_cells):
    cells = make_cells(2)
    enter_grid(folder, cells, command="cae study")
    finish(folder, cells[2].trial, date="2026-11-24")
    finish(folder, cells[0].trial, date="2026-11-26")
    (machine,) = write_results(folder)["conditions"]["machines"]
    assert get_seeds(machine) == [0, 1]
    assert (machine["first_date"], machine["last_date"]) == ("2026-11-24", "2026-11-26")


def test_where_a_trial_was_pretrained_is_told_as_well(folder, make_cells):
    (_, cell) = make_cells(1)
    enter_grid(folder, [cell], command="cae study")
    finish(folder, cell.trial, date="2026-11-26", pretraining={"environment": {"threads": 8}})
    first, second = write_results(folder)["conditions"]["machines"]
    assert [first["environment"]["threads"], second["environment"]["threads"]] == [8, 2]
    assert get_seeds(first) == get_seeds(second) == [0]


def test_a_pretraining_that_is_made_again_leaves_what_stands_on_the_first_one_alone(
    folder, make_cells
):
    cells = make_cells(1)
    enter_grid(folder, cells, command="cae study")
    finish_all(folder, cells)
    first = write_results(folder)
    finish(folder, cells[1].trial.pretraining, seconds=99.0, environment={"threads": 8})
    assert write_results(folder) == first


def test_results_of_before_that_was_written_down_take_the_pretraining_there_is(folder, make_cells):
    cells = make_cells(1)
    enter_grid(folder, cells, command="cae study")
    finish_all(folder, cells)
    first = write_results(folder)
    path = folder.result(cells[1].trial.key)
    old = read_sealed_json(path)
    write_sealed_json(path, {key: old[key] for key in old.keys() - {"pretraining", "sha256"}})
    assert write_results(folder) == first


def test_each_pretraining_is_told_with_its_configuration_whatever_the_seed(folder, make_cells):
    cells = make_cells(2)
    enter_grid(folder, cells, command="cae study")
    finish_all(folder, cells)
    (told,) = write_results(folder)["conditions"]["pretrainings"]
    assert (told["plan"], told["encoder"], told["pretraining"]) == ("labels", "origin", "plain")
    assert told["autoencoder"]["target"] == "pixels"
    assert "seed" not in told["autoencoder"]


def test_a_damaged_grid_is_told(folder, make_cells):
    enter_grid(folder, make_cells(1), command="cae study")
    (path,) = folder.find_grids()
    path.write_text(path.read_text().replace("scratch", "scratsh"))
    with pytest.raises(CheckpointError, match="changed or damaged"):
        read_rows(folder)


def test_the_results_are_the_same_in_whatever_order_the_trials_ended(
    folder, make_cells, tmp_path: Path
):
    cells, other = make_cells(2), StudyFolder(tmp_path / "other")
    for where, order in ((folder, cells), (other, cells[::-1])):
        enter_grid(where, cells, command="cae study")
        finish_all(where, order)
        write_results(where)
    assert folder.table.read_bytes() == other.table.read_bytes()
    assert folder.summary.read_bytes() == other.summary.read_bytes()
