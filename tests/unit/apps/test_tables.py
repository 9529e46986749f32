"""Tables: the figures that were measured, the origin's only where they compare."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from cae.apps.tables import (
    describe_pictures,
    make_places_table,
    make_predictions_table,
    make_reconstruction_table,
    make_results_table,
    make_scores_table,
    make_splits_table,
    make_training_table,
)
from cae.run_folder import RunFolder
from cae.training.history import History
from cae.training.trainer import FitResult

PER_CLASS: dict[str, dict[str, Any]] = {
    "bird": {"precision": 0.5, "recall": 0.515, "f1": 0.51, "support": 1000},
    "cat": {"precision": None, "recall": None, "f1": None, "support": 0},
}
SCORES: dict[str, Any] = {
    "accuracy": 0.7341,
    "accuracy_interval": [0.7253, 0.7427],
    "macro_f1": 0.7312,
    "count": 10_000,
    "loss": 0.8125,
    "per_class": PER_CLASS,
}
EVALUATION: dict[str, Any] = {
    "data": "cifar10",
    "fallback_reason": None,
    "thinned_classes": ["bird"],
    "test": {
        "classifier": SCORES,
        "autoencoder": {"mse": 0.00213, "psnr": 26.72, "ssim": 0.9312},
    },
    "seconds": {"pretrain": 62.0, "finetune": 400.0, "evaluate": 12.1, "total": 480.0},
}


def read(table: RenderableType, *, width: int = 80) -> list[str]:
    """Return the lines that are not empty, drawn at this width, with single spaces."""
    console = Console(width=width, color_system=None, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().splitlines()
    assert all(len(line) <= width for line in lines)
    return [" ".join(line.split()) for line in lines if line.strip(" ─")]


def test_results_stand_with_their_interval_beside_the_origins():
    lines = read(make_results_table(EVALUATION))
    assert lines[0] == "Results on the CIFAR-10 test set, 10,000 images"
    assert "accuracy 73.4% 72.5% to 74.3% 71%" in lines
    assert "macro F1 73.1% 71%" in lines
    assert "recall of bird (thinned) 51.5% 54%" in lines
    assert not any("the least" in line for line in lines)  # That is bird, told already.
    assert "reconstruction MSE 0.00213" in lines
    assert "reconstruction PSNR 26.7 dB" in lines
    assert "reconstruction SSIM 0.931" in lines
    assert "time to train the classifier 6:40 min" in lines
    assert "time in all 8:00 min" in lines


def test_the_class_that_is_found_least_often_is_told():
    lines = read(make_results_table({**EVALUATION, "data": "mine", "thinned_classes": []}))
    assert "recall of bird (the least) 51.5%" in lines


def test_figures_of_other_data_stand_without_the_origins():
    lines = read(make_results_table({**EVALUATION, "data": "digits"}))
    assert lines[0] == "Results on the digits test set, 10,000 images"
    assert "accuracy 73.4% 72.5% to 74.3%" in lines
    assert not any("71%" in line or "origin" in line for line in lines)


def test_results_of_a_stand_in_say_so_once_more():
    evaluation = {**EVALUATION, "data": "digits", "fallback_reason": "the network is down"}
    notice = "These figures are of the built-in digits: CIFAR-10 was not available."
    assert read(make_results_table(evaluation))[-1] == notice
    assert notice not in read(make_results_table(EVALUATION))


def test_images_too_small_for_ssim_have_none():
    evaluation = copy.deepcopy(EVALUATION)
    evaluation["test"]["autoencoder"]["ssim"] = None
    assert "reconstruction SSIM images too small for it" in read(make_results_table(evaluation))
    lines = read(make_reconstruction_table({"mse": 0.1, "psnr": 10.0, "ssim": None}, title="x"))
    assert "reconstruction SSIM images too small for it" in lines


def test_a_masked_autoencoder_is_scored_by_what_it_predicts():
    scores = {"target": "gradient_histograms", "hidden_fraction": 0.625, "target_mse": 0.61}
    lines = read(make_reconstruction_table(scores, title="x"))
    assert lines[1:] == ["MSE of hidden gradient histograms 0.6100", "hidden of each image 62%"]
    scores["predicted_fraction"] = scores.pop("hidden_fraction")
    lines = read(make_reconstruction_table(scores, title="x"))
    assert lines[1:] == [
        "MSE of predicted gradient histograms 0.6100",
        "predicted of each image 62%",
    ]


def test_scores_of_each_class_stand_above_those_of_all():
    lines = read(make_scores_table(SCORES, title="CIFAR-10 test set"))
    assert lines[0] == "CIFAR-10 test set"
    assert "bird 50.0% 51.5% 51.0% 1,000" in lines
    assert "cat no images no images no images 0" in lines
    assert lines[-1].startswith("accuracy 73.4% (95% interval 72.5% to 74.3%)")


@pytest.mark.parametrize(
    ("chosen", "epoch", "loss"), [("best", 2, "0.20000"), ("last", 3, "0.30000")]
)
def test_a_training_is_told_by_the_epoch_whose_weights_were_kept(
    chosen: str, epoch: int, loss: str
):
    history = History()
    for value in (0.4, 0.2, 0.3):
        history.append({"loss": 9.0, "val_loss": value, "val_accuracy": value, "seconds": 20.0})
    fit = FitResult(history, {}, {}, chosen)
    lines = read(make_training_table(fit, stage="classifier", data="cifar10"))
    assert lines[0] == "Classifier on the CIFAR-10 validation images"
    assert f"loss {loss}" in lines
    assert f"weights of epoch {epoch} of 3" in lines
    assert "time 1:00 min" in lines


def test_splits_are_counted_by_class():
    part = {"images": 33_150, "classes": {"cat": 3900, "dog": 29_250}}
    about = {"data": "cifar10", "split": {"fingerprint": "f" * 64, "train": part, "test": part}}
    lines = read(make_splits_table(about))
    assert "class train test" in lines
    assert "cat 3,900 3,900" in lines
    assert "all 33,150 33,150" in lines
    assert "fingerprint " + "f" * 64 in lines


def test_pictures_are_told_by_class_in_one_line():
    assert describe_pictures({"cat": 1200, "dog": 800}, tested=400, unlabelled=0) == (
        "2 classes: cat 1,200, dog 800; 400 of the 2,000 pictures are for testing"
    )
    assert describe_pictures({"cat": 6, "dog": 6}, tested=2, unlabelled=30).endswith(
        "2 of the 12 pictures are for testing, and 30 without a label"
    )


def test_of_many_classes_a_few_are_named():
    counts = {f"c{number}": number for number in range(1, 101)}
    told = describe_pictures(counts, tested=1010, unlabelled=0, most=3)
    assert told.startswith(
        "100 classes: c1 1, c2 2, 98 more with 3 to 100 each; 1,010 of the 5,050 "
    )
    assert "more" not in describe_pictures({"a": 1, "b": 2}, tested=1, unlabelled=0, most=2)


def test_images_without_labels_are_counted_in_no_class():
    part = {"images": 30, "classes": {"cat": 10, "dog": 20}}
    split = {"fingerprint": "f", "train": part, "unlabelled": {"images": 7, "classes": {}}}
    lines = read(make_splits_table({"data": "pets-0", "split": split}))
    assert "class train unlabelled" in lines
    assert "cat 10" in lines
    assert "all 30 7" in lines


def test_a_prediction_shows_the_three_most_probable_classes():
    probabilities = {"cat": 0.625, "dog": 0.25, "deer": 0.1, "ship": 0.025}
    lines = read(make_predictions_table([{"path": "[a].png", "probabilities": probabilities}]))
    assert "[a].png cat 62.5% dog 25.0%, deer 10.0%" in lines


def test_a_long_path_is_broken_not_cut():
    path = "folder/" * 20 + "picture.png"
    lines = read(make_predictions_table([{"path": path, "probabilities": {"cat": 1.0}}]))
    assert "".join(line.split()[0] for line in lines[1:]) == path


def test_only_what_is_there_is_told_to_lie_there(tmp_path: Path):
    folder = RunFolder(tmp_path, "mine")
    encoder = folder.model(folder.encoder).json
    encoder.parent.mkdir()
    encoder.touch()
    words = "\n".join(read(make_places_table(folder, []), width=200))
    assert str(tmp_path) in words
    assert "models/encoder_mine.json" in words
    assert "classifier" not in words
    assert "plots" not in words
    assert read(make_places_table(folder, [tmp_path] * 7), width=200)[-1] == "plots/ 7 pictures"
