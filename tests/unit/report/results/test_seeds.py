"""Runs of several seeds: which belong together, and the interval of their mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cae.report.results.seeds import group_runs
from cae.report.results.sources import Run, read_run

Make = Callable[..., Run]


def test_runs_of_one_recipe_and_different_seeds_are_told_of_together(make_run: Make):
    runs = [
        make_run(name="a", seed=1),
        make_run(name="b", seed=2),
        make_run(name="again", seed=1),
        make_run(name="faster", seed=3, lr=0.1),
        make_run(name="digits", seed=4, data="digits"),
    ]
    names = [[run.name for run in group.runs] for group in group_runs(runs)]
    assert names == [["a", "b"], ["again"], ["faster"], ["digits"]]


def test_the_interval_of_several_seeds_is_students(make_run: Make):
    (group,) = group_runs([make_run(seed=seed, right=70 + 3 * seed) for seed in range(3)])
    values = [run.scores["accuracy"] for run in group.runs]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert group.accuracy.mean == pytest.approx(np.mean(values))
    assert (group.accuracy.low, group.accuracy.high) == pytest.approx((low, high))
    assert group.accuracy.seeds == 3


def test_the_interval_of_one_run_is_that_of_its_test_images(make_run: Make):
    (group,) = group_runs([make_run()])
    assert [group.accuracy.low, group.accuracy.high] == group.first.scores["accuracy_interval"]
    assert group.accuracy.seeds == 1


def test_a_figure_that_one_run_lacks_has_no_mean(make_run: Make):
    (group,) = group_runs([make_run(seed=1), make_run(seed=2)])
    assert group.mean(lambda run: run.quality["psnr"]) == pytest.approx(26.6)
    assert group.mean(lambda run: None if run.seed == 1 else 1.0) is None
    assert group.recall("cat") == pytest.approx(group.first.scores["per_class"]["cat"]["recall"])
    assert group.minutes == pytest.approx(3.1)


def test_minutes_of_another_machine_do_not_count(make_run: Make):
    runs = [make_run(seed=seed) for seed in (1, 2, 3)]
    runs[1].environment["processor"] = "another one"
    runs[1].evaluation["seconds"]["total"] *= 10
    (group,) = group_runs(runs)
    seeds = [[run.seed for run in each.runs] for each in group.by_place]
    assert seeds == [[1, 3], [2]]
    assert group.minutes == pytest.approx(3.1)
    assert [each.minutes for each in group.by_place] == pytest.approx([3.1, 31])


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["a/run", "b/run"], ["mine (a/run)", "mine (b/run)"]),
        (["runs/first", "runs/second"], ["mine (first)", "mine (second)"]),
        (["x/a/run", "x/b/run", "c"], ["mine (a/run)", "mine (b/run)", "mine (c)"]),
        (["run", "deep/run"], ["mine (run)", "mine (deep/run)"]),
        ([".", "old"], ["mine", "mine (old)"]),
        (["runs", "runs/old"], ["mine", "mine (old)"]),
        (["a`b", "c"], ["mine (a'b)", "mine (c)"]),
    ],
)
def test_of_runs_that_are_called_the_same_the_folders_tell_which(
    make_run: Make,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    folders: list[str],
    names: list[str],
):
    monkeypatch.chdir(tmp_path)
    runs = [make_run(root=Path(folder), lr=0.1 ** len(folder)) for folder in folders]
    assert [group.name for group in group_runs(runs)] == names
    # And that of the machine on which they lie is not told.
    there = group_runs([read_run(tmp_path / folder) for folder in folders])
    assert [group.name for group in there] == names


def test_a_name_that_tells_a_run_from_the_others_is_all_that_is_told(make_run: Make):
    runs = [make_run(name="a"), make_run(name="a", seed=7), make_run(name="b", lr=0.5)]
    assert [group.name for group in group_runs(runs)] == ["a", "b"]


def test_a_groups_runs_of_one_machine_are_called_as_the_group_is(make_run: Make):
    first, _ = group_runs([make_run(name="a"), make_run(name="a", lr=0.5)])
    assert [each.name for each in first.by_place] == [first.name]
