"""A finished training is found again if it is the one asked for and whole, and never guessed at."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cae.errors import CheckpointError, ConfigError
from cae.files import compute_sha256, read_sealed_json, write_sealed_json
from cae.run_folder import RunFolder
from cae.training.finished import (
    find_autoencoder,
    find_classifier,
    identify,
    require_whole_run,
)
from cae.training.saving import Trained, save_autoencoder, save_classifier

ABOUT = {"data": "noise", "split": {"fingerprint": "f"}}
BELOW = {**ABOUT, "encoder_sha256": "e"}
NAMES = ("bird", "cat", "deer")


@pytest.fixture
def trained(tmp_path, laboratory, autoencoder_config, classifier_config):
    """A folder with both models, and what they were trained by."""
    folder = RunFolder(tmp_path, "t")
    below, config = autoencoder_config(lr=0.1), classifier_config(lr=0.1, callbacks=True)
    autoencoder = Trained(*laboratory.pretrain(lr=0.1))
    classifier = Trained(*laboratory.finetune(lr=0.1, callbacks=True))
    save_autoencoder(folder, autoencoder, below, about=ABOUT)
    save_classifier(folder, classifier, below, config, class_names=NAMES, about=BELOW)
    return folder, below, config, autoencoder, classifier


def assert_same(found: Trained | None, saved: Trained) -> None:
    assert found is not None
    assert found.fit.history.metrics == saved.fit.history.metrics
    assert found.fit.chosen == saved.fit.chosen
    assert found.fit.earlier_seconds == saved.fit.history.seconds
    for part in ("best_weights", "last_weights"):
        first, second = getattr(found.fit, part), getattr(saved.fit, part)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_finished_training_comes_back_with_all_that_it_left(trained):
    folder, below, config, autoencoder, classifier = trained
    assert_same(find_autoencoder(folder, below, about=ABOUT), autoencoder)
    assert_same(find_classifier(folder, below, config, about=BELOW), classifier)
    require_whole_run(folder)


def test_where_nothing_was_trained_nothing_is_found(
    tmp_path, autoencoder_config, classifier_config
):
    folder, below = RunFolder(tmp_path, "t"), autoencoder_config()
    assert find_autoencoder(folder, below, about=ABOUT) is None
    assert find_classifier(folder, below, classifier_config(), about=BELOW) is None


def test_another_training_is_refused_with_the_difference(
    trained, autoencoder_config, classifier_config
):
    folder, below, config, *_ = trained
    with pytest.raises(ConfigError, match=r"autoencoder\.lr is 0\.1 there and 0\.2 now"):
        find_autoencoder(folder, autoencoder_config(lr=0.2), about=ABOUT)
    with pytest.raises(ConfigError, match="data is 'noise' there and 'digits' now"):
        find_autoencoder(folder, below, about={**ABOUT, "data": "digits"})
    with pytest.raises(ConfigError, match="encoder_sha256 is 'e' there and 'other' now"):
        find_classifier(folder, below, config, about={**BELOW, "encoder_sha256": "other"})
    with pytest.raises(ConfigError, match=r"classifier\.epochs is 2 there and 9 now"):
        find_classifier(
            folder, below, classifier_config(lr=0.1, callbacks=True, epochs=9), about=BELOW
        )


def list_files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_every_file_that_is_missing_cut_or_changed_is_noticed(trained):
    folder = trained[0]
    files = list_files(folder.root)
    assert len(files) == 3 * 2 + 2 + 2
    for name in files:
        path = folder.root / name
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) * 2 // 3] ^= 4
        for damaged in (None, b"", whole[:-3], whole[: len(whole) // 2], bytes(flipped)):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            with pytest.raises(CheckpointError, match="restore them, or remove "):
                require_whole_run(folder)
            path.write_bytes(whole)
    require_whole_run(folder)


def test_a_damaged_encoder_is_made_again_with_its_autoencoder(trained):
    folder, below, *_ = trained
    folder.model("encoder_t").weights.write_bytes(b"")
    remedy = (
        r"encoder_t\.safetensors: .*; restore them, or remove .*/autoencoder_t\.json and "
        r".*/classifier_t\.json to train autoencoder_t and classifier_t again"
    )
    with pytest.raises(CheckpointError, match=remedy):
        require_whole_run(folder)
    with pytest.raises(CheckpointError, match=remedy):
        find_autoencoder(folder, below, about=ABOUT)


def test_a_model_of_a_version_without_these_checksums_is_still_found(trained):
    folder, below, _, autoencoder, _ = trained
    path = folder.model("autoencoder_t").json
    content = read_sealed_json(path)
    del content["about"]["other_weights_sha256"]
    write_sealed_json(path, content)
    assert_same(find_autoencoder(folder, below, about=ABOUT), autoencoder)


def test_a_training_without_validation_is_found_with_and_without_a_copy_of_its_weights(
    tmp_path, laboratory, autoencoder_config
):
    laboratory.val = None
    folder, config = RunFolder(tmp_path, "t"), autoencoder_config()
    trained = Trained(*laboratory.pretrain())
    save_autoencoder(folder, trained, config, about=ABOUT)
    assert_same(find_autoencoder(folder, config, about=ABOUT), trained)
    # As earlier versions left it.
    files = folder.model("autoencoder_t")
    copy = files.other_weights("best")
    copy.write_bytes(files.weights.read_bytes())
    content = read_sealed_json(files.json)
    content["about"]["other_weights_sha256"] = compute_sha256(copy)
    write_sealed_json(files.json, content)
    assert_same(find_autoencoder(folder, config, about=ABOUT), trained)
    copy.unlink()
    assert_same(find_autoencoder(folder, config, about=ABOUT), trained)


def test_the_identity_of_a_training_is_its_configuration_and_its_images(
    autoencoder_config, classifier_config
):
    below, config = autoencoder_config(), classifier_config()
    assert identify(below, None, about=ABOUT).keys() == {"config", "data", "split"}
    assert identify(below, None, about=ABOUT)["config"].keys() == {"autoencoder"}
    assert identify(below, config, about=BELOW)["config"].keys() == {"autoencoder", "classifier"}
