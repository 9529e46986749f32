"""A run writes what it promises, and nothing it should not see changes what it trains."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from cae import pipeline
from cae.checkpoints.weights import read_model, read_weights
from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig, RunConfig, dump
from cae.data.images import Dataset, ImageSet
from cae.data.splits import make_splits
from cae.errors import CheckpointError, ConfigError, DataError
from cae.evaluation.saved import evaluate_model
from cae.models.autoencoder import Encoder
from cae.models.classifier import make_classifier
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
def dataset(make_images) -> Dataset:
    train, test = make_images(60, classes=4, seed=1), make_images(12, classes=4, seed=2)
    return Dataset(train, test, ("bird", "deer"), source="noise")


@pytest.fixture(scope="module")
def finished(dataset, float32, tmp_path_factory):
    """A run that every test may look at."""
    out = tmp_path_factory.mktemp("run") / "made" / "by it"
    return pipeline.run(CONFIG, dataset, out=out, name="tiny", runtime=float32)


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def hash_weights(folder: Path) -> dict[str, str]:
    """Return the checksum of each file of weights: equal weights have equal bytes."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "models").glob("*.safetensors")
    }


def hash_model(model: torch.nn.Module) -> str:
    state = model.state_dict()
    return hashlib.sha256(b"".join(state[name].numpy().tobytes() for name in state)).hexdigest()


def rearrange(images: ImageSet, *, seed: int) -> ImageSet:
    return images.select(np.random.default_rng(seed).permutation(len(images)).astype(np.int64))


def test_a_run_writes_exactly_the_files_of_the_origins_layout(finished):
    assert list_files(finished.folder.root) == FILES


def test_the_evaluation_on_disk_is_the_one_returned(finished):
    assert read(finished.folder.evaluation) == finished.evaluation


def test_the_evaluation_says_what_was_measured_on_what(finished, dataset):
    found, splits = finished.evaluation, make_splits(dataset, CONFIG.data)
    assert found["name"] == "tiny"
    assert found["data"] == "noise"
    assert found["fallback_reason"] is None
    assert found["thinned_classes"] == ["bird", "deer"]
    assert found["seeds"] == {"data": 42, "autoencoder": 42, "classifier": 42}
    assert found["split"]["fingerprint"] == splits.fingerprint
    for part in (splits.train, splits.val, splits.test):
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
    assert read(finished.folder.configuration) == {
        "name": "tiny",
        "data": "noise",
        "config": dump(CONFIG),
    }
    environment = read(finished.folder.environment)
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
    pipeline.run(CONFIG, dataset, out=tmp_path, name="tiny", runtime=float32)
    again = pipeline.run(CONFIG, dataset, out=tmp_path, name="tiny", runtime=float32)
    assert hash_weights(tmp_path) == hash_weights(finished.folder.root)
    assert again.evaluation["test"] == finished.evaluation["test"]
    assert list_files(tmp_path) == FILES


def test_the_test_images_change_no_weight_and_no_history(
    finished, dataset, make_images, float32, tmp_path
):
    other = replace(dataset, test=make_images(20, classes=4, seed=3))
    changed = pipeline.run(CONFIG, other, out=tmp_path, name="tiny", runtime=float32)
    assert hash_weights(tmp_path) == hash_weights(finished.folder.root)
    for name in ("autoencoder_tiny", "classifier_tiny"):
        first, second = (read_history(run.folder.history(name)) for run in (finished, changed))
        for metric, values in first["metrics"].items():
            if "second" not in metric:
                assert second["metrics"][metric] == values
    assert changed.evaluation["test"] != finished.evaluation["test"]


def test_the_order_of_the_validation_images_changes_no_weight(dataset, float32):
    splits = make_splits(dataset, CONFIG.data)
    found = {
        hash_model(pipeline.pretrain(splits.train, val, AUTOENCODER, runtime=float32).model)
        for val in (splits.val, rearrange(splits.val, seed=1), splits.train)
    }
    assert len(found) == 1


