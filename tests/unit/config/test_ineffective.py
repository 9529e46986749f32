"""A key that was changed without effect is told."""

from __future__ import annotations

import logging

import pytest

from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig, find_ineffective_keys


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            AutoencoderConfig(dropout=False, dropout_value=0.5),
            "dropout_value has no effect while dropout is off",
        ),
        (
            AutoencoderConfig(early_stopping=True),
            "early_stopping has no effect while callbacks is off",
        ),
        (
            ClassifierConfig(early_stopping_delta=0.0),
            "early_stopping_delta has no effect while callbacks and early_stopping are off",
        ),
        (
            ClassifierConfig(callbacks=True, early_stopping_patience=3),
            "early_stopping_patience has no effect while early_stopping is off",
        ),
        (
            AutoencoderConfig(kernel_regularizer_value=0.1),
            "kernel_regularizer_value has no effect while kernel_regularizer is off",
        ),
        (
            AutoencoderConfig(activity_regularizer_type="l2"),
            "activity_regularizer_type has no effect while activity_regularizer is off",
        ),
        (
            AutoencoderConfig(gaussian_noise_stddev=0.5),
            "gaussian_noise_stddev has no effect while gaussian_noise_input and "
            "gaussian_noise_hidden are off",
        ),
        (
            ClassifierConfig(data_augmentation=False, augmentation_flip=False),
            "augmentation_flip has no effect while data_augmentation is off",
        ),
        (
            AutoencoderConfig(augmentation_shift=0.2),
            "augmentation_shift has no effect while data_augmentation is off",
        ),
        (
            AutoencoderConfig(mask_patch_size=8),
            "mask_patch_size has no effect while mask_ratio is 0",
        ),
        (
            ClassifierConfig(low_resolution_side=16),
            "low_resolution_side has no effect while low_resolution_epochs is 0",
        ),
        (
            ClassifierConfig(layer_decay=0.8),
            "layer_decay has no effect while freeze_encoder is on",
        ),
        (
            AutoencoderConfig(encoder="whitened", init_num_filters=8, filters_per_block=(8, 8, 8)),
            "init_num_filters has no effect while filters_per_block is given",
        ),
        (
            AutoencoderConfig(init_num_filters=8, filters_per_block=(8, 16, 32)),
            "init_num_filters has no effect while filters_per_block is given",
        ),
        (
            DataConfig(labelled_seed=1),
            "labelled_seed has no effect while labels_per_class is null",
        ),
        (
            DataConfig(remove_classes=("cat",), remove_fraction=0.0),
            "remove_classes has no effect while remove_fraction is 0",
        ),
        (
            DataConfig(remove_classes=(), remove_fraction=0.3),
            "remove_fraction has no effect while no class is thinned",
        ),
        (
            ClassifierConfig(freeze_encoder=False, freeze_encoder_epochs=5, epochs=5),
            "freeze_encoder_epochs is 5 and epochs 5: the encoder's weights are never trained",
        ),
        (
            AutoencoderConfig(low_resolution_epochs=3, epochs=2),
            "low_resolution_epochs is 3 and epochs 2: no image is of full size",
        ),
        (
            ClassifierConfig(low_resolution_epochs=2, epochs=2, global_pooling="max"),
            "low_resolution_epochs is 2 and epochs 2: no image is of full size",
        ),
    ],
)
def test_a_changed_key_whose_switch_is_off_is_told(config, sentence):
    assert find_ineffective_keys(config) == [sentence]


@pytest.mark.parametrize(
    "config",
    [
        AutoencoderConfig(),
        ClassifierConfig(),
        AutoencoderConfig(gaussian_noise_hidden=True, gaussian_noise_stddev=0.5),
        AutoencoderConfig(callbacks=True, early_stopping=True, early_stopping_patience=3),
        ClassifierConfig(dropout=True, dropout_value=0.5),
        AutoencoderConfig(encoder="residual", batch_norm=False),
        ClassifierConfig(head="linear", dense=False),
        ClassifierConfig(freeze_encoder=False, freeze_encoder_epochs=4, epochs=5),
        # All of an autoencoder's epochs may be of small images, but not all of a classifier's.
        AutoencoderConfig(low_resolution_epochs=2, epochs=2),
        ClassifierConfig(low_resolution_epochs=2, epochs=3, global_pooling="max"),
        DataConfig(labelled_seed=1, labels_per_class=5),
        DataConfig(remove_fraction=0.3),
        DataConfig(remove_classes=("cat",), remove_fraction=0.3),
        # Neither thins anything.
        DataConfig(remove_classes=(), remove_fraction=0.0),
    ],
)
def test_effective_keys_are_passed_over_in_silence(config, caplog):
    with caplog.at_level(logging.DEBUG):
        assert find_ineffective_keys(config) == []
    assert caplog.text == ""
