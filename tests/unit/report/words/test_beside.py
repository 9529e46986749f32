"""What stands beside a run is told by its figures, and what it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cae.config import dump
from cae.presets import load_preset
from cae.report.results.seeds import Group, group_runs
from cae.report.results.sources import Run
from cae.report.words.beside import tell_beside, tell_peers

Make = Callable[..., Run]


def group(*runs: Run) -> Group:
    (found,) = group_runs(runs)
    return found


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (40, "none of their five figures lies"),
        (82, "four of their five figures lie"),
        (97, "all of their five figures lie"),
    ],
)
def test_peers_below_the_interval_are_counted(make_run: Make, right: int, words: str):
    peers = [{"figure": {"test_accuracy": figure}} for figure in (0.72, 0.73, 0.78, 0.79, 0.9)]
    told = tell_peers(group(make_run(right=right)), peers)
    assert "72.0% to 90.0%" in told
    assert words in told


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        ([], ""),
        ([76], "Against `a`, `1` scores 3.0 points more."),
        (
            [70, 73, 76],
            "Against `a`, `1` scores 3.0 points less, `2` is level and `3` scores 3.0 points more.",
        ),
    ],
)
def test_other_runs_are_told_beside_this_one(make_run: Make, rights: list[int], words: str):
    run = make_run(name="a")
    others = [make_run(name=str(n), right=right) for n, right in enumerate(rights, start=1)]
    assert tell_beside(group(run), [group(other) for other in others]) == words


def test_what_a_preset_beside_this_run_is_for_is_told(make_run: Make):
    run, other = make_run(name="a"), make_run(name="quick")
    assert tell_beside(group(run), [group(other)]) == "Against `a`, `quick` is level."
    other.config.update(dump(load_preset("quick")))
    assert tell_beside(group(run), [group(other)]) == (
        "Against `a`, `quick` is level. `quick` is a recipe for ten minutes."
    )
