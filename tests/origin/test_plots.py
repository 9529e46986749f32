"""Histories, curves, the confusion matrix and the report of the origin's API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import classification_report

import modelling
from cae.errors import CheckpointError, ConfigError, DataError
from cae.training.history import read_history

NAMES = ["cat", "dog", "emu"]
COUNTS = np.array([[1, 3, 0], [0, 2, 0], [7, 0, 0]])
HISTORY = {
    "loss": [0.5, 0.4],
    "val_loss": [0.6, 0.5],
    "acc": [0.1, 0.2],
    "val_acc": [0.3, 0.4],
    "lr": [0.001, 0.001],
}
UNSEEN = {"loss": [0.5, 0.4], "val_loss": [0.6, 0.5], "mse": [0.5, 0.4]}


def read_size(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


def find_plots() -> set[str]:
    return {path.name for path in Path("plots").glob("*")}


def test_a_saved_history_is_loaded_as_it_was_and_is_one_that_the_package_reads():
    modelling.save_history(HISTORY, "mine")
    assert modelling.load_history("mine") == HISTORY
    content = read_history(Path("history/mine.json"))
    assert content["metrics"]["val_accuracy"] == HISTORY["val_acc"]
    assert content["name"] == "mine"
    assert content["best_epoch"] == 2


def test_a_history_of_the_origin_is_loaded():
    # As Keras's History gives it, written by json.dump.
    theirs = {key: HISTORY[key] for key in ("val_loss", "val_acc", "loss", "acc")}
    Path("history").mkdir()
    Path("history/theirs.json").write_text(json.dumps(theirs), encoding="utf-8")
    assert modelling.load_history("theirs") == theirs


def test_a_trained_model_s_history_is_flat_and_can_be_written_back(trained: Any):
    history = modelling.load_history("c")
    assert {"loss", "val_loss", "acc", "val_acc", "lr", "seconds"} <= history.keys()
    before = read_history(Path("history/c.json"))
    modelling.save_history(history, "c")
    assert read_history(Path("history/c.json")) == before


def test_arrays_of_numpy_can_be_saved_as_a_history():
    modelling.save_history({"loss": [np.float32(0.5)], "acc": np.array([1])}, "mine")
    assert modelling.load_history("mine") == {"loss": [0.5], "acc": [1]}


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ({}, "at least one"),
        ({"metrics": HISTORY}, "'metrics' is not a list of finite numbers"),
        ({"loss": []}, "'loss' is not"),
        ({"loss": [0.5, float("nan")]}, "'loss' is not"),
        ({"loss": ["0.5"]}, "'loss' is not"),
        ({"loss": [0.5], "acc": [0.5, 0.6]}, "of one length"),
        (3, "found int: expected a history"),
    ],
    ids=str,
)
def test_what_is_no_history_is_neither_saved_nor_drawn(
    history: Any, words: str, working_folder: Path
):
    for call in (modelling.save_history, modelling.plot_model_metrics):
        with pytest.raises(DataError, match=words):
            call(history, "mine")
    assert list(working_folder.iterdir()) == []


@pytest.mark.parametrize("content", ["[]", "{}", '{"loss": 1}', '{"metrics": {"loss": [1]}}'])
def test_a_file_that_is_no_history_is_named(content: str):
    Path("history").mkdir()
    Path("history/mine.json").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"history/mine\.json"):
        modelling.load_history("mine")


def test_a_missing_history_is_named():
    for call in (
        lambda: modelling.load_history("mine"),
        lambda: modelling.plot_model_metrics("mine", "mine"),
        lambda: modelling.plot_histories(["mine"], ["Mine"], "both"),
    ):
        with pytest.raises(CheckpointError, match=r"history/mine\.json: no such file"):
            call()


def test_loss_and_accuracy_are_drawn_unless_they_are_switched_off():
    modelling.plot_model_metrics(HISTORY, "mine")
    assert find_plots() == {"mine_loss.png", "mine_accuracy.png"}
    assert all(min(read_size(f"plots/{name}")) > 300 for name in find_plots())
    modelling.plot_model_metrics(HISTORY, "loss", acc=False)
    modelling.plot_model_metrics(HISTORY, "accuracy", loss=False)
    assert find_plots() >= {"loss_loss.png", "accuracy_accuracy.png"}
    assert not find_plots() & {"loss_accuracy.png", "accuracy_loss.png"}


def test_an_autoencoder_has_no_accuracy_to_draw():
    modelling.plot_model_metrics(UNSEEN, "mine")
    assert find_plots() == {"mine_loss.png"}
    with pytest.raises(DataError, match="nothing to draw: the history has loss, val_loss, mse"):
        modelling.plot_model_metrics(UNSEEN, "mine", loss=False)


def test_a_history_is_drawn_from_its_name_and_from_an_object_that_has_it():
    modelling.save_history(HISTORY, "mine")
    drawn: set[bytes] = set()
    for history in (HISTORY, "mine", SimpleNamespace(history=HISTORY)):
        modelling.plot_model_metrics(history, "mine")
        modelling.plot_histories([history], ["mine"], "mine")
        drawn.add(b"".join(Path(f"plots/{name}").read_bytes() for name in sorted(find_plots())))
    assert len(find_plots()) == 4
    assert len(drawn) == 1


def test_trainings_of_different_length_are_compared_in_one_picture_for_each_metric():
    modelling.save_history(HISTORY, "two")
    longer = {key: [*values, values[-1]] for key, values in HISTORY.items()}
    modelling.plot_histories(["two", longer], ["two epochs", "three"], "both")
    assert find_plots() == {"bothValidation_loss.png", "bothValidation_accuracy.png"}
    modelling.plot_histories(["two", longer], ["two epochs", "three"], "both", train=True)
    assert find_plots() >= {"bothTrain_loss.png", "bothTrain_accuracy.png"}
    assert all(min(read_size(f"plots/{name}")) > 300 for name in find_plots())
    pictures = [Path(f"plots/both{which}_loss.png") for which in ("Train", "Validation")]
    assert pictures[0].read_bytes() != pictures[1].read_bytes()


def test_autoencoders_are_compared_by_their_losses_alone():
    modelling.plot_histories([UNSEEN, UNSEEN], ["a", "b"], "both")
    assert find_plots() == {"bothValidation_loss.png"}


def test_comparing_what_is_not_there_is_refused_before_anything_is_drawn(working_folder: Path):
    with pytest.raises(DataError, match="there is no val_accuracy in b"):
        modelling.plot_histories([HISTORY, UNSEEN], ["a", "b"], "both")
    with pytest.raises(DataError, match="there is no val_loss in a"):
        modelling.plot_histories([{"loss": [0.5]}], ["a"], "both")
    for histories, captions in (([], []), ([HISTORY], []), ([HISTORY], ["a", "b"])):
        with pytest.raises(DataError, match="expected as many of each"):
            modelling.plot_histories(histories, captions, "both")
    assert list(working_folder.iterdir()) == []


def test_a_confusion_matrix_is_drawn_as_large_as_it_is_told():
    modelling.plot_confusion_matrix(COUNTS, NAMES)
    assert read_size("plots/confusion_matrix.png") == (9 * 150, 5 * 150)
    modelling.plot_confusion_matrix(COUNTS.tolist(), NAMES, figsize=(4, 3), filename="small")
    assert read_size("plots/small.png") == (4 * 150, 3 * 150)


@pytest.mark.parametrize(
    ("options", "words"),
    [({}, ["25", "75", "100", "100"]), ({"normalize": False}, ["1", "3", "2", "7"])],
)
def test_its_cells_are_shares_of_the_true_class_or_counts(
    options: dict[str, Any], words: list[str], monkeypatch: pytest.MonkeyPatch
):
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", spy(Figure.savefig, drawn))
    modelling.plot_confusion_matrix(COUNTS.astype(float), NAMES, **options)
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts] == words
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES


def spy(method: Callable[..., None], seen: list[Figure]) -> Callable[..., None]:
    def call(figure: Figure, *arguments: Any, **options: Any) -> None:
        seen.append(figure)
        method(figure, *arguments, **options)

    return call


@pytest.mark.parametrize(
    "cm",
    [COUNTS[:2], COUNTS[:2, :2], -COUNTS, COUNTS / 10, np.array([["a"]])],
    ids=["not square", "other names", "negative", "shares", "words"],
)
def test_what_is_no_matrix_of_counts_is_refused(cm: Any, working_folder: Path):
    with pytest.raises(DataError, match=r"confusion matrix.*expected"):
        modelling.plot_confusion_matrix(cm, NAMES)
    assert not find_plots()


def test_a_picture_cannot_be_named_out_of_its_folder():
    with pytest.raises(ConfigError, match="cannot name a file"):
        modelling.plot_confusion_matrix(COUNTS, NAMES, filename="../mine")


def test_the_report_says_what_scikit_learn_says(
    trained: tuple[Any, Any, np.ndarray], digits: tuple[Any, ...], capsys: Any
):
    _, classifier, x_val = trained
    y_val, class_names = digits[4][:40], digits[6]
    capsys.readouterr()

    y_pred = modelling.classifier_predict_evaluate(x_val, y_val, classifier, class_names)

    printed = capsys.readouterr().out
    assert y_pred.shape == (40, 10)
    assert (y_pred.sum(axis=1) == 1).all()
    assert (y_pred.argmax(axis=1) == classifier.predict(x_val).argmax(axis=1)).all()
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
    written = find_plots()
    modelling.classifier_predict_evaluate(x_val, y_val, classifier, class_names, filename="test")
    assert find_plots() - written == {"test.png"}


def test_evaluating_with_the_wrong_class_names_is_refused(
    trained: tuple[Any, Any, np.ndarray], digits: tuple[Any, ...]
):
    _, classifier, x_val = trained
    with pytest.raises(DataError, match="10 columns for 3 class names"):
        modelling.classifier_predict_evaluate(x_val, digits[4][:40], classifier, NAMES)
