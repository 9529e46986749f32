"""The results of all trials in a study's folder: one table, and the summary made of it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cae.errors import ConfigError, OccupiedError
from cae.files import read_sealed_json, remove, write_json, write_sealed_json, write_text
from cae.run_folder import StudyFolder
from cae.study.plan import PLANS
from cae.study.recipes import ENCODERS
from cae.study.shared_recipe import (
    Recipe,
    describe_shared_recipe,
    recover_shared_recipe,
    tell_other_recipe,
)
from cae.study.summary import RECALL, summarise
from cae.study.trials import NO_PRETRAINING, Cell

logger = logging.getLogger(__name__)

Row = dict[str, Any]

_ROLE = ("plan", "encoder", "pretraining", "arm", "labels_per_class", "seed")
_BEFORE_RECALLS = (*_ROLE, "state", "val_accuracy", "test_accuracy", "macro_f1")
_AFTER_RECALLS = (
    "pretrain_seconds",
    "finetune_seconds",
    "pretrain_epochs",
    "finetune_epochs",
    "flops",
    "key",
    "error",
)


def enter_grid(folder: StudyFolder, cells: Sequence[Cell], *, command: str) -> None:
    """Record which trials belong to which cells, so that the results include them.

    A grid is a file of its own, named by its content, so that several processes can write theirs,
    and the trials of several folders can be put into one.

    Raises:
        ConfigError: the folder holds another trial in one of the cells, other data, or trials
            whose recipe differs in more than a study varies.
        CheckpointError: what the folder holds is damaged, or the grid cannot be written.
    """
    for path in require_room(folder, cells):
        logger.warning(
            "%s: removed to make room: nothing of it is finished, and it is of another recipe", path
        )
        remove(path)
    grid = {"data": cells[0].trial.source, "cells": [cell.describe() for cell in cells]}
    text = json.dumps(grid, sort_keys=True, separators=(",", ":"))
    path = folder.grid(hashlib.sha256(text.encode()).hexdigest()[:16])
    there = read_sealed_json(path) if path.exists() else {"command": command, "date": _today()}
    if "recipe" not in there:  # It is new, or from an older version, which wrote no recipe.
        about = {name: there[name] for name in ("command", "date")}
        write_sealed_json(path, {**grid, "recipe": describe_shared_recipe(cells), **about})


def require_room(folder: StudyFolder, cells: Sequence[Cell]) -> list[Path]:
    """Refuse trials that would share their results with trials of another recipe or other data.

    Returns:
        The grids that are in the way but have no finished or running trial.

    Raises:
        ConfigError: see `enter_grid`.
        CheckpointError: what the folder holds is damaged.
    """
    source, recipe = cells[0].trial.source, describe_shared_recipe(cells)
    keys = {_name_cell(cell): cell["key"] for cell in (each.describe() for each in cells)}
    in_the_way: list[Path] = []
    for path in folder.find_grids():
        grid = read_sealed_json(path)
        differences = tell_other_recipe(_find_recipe(folder, grid), recipe)
        others = [
            cell for cell in grid["cells"] if keys.get(_name_cell(cell), cell["key"]) != cell["key"]
        ]
        if grid["data"] == source and not differences and not others:
            continue
        if not any(map(partial(_has_begun, folder), _list_keys(grid))):
            in_the_way.append(path)
            continue
        what = f"trials of another recipe ({differences})"
        if grid["data"] != source:
            what = f"a study of {grid['data']}, not of {source}"
        elif not differences:
            what = f"other trials in {len(others)} of this grid's {len(cells)} cells, "
            what += f"{_name_cell(others[0])} first"
        raise ConfigError(
            f"{folder.root}: holds {what}; a study has one recipe, so that its differences are "
            "those of its arms: give another --out"
        )
    return in_the_way


def _list_keys(grid: Mapping[str, Any]) -> set[str]:
    """Return the keys of all trials of a grid, pretrainings included."""
    keys = {cell[name] for cell in grid["cells"] for name in ("key", "pretraining_key")}
    return keys - {None}


def _has_begun(folder: StudyFolder, key: str) -> bool:
    """Return whether a trial is finished, or a process is working on it."""
    run = folder.trial(key)
    if folder.result(key).exists():
        return True
    if not run.root.exists():
        return False
    try:
        with run.lock():
            return False
    except OccupiedError:
        return True


def _find_recipe(folder: StudyFolder, grid: Mapping[str, Any]) -> Recipe:
    """Return a grid's recipe; for an older grid, which has none, as far as its results show it."""
    if "recipe" in grid:
        return grid["recipe"]
    found = ((cell, folder.result(cell["key"])) for cell in grid["cells"])
    return recover_shared_recipe(
        (cell, read_sealed_json(path)["config"]) for cell, path in found if path.exists()
    )


