"""A history holds a column per metric, knows its best epoch, and survives its file."""

from __future__ import annotations

import pytest

from cae.errors import CheckpointError
from cae.files import read_json, write_json
from cae.training.history import History, read_history, write_history


def make_history() -> History:
    history = History()
    for loss, val_loss, seconds in ((1.0, 0.9, 0.25), (0.5, 0.4, 0.5), (0.3, 0.4, 0.125)):
        history.append({"loss": loss, "val_loss": val_loss, "seconds": seconds})
    return history


def test_records_become_columns():
    history = make_history()
    assert history.metrics == {
        "loss": [1.0, 0.5, 0.3],
        "val_loss": [0.9, 0.4, 0.4],
        "seconds": [0.25, 0.5, 0.125],
    }
    assert history.epochs == 3
    assert history.seconds == 0.875


def test_the_best_epoch_is_the_first_of_the_lowest_validation_loss():
    assert make_history().best_epoch == 2


def test_an_empty_history_has_no_epochs():
    assert History().epochs == 0


def test_two_histories_share_nothing():
    make_history()
    assert History().metrics == {}


def test_the_file_says_what_it_is_about_and_comes_back(tmp_path):
    path = tmp_path / "history" / "a.json"
    write_history(path, make_history(), about={"name": "a", "seed": 42})
    value = read_history(path)
    assert list(value) == ["name", "seed", "best_epoch", "seconds", "metrics"]
    assert value["best_epoch"] == 2
    assert value["seconds"] == 0.875
    assert value["metrics"] == make_history().metrics


def test_a_loss_that_is_not_finite_is_never_written(tmp_path):
    history = make_history()
    history.metrics["loss"][0] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_history(tmp_path / "a.json", history, about={})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [[], 3, None, "metrics", {}, {"metrics": [1]}])
def test_what_is_not_a_history_is_an_error_that_names_the_file(tmp_path, value):
    path = tmp_path / "a.json"
    write_json(path, value)
    with pytest.raises(CheckpointError, match=r"a\.json: not a training history"):
        read_history(path)
    assert read_json(path) == value
