"""A pipe, a device or a folder in a file's place is refused at once, with the code of its place."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cae.checkpoints.state import StateFiles
from cae.errors import CaeError, CheckpointError, ConfigError
from cae.presets import read_config_file
from cae.run_folder import RunFolder
from cae.training.history import read_history


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_empty_device(path: Path) -> None:
    path.symlink_to("/dev/null")


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


def make_memory(path: Path) -> None:
    path.symlink_to("/proc/self/mem")


WRONG = [make_pipe, make_folder, make_endless, make_empty_device, make_loop, make_link_to_nothing]
wrong = pytest.mark.parametrize("make", [*WRONG, make_memory], ids=lambda make: make.__name__)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """End a test that waits for a pipe: a signal interrupts the opening of one."""

    def stop(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def refuse(call_cae, *arguments: str | Path, code: int) -> None:
    answer = call_cae(*arguments)
    assert answer.code == code, answer.err
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert "unexpected" not in answer.err


@wrong
def test_as_a_picture(make, call_cae, tiny_model, tmp_path):
    make(tmp_path / "a.png")
    refuse(call_cae, "predict", "a.png", "--model", tiny_model.json, code=3)


@wrong
def test_as_a_model(make, call_cae, tmp_path):
    make(tmp_path / "m.json")
    refuse(call_cae, "predict", "a.png", "--model", "m.json", code=4)
    refuse(call_cae, "evaluate", "m.json", code=4)
    refuse(call_cae, "finetune", "--encoder", "m.json", code=4)


@wrong
def test_as_the_weights_of_a_model(make, call_cae, tiny_model, tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    tiny_model.weights.unlink()
    make(tiny_model.weights)
    refuse(call_cae, "predict", "a.png", "--model", tiny_model.json, code=4)


@wrong
def test_as_a_data_set(make, call_cae, tmp_path):
    make(tmp_path / "data")
    refuse(call_cae, "data", "--data", "data", code=3)


@wrong
@pytest.mark.parametrize("name", ["cifar-10-python.tar.gz", "cifar-10-batches-py"])
def test_as_a_part_of_a_data_set(make, name, call_cae, tmp_path):
    make(tmp_path / name)
    refuse(call_cae, "data", "--data", tmp_path, code=3)


@wrong
def test_as_a_batch_beside_another(make, call_cae, tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(b"")  # by which the folder is taken for a copy
    make(folder / "data_batch_1")
    refuse(call_cae, "data", "--data", tmp_path, code=3)


@wrong
def test_among_the_models_that_are_looked_through(make, call_cae, tiny_model, tmp_path):
    os.utime(tiny_model.json, (0, 0))  # the newest is looked at first
    make(tmp_path / "models" / "a.json")
    answer = call_cae("predict", "none.png")
    assert answer.code == 3
    assert "model: models/classifier_tiny.json" in answer.err
    assert "warning: skipping a model that cannot be used: models/a.json" in answer.err


@wrong
@pytest.mark.parametrize(
    ("read", "error"), [(read_config_file, ConfigError), (read_history, CheckpointError)]
)
def test_as_a_configuration_or_a_history(make, read, error: type[CaeError], tmp_path):
    make(tmp_path / "a.json")
    with pytest.raises(error, match=r"a\.json: "):
        read(tmp_path / "a.json")


@wrong
def test_as_a_training_state(make, call_cae, tmp_path):
    """A run that was broken off, whose latest state has become something else."""
    (tmp_path / "out" / "checkpoints").mkdir(parents=True)
    make(tmp_path / "out" / "checkpoints" / "autoencoder_base-000000007.state")
    files = StateFiles(RunFolder(tmp_path / "out", "base"), "autoencoder_base", {}, {})
    with pytest.raises(CheckpointError, match=r"000000007\.state: cannot be read"):
        files.read()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_has_the_code_of_a_missing_one(call_cae, tiny_model, tmp_path):
    (tmp_path / "a.png").touch(mode=0)
    refuse(call_cae, "predict", "a.png", "--model", tiny_model.json, code=3)
    tiny_model.json.chmod(0)
    refuse(call_cae, "evaluate", tiny_model.json, code=4)


def test_the_parser_of_arguments_leaves_it_to_the_reader_what_can_be_read(
    call_cae, tiny_model, tmp_path, monkeypatch
):
    """It would give a picture that cannot be read the exit code 2, and a missing one 3."""
    (tmp_path / "a.png").write_text("no picture")
    (tmp_path / "m.json").write_text("no model")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    refuse(call_cae, "predict", "a.png", "--model", tiny_model.json, code=3)
    refuse(call_cae, "predict", "a.png", "--model", "m.json", code=4)
    refuse(call_cae, "evaluate", "m.json", code=4)
    refuse(call_cae, "finetune", "--encoder", "m.json", code=4)


def test_weights_in_a_models_place_are_told_where_the_model_lies(call_cae, tiny_model):
    answer = call_cae("predict", "a.png", "--model", tiny_model.weights)
    assert answer.code == 4
    assert "holds only weights" in answer.err
    assert "classifier_tiny.json" in answer.err


@pytest.mark.parametrize("command", ["run", "pretrain", "finetune --from-scratch"])
def test_an_empty_folder_name_is_not_taken_for_the_current_folder(command, call_cae, snapshot):
    before = snapshot()
    answer = call_cae(*command.split(), "--data", "digits", "--out", "")
    assert answer.code == 2
    assert "--out" in answer.err
    assert snapshot() == before


@pytest.mark.parametrize("source", ["", "~nobody-of-this-name/data"])
def test_a_source_that_is_no_path_is_refused(source, call_cae):
    refuse(call_cae, "data", "--data", source, code=3)


@pytest.mark.parametrize(
    "name",
    ["../escaped", "/etc/escaped", "..", ".", "", "a/b", "a\\b", "\x1b[2J", "a\nb", "x" * 300],
)
def test_a_name_cannot_leave_the_runs_folder(name, call_cae, snapshot):
    before = snapshot()
    answer = call_cae("run", "--data", "digits", "--out", "out", f"--name={name}")
    assert answer.code == 2
    assert "cannot name a file" in answer.err
    assert answer.err.rstrip("\n").isprintable()
    assert snapshot() == before
