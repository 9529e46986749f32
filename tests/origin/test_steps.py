"""The origin's README from its step 3 to its step 11, word for word, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import cae

MODULES = Path(__file__).parents[2] / "cifar10_modules"

# Step 2 of the origin's README: the folder on the path.
PATH = f"""
import sys
sys.path.append({str(MODULES)!r})
"""

STEPS_3_TO_5 = """
from dataset import *
from modelling import *

set_random_seeds(42)

x_train, x_val, x_test, y_train, y_val, y_test, class_names= load_and_norm(0.22)
"""

KEEP_FEW_IMAGES = """
import json
sizes = [len(part) for part in (x_train, x_val, x_test)]
splits = {'train': y_train, 'val': y_val, 'test': y_test}
counts = {split: y.sum(axis=0).astype(int).tolist() for split, y in splits.items()}
x_train, y_train, x_val, y_val = x_train[:200], y_train[:200], x_val[:100], y_val[:100]
"""

STEP_6 = """
autoencoder_config= load_config('autoencoder_config_base.json')
autoencoder_config['epochs']= 2
save_config(autoencoder_config, 'autoencoder_config_base.json')
"""

MAKE_SMALL = """
autoencoder_config['init_num_filters']= 4
autoencoder_filename= 'autoencoder_base'
encoder_filename= 'encoder_base'
classifier_filename= 'classifier_base'
"""

STEPS_7_TO_9 = """
autoencoder= train_autoencoder(x_train, x_val, autoencoder_config, autoencoder_filename, \
encoder_filename)

x_pred= autoencoder.predict(x_val)
image_list= random_images(y_val, class_names)
show_image_list(x_val,y_val,class_names,image_list)
show_image_list(x_pred,y_val,class_names,image_list)

classifier_config= load_config('classifier_config_base.json')
"""

TRAIN_BRIEFLY = """
classifier_config['epochs']= 1
"""

STEPS_10_AND_11 = """
classifier= train_classifier(x_train, x_val, y_train, y_val,
                             autoencoder_config, classifier_config,
                             encoder_filename, classifier_filename)

y_pred= classifier_predict_evaluate(x_val, y_val, classifier, class_names)
"""

TELL = """
import numpy
numpy.savez('answers', x_val=x_val, y_val=y_val, x_pred=x_pred, y_pred=y_pred)
with open('told.json', 'w') as file:
    json.dump({'sizes': sizes, 'counts': counts, 'images': image_list}, file)
"""

SCRIPT = (
    f"{PATH}{STEPS_3_TO_5}{KEEP_FEW_IMAGES}{STEP_6}{MAKE_SMALL}{STEPS_7_TO_9}{TRAIN_BRIEFLY}"
    f"{STEPS_10_AND_11}{TELL}"
)
FALLBACK = "CIFAR-10 was neither found nor downloaded"

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
THINNED = {"bird", "deer", "truck"}


def count_split(*, whole: int, thinned: int) -> list[int]:
    return [thinned if name in THINNED else whole for name in CLASSES]


CIFAR10_COUNTS = {
    "train": count_split(whole=3900, thinned=1950),
    "val": count_split(whole=1100, thinned=550),
    "test": count_split(whole=1000, thinned=1000),
}


def run_steps(folder: Path, *, data: Path | None) -> subprocess.CompletedProcess[str]:
    """Run the steps in `folder` with CIFAR-10 from `data`, or without any; warnings are errors."""
    environment = {key: value for key, value in os.environ.items() if key != "CAE_DATA_DIR"}
    # No display: pictures that nobody can see must do no harm.
    environment = {key: environment[key] for key in environment if key != "DISPLAY"}
    if data is not None:
        environment["CAE_DATA_DIR"] = str(data)
    command = [sys.executable, "-W", "error", "-W", f"default:{FALLBACK}", "-c", SCRIPT]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def check_run(folder: Path, finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Check what the steps left behind; return what they told."""
    assert finished.returncode == 0, finished.stderr
    told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    answers = np.load(folder / "answers.npz")
    x_val, y_val = answers["x_val"], answers["y_val"]
    x_pred, y_pred = answers["x_pred"], answers["y_pred"]

    assert x_val.dtype == x_pred.dtype == np.float32
    assert x_val.shape == x_pred.shape == (100, 32, 32, 3)
    assert x_pred.min() >= 0
    assert x_pred.max() <= 1
    assert y_val.shape == y_pred.shape == (100, 10)
    assert (np.sort(y_pred, axis=1)[:, -2:] == [0, 1]).all()

    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert written == {
        "answers.npz",
        "told.json",
        "autoencoder_config_base.json",
        "history/autoencoder_base.json",
        "history/classifier_base.json",
        "models/autoencoder_base.json",
        "models/autoencoder_base.safetensors",
        "models/autoencoder_base_best.safetensors",
        "models/classifier_base.json",
        "models/classifier_base.safetensors",
        "models/classifier_base_best.safetensors",
        "models/encoder_base.json",
        "models/encoder_base.safetensors",
        "plots/autoencoder_base_loss.png",
        "plots/classifier_base_accuracy.png",
        "plots/classifier_base_confusion_matrix.png",
        "plots/classifier_base_loss.png",
    }
    for model, epochs in (("autoencoder_base", 2), ("classifier_base", 1)):
        history = json.loads((folder / f"history/{model}.json").read_text(encoding="utf-8"))
        assert len(history["metrics"]["val_loss"]) == epochs

    # The package itself, which never saw the arrays, gives the saved classifier's same answers.
    pixels = np.rint(x_val * 255).astype(np.uint8).transpose(0, 3, 1, 2)
    saved = cae.read_model(folder / "models/classifier_base.json")
    images = cae.ImageSet(np.ascontiguousarray(pixels), None, ("?",), "the same images")
    again = cae.classify(saved, images, runtime=cae.choose_runtime())
    assert (again.argmax(1) == y_pred.argmax(1)).all()

    correct = float((y_pred.argmax(1) == y_val.argmax(1)).mean())
    assert f"{correct:.3f}  (95% interval" in finished.stdout
    assert y_val[told["images"]].argmax(1).tolist() == list(range(10))
    return told


def test_the_steps_run_on_cifar10_word_for_word(tmp_path: Path, cifar10_folder: Path):
    finished = run_steps(tmp_path, data=cifar10_folder)

    told = check_run(tmp_path, finished)

    # The steps are cut short for the test, and that is told; nothing else is.
    assert all("steps in all" in line for line in finished.stderr.splitlines())
    assert told["sizes"] == [33_150, 9_350, 10_000]
    assert told["counts"] == CIFAR10_COUNTS
    saved = cae.read_model(tmp_path / "models/classifier_base.json")
    assert saved.class_names == tuple(CLASSES)
    assert saved.about["data"] == "cifar10"


def test_without_cifar10_the_steps_say_so_and_run_on_the_digits(tmp_path: Path):
    finished = run_steps(tmp_path, data=None)

    told = check_run(tmp_path, finished)

    assert FALLBACK in finished.stderr
    assert "built-in digits" in finished.stderr
    assert sum(told["sizes"]) < 1_797
    saved = cae.read_model(tmp_path / "models/classifier_base.json")
    assert saved.class_names == tuple("0123456789")
    assert saved.about["data"] == "digits"
