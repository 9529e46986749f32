"""Where a study was trained is told, and what each machine found by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cae.report.machines import tell_machines, tell_machines_apart
from cae.report.phrases import MINUS
from cae.report.study_results import Labels, Machine, Study, read_study

PLACE = "1 core, AMD EPYC, bfloat16, PyTorch 2.13.0"
BUDGETS: tuple[Labels, ...] = (100, 400, "all")


@pytest.fixture
def study(study_folder: Path) -> Study:
    found = read_study(study_folder)
    assert found is not None
    return found


def make_cells(
    seeds: tuple[int, ...], budgets: tuple[Labels, ...] = BUDGETS, encoder: str = "origin"
) -> Mapping[tuple[str, Labels], tuple[int, ...]]:
    return {(encoder, labels): seeds for labels in budgets}


def make_machine(
    cells: Mapping[tuple[str, Labels], tuple[int, ...]], place: str = PLACE
) -> Machine:
    return Machine(place, cells, "2026-11-25", "2026-11-25", "bfloat16")


FIRST = make_machine(make_cells((0, 1)))
APART = "Differences are taken within a seed and label budget, so on one machine each."


@pytest.mark.parametrize(
    ("machines", "words"),
    [
        ([], ""),
        ([FIRST], f"Seeds 0 and 1 were trained on {PLACE}, 2026-11-25."),
        (
            [FIRST, replace(make_machine(make_cells((2,)), "a GPU"), last_date="2026-11-29")],
            f"Seeds 0 and 1 were trained on {PLACE}, 2026-11-25; seed 2 was trained on a GPU, "
            f"2026-11-25 to 2026-11-29. {APART}",
        ),
        # Seed 1 on both: nothing is said of where differences were taken.
        (
            [FIRST, make_machine(make_cells((1, 2)), "a GPU")],
            f"Seeds 0 and 1 were trained on {PLACE}, 2026-11-25; seeds 1 and 2 were trained on a "
            "GPU, 2026-11-25.",
        ),
        # Seed 2 on both, at other label budgets.
        (
            [
                make_machine({**make_cells((0, 1), (100, 400)), **make_cells((0, 1, 2), ("all",))}),
                make_machine(make_cells((2, 3), (100, 400)), "a GPU"),
            ],
            "Seeds 0 and 1 (`origin` with 100 and 400 labels a class) and seeds 0, 1 and 2 "
            f"(`origin` with all labels) were trained on {PLACE}, 2026-11-25; seeds 2 and 3 were "
            f"trained on a GPU, 2026-11-25. {APART}",
        ),
        (
            [make_machine({**make_cells((0, 1)), **make_cells((0,), (400,), "optimal")})],
            "Seeds 0 and 1 (`origin` with 100 and 400 labels a class, and all labels) and seed 0 "
            f"(`optimal` with 400 labels a class) were trained on {PLACE}, 2026-11-25.",
        ),
    ],
    ids=["unknown", "one", "two", "overlapping", "by budget", "by encoder"],
)
def test_machines_are_told_with_what_they_trained(
    study: Study, machines: list[Machine], words: str
):
    assert tell_machines(replace(study, machines=tuple(machines))) == words


def test_what_each_machine_found_is_told_apart(study: Study):
    assert tell_machines_apart(study) == []
    machines = (
        make_machine(make_cells((0, 2))),
        replace(make_machine(make_cells((1, 3, 4)), "another"), precision="float32"),
    )
    (told,) = tell_machines_apart(replace(study, machines=machines))
    assert told.startswith(
        "Two machines in the study. Seeds 0 and 2 in bfloat16 and seeds 1, 3 and 4 in float32 were "
        "trained on machines of different kinds."
    )
    # Even seeds lie half a point above the mean, odd ones below.
    assert f"plain pretraining {MINUS}1.5 and {MINUS}2.2 with 100 labels a class" in told
    assert "masked pretraining +3.5 and +2.8 with 400 labels a class" in told
    # With all labels there are seeds 0 to 2 alone, of which both machines had some.
    assert "masked pretraining +3.5 and +2.5 with all labels" in told


def test_a_machine_is_told_apart_only_where_both_have_seeds(study: Study):
    first = make_machine(make_cells((0, 2)))
    # The other one trained seed 1, but not with all labels.
    other = make_machine(make_cells((1, 3), (100, 400)), "another")
    (told,) = tell_machines_apart(replace(study, machines=(first, other)))
    assert "with 400 labels a class" in told
    assert "with all labels" not in told
    # Seed 2 counts where it was trained.
    here, there = make_machine(make_cells((0, 1), (100,))), make_machine(make_cells((2,), (400,)))
    assert tell_machines_apart(replace(study, machines=(here, there))) == []


def test_places_that_are_told_alike_are_one(make_study: Callable[..., Path]):
    study = read_study(make_study(seeds=3))
    assert study is not None
    (machine,) = study.machines
    assert machine.seeds == (0, 1, 2)
    assert machine.cells["origin", "all"] == (0, 1, 2)
