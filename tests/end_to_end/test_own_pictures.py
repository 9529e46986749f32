"""Somebody's own pictures go the whole way, from their folders to predictions."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def paint(root: Path, colours: dict[str, tuple[int, int, int]], *, count: int) -> None:
    """Write noisy pictures of one colour into a folder for each class."""
    random = np.random.default_rng(0)
    for name, colour in colours.items():
        (root / name).mkdir(parents=True)
        for place in range(count):
            noise = random.integers(-20, 21, (20, 30, 3))
            pixels = (np.array(colour) + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{place}.png")


@pytest.mark.slow
def test_from_folders_to_predictions(cae, tiny_options):
    pictures = cae.folder / "my pictures"
    paint(pictures, {"red": (200, 40, 40), "blue": (40, 40, 200)}, count=20)
    paint(pictures, {"unlabelled": (40, 200, 40)}, count=15)
    settings = [*tiny_options, "--set", "batch_size=8", "--set", "image_shape=[16,16,3]"]
    run = ("run", "--data", pictures, "--preset", "digits", *settings, "--out", "mine")
    result = cae(*run)
    assert result.returncode == 0, result.stderr
    assert "my-pictures-" in result.stdout
    classes = "2 classes: blue 20, red 20; 8 of the 40 pictures are for testing, and 15 without a"
    assert classes in result.stderr
    evaluation = json.loads((cae.folder / "mine" / "evaluation.json").read_text())
    assert evaluation["split"]["train"]["classes"] == {"blue": 12, "red": 13}
    assert evaluation["split"]["unlabelled"]["images"] == 15
    assert evaluation["test"]["classifier"]["count"] == 8
    assert evaluation["thinned_classes"] == []

    model = cae.folder / "mine" / "models" / "classifier_digits.json"
    again = cae("evaluate", model, "--data", pictures, "--json")
    assert again.returncode == 0, again.stderr
    accuracy = json.loads(again.stdout)["accuracy"]
    assert accuracy == evaluation["test"]["classifier"]["accuracy"]
    unnamed = cae("evaluate", model)
    assert unnamed.returncode == 2
    assert "the path of their folder" in unnamed.stderr

    told = cae("predict", pictures / "red" / "0.png", "--model", model, "--json")
    assert json.loads(told.stdout)[0]["class"] in ("red", "blue")

    # Another picture makes other data: the finished run is not taken for one of it.
    paint(pictures / "red", {"more": (210, 50, 50)}, count=5)
    other = cae(*run)
    assert other.returncode == 2
    assert "data is 'my-pictures-" in other.stderr


def read_following(answer: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the arguments of the command that an answer ends with."""
    assert answer.returncode == 0, answer.stderr
    program, *arguments = shlex.split(answer.stdout.strip().splitlines()[-1])
    assert program == "cae"
    return arguments


def test_each_stage_names_the_next_one_and_a_folder_that_grew_is_told_of(
    forked_cae, tiny_options: list[str]
):
    cae = forked_cae
    colours = {"red": (200, 40, 40), "blue": (40, 40, 200)}
    paint(cae.folder / "my pictures", colours, count=20)
    small = ("--preset", "digits", "--data", "my pictures")
    shape = ("--set", "image_shape=[16,16,3]", "--set", "batch_size=8")
    pretrained = cae("pretrain", *small, *tiny_options, *shape, "--out", "mine")
    assert "2 classes: blue 20, red 20; 8 of the 40 pictures" in pretrained.stderr
    trained = cae(*read_following(pretrained), "--set", "epochs=1")
    evaluate = read_following(trained)
    measured = cae(*evaluate)
    assert measured.returncode == 0, measured.stderr
    assert "8 of the 40 labelled pictures are for testing" in measured.stderr
    assert "warning" not in measured.stderr

    # Trained on images of somebody's own, it is put on no others unasked.
    encoder = cae.folder / "mine" / "models" / "encoder_digits.json"
    unnamed = cae("finetune", "--encoder", encoder, "--out", "other")
    assert unnamed.returncode == 2
    assert "say which images to train on" in unnamed.stderr

    paint(cae.folder / "my pictures" / "red", {"more": (210, 50, 50)}, count=5)
    measured = cae(*evaluate)
    assert "it may be tested on some that it was trained on" in measured.stderr
    again = cae("finetune", "--encoder", encoder, *small, "--set", "epochs=1", "--out", "more")
    assert "it may have seen validation and test images" in again.stderr


def test_five_pictures_of_each_class_are_enough(cae):
    paint(cae.folder / "pets", {f"c{n:02}": (20 * n, 9, 9) for n in range(10)}, count=5)
    result = cae("data", "--data", "pets", "--json")
    assert result.returncode == 0, result.stderr
    split = json.loads(result.stdout)["split"]
    counts = {part: set(split[part]["classes"].values()) for part in split if part != "fingerprint"}
    assert counts == {"train": {3}, "validation": {1}, "test": {1}}


def test_a_run_among_the_pictures_is_refused_before_anything_is_written(cae):
    paint(cae.folder, {"cat": (9, 9, 9), "dog": (200, 9, 9)}, count=6)
    result = cae("run", "--data", ".")
    assert result.returncode == 2
    assert "runs: is inside the folder of the pictures" in result.stderr
    assert f"--out {cae.folder.parent}/runs/NAME" in result.stderr
    assert sorted(path.name for path in cae.folder.iterdir()) == ["cat", "dog"]


def test_a_folder_that_is_laid_out_otherwise_is_refused(cae):
    paint(cae.folder / "pets", {"cat": (9, 9, 9)}, count=3)
    result = cae("run", "--data", "pets")
    assert result.returncode == 3
    assert "found only 'cat'" in result.stderr
    assert not (cae.folder / "runs").exists()
