"""Curves of a training: what is marked as best, and which histories are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from cae.errors import DataError
from cae.report.figures.curves import plot_history

Texts = Callable[[], list[str]]


def test_best_epoch_of_a_loss_is_its_lowest(tmp_path: Path, read_texts: Texts) -> None:
    metrics = {"loss": [3.0, 2.0, 1.0, 0.9], "val_loss": [3.0, 1.25, 1.5, 2.0]}
    plot_history(metrics, tmp_path / "loss.png", metric="loss", title="Loss falls")
    assert {"best 1.25, epoch 2", "train", "validation", "epoch"} <= set(read_texts())


def test_best_epoch_of_an_accuracy_is_its_highest(tmp_path: Path, read_texts: Texts) -> None:
    metrics = {"accuracy": [0.2, 0.5, 0.6], "val_accuracy": [0.3, 0.5, 0.4567]}
    plot_history(metrics, tmp_path / "a.png", metric="accuracy", title="Accuracy rises")
    assert "best 50.0%, epoch 2" in read_texts()
    assert "40%" in read_texts()


def test_train_and_validation_differ_in_colour_and_in_line(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    metrics = {"loss": [3.0, 2.0], "val_loss": [2.5, 2.4]}
    plot_history(metrics, tmp_path / "loss.png", metric="loss", title="Loss")
    train, validation = drawn[-1].axes[0].lines[:2]
    np.testing.assert_array_equal(train.get_ydata(), metrics["loss"])
    np.testing.assert_array_equal(validation.get_ydata(), metrics["val_loss"])
    assert train.get_color() != validation.get_color()
    assert train.get_linestyle() != validation.get_linestyle()


def test_wide_range_of_losses_gets_a_logarithmic_axis(
    tmp_path: Path, drawn: list[Figure], read_texts: Texts
) -> None:
    metrics = {"loss": [0.06, 0.01, 0.0018], "val_loss": [0.07, 0.01, 0.002]}
    plot_history(metrics, tmp_path / "loss.png", metric="loss", title="Loss")
    assert drawn[-1].axes[0].get_yscale() == "log"
    assert "loss after each epoch, log scale" in read_texts()


@pytest.mark.parametrize("epochs", [1, 2, 7, 100])
def test_epoch_axis_starts_at_one_and_stays_inside_the_training(
    tmp_path: Path, drawn: list[Figure], epochs: int
) -> None:
    values = list(np.linspace(0.9, 0.5, epochs))
    metrics = {"loss": values, "val_loss": values}
    plot_history(metrics, tmp_path / "loss.png", metric="loss", title="Loss")
    ticks = drawn[-1].axes[0].get_xticks()
    assert ticks[0] == 1
    assert ticks[-1] <= epochs


def test_metric_without_validation_is_drawn_alone(
    tmp_path: Path, drawn: list[Figure], read_texts: Texts
) -> None:
    plot_history({"lr": [0.1, 0.01]}, tmp_path / "lr.png", metric="lr", title="Learning rate")
    assert len(drawn[-1].axes[0].lines) == 1
    texts = read_texts()
    assert "train" in texts
    assert not [text for text in texts if text.startswith("best")]


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"accuracy": [0.5]}, "no metric 'loss'.*accuracy"),
        ({"loss": []}, "expected finite numbers"),
        ({"loss": [1.0, float("nan")]}, "expected finite numbers"),
        ({"loss": [1.0], "val_loss": [1.0, 2.0]}, "1 for train, 2 for validation"),
    ],
)
def test_history_that_cannot_be_drawn_is_refused(
    metrics: dict[str, list[float]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        plot_history(metrics, tmp_path / "loss.png", metric="loss", title="Loss")
