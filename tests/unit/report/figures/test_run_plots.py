"""The pictures of a run: all are there, and each says which data it was."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cae.errors import CheckpointError
from cae.evaluation.samples import MistakeSamples, ReconstructionSamples
from cae.files import write_sealed_json
from cae.report.figures import run_plots
from cae.report.figures.run_plots import draw_run, draw_training
from cae.run_folder import RunFolder

NAMES = ("cat", "dog")


def write_run(root: Path, *, data: str = "cifar10") -> RunFolder:
    """Write the histories of a run of two epochs."""
    folder = RunFolder(root, "mine")
    curve = [0.5, 0.25]
    metrics = {"loss": curve, "val_loss": curve, "accuracy": curve, "val_accuracy": curve}
    for stage, model in (("autoencoder", folder.autoencoder), ("classifier", folder.classifier)):
        write_sealed_json(
            folder.history(model),
            {"name": model, "stage": stage, "data": data, "metrics": metrics},
        )
    return folder


def make_evaluation(*, data: str = "cifar10") -> dict[str, Any]:
    return {
        "data": data,
        "thinned_classes": ["dog"],
        "test": {
            "classifier": {
                "accuracy": 0.75,
                "per_class": {"cat": {"recall": 1.0}, "dog": {"recall": 0.5}},
                "confusion_matrix": [[2, 0], [1, 1]],
            },
            "autoencoder": {"psnr": 20.0},
        },
    }


def make_samples(count: int = 2) -> tuple[ReconstructionSamples, MistakeSamples]:
    images = np.zeros((count, 32, 32, 3), np.uint8)
    names = NAMES[:count]
    return (
        ReconstructionSamples(images, images),
        MistakeSamples(images[:1], names[:1], names[1:2], (0.9,)),
    )


def test_a_run_is_drawn_in_seven_pictures_that_are_whole(tmp_path: Path):
    folder = write_run(tmp_path)

    paths = draw_run(folder, make_evaluation(), *make_samples())

    assert {path.name for path in paths} == {
        "autoencoder_mine_loss.png",
        "classifier_mine_loss.png",
        "classifier_mine_accuracy.png",
        "reconstructions_mine.png",
        "confusion_matrix_mine.png",
        "per_class_recall_mine.png",
        "confident_mistakes_mine.png",
    }
    assert sorted(paths) == sorted((tmp_path / "plots").iterdir())
    for path in paths:
        with Image.open(path) as picture:
            picture.verify()


@pytest.mark.parametrize(("data", "name"), [("cifar10", "CIFAR-10"), ("digits", "digits")])
def test_every_title_names_the_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, name: str
):
    titles: list[str] = []

    def record(*_: object, title: str, **__: object) -> Path:
        titles.append(title)
        return tmp_path

    for function in [each for each in vars(run_plots) if each.startswith("plot_")]:
        monkeypatch.setattr(run_plots, function, record)
    draw_run(write_run(tmp_path, data=data), make_evaluation(data=data), *make_samples())

    assert len(titles) == 7
    assert all(re.search(rf"\b{name}\b", title) for title in titles)
    assert [title for title in titles if "75.0% correct" in title]


def test_a_pretrained_autoencoder_has_a_loss_curve_of_its_own(tmp_path: Path):
    folder = write_run(tmp_path)
    assert draw_training(folder, folder.autoencoder) == [folder.plot("autoencoder_mine_loss")]


def test_a_history_that_is_not_there_is_an_error_that_names_it(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"autoencoder_mine\.json: no such file"):
        draw_run(RunFolder(tmp_path, "mine"), make_evaluation(), *make_samples())


def test_drawing_a_run_needs_no_torch():
    code = """
import json, sys
import cae.report.figures.run_plots
print(json.dumps("torch" in sys.modules))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(result.stdout) is False


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"psnr": 20.0}, "reconstruction"),
        ({"target": "pixels", "psnr": 20.0}, "filled in"),
        ({"target": "gradient_histograms", "mse": 0.6}, "seen"),
    ],
)
def test_reconstructions_are_called_what_the_autoencoder_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: dict[str, Any], words: str
):
    kinds: list[str] = []
    monkeypatch.setattr(
        run_plots, "plot_reconstructions", lambda *_, kind, **__: kinds.append(kind)
    )
    evaluation = make_evaluation()
    evaluation["test"]["autoencoder"] = scores
    draw_run(write_run(tmp_path), evaluation, *make_samples())
    assert kinds == [words]
