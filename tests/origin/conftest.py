"""The origin's modules on the path, small real images, and a folder to work in."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
# The first as the origin's users do it; `notebooks` lies in the other.
sys.path += [str(ROOT / "cifar10_modules"), str(ROOT)]

AUTOENCODER = {"epochs": 1, "init_num_filters": 2, "batch_size": 32}
CLASSIFIER = {"epochs": 1, "batch_size": 32}


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without windows, and with the seed that nobody has set yet."""
    import dataset

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset.session, "seed", 42)
    mpl.use("agg")
    return tmp_path


@pytest.fixture(scope="session")
def digits() -> tuple[Any, ...]:
    """What `load_and_norm` gives for the digits; tests take slices and change nothing."""
    import dataset

    return dataset.load_and_norm(0.22, source="digits")


@pytest.fixture(scope="session")
def images(digits: tuple[Any, ...]) -> tuple[Any, ...]:
    """x_train, x_val, y_train, y_val: 64 images to train on, 40 to validate on."""
    x_train, x_val, _, y_train, y_val, *_ = digits
    return x_train[:64], x_val[:40], y_train[:64], y_val[:40]


@pytest.fixture
def autoencoder_config() -> dict[str, Any]:
    """A small autoencoder for one epoch."""
    return dict(AUTOENCODER)


@pytest.fixture
def classifier_config() -> dict[str, Any]:
    """A classifier for one epoch."""
    return dict(CLASSIFIER)


@pytest.fixture(scope="session")
def training(
    images: tuple[Any, ...], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any, Any]:
    """A folder with a trained autoencoder "a", its encoder "e" and a classifier "c", and both."""
    import modelling

    x_train, x_val, y_train, y_val = images
    folder = tmp_path_factory.mktemp("training")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        autoencoder = modelling.train_autoencoder(x_train, x_val, AUTOENCODER, "a", "e")
        classifier = modelling.train_classifier(
            x_train, x_val, y_train, y_val, AUTOENCODER, CLASSIFIER, "e", "c"
        )
    return folder, autoencoder, classifier


@pytest.fixture
def trained(
    training: tuple[Path, Any, Any], images: tuple[Any, ...], working_folder: Path
) -> tuple[Any, Any, np.ndarray]:
    """The autoencoder, the classifier and images to ask, their files in the working folder."""
    folder, autoencoder, classifier = training
    shutil.copytree(folder, working_folder, dirs_exist_ok=True)
    return autoencoder, classifier, images[1]
