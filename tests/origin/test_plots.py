"""Histories, curves, the confusion matrix and the report of the origin's API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import classification_report

import modelling
from cae.errors import CheckpointError, ConfigError, DataError

NAMES = ["cat", "dog", "emu"]
Y = np.array([0, 0, 1, 1, 2])
PREDICTED = np.array([0, 1, 1, 1, 0])
HISTORY = {
    "name": "mine",
    "metrics": {
        "loss": [0.5, 0.4],
        "val_loss": [0.6, 0.5],
        "accuracy": [0.1, 0.2],
        "val_accuracy": [0.3, 0.4],
        "lr": [0.001, 0.001],
    },
}


def read_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


def test_a_saved_history_is_loaded_as_it_was():
    modelling.save_history(HISTORY, "mine")
    assert Path("history/mine.json").exists()
    assert modelling.load_history("mine") == HISTORY


def test_what_is_no_history_is_neither_saved_nor_drawn(working_folder: Path):
    for call in (modelling.save_history, modelling.plot_model_metrics):
        with pytest.raises(DataError, match="no 'metrics'"):
            call({"loss": [1.0]}, "mine")
    assert list(working_folder.iterdir()) == []


def test_a_missing_history_is_named():
    with pytest.raises(CheckpointError, match=r"history/mine\.json: no such file"):
        modelling.load_history("mine")


def test_every_metric_with_a_validation_curve_is_drawn():
    paths = modelling.plot_model_metrics(HISTORY, "mine")
    assert paths == [Path("plots/mine_loss.png"), Path("plots/mine_accuracy.png")]
    assert all(min(read_size(path)) > 300 for path in paths)


def test_chosen_metrics_are_drawn_alone():
    paths = modelling.plot_model_metrics(HISTORY, "mine", ["lr"])
    assert paths == [Path("plots/mine_lr.png")]


def test_trainings_of_different_length_are_compared_in_one_picture():
    longer = {"metrics": {"val_loss": [0.6, 0.5, 0.4]}}
    path = modelling.plot_histories({"two epochs": HISTORY, "three": longer}, "both")
    assert path == Path("plots/both.png")
    assert min(read_size(path)) > 300


def test_comparing_what_is_not_there_is_refused():
    with pytest.raises(DataError, match="no 'val_mse' to compare in mine"):
        modelling.plot_histories({"mine": HISTORY}, "both", "val_mse")
    with pytest.raises(DataError, match="no histories"):
        modelling.plot_histories({}, "both")


def test_the_confusion_matrix_takes_numbers_one_hot_labels_and_probabilities():
    pictures = [
        modelling.plot_confusion_matrix(y, y_pred, NAMES, name).read_bytes()
        for name, y, y_pred in (
            ("numbers", Y, PREDICTED),
            ("arrays", np.eye(3)[Y], 0.6 * np.eye(3)[PREDICTED] + 0.4 / 3),
        )
    ]
    assert pictures[0] == pictures[1]
    other = modelling.plot_confusion_matrix(PREDICTED, Y, NAMES).read_bytes()
    assert other != pictures[0]
    assert Path("plots/confusion_matrix.png").exists()


@pytest.mark.parametrize(
    ("y", "y_pred"),
    [(Y, PREDICTED[:-1]), (Y[:0], PREDICTED[:0]), (Y + 1, PREDICTED), (Y, PREDICTED - 1)],
    ids=["lengths differ", "nothing", "label out of range", "prediction out of range"],
)
def test_labels_and_predictions_that_do_not_fit_are_refused(y: Any, y_pred: Any):
    with pytest.raises(DataError, match="expected as many labels as predictions"):
        modelling.plot_confusion_matrix(y, y_pred, NAMES)


def test_a_picture_cannot_be_named_out_of_its_folder():
    with pytest.raises(ConfigError, match="cannot name a file"):
        modelling.plot_confusion_matrix(Y, PREDICTED, NAMES, "../mine")


def test_the_report_says_what_scikit_learn_says(
    trained: tuple[Any, Any, np.ndarray], digits: tuple[Any, ...], capsys: Any
):
    _, classifier, x_val = trained
    y_val, class_names = digits[4][:40], digits[6]
    capsys.readouterr()

    y_pred = modelling.classifier_predict_evaluate(x_val, y_val, classifier, class_names)

    printed = capsys.readouterr().out
    assert (y_pred == classifier.predict(x_val)).all()
    # scikit-learn's own types leave out the dictionary, and that zero_division may be a number.
    options: Any = {"target_names": class_names, "output_dict": True, "zero_division": 0.0}
    expected: Any = classification_report(y_val.argmax(axis=1), y_pred.argmax(axis=1), **options)
    for name in class_names:
        scores = expected[name]
        values = [f"{scores[key]:.3f}" for key in ("precision", "recall", "f1-score")]
        row = rf"^{name} +{' +'.join(map(re.escape, values))} +{scores['support']:.0f}$"
        assert re.search(row, printed, flags=re.MULTILINE), printed
    assert re.search(rf"^accuracy +{expected['accuracy']:.3f} ", printed, flags=re.MULTILINE)
    macro = expected["macro avg"]["f1-score"]
    assert re.search(rf"^macro F1 +{macro:.3f}$", printed, flags=re.MULTILINE)
    assert Path("plots/c_confusion_matrix.png").exists()


def test_evaluating_with_the_wrong_class_names_is_refused(
    trained: tuple[Any, Any, np.ndarray], digits: tuple[Any, ...]
):
    _, classifier, x_val = trained
    with pytest.raises(DataError, match="10 columns for 3 class names"):
        modelling.classifier_predict_evaluate(x_val, digits[4][:40], classifier, NAMES)
