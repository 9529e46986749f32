"""Tables of a study: the grid with what is left of it, and its means and differences."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console, RenderableType

from cae.apps.study_tables import (
    Planned,
    make_grid_table,
    make_study_table,
    name_budget,
    name_cell,
    name_trials,
)
from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig
from cae.study.trials import Cell, Trial


def read(table: RenderableType, *, width: int = 80) -> list[str]:
    """Return the lines that are not empty, drawn at this width, with single spaces."""
    console = Console(width=width, color_system=None, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().splitlines()
    assert all(len(line) <= width for line in lines)
    return [" ".join(line.split()) for line in lines if line.strip(" ─")]


def make_estimate(**changes: Any) -> dict[str, Any]:
    accuracy = {"mean": 0.6213, "low": 0.61, "high": 0.6345, "count": 6, "values": []}
    return {
        "plan": "labels",
        "encoder": "origin",
        "pretraining": "masked",
        "arm": "fine_tuned",
        "labels_per_class": 100,
        "test_accuracy": accuracy,
        "seconds_mean": 400.0,
        **changes,
    }


DIFFERENCE = {
    "plan": "labels",
    "encoder": "origin",
    "pretraining": "masked",
    "treatment": "fine_tuned",
    "control": "scratch_whole_budget",
    "labels_per_class": 100,
    "mean": 0.0512,
    "low": -0.001,
    "high": 0.09,
    "p": 0.03125,
    "p_holm": 0.0625,
}


def test_means_and_differences_stand_under_their_budget():
    summary = {
        "estimates": [make_estimate(), make_estimate(labels_per_class="all")],
        "differences": [DIFFERENCE],
    }
    lines = read(make_study_table(summary))
    assert lines == [
        "100 labels per class, the origin's encoder, plan labels",
        "test accuracy mean 95% interval seeds time each",
        "fine_tuned after masked 62.1% 61.0% to 63.4% 6 6:40 min",
        "paired difference points 95% interval p, Holm",
        "fine_tuned after masked +5.1 -0.1 to +9.0 0.062",
        "less scratch_whole_budget",
        "all labels, the origin's encoder, plan labels",
        "test accuracy mean 95% interval seeds time each",
        "fine_tuned after masked 62.1% 61.0% to 63.4% 6 6:40 min",
    ]


def test_a_single_seed_has_no_interval():
    accuracy = {"mean": 0.5, "low": None, "high": None, "count": 1, "values": [0.5]}
    summary = {"estimates": [make_estimate(test_accuracy=accuracy)], "differences": []}
    assert read(make_study_table(summary))[-1] == "fine_tuned after masked 50.0% 1 6:40 min"


def test_encoders_and_plans_have_tables_of_their_own():
    estimates = [make_estimate(), make_estimate(encoder="optimal"), make_estimate(plan="origin")]
    lines = read(make_study_table({"estimates": estimates, "differences": []}))
    assert [line for line in lines if "encoder" in line] == [
        "100 labels per class, the origin's encoder, plan labels",
        "100 labels per class, the optimal encoder, plan labels",
        "100 labels per class, the origin's encoder, plan origin",
    ]


def test_before_the_first_trial_there_is_nothing_to_show():
    assert read(make_study_table({"estimates": [], "differences": []})) == [
        "No trial is finished yet."
    ]


def make_trial(*, seed: int, pretraining: Trial | None = None) -> Trial:
    autoencoder = AutoencoderConfig(seed=seed)
    return Trial("digits", DataConfig(), autoencoder, ClassifierConfig(epochs=7), pretraining)


def test_the_grid_shows_what_is_left_and_how_long_it_takes():
    planned = [
        Planned(make_trial(seed=seed), f"scratch, all labels, seed {seed}", 60.0, is_finished=done)
        for seed, done in enumerate((True, False, False))
    ]
    lines = read(make_grid_table(planned, jobs=1))
    assert lines == [
        "trials, labels of each class left epochs one takes in all",
        "scratch, all labels 2 of 3 7 1:00 min 2:00 min",
        "3 trials, 2 of them left: about 2:00 min",
        "(estimated from a few training steps on this machine)",
    ]
    assert "--jobs 4" in " ".join(read(make_grid_table(planned, jobs=4)))
    assert read(make_grid_table(planned[:1], jobs=1))[2] == "1 trial, 0 of them left"


def test_trials_are_named_for_people():
    before = Trial("digits", DataConfig(), AutoencoderConfig(seed=3))
    trial = make_trial(seed=3, pretraining=before)
    cell = Cell("labels", "origin", "masked", "fine_tuned", 100, 3, trial)
    assert name_trials([cell]) == {
        before.key: "pretraining masked, seed 3",
        trial.key: "fine_tuned after masked, 100 labels per class, seed 3",
    }
    scratch = Cell("labels", "origin", "none", "scratch", None, 3, make_trial(seed=3))
    assert name_cell(scratch.describe()) == "scratch, all labels"


@pytest.mark.parametrize(
    ("labels", "words"),
    [(1, "1 label per class"), (10, "10 labels per class"), ("all", "all labels")],
)
def test_budgets_are_named_for_people(labels, words: str):
    assert name_budget(labels) == words
