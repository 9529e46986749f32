"""Progress: a bar on a terminal, a line at start and end elsewhere, and nothing left behind."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from cae.apps.progress import Loading, TrainingProgress
from cae.training.progress import Progress

RECORD = {"loss": 0.5, "accuracy": 0.7, "val_loss": 0.25, "val_accuracy": 0.875, "lr": 0.1}
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


def make_console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    console = Console(
        file=written, force_terminal=terminal, width=100, color_system=None, legacy_windows=False
    )
    return console, written


def train(progress: Progress, *, epochs: int = 2, stage: str = "classifier") -> None:
    progress.stage_started(stage, epochs=epochs, images_per_epoch=1000, images_done=0)
    for epoch in range(1, epochs + 1):
        for _ in range(10):
            progress.images_done(100)
        progress.epoch_ended(epoch, RECORD)
    progress.stage_ended()


def test_without_a_terminal_a_stage_is_two_plain_lines():
    console, written = make_console(terminal=False)
    with TrainingProgress(console) as progress:
        train(progress)
    first, second = written.getvalue().splitlines()
    assert first == "classifier   2 epochs of 1,000 images"
    stage, figures = second.split("  loss ")
    assert re.fullmatch(r"classifier   2 epochs in [\d.:]+ \w+", stage)
    assert figures == "0.5000 · val loss 0.2500 · val accuracy 87.5%"


def test_the_loss_of_a_sharp_autoencoder_is_told_in_digits_that_count():
    console, written = make_console(terminal=False)
    with TrainingProgress(console) as progress:
        progress.stage_started("autoencoder", epochs=1, images_per_epoch=10, images_done=0)
        progress.epoch_ended(1, {"loss": 0.000031234})
        progress.stage_ended()
    assert written.getvalue().endswith("loss 3.123e-05\n")


def test_a_stage_that_was_stopped_after_its_last_epoch_is_told_of_there_too(capsys):
    console, written = make_console(terminal=False)
    with TrainingProgress(console) as progress:
        progress.stage_started("classifier", epochs=2, images_per_epoch=10, images_done=20)
        progress.stage_ended()
    assert written.getvalue().splitlines()[-1] == "classifier   is already trained"
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_the_bar_shows_epoch_rate_time_left_and_figures():
    console, written = make_console(terminal=True)
    with TrainingProgress(console) as progress:
        train(progress)
        seen = written.getvalue()
    assert "classifier" in seen
    assert "epoch 1/2" in seen
    assert "left" in seen
    assert "classifier   2 epochs in " in seen
    assert "val accuracy 87.5%" in seen


def test_the_bar_shows_the_rate_and_the_last_figures_under_it():
    console, _ = make_console(terminal=True)
    progress = TrainingProgress(console)
    progress.stage_started("classifier", epochs=4, images_per_epoch=1000, images_done=0)
    for _ in range(50):
        progress.images_done(20)
    progress.epoch_ended(1, RECORD)
    bar = progress._bar
    assert bar is not None
    sheet, drawn = make_console(terminal=False)
    for part in bar.get_renderables():
        sheet.print(part)
    progress.__exit__(None, None, None)
    upper, lower = drawn.getvalue().splitlines()
    assert "epoch 2/4" in upper
    assert "images/s" in upper
    assert lower.strip() == "loss 0.5000 · val loss 0.2500 · val accuracy 87.5%"
    # A quarter of the whole stage, not the end of its first epoch.
    assert bar.tasks[0].percentage == pytest.approx(25)


def test_a_stage_that_stops_early_tells_how_many_epochs_it_took():
    console, written = make_console(terminal=False)
    with TrainingProgress(console) as progress:
        progress.stage_started("autoencoder", epochs=50, images_per_epoch=10, images_done=0)
        progress.epoch_ended(1, {"loss": 1.0, "val_loss": 2.0})
        progress.stage_ended()
    assert "autoencoder  1 epoch in " in written.getvalue()
    assert "accuracy" not in written.getvalue()


def test_a_training_that_fails_leaves_the_terminal_as_it_was():
    console, written = make_console(terminal=True)

    def fail() -> None:
        with TrainingProgress(console) as progress:
            progress.stage_started("autoencoder", epochs=2, images_per_epoch=10, images_done=0)
            progress.images_done(5)
            raise FloatingPointError("diverged")

    with pytest.raises(FloatingPointError, match="diverged"):
        fail()
    seen = written.getvalue()
    assert seen.count(SHOW_CURSOR) == seen.count(HIDE_CURSOR) >= 1
    assert seen.rindex(SHOW_CURSOR) > seen.rindex(HIDE_CURSOR)


def test_what_follows_a_stage_shows_a_sign_of_life_that_ends():
    console, written = make_console(terminal=True)
    with TrainingProgress(console) as progress:
        train(progress)
        train(progress)
    assert "saving and measuring" in written.getvalue()
    assert written.getvalue().rindex(SHOW_CURSOR) > written.getvalue().rindex(HIDE_CURSOR)


def test_a_download_without_a_terminal_is_announced_once():
    console, written = make_console(terminal=False)
    with Loading(console) as loading:
        loading(1_000_000, 170_498_071)
        loading(2_000_000, 170_498_071)
    assert written.getvalue() == "downloading CIFAR-10, 170 MB\n"


def test_a_download_of_unknown_size_is_announced_too():
    console, written = make_console(terminal=False)
    with Loading(console) as loading:
        loading(1, None)
    assert written.getvalue() == "downloading CIFAR-10\n"


def test_a_download_on_a_terminal_has_a_bar():
    console, written = make_console(terminal=True)
    with Loading(console) as loading:
        loading(85_000_000, 170_000_000)
        loading(170_000_000, 170_000_000)
    seen = written.getvalue()
    assert "loading" in seen
    assert "downloading CIFAR-10" in seen
    assert "170.0/170.0 MB" in seen
    assert seen.rindex(SHOW_CURSOR) > seen.rindex(HIDE_CURSOR)


def test_loading_without_a_terminal_is_silent():
    console, written = make_console(terminal=False)
    with Loading(console) as loading:
        for done in range(1, 101):
            loading.count_pictures(done, 100)
    assert written.getvalue() == ""


def test_pictures_are_counted_on_a_terminal():
    console, written = make_console(terminal=True)
    with Loading(console) as loading:
        for done in range(1, 2001):
            loading.count_pictures(done, 4000)
    assert "reading pictures: 2,000 of 4,000" in written.getvalue()
