"""What training leaves on disk can be read by whoever has only the files."""

from __future__ import annotations

import pytest
import torch

from cae.checkpoints.weights import load_model, read_model, read_weights
from cae.config import dump
from cae.files import compute_sha256
from cae.run_folder import RunFolder
from cae.training.history import read_history
from cae.training.saving import Trained, save_autoencoder, save_classifier

ABOUT = {"data": "noise", "split": {"fingerprint": "f"}}


def same(first, second) -> bool:
    return list(first) == list(second) and all(
        torch.equal(first[name], second[name]) for name in first
    )


@pytest.mark.parametrize("callbacks", [False, True])
def test_an_autoencoder_is_saved_with_its_encoder_and_its_history(
    tmp_path, laboratory, autoencoder_config, callbacks
):
    config = autoencoder_config(callbacks=callbacks, lr=0.1, epochs=3)
    model, result = laboratory.pretrain(callbacks=callbacks, lr=0.1, epochs=3)
    folder = RunFolder(tmp_path, "t")
    save_autoencoder(folder, Trained(model, result), config, about=ABOUT)

    saved = read_model(folder.model("autoencoder_t").json)
    assert saved.autoencoder_config == config
    chosen, other = ("best", "last") if callbacks else ("last", "best")
    assert saved.about == ABOUT | {
        "weights": chosen,
        "epochs": 3,
        "best_epoch": result.history.best_epoch,
        "other_weights_sha256": compute_sha256(folder.model("autoencoder_t").other_weights(other)),
    }
    weights = {"best": result.best_weights, "last": result.last_weights}
    assert not same(weights["best"], weights["last"])
    assert same(load_model(saved).state_dict(), weights[chosen])
    files = folder.model("autoencoder_t")
    aside = read_weights(files.other_weights(other))
    assert all(torch.equal(aside[name], value) for name, value in weights[other].items())
    assert not files.other_weights(chosen).exists()
    encoder = load_model(read_model(folder.model("encoder_t").json))
    assert same(encoder.state_dict(), model.encoder.state_dict())

    history = read_history(folder.history("autoencoder_t"))
    assert history["metrics"] == result.history.metrics
    assert history["name"] == "autoencoder_t"
    assert history["stage"] == "autoencoder"
    assert history["data"] == "noise"
    assert history["seed"] == 42
    assert history["config"] == dump(config)


def test_a_classifier_is_saved_with_both_configurations_and_its_classes(
    tmp_path, laboratory, autoencoder_config, classifier_config
):
    model, result = laboratory.finetune()
    folder, names = RunFolder(tmp_path, "t"), ("bird", "cat", "deer")
    below, config = autoencoder_config(), classifier_config()
    save_classifier(folder, Trained(model, result), below, config, class_names=names, about=ABOUT)
    saved = read_model(folder.model("classifier_t").json)
    assert (saved.autoencoder_config, saved.classifier_config) == (below, config)
    assert saved.class_names == names
    assert same(load_model(saved).state_dict(), model.state_dict())
    history = read_history(folder.history("classifier_t"))
    assert history["stage"] == "classifier"
    assert history["config"] == dump(config)


def test_models_may_have_names_of_their_own(tmp_path, laboratory, autoencoder_config):
    model, result = laboratory.pretrain()
    folder = RunFolder(tmp_path, "t")
    save_autoencoder(
        folder,
        Trained(model, result),
        autoencoder_config(),
        about={},
        name="mine",
        encoder_name="my encoder",
    )
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert found == {
        "history/mine.json",
        "models/mine.json",
        "models/mine.safetensors",
        "models/mine_best.safetensors",
        "models/my encoder.json",
        "models/my encoder.safetensors",
    }
    assert read_history(folder.history("mine"))["name"] == "mine"


def test_without_validation_there_are_no_weights_that_were_not_chosen(
    tmp_path, laboratory, autoencoder_config
):
    folder = RunFolder(tmp_path, "t")
    files = folder.model("autoencoder_t")
    save_autoencoder(folder, Trained(*laboratory.pretrain()), autoencoder_config(), about={})
    assert files.other_weights("best").exists()
    laboratory.val = None
    save_autoencoder(folder, Trained(*laboratory.pretrain()), autoencoder_config(), about={})
    assert not files.other_weights("best").exists()
    assert not files.other_weights("last").exists()
    assert read_model(files.json).about["other_weights_sha256"] is None


def test_a_training_leaves_no_weights_of_another_one_of_the_same_name(
    tmp_path, laboratory, autoencoder_config, classifier_config
):
    folder = RunFolder(tmp_path, "t")
    below, names = autoencoder_config(), ("bird", "cat", "deer")
    for callbacks in (False, True, False):
        keys = {"callbacks": callbacks, "lr": 0.1, "epochs": 3}
        save_autoencoder(
            folder, Trained(*laboratory.pretrain(**keys)), autoencoder_config(**keys), about={}
        )
        classifier = Trained(*laboratory.finetune(**keys))
        config = classifier_config(**keys)
        save_classifier(folder, classifier, below, config, class_names=names, about={})
        for name in ("autoencoder_t", "classifier_t"):
            files = folder.model(name)
            assert files.other_weights("last").exists() == callbacks
            assert files.other_weights("best").exists() == (not callbacks)
