"""A study's progress: a line for each trial, two bars on a terminal, and a time left that holds."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cae.apps.screen import write_duration
from cae.apps.study_progress import Ledger, StudyScreen
from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig
from cae.study.runner import Outcome, StudyProgress
from cae.study.trials import Trial

RECORD = {"loss": 0.5, "accuracy": 0.7}


def make_trials(count: int) -> list[Trial]:
    return [
        Trial(
            "digits",
            DataConfig(),
            AutoencoderConfig(seed=seed),
            ClassifierConfig(),
            flops=float(seed + 1),
        )
        for seed in range(count)
    ]


def watch(*, terminal: bool, trials: list[Trial]) -> tuple[StudyScreen, io.StringIO]:
    written = io.StringIO()
    console = Console(
        file=written, force_terminal=terminal, width=100, color_system=None, legacy_windows=False
    )
    names = {trial.key: f"scratch, seed {trial.autoencoder.seed}" for trial in trials}
    return StudyScreen(names, console), written


def train(screen: StudyProgress, trial: Trial, *, val_accuracy: float | None = None) -> None:
    screen.trial_started(trial)
    screen.stage_started("classifier", epochs=2, images_per_epoch=100, images_done=0)
    for step in range(0, 200, 50):
        screen.images_done(50)
        if step % 100:
            screen.epoch_ended(step // 100 + 1, RECORD)
    screen.stage_ended()
    screen.trial_ended(trial, Outcome(trial.key, "finished", val_accuracy=val_accuracy))


def test_without_a_terminal_each_trial_is_a_line():
    trials = make_trials(4)
    screen, written = watch(terminal=False, trials=trials)
    with screen:
        screen.study_started(trials, finished=8)
        train(screen, trials[0], val_accuracy=0.625)
        train(screen, trials[1])
        screen.trial_ended(trials[2], Outcome(trials[2].key, "failed", "it broke"))
        screen.trial_ended(trials[3], Outcome(trials[3].key, "elsewhere"))
    first, second, third, fourth = written.getvalue().splitlines()
    assert first.startswith("[ 9/12] scratch, seed 0: 62.5% of the validation images; about ")
    assert first.endswith(" left")
    assert second.startswith("[10/12] scratch, seed 1: done; about ")
    assert third.startswith("[11/12] scratch, seed 2: failed: it broke")
    assert fourth == "[12/12] scratch, seed 3: another process is working on it"


def test_on_a_terminal_there_are_bars_of_the_study_and_of_the_trial():
    trials = make_trials(2)
    screen, written = watch(terminal=True, trials=trials)
    with screen:
        screen.study_started(trials, finished=0)
        train(screen, trials[0])
        seen = written.getvalue()
    assert "study" in seen
    assert "0/2 trials" in seen
    assert "[1/2] scratch, seed 0: done" in seen
    assert "\x1b[?25h" in written.getvalue()[len(seen) :]  # the cursor is there again


def test_training_is_told_from_what_is_around_it():
    trials = make_trials(1)
    screen, _ = watch(terminal=False, trials=trials)
    screen.study_started(trials, finished=0)
    assert not screen.is_training()
    screen.trial_started(trials[0])
    screen.stage_started("classifier", epochs=1, images_per_epoch=10, images_done=0)
    assert screen.is_training()
    screen.stage_ended()
    assert not screen.is_training()
    screen.stage_started("classifier", epochs=1, images_per_epoch=10, images_done=0)
    screen.trial_ended(trials[0], Outcome(trials[0].key, "failed", "it diverged"))
    assert not screen.is_training()


def test_a_trial_that_was_trained_before_is_measured_only():
    trials = make_trials(1)
    screen, written = watch(terminal=False, trials=trials)
    screen.study_started(trials, finished=0)
    screen.trial_started(trials[0])
    screen.stage_skipped("classifier")
    screen.trial_ended(trials[0], Outcome(trials[0].key, "finished", val_accuracy=0.5))
    assert written.getvalue() == "[1/1] scratch, seed 0: 50.0% of the validation images\n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    return now


def test_the_time_left_is_that_of_the_computation_left(clock):
    ledger = Ledger(100.0, 2)
    assert ledger.estimate_seconds_left() is None
    ledger.begin(20.0)
    ledger.train()
    clock[0] = 5.0
    ledger.move(0.5)
    # 10 operations took 5 seconds; 90 are left.
    assert ledger.estimate_seconds_left() == 45.0
    clock[0] = 10.0
    ledger.end(20.0, by_now=True)
    assert ledger.estimate_seconds_left() == 40.0
    assert ledger.done == 20.0


def test_what_a_short_trial_takes_beside_its_training_is_not_scaled_up(clock):
    ledger = Ledger(101.0, 3)
    clock[0] = 4.0  # images are encoded
    ledger.begin(1.0)
    ledger.train()
    clock[0] = 5.0
    ledger.move(1.0)
    ledger.rest()
    clock[0] = 7.0  # the test images are measured
    ledger.end(1.0, by_now=True)
    # A second an operation, and six seconds for each of the two others.
    assert ledger.estimate_seconds_left() == 112.0
    ledger.begin(50.0)
    assert ledger.estimate_seconds_left() == 112.0
    clock[0] = 9.0
    ledger.train()
    clock[0] = 34.0
    ledger.move(0.5)
    assert ledger.estimate_seconds_left() == 75.0 + 10.0


def test_several_at_once_are_told_by_their_ends_alone(clock):
    ledger = Ledger(100.0, 4)
    clock[0] = 10.0
    ledger.end(20.0, by_now=True)
    assert ledger.estimate_seconds_left() == 40.0


def test_what_was_done_before_does_not_make_this_session_seem_faster(clock):
    ledger = Ledger(100.0, 2)
    ledger.begin(50.0)
    ledger.resume(0.8)
    ledger.train()
    assert ledger.estimate_seconds_left() is None
    clock[0] = 10.0
    ledger.move(1.0)
    ledger.end(50.0, by_now=True)
    # 10 operations in 10 seconds, 50 are left.
    assert ledger.estimate_seconds_left() == 50.0


def test_what_failed_at_once_does_not_either(clock):
    ledger = Ledger(100.0, 3)
    ledger.begin(10.0)
    ledger.train()
    clock[0] = 10.0
    ledger.move(1.0)
    ledger.end(10.0, by_now=True)
    ledger.end(50.0, by_now=False)
    assert ledger.estimate_seconds_left() == 40.0


def test_the_screen_tells_training_from_the_rest(clock):
    trials = make_trials(2)  # of one operation and of two
    screen, written = watch(terminal=False, trials=trials)
    screen.study_started(trials, finished=0)
    screen.trial_started(trials[0])
    clock[0] = 100.0
    screen.stage_started("classifier", epochs=1, images_per_epoch=10, images_done=0)
    clock[0] = 101.0
    screen.images_done(10)
    screen.stage_ended()
    clock[0] = 120.0
    screen.trial_ended(trials[0], Outcome(trials[0].key, "finished", val_accuracy=0.5))
    # Two operations of a second each, and 119 seconds beside them.
    assert written.getvalue().endswith(f"about {write_duration(121.0)} left\n")
