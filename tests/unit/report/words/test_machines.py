"""Where a study was trained is told, and what each machine found by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cae.report.results.study_results import Labels, Machine, Study, read_study
from cae.report.words.machines import (
    make_machines_table,
    tell_crossings,
    tell_machines,
    tell_precisions_apart,
)

PLACE = "1 core, AMD EPYC, bfloat16, PyTorch 2.13.0"
BUDGETS: tuple[Labels, ...] = (100, 400, "all")


def make_cells(
    seeds: tuple[int, ...], budgets: tuple[Labels, ...] = BUDGETS, encoder: str = "origin"
) -> Mapping[tuple[str, Labels], tuple[int, ...]]:
    return {(encoder, labels): seeds for labels in budgets}


def make_machine(
    cells: Mapping[tuple[str, Labels], tuple[int, ...]], place: str = PLACE
) -> Machine:
    return Machine(place, cells, "2026-11-25", "2026-11-25", "bfloat16")


FIRST = make_machine(make_cells((0, 1)))


@pytest.mark.parametrize(
    ("machines", "words"),
    [
        ([], ""),
        ([FIRST], f"Seeds 0 and 1 were trained on {PLACE}, 2026-11-25."),
        (
            [FIRST, replace(make_machine(make_cells((2,)), "a GPU"), last_date="2026-11-29")],
            f"Seeds 0 and 1 were trained on {PLACE}, 2026-11-25; seed 2 was trained on a GPU, "
            f"2026-11-25 to 2026-11-29.",
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
            "Seeds 0 and 1 (`origin` with 100 and 400 labels per class) and seeds 0, 1 and 2 "
            f"(`origin` with all labels) were trained on {PLACE}, 2026-11-25; seeds 2 and 3 were "
            f"trained on a GPU, 2026-11-25.",
        ),
        (
            [make_machine({**make_cells((0, 1)), **make_cells((0,), (400,), "optimal")})],
            "Seeds 0 and 1 (`origin` with 100, 400 and all labels per class) and seed 0 "
            f"(`optimal` with 400 labels per class) were trained on {PLACE}, 2026-11-25.",
        ),
    ],
    ids=["unknown", "one", "two", "overlapping", "by budget", "by encoder"],
)
def test_machines_are_told_with_what_they_trained(
    study: Study, machines: list[Machine], words: str
):
    assert tell_machines(replace(study, machines=tuple(machines))) == words


def test_machines_have_a_row_each(study: Study):
    machines = (
        make_machine({**make_cells((0, 1), (100,)), **make_cells((0, 1, 2), ("all",))}),
        replace(make_machine(make_cells((2,), (100,)), "a GPU"), last_date="2026-11-29"),
    )
    table = make_machines_table(replace(study, machines=machines))
    assert table["rows"] == [
        [
            PLACE,
            "2026-11-25",
            "seeds 0 and 1: `origin` with 100 labels per class; seeds 0, 1 and 2: `origin` with "
            "all labels",
        ],
        ["a GPU", "2026-11-25 to 2026-11-29", "seed 2: `origin` with 100 labels per class"],
    ]
    assert make_machines_table(replace(study, machines=()))["rows"] == []


def change(study: Study, **changes: object) -> Study:
    rows = tuple(
        replace(row, **{name: of(row) if callable(of) else of for name, of in changes.items()})
        for row in study.differences
    )
    return replace(study, differences=rows)


def test_what_was_found_in_each_precision_is_told_apart(study: Study):
    assert tell_precisions_apart(study) == []
    (told,) = tell_precisions_apart(
        change(
            study,
            precisions=lambda row: {
                seed: "float32" if seed % 2 or row.labels == "all" else "bfloat16"
                for seed in row.gains
            },
        )
    )
    assert told.startswith(
        "Two precisions in the study. With 100 and 400 labels per class it trained seeds 0, 2, 4 "
        "and 6 in bfloat16 and seeds 1, 3, 5 and 7 in float32. The mean differences of each by "
        # Even seeds lie half a point above the mean, odd ones below.
        "itself lie up to 1.0 points apart ("
    )
    # With all labels everything was trained in one precision.
    assert "all labels" not in told


def test_pairs_across_processors_are_told(study: Study):
    assert tell_crossings(study) == []
    crossed = change(study, crossed=lambda row: (1, 2) if row.pretraining == "plain" else ())
    assert tell_crossings(crossed) == [
        "Pairs across processors. In three of the six comparisons with the encoder `origin`, not "
        "those of fine-tuning alone, arm and control ran on different processors at some of the "
        "seeds 1 and 2; the study's `summary.json` has which."
    ]


def test_places_that_are_told_alike_are_one(make_study: Callable[..., Path]):
    study = read_study(make_study(seeds=3))
    assert study is not None
    (machine,) = study.machines
    assert machine.seeds == (0, 1, 2)
    assert machine.cells["origin", "all"] == (0, 1, 2)
