"""A state comes back whole or not at all, and the one before it is there when it does not."""

from __future__ import annotations

import errno
import logging
import tracemalloc
from pathlib import Path

import pytest
import torch

from cae.checkpoints.state import StateFiles, TrainingState
from cae.errors import CheckpointError, ConfigError
from cae.incoming import open_plain
from cae.run_folder import RunFolder

IDENTITY = {"config": {"autoencoder": {"lr": 0.1}}, "data": "noise"}
CONDITIONS = {"precision": "float32", "packages": {"torch": "2.13.0"}}


def make_files(folder: Path, *, identity=IDENTITY, conditions=CONDITIONS) -> StateFiles:
    return StateFiles(RunFolder(folder, "t"), "autoencoder_t", identity, conditions)


def make_state(step: int) -> TrainingState:
    tensors = {
        "model.weight": torch.arange(6.0).reshape(2, 3) + step,
        "random": torch.tensor([1, 2, 255], dtype=torch.uint8),
        "best.count": torch.tensor(step),
    }
    return TrainingState(step, {"epoch": 2, "history": {"loss": [0.1, 1e-300]}}, tensors)


def assert_same(found: TrainingState | None, expected: TrainingState) -> None:
    assert found is not None
    assert (found.step, found.facts) == (expected.step, expected.facts)
    assert found.tensors.keys() == expected.tensors.keys()
    for name, value in expected.tensors.items():
        assert found.tensors[name].dtype == value.dtype
        assert torch.equal(found.tensors[name], value)


def test_where_there_is_no_state_there_is_none(tmp_path):
    assert make_files(tmp_path).read() is None


def test_a_state_comes_back_with_every_bit(tmp_path):
    files = make_files(tmp_path)
    files.write(make_state(7))
    assert_same(files.read(), make_state(7))


def test_the_latest_two_are_kept_and_the_latest_is_read(tmp_path):
    files = make_files(tmp_path)
    for step in (1, 2, 30, 400):
        files.write(make_state(step))
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["autoencoder_t-000000030.state", "autoencoder_t-000000400.state"]
    assert_same(files.read(), make_state(400))


def test_a_training_that_is_over_leaves_nothing(tmp_path):
    files = make_files(tmp_path)
    files.write(make_state(1))
    files.drop()
    assert list(tmp_path.iterdir()) == []


def test_states_of_other_models_stay(tmp_path):
    files = make_files(tmp_path)
    other = StateFiles(RunFolder(tmp_path, "t"), "autoencoder_t-2", {}, {})
    files.write(make_state(1))
    other.write(make_state(2))
    files.drop()
    assert files.read() is None
    assert_same(other.read(), make_state(2))


def test_a_state_cut_anywhere_gives_way_to_the_one_before(tmp_path, caplog):
    files = make_files(tmp_path)
    files.write(make_state(1))
    files.write(make_state(2))
    path = tmp_path / "checkpoints" / "autoencoder_t-000000002.state"
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with caplog.at_level(logging.WARNING):
            assert_same(files.read(), make_state(1))
    assert "incomplete or damaged" in caplog.text
    assert "resuming from the state before it" in caplog.text


def test_a_state_with_any_bit_flipped_gives_way_to_the_one_before(tmp_path):
    files = make_files(tmp_path)
    files.write(make_state(1))
    files.write(make_state(2))
    path = tmp_path / "checkpoints" / "autoencoder_t-000000002.state"
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        assert_same(files.read(), make_state(1))


def test_a_damaged_state_does_not_take_the_place_of_the_one_before_the_next(tmp_path):
    files, folder = make_files(tmp_path), tmp_path / "checkpoints"
    files.write(make_state(1))
    files.write(make_state(9))
    (folder / "autoencoder_t-000000009.state").write_bytes(b"damaged")
    assert_same(files.read(), make_state(1))
    files.write(make_state(12))
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["autoencoder_t-000000001.state", "autoencoder_t-000000012.state"]
    (folder / names[1]).write_bytes(b"damaged too")
    assert_same(files.read(), make_state(1))


def test_a_damaged_state_stays_while_the_one_before_it_is_of_another_training(tmp_path):
    files = make_files(tmp_path)
    files.write(make_state(1))
    files.write(make_state(9))
    damaged = tmp_path / "checkpoints" / "autoencoder_t-000000009.state"
    damaged.write_bytes(b"damaged")
    with pytest.raises(ConfigError):
        make_files(tmp_path, identity={**IDENTITY, "data": "other"}).read()
    assert damaged.read_bytes() == b"damaged"


def test_a_state_that_cannot_be_read_just_now_is_kept(tmp_path, monkeypatch):
    files = make_files(tmp_path)
    files.write(make_state(1))
    files.write(make_state(9))

    def refuse(path, **options):
        if path.name.endswith("9.state"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return open_plain(path, **options)

    with monkeypatch.context() as patched:
        patched.setattr("cae.checkpoints.state.open_plain", refuse)
        assert_same(files.read(), make_state(1))
    assert_same(files.read(), make_state(9))


def test_where_no_state_is_whole_that_is_said(tmp_path):
    files = make_files(tmp_path)
    files.write(make_state(1))
    (tmp_path / "checkpoints" / "autoencoder_t-000000001.state").write_bytes(b"")
    with pytest.raises(CheckpointError, match="no state is left to resume from: remove them"):
        files.read()


def test_reading_a_state_holds_it_once_beside_its_tensors(tmp_path):
    files, large = make_files(tmp_path), 2**23
    files.write(TrainingState(1, {}, {"model.weight": torch.zeros(large // 4)}))
    tracemalloc.start()
    try:
        assert files.read() is not None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # safetensors copies each tensor out of the bytes that were read.
    assert peak < 2.5 * large


def test_the_state_of_another_training_is_refused_with_the_difference(tmp_path):
    make_files(tmp_path).write(make_state(1))
    other = make_files(tmp_path, identity={**IDENTITY, "config": {"autoencoder": {"lr": 0.2}}})
    with pytest.raises(
        ConfigError, match=r"autoencoder\.lr is 0\.1 there and 0\.2 now; .* --fresh"
    ):
        other.read()


def test_other_conditions_are_told_and_gone_on_under(tmp_path, caplog):
    make_files(tmp_path).write(make_state(1))
    other = make_files(tmp_path, conditions={**CONDITIONS, "precision": "bfloat16"})
    with caplog.at_level(logging.WARNING):
        assert_same(other.read(), make_state(1))
    assert "precision is 'float32' there and 'bfloat16' now" in caplog.text


def test_a_state_of_right_checksum_and_wrong_content_is_refused(tmp_path):
    """What somebody makes by hand is no reason for a traceback."""
    import hashlib

    files = make_files(tmp_path)
    files.write(make_state(1))
    path = tmp_path / "checkpoints" / "autoencoder_t-000000001.state"
    for body in (
        b"",
        b"\xff" * 8,
        b"\xff" * 20,
        (2).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b"null",
        (2).to_bytes(8, "little") + b"[]" + b"\xff" * 16,
    ):
        head = b"cae-state 1 " + hashlib.sha256(body).hexdigest().encode() + b"\n"
        path.write_bytes(head + body)
        with pytest.raises(CheckpointError, match="not a training state"):
            files.read()
