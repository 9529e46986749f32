"""The shared options: what their help promises is there."""

from __future__ import annotations

from typing import Annotated, get_args, get_origin

import pytest

import cae
from cae.apps import options

OPTIONS = {name: value for name, value in vars(options).items() if get_origin(value) is Annotated}


def read_help(name: str) -> str:
    return get_args(OPTIONS[name])[1].help


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_explained_in_a_sentence(name: str):
    words = read_help(name)
    assert words.split("  [")[0].endswith(".")


@pytest.mark.parametrize("preset", cae.preset_names())
def test_the_help_names_every_preset(preset: str):
    assert preset in read_help("Preset")


def test_the_help_names_every_source_of_data():
    assert all(source in read_help("Data") for source in ("auto", "cifar10", "digits", "path"))


def test_the_help_of_settings_gives_an_example_that_works():
    config = cae.override(cae.load_preset("base"), ["epochs=3", "classifier.epochs=5"])
    assert "epochs=3" in read_help("Settings")
    assert "classifier.epochs=3" in read_help("Settings")
    assert (config.autoencoder.epochs, config.classifier.epochs) == (3, 5)
