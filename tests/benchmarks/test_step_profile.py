"""A step's time is that of the package's own step, held against another's within a round."""

from __future__ import annotations

import sys

import pytest

import cae
from benchmarks import step_profile
from benchmarks.step_profile import make_step, make_times_table, time_in_turn
from cae.training.objectives import Measured

MASKED = ["mask_ratio=0.6", "mask_patch_size=8", "target=gradient_histograms"]


def test_steps_are_taken_in_turn():
    taken: list[str] = []
    steps = [lambda name=name: taken.append(name) for name in "ab"]
    milliseconds = time_in_turn(steps, rounds=2, count=3)
    assert [len(row) for row in milliseconds] == [2, 2]
    assert "".join(taken) == "a" * 8 + "b" * 8 + "a" * 5 + "b" * 5  # each after its warm-up


def test_a_ratio_is_of_one_round():
    # The machine is half as fast in the second round.
    table = make_times_table(["plain", "masked"], [[10.0, 20.0], [15.0, 30.0]])
    assert [list(column.cells) for column in table.columns] == [
        ["plain", "masked"],
        ["15.0", "22.5"],
        ["10.0 - 20.0", "15.0 - 30.0"],
        ["1.00", "1.50"],
    ]


@pytest.mark.parametrize("stage", step_profile.STAGES)
@pytest.mark.parametrize("preset", ["base", "quick"])
def test_a_step_of_a_preset_trains(stage, preset):
    config = cae.override(cae.load_preset(preset), ["batch_size=4"])
    measured = make_step(stage, config, cae.choose_runtime(precision="float32"))()
    assert isinstance(measured, Measured)
    assert measured.loss.item() > 0


def test_the_command_tells_both_steps_and_where_the_time_goes(monkeypatch, capsys):
    settings = [word for setting in [*MASKED, "batch_size=4"] for word in ("--set", setting)]
    arguments = ["step_profile", "autoencoder", *settings, "--rounds", "1", "--steps", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    step_profile.main()
    told = capsys.readouterr().out
    assert "base, mask_ratio=0.6" in told
    assert "convolution_backward" in told