def test_pretraining_does_not_look_at_labels(dataset, float32):
    images = dataset.train
    others = (images, replace(images, labels=None), replace(images, labels=images.labels[::-1]))
    found = {
        hash_model(pipeline.pretrain(each, each, AUTOENCODER, runtime=float32).model)
        for each in others
    }
    assert len(found) == 1


def test_the_seeds_of_the_stages_are_their_own(dataset, float32):
    other = CLASSIFIER.model_copy(update={"seed": 7})
    images = dataset.train
    first, second = (
        pipeline.finetune(
            images, images, AUTOENCODER, config, encoder_weights=None, runtime=float32
        ).model
        for config in (CLASSIFIER, other)
    )
    assert hash_model(first.encoder) == hash_model(second.encoder)
    assert hash_model(first.head) != hash_model(second.head)


def test_without_pretrained_weights_the_encoder_starts_from_its_seed(dataset, float32):
    trained = pipeline.finetune(
        dataset.train,
        dataset.train,
        AUTOENCODER,
        CLASSIFIER,
        encoder_weights=None,
        runtime=float32,
    )
    untrained = make_classifier(AUTOENCODER, CLASSIFIER, num_classes=4)
    assert hash_model(trained.model.encoder) == hash_model(untrained.encoder)


def test_class_weights_are_scikit_learns_of_the_training_labels(dataset, float32):
    """One batch, one step, no augmentation: the first loss is the hand-weighted cross-entropy."""
    labels = np.repeat(np.arange(3), (18, 9, 3))
    train = ImageSet(dataset.train.images[:30], labels, ("bird", "cat", "deer"), "uneven")
    config = CLASSIFIER.model_copy(
        update={"class_weights": True, "data_augmentation": False, "epochs": 1, "batch_size": 64}
    )
    trained = pipeline.finetune(
        train, train, AUTOENCODER, config, encoder_weights=None, runtime=float32
    )
    model = make_classifier(AUTOENCODER, config, num_classes=3).train()
    pixels = torch.from_numpy(train.images.astype(np.float32) / np.float32(255))
    with torch.no_grad():
        logits = model(pixels).double().numpy()
    powers = np.exp(logits)
    losses = -np.log((powers / powers.sum(axis=1, keepdims=True))[np.arange(30), labels])
    weights = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    expected = (losses * weights[labels]).mean()
    assert expected != pytest.approx(losses.mean(), rel=0.01)
    assert trained.fit.history.metrics["loss"] == [pytest.approx(expected, rel=1e-4)]


def test_callbacks_save_the_best_weights_and_keep_the_last_aside(dataset, float32, tmp_path):
    config = RunConfig(
        data=DataConfig(remove_fraction=0.0),
        autoencoder=AUTOENCODER.model_copy(update={"callbacks": True, "lr": 0.1, "epochs": 3}),
        classifier=CLASSIFIER,
    )
    result = pipeline.run(config, dataset, out=tmp_path, name="tiny", runtime=float32)
    renamed = {name.replace("autoencoder_tiny_best", "autoencoder_tiny_last") for name in FILES}
    assert list_files(tmp_path) == renamed
    history = read_history(result.folder.history("autoencoder_tiny"))
    best = min(history["metrics"]["val_loss"])
    assert result.evaluation["validation"]["autoencoder"]["loss"] == best
    assert read_model(result.folder.model("autoencoder_tiny").json).about["weights"] == "best"
    assert result.evaluation["thinned_classes"] == []


