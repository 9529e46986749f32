"""Where a study was trained, and what of its figures hangs on that."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from cae.report.phrases import capitalise, count_noun, write_count, write_size
from cae.report.results.study_results import (
    Difference,
    Labels,
    Machine,
    Study,
    name_budgets,
    name_labels,
    name_pretraining,
)
from cae.report.words.study_sentences import find_gains, find_key_differences
from cae.wording import join


def tell_machines(study: Study) -> str:
    """Say what was trained where and when; "" if that is not known."""
    if not study.machines:
        return ""
    return f"{capitalise('; '.join(map(_tell_machine, study.machines)))}."


def _tell_machine(machine: Machine) -> str:
    groups = _group_cells(machine)
    parts = [
        _name_seeds(seeds) + (f" ({_name_cells(cells)})" if len(groups) > 1 else "")
        for seeds, cells in groups.items()
    ]
    verb = "was" if len(machine.seeds) == 1 else "were"
    first, last = machine.first_date, machine.last_date
    date = first if first == last else f"{first} to {last}"
    return f"{join(parts)} {verb} trained on {machine.place}, {date}"


def _group_cells(machine: Machine) -> dict[tuple[int, ...], list[tuple[str, Labels]]]:
    """Return the cells that a machine trained, by the seeds of each."""
    groups: dict[tuple[int, ...], list[tuple[str, Labels]]] = {}
    for cell, seeds in machine.cells.items():
        groups.setdefault(seeds, []).append(cell)
    return groups


def _name_cells(cells: Sequence[tuple[str, Labels]]) -> str:
    encoders: dict[str, dict[Labels, str]] = {}
    for encoder, labels in cells:
        encoders.setdefault(encoder, {})[labels] = ""
    return "; ".join(
        f"`{encoder}` with {name_budgets(labels)}" for encoder, labels in encoders.items()
    )


def _name_seeds(seeds: Sequence[int]) -> str:
    """Return "seed 2", "seeds 0 and 1"."""
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {join([str(seed) for seed in seeds])}"


def make_machines_table(study: Study) -> dict[str, Any]:
    """Return what was trained where and when, a row for each machine."""
    rows = [
        [
            machine.place,
            machine.first_date
            if machine.first_date == machine.last_date
            else f"{machine.first_date} to {machine.last_date}",
            "; ".join(
                f"{_name_seeds(seeds)}: {_name_cells(cells)}"
                for seeds, cells in _group_cells(machine).items()
            ),
        ]
        for machine in study.machines
    ]
    return {"head": ["trained on", "when", "what"], "rows": rows, "strong": []}


def tell_precisions_apart(study: Study) -> list[str]:
    """Say what was found in each precision by itself, where seeds were trained in several."""
    rows = find_gains(study, study.encoders[0])
    precisions = sorted({precision for row in rows for precision in row.precisions.values()})
    parts = [(row, part) for row in rows if (part := _split_effect(row, precisions))]
    if len(precisions) < 2 or not parts:
        return []
    seeds: dict[str, set[int]] = {precision: set() for precision in precisions}
    for row, _ in parts:
        for seed, precision in row.precisions.items():
            seeds[precision].add(seed)
    trained = [f"{_name_seeds(sorted(of))} in {precision}" for precision, of in seeds.items()]
    furthest, row = max(
        ((max(part) - min(part), row) for row, part in parts), key=lambda each: each[0]
    )
    budgets = name_budgets({row.labels: "" for row, _ in parts})
    return [
        f"{capitalise(count_noun(len(seeds), 'precision'))} in the study. With {budgets} it "
        f"trained {join(trained)}. The mean differences of each by itself lie up to "
        f"{write_size(furthest)} points apart ({name_pretraining(row.pretraining)} with "
        f"{name_labels(row.labels)})."
    ]


def _split_effect(row: Difference, precisions: Sequence[str]) -> list[float]:
    """Return a difference's mean in each precision; [] where one of them has no seed of it."""
    parts = [
        [gain for seed, gain in row.gains.items() if row.precisions.get(seed) == precision]
        for precision in precisions
    ]
    return list(map(fmean, parts)) if all(parts) else []


def tell_crossings(study: Study) -> list[str]:
    """Say how many differences are taken between trials of different processors or precisions."""
    encoder = study.encoders[0]
    rows = [row for row in find_key_differences(study) if row.encoder == encoder]
    crossed = [row for row in rows if row.crossed]
    if not crossed:
        return []
    seeds = sorted({seed for row in crossed for seed in row.crossed})
    return [
        f"Pairs across processors. In {write_count(len(crossed))} of the "
        f"{count_noun(len(rows), 'comparison')} with the encoder `{encoder}`, not those of "
        f"fine-tuning alone, arm and control ran on different processors at some of the "
        f"{_name_seeds(seeds)}; the study's `summary.json` has which."
    ]
