"""The shared options: what their help promises is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args, get_origin

import pytest
import typer
from typer.core import TyperGroup

import cae
from cae.apps import cli, options

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


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("run", "--out"),
        ("pretrain", "--out"),
        ("finetune", "--out"),
        ("finetune", "--encoder"),
        ("study", "--out"),
        ("predict", "--model"),
        ("report", "--run"),
        ("report", "--beside"),
        ("report", "--study"),
        ("report", "--benchmarks"),
        ("report", "--out"),
    ],
)
def test_a_path_may_begin_with_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, option: str
):
    monkeypatch.setenv("HOME", str(tmp_path))
    program = typer.main.get_command(cli.app)
    assert isinstance(program, TyperGroup)
    given = [f"{option}=~/mine", *(["a.png"] if command == "predict" else [])]
    found = program.commands[command].make_context(command, given).params[option.strip("-")]
    expected = tmp_path / "mine"
    assert found == ([expected] if option == "--beside" else expected)


def test_the_home_of_an_unknown_user_is_refused(call_cae, tmp_path: Path):
    answer = call_cae("pretrain", "--data", "digits", "--out=~nobody-of-this-name/mine")
    assert answer.code == 2
    assert "~nobody-of-this-name/mine: nobody has that home; give the full path" in answer.err
    assert list(tmp_path.iterdir()) == []
