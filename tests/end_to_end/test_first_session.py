"""What a newcomer does first: run everything, look at it, use the model, and come back to it."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image


def test_a_run_without_cifar10_goes_on_loudly_with_the_digits_and_its_model_is_used_again(
    cae, forked_cae, tiny_options: list[str]
):
    run = cae("run", *tiny_options)
    assert run.returncode == 0, run.stderr
    assert "This is not CIFAR-10" in run.stderr
    assert "CAE_DATA_DIR" in run.stderr
    assert "digits test set" in run.stdout
    assert "CIFAR-10 was not available" in run.stdout
    folder = cae.folder / "runs" / "digits-digits"
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert evaluation["data"] == "digits"
    assert evaluation["fallback_reason"]
    assert len(list((folder / "plots").glob("*.png"))) == 7
    assert not [path for path in cae.folder.rglob(".*") if path.is_file()]

    model = folder / "models" / "classifier_digits.json"
    evaluate = forked_cae("evaluate", model, "--json")
    assert evaluate.returncode == 0, evaluate.stderr
    scores = json.loads(evaluate.stdout)
    measured = evaluation["test"]["classifier"]
    assert {name: scores[name] for name in measured} == measured

    picture = cae.folder / "grey.png"
    Image.fromarray(np.full((50, 80), 128, np.uint8)).save(picture)
    predict = forked_cae("predict", "grey.png", "--json")
    assert predict.returncode == 0, predict.stderr
    assert "model: runs/digits-digits/models/classifier_digits.json\n" in predict.stderr
    assert "trained on the built-in digits" in predict.stderr
    (answer,) = json.loads(predict.stdout)
    assert answer["path"] == "grey.png"
    assert answer["class"] in measured["per_class"]
    assert abs(sum(answer["probabilities"].values()) - 1) < 1e-5

    again = forked_cae("run", *tiny_options)
    assert again.returncode == 0
    assert "complete" in again.stderr
    assert again.stdout == run.stdout


def test_an_explicit_cifar10_never_falls_back(cae):
    result = cae("run", "--data", "cifar10")
    assert result.returncode == 3
    assert result.stdout == ""
    assert result.stderr.startswith("error: CIFAR-10 was neither found nor downloaded. Tried: ")
    assert result.stderr.count("\n") == 1
    assert list(cae.folder.iterdir()) == []