def read_grids(folder: StudyFolder) -> list[dict[str, Any]]:
    """Return the grids that were asked for so far.

    Raises:
        CheckpointError: one is damaged.
    """
    return [read_sealed_json(path) for path in folder.find_grids()]


def read_rows(folder: StudyFolder) -> list[Row]:
    """Return a row for each cell that was asked for and whose trial finished or failed, in order.

    Raises:
        CheckpointError: a file of a trial is damaged.
        ConfigError: the folder holds grids of several studies.
    """
    grids = read_grids(folder)
    cells: dict[str, Mapping[str, Any]] = {}
    for place, grid in enumerate(grids):
        for before in grids[:place]:
            if differences := tell_other_recipe(before.get("recipe", {}), grid.get("recipe", {})):
                raise ConfigError(
                    f"{folder.root}: holds grids of two recipes ({differences}); a study has one: "
                    "remove the trials of one of them"
                )
        for cell in grid["cells"]:
            name = _name_cell(cell)
            if cells.setdefault(name, cell)["key"] != cell["key"]:
                raise ConfigError(
                    f"{folder.root}: its grids have two trials for {name}, {cells[name]['key']} "
                    f"and {cell['key']}; a study has one recipe: remove the trials of one of them"
                )
    rows = (_read_row(folder, cell) for cell in cells.values())
    return sorted((row for row in rows if row is not None), key=_order)


def write_results(folder: StudyFolder) -> dict[str, Any]:
    """Write the table and the summary of all trials in the folder; return the summary.

    Raises:
        CheckpointError: a file of a trial is damaged, or the results cannot be written.
    """
    rows, grids = read_rows(folder), read_grids(folder)
    summary = {"conditions": _describe_conditions(rows, grids), **summarise(rows)}
    write_text(folder.table, _write_csv(rows))
    write_json(folder.summary, summary)
    return summary


def _read_row(folder: StudyFolder, cell: Mapping[str, Any]) -> Row | None:
    """Return a cell's row, or None while its trial is neither finished nor failed."""
    row: Row = {name: cell[name] for name in (*_ROLE, "key")}
    found, other = (_read_result(folder, cell[name]) for name in ("key", "pretraining_key"))
    # The pretraining of a finished trial may have been trained anew since, by another machine, so
    # the trial's own record of it counts. Older results lack that record.
    before = other if found is None else found.get("pretraining", other)
    pretraining = {
        "pretrain_seconds": before["seconds"] if before else 0.0,
        "pretrain_epochs": before["epochs"] if before else 0,
    }
    row["trained"] = [(each["date"], each["environment"]) for each in (before, found) if each]
    if found is not None:
        test = found["test"]
        recalls = {f"{RECALL}{name}": of["recall"] for name, of in test["per_class"].items()}
        return {
            **row,
            "state": "finished",
            "environment": found["environment"],
            "val_accuracy": found["validation"]["accuracy"],
            "test_accuracy": test["accuracy"],
            "macro_f1": test["macro_f1"],
            **recalls,
            **pretraining,
            "finetune_seconds": found["seconds"],
            "finetune_epochs": found["epochs"],
            "flops": found["flops"] + (before["flops"] if before else 0.0),
            # The configuration follows from the key: it is the same whenever this was trained.
            "autoencoder": other["config"]["autoencoder"] if other else None,
        }
    for key, prefix in ((cell["pretraining_key"], "its pretraining failed: "), (cell["key"], "")):
        if key is not None and folder.failure(key).exists():
            error = read_sealed_json(folder.failure(key))["error"]
            return {**row, "state": "failed", **pretraining, "error": f"{prefix}{error}"}
    return None


