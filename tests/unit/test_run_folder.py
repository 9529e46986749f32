"""A run lies in the origin's layout, and no name of a model leads out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cae.errors import ConfigError
from cae.files import write_text
from cae.run_folder import RunFolder, require_plain_name

GOOD = ["a", "base", "run 2", "v1.2", "my-model_3", "modèle", "x" * 100]
BAD = [
    "",
    ".hidden",
    "..",
    " padded",
    "a/b",
    "../a",
    "/etc/passwd",
    "a\\b",
    "C:a",
    "a\0b",
    "a\nb",
    "a*",
    "\ud800",
    "x" * 151,
]


def test_a_run_has_the_layout_of_the_origin():
    folder = RunFolder(Path("out"), "base")
    model = folder.model(folder.autoencoder)
    paths = [
        model.json,
        model.weights,
        model.other_weights("best"),
        folder.model(folder.encoder).weights,
        folder.model(folder.classifier).json,
        folder.history(folder.classifier),
        folder.plot("confusion_matrix"),
        folder.evaluation,
        folder.environment,
        folder.configuration,
    ]
    assert [path.as_posix() for path in paths] == [
        "out/models/autoencoder_base.json",
        "out/models/autoencoder_base.safetensors",
        "out/models/autoencoder_base_best.safetensors",
        "out/models/encoder_base.safetensors",
        "out/models/classifier_base.json",
        "out/history/classifier_base.json",
        "out/plots/confusion_matrix.png",
        "out/evaluation.json",
        "out/environment.json",
        "out/run.json",
    ]


def test_a_name_with_dots_keeps_them_in_every_file():
    model = RunFolder(Path("out"), "v1.2").model("model.v1.2")
    assert model.json.name == "model.v1.2.json"
    assert model.weights == model.json.with_suffix(".safetensors")


@pytest.mark.parametrize("name", GOOD)
def test_plain_names_are_accepted(name):
    require_plain_name(name)
    assert RunFolder(Path(), name).name == name


@pytest.mark.parametrize("name", BAD)
def test_every_door_refuses_a_name_that_is_not_plain(name):
    folder = RunFolder(Path(), "base")
    for door in (
        require_plain_name,
        lambda name: RunFolder(Path(), name),
        folder.model,
        folder.history,
        folder.plot,
    ):
        with pytest.raises(ConfigError, match="cannot name a file"):
            door(name)


@pytest.mark.parametrize("letter", ["x", "é", "字", "\U00020000"])
@pytest.mark.parametrize("length", [25, 33, 50, 100])
def test_every_file_of_an_accepted_run_can_be_written_whatever_the_alphabet(
    tmp_path, letter, length
):
    """The limit of file systems is 255 bytes; a refusal after hours of training comes too late."""
    name = letter * length
    if len(name.encode()) > 100:
        with pytest.raises(ConfigError, match="at most 100 bytes"):
            RunFolder(tmp_path, name)
        return
    folder = RunFolder(tmp_path, name)
    for model in (folder.autoencoder, folder.encoder, folder.classifier):
        write_text(folder.model(model).other_weights("best"), "x")
        write_text(folder.history(model), "x")
        write_text(folder.plot(f"{model}_confusion_matrix"), "x")


def test_its_folders_are_made_or_named_as_what_cannot_be_written(tmp_path):
    folder = RunFolder(tmp_path / "a" / "b", "mine")
    folder.make()
    folder.make()
    made = sorted(path.name for path in folder.root.iterdir())
    assert made == ["history", "models", "plots"]
    assert not any(any(each.iterdir()) for each in folder.root.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file: cannot be written: .*--out"):
        RunFolder(tmp_path / "file", "mine").make()
