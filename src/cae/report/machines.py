"""Where a study was trained, and what each of several machines found by itself."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from cae.report.phrases import capitalise, count_noun, join, write_points
from cae.report.study_results import (
    Difference,
    Labels,
    Machine,
    Study,
    name_budgets,
    name_labels,
    name_pretraining,
)
from cae.report.study_sentences import find_key_differences


def tell_machines(study: Study) -> str:
    """Say what was trained where and when; "" if that is not known."""
    if not study.machines:
        return ""
    told = f"{capitalise('; '.join(map(_tell_machine, study.machines)))}."
    trials = [
        (cell, seed)
        for machine in study.machines
        for cell, seeds in machine.cells.items()
        for seed in seeds
    ]
    is_apart = len(study.machines) > 1 and len(set(trials)) == len(trials)
    one = "Differences are taken within a seed and label budget, so on one machine each."
    return f"{told} {one}" if is_apart else told


def _tell_machine(machine: Machine) -> str:
    groups: dict[tuple[int, ...], list[tuple[str, Labels]]] = {}
    for cell, seeds in machine.cells.items():
        groups.setdefault(seeds, []).append(cell)
    parts = [
        _name_seeds(seeds) + (f" ({_name_cells(cells)})" if len(groups) > 1 else "")
        for seeds, cells in groups.items()
    ]
    verb = "was" if len(machine.seeds) == 1 else "were"
    first, last = machine.first_date, machine.last_date
    date = first if first == last else f"{first} to {last}"
    return f"{join(parts)} {verb} trained on {machine.place}, {date}"


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


def tell_machines_apart(study: Study) -> list[str]:
    """Say what each machine found by itself, where seeds were trained on several."""
    machines = study.machines
    if len(machines) < 2:
        return []
    effects = [
        f"{name_pretraining(row.pretraining)} {found} with {name_labels(row.labels)}"
        for row in find_key_differences(study)
        if (row.encoder, row.treatment) == (study.encoders[0], "fine_tuned")
        and (found := _split_effect(row, machines))
    ]
    if not effects:
        return []
    places = [f"{_name_seeds(machine.seeds)} in {machine.precision}" for machine in machines]
    return [
        f"{capitalise(count_noun(len(machines), 'machine'))} in the study. "
        f"{capitalise(join(places))} were trained on machines of different kinds. Each by itself, "
        f"in this order, the mean differences are {join(effects)}."
    ]


def _split_effect(row: Difference, machines: tuple[Machine, ...]) -> str:
    """Return a difference's mean on each machine; "" where one of them has no seed of it."""
    parts = [
        [
            row.gains[seed]
            for seed in machine.cells.get((row.encoder, row.labels), ())
            if seed in row.gains
        ]
        for machine in machines
    ]
    return join([write_points(fmean(part)) for part in parts]) if all(parts) else ""
