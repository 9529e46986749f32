"""The sections of a run fit together, or are refused."""

from __future__ import annotations

import pytest

from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    RunConfig,
    parse_section,
    require_matching_stages,
)
from cae.errors import ConfigError


@pytest.mark.parametrize("shape", [(4, 4, 3), (4, 8, 1)])
def test_an_image_too_small_for_the_classifiers_pool_is_refused(shape):
    autoencoder, classifier = (
        AutoencoderConfig(image_shape=shape),
        ClassifierConfig(image_shape=shape),
    )
    with pytest.raises(ConfigError, match=r"image_shape \[4, .*each side must be at least 8"):
        require_matching_stages(autoencoder, classifier)
    with pytest.raises(ConfigError, match="each side must be at least 8"):
        parse_section(
            RunConfig,
            {"autoencoder": {"image_shape": shape}, "classifier": {"image_shape": shape}},
            place="mine.json",
        )


def test_stages_of_different_image_shapes_are_refused():
    values = {"autoencoder": {"image_shape": [16, 16, 3]}}
    with pytest.raises(ConfigError, match=r"classifier\.image_shape \[32, 32, 3\] differs from"):
        parse_section(RunConfig, values, place="mine.json")


def test_a_linear_head_stands_on_an_encoding_of_one_pixel():
    shape = [4, 4, 3]
    classifier = {"image_shape": shape, "head": "linear"}
    values = {"autoencoder": {"image_shape": shape}, "classifier": classifier}
    assert parse_section(RunConfig, values, place="here").autoencoder.encoding_shape[:2] == (1, 1)


def test_an_encoder_that_is_trained_image_by_image_has_something_to_normalise_over():
    shape = [4, 4, 3]
    alone = {"image_shape": shape, "head": "linear", "batch_size": 1, "batch_norm": False}
    trained = {**alone, "freeze_encoder": False}

    def parse(classifier, **autoencoder):
        given = {"autoencoder": {"image_shape": shape, **autoencoder}, "classifier": classifier}
        return parse_section(RunConfig, given, place="here")

    with pytest.raises(ConfigError, match=r"classifier\.batch_size 1: .*1x1.* set freeze_encoder"):
        parse(trained)
    assert parse(alone).classifier.batch_size == 1
    assert parse(trained, batch_norm=False).classifier.batch_size == 1
    assert parse({**trained, "batch_size": 2}).classifier.batch_size == 2
    small = {"low_resolution_epochs": 1, "low_resolution_side": 4, "global_pooling": "max"}
    large = {**trained, **small, "image_shape": [8, 8, 3]}
    with pytest.raises(ConfigError, match=r"classifier\.batch_size 1: .*low_resolution_side 4"):
        parse(large, image_shape=[8, 8, 3])


def test_small_images_that_the_head_would_pool_away_are_refused():
    small = {"global_pooling": "max", "low_resolution_epochs": 1, "low_resolution_side": 4}
    with pytest.raises(ConfigError, match="the classifier's one; set at least 8"):
        parse_section(RunConfig, {"classifier": small}, place="here")
    linear = {"classifier": {**small, "head": "linear"}}
    assert parse_section(RunConfig, linear, place="here").classifier.low_resolution_side == 4
    odd = {**small, "low_resolution_side": 6, "head": "linear"}
    with pytest.raises(ConfigError, match=r"classifier\.low_resolution_side 6: .* multiple of 4"):
        parse_section(RunConfig, {"classifier": odd}, place="here")


def test_callbacks_need_validation_images():
    values = {"data": {"val_size": 0.0}, "classifier": {"callbacks": True}}
    with pytest.raises(ConfigError, match=r"classifier\.callbacks: .*data\.val_size 0"):
        parse_section(RunConfig, values, place="here")
