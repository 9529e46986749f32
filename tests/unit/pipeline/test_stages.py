"""Each stage trains on what it is given, and nothing it should not see changes what it learns."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig, RunConfig
from cae.data.images import ImageSet
from cae.data.splits import make_splits
from cae.errors import CheckpointError, ConfigError, DataError
from cae.models.classifier import make_classifier
from cae.models.encoder import Encoder
from cae.pipeline import stages

SHAPE = (8, 8, 3)
AUTOENCODER = AutoencoderConfig(image_shape=SHAPE, init_num_filters=2, batch_size=8, epochs=2)
CLASSIFIER = ClassifierConfig(image_shape=SHAPE, batch_size=8, epochs=2)
CONFIG = RunConfig(autoencoder=AUTOENCODER, classifier=CLASSIFIER)


def hash_model(model: torch.nn.Module) -> str:
    state = model.state_dict()
    return hashlib.sha256(b"".join(state[name].numpy().tobytes() for name in state)).hexdigest()


def rearrange(images: ImageSet, *, seed: int) -> ImageSet:
    return images.select(np.random.default_rng(seed).permutation(len(images)).astype(np.int64))


def test_the_order_of_the_validation_images_changes_no_weight(dataset, float32):
    splits = make_splits(dataset, CONFIG.data)
    found = {
        hash_model(stages.pretrain(splits.train, val, AUTOENCODER, runtime=float32).model)
        for val in (splits.val, rearrange(splits.val, seed=1), splits.train)
    }
    assert len(found) == 1


def test_pretraining_does_not_look_at_labels(dataset, float32):
    images = dataset.train
    others = (images, replace(images, labels=None), replace(images, labels=images.labels[::-1]))
    found = {
        hash_model(stages.pretrain(each, each, AUTOENCODER, runtime=float32).model)
        for each in others
    }
    assert len(found) == 1


def test_the_seeds_of_the_stages_are_their_own(dataset, float32):
    other = CLASSIFIER.model_copy(update={"seed": 7})
    images = dataset.train
    first, second = (
        stages.finetune(
            images, images, AUTOENCODER, config, encoder_weights=None, runtime=float32
        ).model
        for config in (CLASSIFIER, other)
    )
    assert hash_model(first.encoder) == hash_model(second.encoder)
    assert hash_model(first.head) != hash_model(second.head)


def test_without_pretrained_weights_the_encoder_starts_from_its_seed(dataset, float32):
    trained = stages.finetune(
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
    trained = stages.finetune(
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
    stages.finetune(
        splits.train, splits.val, AUTOENCODER, config, encoder_weights=None, runtime=float32
    )
    assert encoded.count == times_train * len(splits.train) + times_val * len(splits.val)


def test_features_computed_ahead_train_the_same_classifier(dataset, float32, monkeypatch):
    splits = make_splits(dataset, DataConfig())
    config = CLASSIFIER.model_copy(update={"data_augmentation": False})

    def train():
        return stages.finetune(
            splits.train, splits.val, AUTOENCODER, config, encoder_weights=None, runtime=float32
        )

    ahead = train()
    monkeypatch.setattr(stages, "_MOST_FEATURE_BYTES", 0)
    encoded = EncodedImages(monkeypatch)
    each_time = train()
    assert encoded.count == 2 * (len(splits.train) + len(splits.val))
    for name, value in ahead.model.state_dict().items():
        torch.testing.assert_close(value, each_time.model.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_images_of_another_shape_are_refused_before_training(make_images, float32):
    images = make_images(8, height=16)
    with pytest.raises(ConfigError, match=r"autoencoder\.image_shape is \[8, 8, 3\], but"):
        stages.pretrain(images, images, AUTOENCODER, runtime=float32)
    with pytest.raises(ConfigError, match=r"classifier\.image_shape .* set image_shape=\[16, 8, 3"):
        stages.finetune(
            images, images, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
        )


def test_a_single_image_cannot_be_normalised_over_and_is_refused(make_images, float32):
    one, few = make_images(1, classes=1), make_images(4, classes=1)
    message = "noise: 1 image to train on; batch_norm needs at least 2"
    with pytest.raises(DataError, match=message):
        stages.pretrain(one, few, AUTOENCODER, runtime=float32)
    with pytest.raises(DataError, match=message):
        stages.finetune(one, few, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32)


def test_a_classifier_needs_labels_and_an_encoder_that_fits(make_images, float32):
    images = make_images(8)
    unlabelled = replace(images, labels=None)
    with pytest.raises(DataError, match="noise: training a classifier needs labels"):
        stages.finetune(
            unlabelled, images, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
        )
    renamed = replace(images, class_names=tuple(f"new {name}" for name in images.class_names))
    with pytest.raises(DataError, match=r"its classes \['new .* are not those of"):
        stages.finetune(
            images, renamed, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
        )
    with pytest.raises(CheckpointError, match=r"encoder weights: .* do not fit"):
        stages.finetune(
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
        stages.pretrain(images, images, config, runtime=float32)
    assert "autoencoder: early_stopping has no effect while callbacks is off" in caplog.text
