"""A run writes what it promises, and nothing it should not see changes what it trains."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cae.checkpoints.weights import load_model, read_model, read_weights
from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig, RunConfig, dump
from cae.data.splits import make_splits
from cae.errors import ConfigError
from cae.evaluation.predict import predict_probabilities
from cae.evaluation.saved import evaluate_model
from cae.files import read_sealed_json
from cae.models.classifier import Classifier
from cae.pipeline.kept import pretrain_into
from cae.pipeline.run import run
from cae.training.history import read_history

SHAPE = (8, 8, 3)
AUTOENCODER = AutoencoderConfig(image_shape=SHAPE, init_num_filters=2, batch_size=8, epochs=2)
CLASSIFIER = ClassifierConfig(image_shape=SHAPE, batch_size=8, epochs=2)
CONFIG = RunConfig(autoencoder=AUTOENCODER, classifier=CLASSIFIER)

FILES = {
    "run.json",
    "environment.json",
    "evaluation.json",
    "history/autoencoder_tiny.json",
    "history/classifier_tiny.json",
    "models/autoencoder_tiny.json",
    "models/autoencoder_tiny.safetensors",
    "models/autoencoder_tiny_best.safetensors",
    "models/classifier_tiny.json",
    "models/classifier_tiny.safetensors",
    "models/classifier_tiny_best.safetensors",
    "models/encoder_tiny.json",
    "models/encoder_tiny.safetensors",
}


@pytest.fixture(scope="module")
def finished(dataset, float32, tmp_path_factory):
    """A run that every test may look at."""
    out = tmp_path_factory.mktemp("run") / "made" / "by it"
    return run(CONFIG, dataset, out=out, name="tiny", runtime=float32)


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def hash_weights(folder: Path) -> dict[str, str]:
    """Return the checksum of each file of weights: equal weights have equal bytes."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "models").glob("*.safetensors")
    }


def test_a_run_writes_exactly_the_files_of_the_origins_layout(finished):
    assert list_files(finished.folder.root) == FILES


def test_the_evaluation_on_disk_is_the_one_returned(finished):
    assert read_sealed_json(finished.folder.evaluation) == finished.evaluation


def test_the_evaluation_says_what_was_measured_on_what(finished, dataset):
    found, splits = finished.evaluation, make_splits(dataset, CONFIG.data)
    assert found["name"] == "tiny"
    assert found["data"] == "noise"
    assert found["fallback_reason"] is None
    assert found["thinned_classes"] == ["bird", "deer"]
    assert found["seeds"] == {"data": 42, "autoencoder": 42, "classifier": 42}
    assert found["split"]["fingerprint"] == splits.fingerprint
    for part in (splits.train, splits.validation, splits.test):
        role = part.name.split()[-1]
        counts = dict(zip(part.class_names, part.class_counts().tolist(), strict=True))
        assert found["split"][role] == {"images": len(part), "classes": counts}
    assert found["test"]["classifier"]["count"] == found["test"]["autoencoder"]["count"] == 12
    history = read_history(finished.folder.history("classifier_tiny"))["metrics"]
    assert found["validation"]["classifier"]["accuracy"] == history["val_accuracy"][-1]
    assert set(found["seconds"]) == {"pretrain", "finetune", "evaluate", "total"}


def test_the_saved_models_have_the_scores_of_the_run(finished, dataset, float32):
    for stage in ("classifier", "autoencoder"):
        saved = read_model(finished.folder.model(f"{stage}_tiny").json)
        scores = evaluate_model(saved, dataset.test, runtime=float32)
        assert scores == finished.evaluation["test"][stage]


def test_the_frozen_classifier_holds_the_encoder_that_was_pretrained(finished):
    def weights(name: str):
        return read_weights(finished.folder.model(name).weights)

    encoder = weights("encoder_tiny")
    for name in ("autoencoder_tiny", "classifier_tiny"):
        within = weights(name)
        for key, value in encoder.items():
            assert torch.equal(within[f"encoder.{key}"], value), (name, key)


def test_configuration_and_environment_are_written_for_whoever_repeats_the_run(finished):
    assert read_sealed_json(finished.folder.configuration) == {
        "name": "tiny",
        "data": "noise",
        "config": dump(CONFIG),
    }
    environment = read_sealed_json(finished.folder.environment)
    assert environment["precision"] == "float32"
    assert environment["packages"]["torch"]
    assert len(environment["date"]) == 10


