"""A run lies in the origin's layout, and no name of a model leads out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cae.errors import ConfigError
from cae.files import write_text
from cae.run_folder import (
    RunFolder,
    StudyFolder,
    holds_run,
    require_model_name,
    require_plain_name,
)

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


def test_the_weights_of_a_model_can_be_dropped_and_its_history_stays(tmp_path: Path):
    folder = RunFolder(tmp_path, "a")
    files = folder.model(folder.classifier)
    weights = [files.json, files.weights, files.other_weights("best"), files.other_weights("last")]
    for path in (*weights, folder.history(folder.classifier), folder.model("other").weights):
        write_text(path, "x")
    folder.drop_weights(folder.classifier)
    assert not any(path.exists() for path in weights)
    assert folder.history(folder.classifier).exists()
    assert folder.model("other").weights.exists()


def test_who_locks_a_folder_finds_no_temporary_files_of_a_killed_process(tmp_path: Path):
    left = [tmp_path / part / ".x-1234.cae-tmp.json" for part in (".", "models", "plots")]
    kept = tmp_path / "models" / "x.json"
    for path in (*left, kept):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with RunFolder(tmp_path, "a").lock():
        assert not any(path.exists() for path in left)
        assert kept.exists()


def test_who_starts_a_study_finds_none_either(tmp_path: Path):
    folder = StudyFolder(tmp_path)
    folder.make()
    left = [path.parent / ".x-1234.cae-tmp.json" for path in (folder.table, folder.grid("a"))]
    for path in left:
        path.touch()
    folder.make()
    assert not any(path.exists() for path in left)


def test_a_model_is_forgotten_without_those_whose_names_go_on_from_its_own(tmp_path: Path):
    folder = RunFolder(tmp_path, "a")
    own = [folder.model("autoencoder_a").json, folder.plot("autoencoder_a_loss")]
    others = [folder.model("autoencoder_a_b").json, folder.plot("autoencoder_a_b_loss")]
    for path in (*own, *others):
        write_text(path, "x")
    folder.drop_model("autoencoder_a")
    assert not any(path.exists() for path in own)
    assert all(path.exists() for path in others)


@pytest.mark.parametrize("ending", ["best", "last"])
def test_no_model_is_named_like_the_other_weights_of_another(tmp_path: Path, ending: str):
    with pytest.raises(ConfigError, match="the weights of another epoch; choose another name"):
        RunFolder(tmp_path / "run", f"a_{ending}").make()
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="the weights of another epoch; choose another name"):
        require_model_name(f"autoencoder_a_{ending}")
    # Where no model is called "autoencoder" it stands in nobody's way.
    RunFolder(tmp_path / "run", ending).make()


def test_a_study_keeps_its_trials_apart_and_tells_of_them_in_the_layout_of_a_run():
    folder = StudyFolder(Path("out"))
    paths = [
        folder.trial("abc").root,
        folder.result("abc"),
        folder.failure("abc"),
        folder.grid("def"),
        folder.table,
        folder.summary,
        folder.plot("accuracy_origin"),
    ]
    assert [path.as_posix() for path in paths] == [
        "out/trials/abc",
        "out/trials/abc/result.json",
        "out/trials/abc/failure.json",
        "out/trials/grid-def.json",
        "out/history/study/trials.csv",
        "out/history/study/summary.json",
        "out/plots/study_accuracy_origin.png",
    ]


@pytest.mark.parametrize("key", BAD)
def test_no_key_of_a_trial_leads_out_of_the_study(key: str):
    folder = StudyFolder(Path("out"))
    for name in (folder.trial, folder.grid, folder.plot):
        with pytest.raises(ConfigError, match="cannot name a file"):
            name(key)


def test_the_grids_of_a_study_are_found_in_order(tmp_path: Path):
    folder = StudyFolder(tmp_path)
    assert folder.find_grids() == []
    for key in ("b", "a"):
        write_text(folder.grid(key), "{}")
    write_text(folder.result("a"), "{}")
    assert folder.find_grids() == [folder.grid("a"), folder.grid("b")]


def test_a_study_that_cannot_be_written_is_told_at_once(tmp_path: Path):
    (tmp_path / "study").write_text("in the way")
    with pytest.raises(ConfigError, match="study: cannot be written"):
        StudyFolder(tmp_path / "study").make()
    StudyFolder(tmp_path / "other").make()
    assert (tmp_path / "other" / "history" / "study").is_dir()


def test_a_path_may_be_text():
    assert RunFolder("runs/mine", "x") == RunFolder(Path("runs/mine"), "x")
    assert RunFolder("runs/mine", "x").configuration == Path("runs/mine/run.json")


def test_a_folder_is_known_to_hold_a_run_a_stage_or_a_study(tmp_path):
    RunFolder(tmp_path / "stage", "x").make()
    StudyFolder(tmp_path / "study").make()
    write_text(tmp_path / "run" / "run.json", "{}")
    for name in ("stage", "study", "run"):
        assert holds_run(tmp_path / name)
    (tmp_path / "cats" / "plots").mkdir(parents=True)
    (tmp_path / "cats" / "history").mkdir()
    RunFolder(tmp_path / "art", "x").make()
    (tmp_path / "art" / "history" / "1.jpg").write_bytes(b"")
    for name in ("cats", "cats/plots", "art", "gone", ""):
        assert not holds_run(tmp_path / name)