class EncodedImages:
    """Counts the images that go through encoders."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        forward = Encoder.forward

        def count_and_forward(encoder, x, activities=None):
            self.count += len(x)
            return forward(encoder, x, activities)

        monkeypatch.setattr(Encoder, "forward", count_and_forward)


@pytest.mark.parametrize(
    ("keys", "times_train", "times_val"),
    [
        ({"data_augmentation": False}, 1, 1),  # the same features in every epoch
        ({}, 3, 1),  # augmented images have new features in every epoch
        ({"freeze_encoder": False, "data_augmentation": False}, 3, 3),
    ],
)
def test_a_frozen_encoder_sees_images_that_do_not_change_once(
    dataset, float32, monkeypatch, keys, times_train, times_val
):
    splits = make_splits(dataset, DataConfig())
    config = CLASSIFIER.model_copy(update={"epochs": 3, **keys})
    encoded = EncodedImages(monkeypatch)
    pipeline.finetune(
        splits.train, splits.val, AUTOENCODER, config, encoder_weights=None, runtime=float32
    )
    assert encoded.count == times_train * len(splits.train) + times_val * len(splits.val)


def test_features_computed_ahead_train_the_same_classifier(dataset, float32, monkeypatch):
    splits = make_splits(dataset, DataConfig())
    config = CLASSIFIER.model_copy(update={"data_augmentation": False})

    def train():
        return pipeline.finetune(
            splits.train, splits.val, AUTOENCODER, config, encoder_weights=None, runtime=float32
        )

    ahead = train()
    monkeypatch.setattr(pipeline, "_MOST_FEATURE_BYTES", 0)
    encoded = EncodedImages(monkeypatch)
    each_time = train()
    assert encoded.count == 2 * (len(splits.train) + len(splits.val))
    for name, value in ahead.model.state_dict().items():
        torch.testing.assert_close(value, each_time.model.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_images_of_another_shape_are_refused_before_training(make_images, float32):
    images = make_images(8, height=16)
    with pytest.raises(ConfigError, match=r"autoencoder\.image_shape is \[8, 8, 3\], but"):
        pipeline.pretrain(images, images, AUTOENCODER, runtime=float32)
    with pytest.raises(ConfigError, match=r"classifier\.image_shape .* set image_shape=\[16, 8, 3"):
        pipeline.finetune(
            images, images, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
        )


def test_a_single_image_cannot_be_normalised_over_and_is_refused(make_images, float32):
    one, few = make_images(1, classes=1), make_images(4, classes=1)
    message = "noise: 1 image to train on; batch_norm needs at least 2"
    with pytest.raises(DataError, match=message):
        pipeline.pretrain(one, few, AUTOENCODER, runtime=float32)
    with pytest.raises(DataError, match=message):
        pipeline.finetune(one, few, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32)


def test_a_classifier_needs_labels_and_an_encoder_that_fits(make_images, float32):
    images = make_images(8)
    unlabelled = replace(images, labels=None)
    with pytest.raises(DataError, match="noise: training a classifier needs labels"):
        pipeline.finetune(
            unlabelled, images, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
        )
    renamed = replace(images, class_names=tuple(f"new {name}" for name in images.class_names))
    with pytest.raises(DataError, match=r"its classes \['new .* are not those of"):
        pipeline.finetune(
            images, renamed, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
        )
    with pytest.raises(CheckpointError, match=r"encoder weights: .* do not fit"):
        pipeline.finetune(
            images,
            images,
            AUTOENCODER,
            CLASSIFIER,
            encoder_weights={"other": torch.zeros(1)},
            runtime=float32,
        )


def test_a_key_without_effect_is_told(make_images, float32, caplog):
    images = make_images(8)
    config = AUTOENCODER.model_copy(update={"early_stopping": True})
    with caplog.at_level(logging.WARNING):
        pipeline.pretrain(images, images, config, runtime=float32)
    assert "autoencoder: early_stopping has no effect while callbacks is off" in caplog.text


def test_a_name_that_names_no_file_is_refused_before_anything_is_written(
    dataset, float32, tmp_path
):
    with pytest.raises(ConfigError, match="cannot name a file"):
        pipeline.run(CONFIG, dataset, out=tmp_path, name="../tiny", runtime=float32)
    assert list_files(tmp_path) == set()