def test_the_samples_are_test_images(finished, dataset):
    shown = {picture.tobytes() for picture in dataset.test.images.transpose(0, 2, 3, 1)}
    samples, mistakes = finished.reconstructions, finished.mistakes
    assert len(samples.originals) == len(samples.reconstructions) == 4
    assert {picture.tobytes() for picture in samples.originals} <= shown
    wrong = 12 - round(12 * finished.evaluation["test"]["classifier"]["accuracy"])
    assert len(mistakes.images) == wrong
    assert {picture.tobytes() for picture in mistakes.images} <= shown


def test_a_second_run_writes_the_same_weights_over_the_first(finished, dataset, float32, tmp_path):
    run(CONFIG, dataset, out=str(tmp_path), name="tiny", runtime=float32)
    again = run(CONFIG, dataset, out=tmp_path, name="tiny", runtime=float32, fresh=True)
    assert hash_weights(tmp_path) == hash_weights(finished.folder.root)
    assert again.evaluation["test"] == finished.evaluation["test"]
    assert list_files(tmp_path) == FILES


def test_the_test_images_change_no_weight_and_no_history(
    finished, dataset, make_images, float32, tmp_path
):
    other = replace(dataset, test=make_images(20, classes=4, seed=3))
    changed = run(CONFIG, other, out=tmp_path, name="tiny", runtime=float32)
    assert hash_weights(tmp_path) == hash_weights(finished.folder.root)
    for name in ("autoencoder_tiny", "classifier_tiny"):
        first, second = (read_history(run.folder.history(name)) for run in (finished, changed))
        for metric, values in first["metrics"].items():
            if "second" not in metric:
                assert second["metrics"][metric] == values
    assert changed.evaluation["test"] != finished.evaluation["test"]


def test_callbacks_save_the_best_weights_and_keep_the_last_aside(dataset, float32, tmp_path):
    config = RunConfig(
        data=DataConfig(remove_fraction=0.0),
        autoencoder=AUTOENCODER.model_copy(update={"callbacks": True, "lr": 0.1, "epochs": 3}),
        classifier=CLASSIFIER,
    )
    result = run(config, dataset, out=tmp_path, name="tiny", runtime=float32)
    renamed = {name.replace("autoencoder_tiny_best", "autoencoder_tiny_last") for name in FILES}
    assert list_files(tmp_path) == renamed
    history = read_history(result.folder.history("autoencoder_tiny"))
    best = min(history["metrics"]["val_loss"])
    assert result.evaluation["validation"]["autoencoder"]["loss"] == best
    assert read_model(result.folder.model("autoencoder_tiny").json).about["weights"] == "best"
    assert result.evaluation["thinned_classes"] == []


def test_what_is_told_of_validation_images_is_how_they_are_predicted(dataset, float32, tmp_path):
    adjusted = CLASSIFIER.model_copy(update={"posthoc_logit_adjustment": 1.0})
    config = CONFIG.model_copy(update={"classifier": adjusted})
    result = run(config, dataset, out=tmp_path, name="tiny", runtime=float32)
    val = make_splits(dataset, config.data).validation
    model = load_model(read_model(result.folder.model("classifier_tiny").json))
    labels = val.labels
    assert isinstance(model, Classifier)
    assert labels is not None
    predicted = predict_probabilities(model, val, runtime=float32).argmax(axis=1)
    told = result.evaluation["validation"]["classifier"]
    assert told["accuracy_as_predicted"] == pytest.approx(np.mean(predicted == labels))
    recalls = [np.mean(predicted[labels == label] == label) for label in np.unique(labels)]
    assert told["balanced_accuracy_as_predicted"] == pytest.approx(np.mean(recalls))


def test_a_key_of_the_data_without_effect_is_told(dataset, float32, tmp_path, caplog):
    config = CONFIG.model_copy(update={"data": DataConfig(labelled_seed=1)})
    run(config, dataset, out=tmp_path, name="tiny", runtime=float32)
    assert "data: labelled_seed has no effect while labels_per_class is null" in caplog.text


def test_what_was_trained_before_an_interruption_counts(dataset, float32, tmp_path, monkeypatch):
    def pretrain_for_an_hour(*arguments, **keywords):
        trained = pretrain_into(*arguments, **keywords)
        return replace(trained, fit=replace(trained.fit, earlier_seconds=3600.0))

    monkeypatch.setattr(sys.modules["cae.pipeline.run"], "pretrain_into", pretrain_for_an_hour)
    result = run(CONFIG, dataset, out=tmp_path, name="tiny", runtime=float32)
    assert 3600 < result.evaluation["seconds"]["total"] < 7200


def test_a_name_that_names_no_file_is_refused_before_anything_is_written(
    dataset, float32, tmp_path
):
    with pytest.raises(ConfigError, match="cannot name a file"):
        run(CONFIG, dataset, out=tmp_path, name="../tiny", runtime=float32)
    assert list_files(tmp_path) == set()