def _read_result(folder: StudyFolder, key: str | None) -> dict[str, Any] | None:
    if key is None or not folder.result(key).exists():
        return None
    return read_sealed_json(folder.result(key))


def _write_csv(rows: Sequence[Row]) -> str:
    recalls = list(dict.fromkeys(name for row in rows for name in row if name.startswith(RECALL)))
    written = io.StringIO()
    columns = (*_BEFORE_RECALLS, *recalls, *_AFTER_RECALLS)
    writer = csv.DictWriter(
        written, columns, restval="", extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def _describe_conditions(rows: Sequence[Row], grids: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return with which commands, where and when the trials were made, and their pretrainings."""
    ordered = sorted(grids, key=lambda grid: grid["date"])
    return {
        "data": ordered[0]["data"] if ordered else None,
        "commands": list(dict.fromkeys(grid["command"] for grid in ordered)),
        "machines": _describe_machines(rows),
        "pretrainings": _describe_pretrainings(rows),
    }


def _describe_pretrainings(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the configuration of each pretraining, without the seed."""
    found = {
        (row["plan"], ENCODERS.index(row["encoder"]), _rank(row["plan"], row["pretraining"])): row
        for row in rows
        if row.get("autoencoder")
    }
    return [
        {
            **{name: row[name] for name in ("plan", "encoder", "pretraining")},
            "autoencoder": {key: of for key, of in row["autoencoder"].items() if key != "seed"},
        }
        for _, row in sorted(found.items(), key=lambda each: each[0])
    ]


def _describe_machines(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return what was trained in each plan and environment, and when, the earliest first."""
    visits: dict[tuple[str, str], list[tuple[str, Row]]] = {}
    for row in rows:
        for date, environment in row["trained"]:
            place = row["plan"], json.dumps(environment, sort_keys=True)
            visits.setdefault(place, []).append((date, row))
    return [
        {
            "plan": plan,
            "cells": _list_cells(row for _, row in trained),
            "first_date": min(date for date, _ in trained),
            "last_date": max(date for date, _ in trained),
            "environment": json.loads(environment),
        }
        for (plan, environment), trained in sorted(
            visits.items(), key=lambda each: min((date, row["seed"]) for date, row in each[1])
        )
    ]


def _list_cells(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return which seeds there are for each encoder and label budget."""
    seeds: dict[tuple[str, int | str], set[int]] = {}
    for row in rows:
        seeds.setdefault((row["encoder"], row["labels_per_class"]), set()).add(row["seed"])
    return [
        {"encoder": encoder, "labels_per_class": labels, "seeds": sorted(found)}
        for (encoder, labels), found in seeds.items()
    ]


def _name_cell(cell: Mapping[str, Any]) -> str:
    """Return a cell's unique name, such as "labels/origin/masked/fine_tuned/100/0"."""
    return "/".join(str(cell[name]) for name in _ROLE)


def _order(row: Row) -> tuple[Any, ...]:
    """Return a key that sorts rows by plan, encoder and budget, then in the order of their plan."""
    plan, labels = PLANS[row["plan"]], row["labels_per_class"]
    return (
        row["plan"],
        ENCODERS.index(row["encoder"]),
        float("inf") if labels == "all" else float(labels),
        list(plan.arms).index(row["arm"]),
        _rank(row["plan"], row["pretraining"]),
        row["seed"],
    )


def _rank(plan: str, pretraining: str) -> int:
    """Return the position of a pretraining in its plan; "from scratch" comes first."""
    return [NO_PRETRAINING, *PLANS[plan].pretrainings].index(pretraining)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
