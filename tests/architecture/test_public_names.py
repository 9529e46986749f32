"""The names that users of the package may rely on; a change here is a change for them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import cae
from cae import errors

ROOT = Path(__file__).parents[2]

PUBLIC_NAMES = [
    "AutoencoderConfig",
    "CaeError",
    "CheckpointError",
    "ClassifierConfig",
    "ConfigError",
    "DataConfig",
    "DataError",
    "Dataset",
    "DivergedError",
    "ImageSet",
    "Keeping",
    "MissingExtraError",
    "OccupiedError",
    "Predictor",
    "RunConfig",
    "RunFolder",
    "RunResult",
    "Runtime",
    "SavedModel",
    "Splits",
    "StoppedError",
    "TooFewError",
    "Trained",
    "choose_runtime",
    "classify",
    "draw_run",
    "evaluate_model",
    "finetune",
    "finetune_into",
    "load_dataset",
    "load_model",
    "load_pictures",
    "load_predictor",
    "load_preset",
    "make_report",
    "make_splits",
    "override",
    "parse_autoencoder_config",
    "parse_classifier_config",
    "preset_names",
    "pretrain",
    "pretrain_into",
    "read_model",
    "read_weights",
    "run",
    "save_autoencoder",
    "save_classifier",
]


def test_the_public_names_are_the_agreed_ones():
    assert sorted(cae.__all__) == sorted(PUBLIC_NAMES)


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_a_public_name_can_be_imported_and_is_explained(name: str):
    assert getattr(cae, name).__doc__


def test_every_error_can_be_caught_by_its_public_name():
    names = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.CaeError)
    }
    assert names <= {*cae.__all__}
    assert all(getattr(cae, name) is getattr(errors, name) for name in names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = cae.no_such_name  # pyright: ignore[reportAttributeAccessIssue]


def test_the_version_is_that_of_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cae.__version__ == project["version"]
