"""What a stage cannot train on is refused without training, and what it can is left alone."""

from __future__ import annotations

import pytest
import torch

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.images import ImageSet
from cae.errors import CheckpointError, ConfigError, DataError
from cae.models.autoencoder import make_autoencoder
from cae.pipeline.requirements import require_finetunable, require_pretrainable

SHAPE = (8, 8, 3)
AUTOENCODER = AutoencoderConfig(image_shape=SHAPE, init_num_filters=2)
CLASSIFIER = ClassifierConfig(image_shape=SHAPE)


def test_what_fits_is_let_through_and_not_changed(make_images):
    images = make_images(8)
    require_pretrainable(AUTOENCODER, images, None)
    weights = make_autoencoder(AUTOENCODER).encoder.state_dict()
    before = {name: value.clone() for name, value in weights.items()}
    require_finetunable(AUTOENCODER, CLASSIFIER, images, images, encoder_weights=weights)
    assert all(torch.equal(value, before[name]) for name, value in weights.items())
    assert not any(value.requires_grad for value in weights.values())


def test_callbacks_without_images_to_watch_are_refused_in_either_stage(make_images):
    images, change = make_images(8), {"callbacks": True}
    with pytest.raises(ConfigError, match=r"autoencoder\.callbacks: .* there are none"):
        require_pretrainable(AUTOENCODER.model_copy(update=change), images, None)
    with pytest.raises(ConfigError, match=r"classifier\.callbacks: .* there are none"):
        require_finetunable(AUTOENCODER, CLASSIFIER.model_copy(update=change), images, None)


def test_stages_that_do_not_fit_together_are_refused(make_images):
    images = make_images(8)
    plain = AUTOENCODER.model_copy(update={"batch_norm": False})
    trained = CLASSIFIER.model_copy(update={"optimizer": "muon", "freeze_encoder": False})
    with pytest.raises(ConfigError, match=r"classifier\.optimizer 'muon'"):
        require_finetunable(plain, trained, images, images)


def test_weights_of_another_encoder_are_refused(make_images):
    images = make_images(8)
    other = make_autoencoder(AUTOENCODER.model_copy(update={"init_num_filters": 4})).encoder
    for weights in ({}, other.state_dict()):
        with pytest.raises(CheckpointError, match=r"encoder weights: .* do not fit"):
            require_finetunable(AUTOENCODER, CLASSIFIER, images, None, encoder_weights=weights)


def test_validation_images_need_labels_too(make_images):
    images = make_images(8)
    bare = ImageSet(images.images, None, images.class_names, "bare")
    with pytest.raises(DataError, match="bare: training a classifier needs labels"):
        require_finetunable(AUTOENCODER, CLASSIFIER, images, bare)
