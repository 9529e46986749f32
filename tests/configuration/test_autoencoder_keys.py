"""Turning a key of the autoencoder changes what it says, and nothing else."""

from __future__ import annotations

import pytest

from cae.config import (
    ENCODER_KEYS,
    AutoencoderConfig,
    parse_autoencoder_config,
    parse_classifier_config,
)

# Small, and with a rate at which validation gets worse: the best weights are not the last.
BASE = {
    "batch_size": 4,
    "conv_blocks": 2,
    "epochs": 3,
    "image_shape": [8, 8, 3],
    "init_num_filters": 2,
    "layers_per_block": 1,
    "lr": 0.1,
}
STOPPING = {
    "callbacks": True,
    "early_stopping": True,
    "early_stopping_delta": 10.0,
    "early_stopping_patience": 1,
}

NETWORK = {
    "encoder layers",
    "decoder layers",
    "encoder start",
    "decoder start",
    "validation loss",
    "training loss",
    "trained",
}
LOSS = {"validation loss", "training loss", "trained"}
CHANCE = {"training loss", "trained"}  # dropout and noise leave evaluation alone
LENGTH = {"batches", "epochs", "rates", "trained"}

CHANGED = {"data_augmentation": True}
MASKED = {"mask_ratio": 0.5}
SMALL = {"image_shape": [16, 16, 3], "low_resolution_side": 12}

# key, its other value, the keys that make it effective, the parts that change.
TABLE = [
    ("activity_regularizer", True, {}, LOSS),
    ("activity_regularizer_type", "l2", {"activity_regularizer": True}, LOSS),
    ("activity_regularizer_type", "l1_l2", {"activity_regularizer": True}, LOSS),
    ("activity_regularizer_value", 0.1, {"activity_regularizer": True}, LOSS),
    ("batch_norm", False, {}, {"encoder layers", "decoder layers"} | LOSS),
    ("batch_size", 3, {}, {"batches", "trained"}),
    ("callbacks", True, {}, {"kept weights"}),
    ("conv_blocks", 3, {}, NETWORK | {"encoding", "dropout"}),
    ("dropout", False, {}, {"dropout"} | CHANCE),
    ("dropout_value", 0.5, {}, {"dropout"} | CHANCE),
    ("early_stopping", True, {**STOPPING, "early_stopping": False}, LENGTH),
    ("early_stopping_delta", 0.0, {**STOPPING, "lr": 0.001}, LENGTH),
    ("early_stopping_patience", 3, STOPPING, LENGTH),
    ("epochs", 2, {}, LENGTH),
    ("gaussian_noise_hidden", True, {}, {"noise"} | CHANCE),
    ("gaussian_noise_input", True, {}, {"noise"} | CHANCE),
    ("gaussian_noise_stddev", 0.5, {"gaussian_noise_input": True}, {"noise"} | CHANCE),
    ("gaussian_noise_stddev", 0.5, {"gaussian_noise_hidden": True}, {"noise"} | CHANCE),
    ("image_shape", [16, 8, 3], {}, {"encoding", "images"} | LOSS),
    ("image_shape", [8, 8, 1], {}, NETWORK | {"images"}),
    ("init_num_filters", 3, {}, NETWORK | {"encoding"}),
    ("kernel_regularizer", True, {}, LOSS),
    ("kernel_regularizer_type", "l1", {"kernel_regularizer": True}, LOSS),
    ("kernel_regularizer_type", "l1_l2", {"kernel_regularizer": True}, LOSS),
    ("kernel_regularizer_value", 0.1, {"kernel_regularizer": True}, LOSS),
    ("layers_per_block", 2, {}, NETWORK),
    ("loss", "mean_absolute_error", {}, LOSS),
    ("loss", "binary_crossentropy", {}, LOSS),
    ("loss", "huber", {}, LOSS),
    ("lr", 0.05, {}, {"rates", "trained"}),
    ("optimizer", "adamw", {}, {"optimizer", "trained"}),
    ("optimizer", "sgd", {}, {"optimizer", "trained"}),
    ("optimizer", "rmsprop", {}, {"optimizer", "trained"}),
    ("optimizer", "adagrad", {}, {"optimizer", "trained"}),
    ("optimizer", "adadelta", {}, {"optimizer", "trained"}),
    ("optimizer", "adamax", {}, {"optimizer", "trained"}),
    ("optimizer", "nadam", {}, {"optimizer", "trained"}),
    # The keys that the origin did not have.
    ("augmentation_alternating_flip", True, CHANGED, {"images", "trained"}),
    ("augmentation_cutout", 0.5, CHANGED, {"images", "trained"}),
    ("augmentation_fill", "reflect", CHANGED, {"images", "trained"}),
    ("augmentation_flip", False, CHANGED, {"images", "trained"}),
    ("augmentation_rotation_degrees", 5.0, CHANGED, {"images", "trained"}),
    ("augmentation_shift", 0.3, CHANGED, {"images", "trained"}),
    ("augmentation_whole_pixels", True, CHANGED, {"images", "trained"}),
    ("augmentation_zoom", 0.3, CHANGED, {"images", "trained"}),
    ("data_augmentation", True, {}, {"images", "trained"}),
    ("encoder", "whitened", SMALL, NETWORK | {"encoding"}),
    ("encoder", "residual", SMALL, NETWORK | {"encoding", "dropout"}),
    ("filters_per_block", [2, 5], {}, NETWORK | {"encoding"}),
    ("low_resolution_epochs", 2, SMALL, {"images", "trained"}),
    ("low_resolution_side", 8, {**SMALL, "low_resolution_epochs": 2}, {"images", "trained"}),
    ("mask_input", False, MASKED, LOSS),
    ("mask_ratio", 0.5, {}, {"decoder layers", "decoder start"} | LOSS),
    ("mask_ratio", 0.25, MASKED, LOSS),
    ("mask_patch_size", 2, MASKED, {"decoder layers", "decoder start"} | LOSS),
    ("optimizer", "muon", {}, {"optimizer", "trained"}),
    ("target", "normalised_patches", MASKED, LOSS),
    ("target", "high_pass", MASKED, LOSS),
    ("target", "gradient_histograms", MASKED, {"decoder layers", "decoder start"} | LOSS),
    ("lr_schedule", "linear", {}, {"rates", "trained"}),
    ("lr_warmup", 0.3, {}, {"rates", "trained"}),
    ("lr_schedule", "cosine", {}, {"rates", "trained"}),
    ("lr_schedule", "one_cycle", {}, {"rates", "trained"}),
    ("seed", 7, {}, {"encoder start", "decoder start", "order"} | LOSS),
    ("weight_decay", 0.1, {}, {"optimizer", "trained"}),
    ("weight_decay", 0.1, {"optimizer": "adamw"}, {"optimizer", "trained"}),
]

# key, its other value, the keys that make it ineffective.
WITHOUT_EFFECT = [
    ("activity_regularizer_type", "l2", {}),
    ("activity_regularizer_value", 0.1, {}),
    ("dropout_value", 0.5, {"dropout": False}),
    ("early_stopping", True, {"early_stopping_delta": 10.0, "early_stopping_patience": 1}),
    ("early_stopping_delta", 10.0, {"callbacks": True}),
    ("early_stopping_patience", 1, {"callbacks": True, "early_stopping_delta": 10.0}),
    ("augmentation_alternating_flip", True, {}),
    ("augmentation_cutout", 0.5, {}),
    ("augmentation_fill", "reflect", {}),
    ("augmentation_whole_pixels", True, {}),
    ("gaussian_noise_stddev", 0.5, {}),
    ("low_resolution_side", 8, SMALL),
    ("mask_input", False, {}),
    ("mask_patch_size", 2, {}),
    ("kernel_regularizer_type", "l1", {}),
    ("kernel_regularizer_value", 0.1, {}),
]


def make_pair(key: str, value: object, context: dict[str, object]):
    before = BASE | context
    first, second = (parse_autoencoder_config(each) for each in (before, before | {key: value}))
    assert first != second
    return first, second


def test_the_table_has_every_key():
    assert {key for key, *_ in TABLE} == set(AutoencoderConfig.model_fields)


@pytest.mark.parametrize(("key", "value", "context", "parts"), TABLE)
def test_a_key_changes_what_it_says_and_nothing_else(
    autoencoder, changes, key, value, context, parts
):
    first, second = make_pair(key, value, context)
    assert changes(autoencoder(first), autoencoder(second)) == parts


@pytest.mark.parametrize(("key", "value", "context"), WITHOUT_EFFECT)
def test_a_value_changes_nothing_while_its_switch_is_off(autoencoder, changes, key, value, context):
    first, second = make_pair(key, value, context)
    assert changes(autoencoder(first), autoencoder(second)) == set()


@pytest.mark.parametrize(
    ("key", "value", "context"), {key: (key, *rest[:2]) for key, *rest in TABLE}.values()
)
def test_a_classifier_from_scratch_heeds_the_keys_of_its_encoder_alone(
    classifier, changes, key, value, context
):
    seen = [
        classifier(
            below,
            parse_classifier_config(
                {
                    "batch_size": 4,
                    "epochs": 1,
                    "freeze_encoder": False,
                    "head": "linear",
                    "image_shape": below.image_shape,
                }
            ),
        )
        for below in make_pair(key, value, context)
    ]
    assert bool(changes(*seen)) == (key in ENCODER_KEYS)


# The same for the parts whose new value is known beforehand.
EXACT = [
    ({}, "batches", [4, 4, 2] * 3),
    ({"batch_size": 3}, "batches", [3, 3, 4] * 3),
    ({"epochs": 2}, "epochs", 2),
    ({"dropout_value": 0.5}, "dropout", [0.5, 0.5]),
    ({"dropout": False}, "dropout", []),
    ({"gaussian_noise_input": True}, "noise", [0.1]),
    ({"gaussian_noise_hidden": True, "gaussian_noise_stddev": 0.5}, "noise", [0.5, 0.5]),
    ({"conv_blocks": 3}, "encoding", (8, 2, 2)),
    ({"image_shape": [16, 8, 3]}, "encoding", (4, 4, 2)),
    ({"init_num_filters": 3}, "encoding", (6, 2, 2)),
    ({"lr": 0.05}, "rates", [0.05] * 3),
    ({"callbacks": True}, "kept weights", "best"),
    (STOPPING, "epochs", 2),
    (STOPPING | {"early_stopping_patience": 2}, "epochs", 3),
    ({}, "metrics", ["loss", "mse", "val_loss", "val_mse", "lr"]),
]


@pytest.mark.parametrize(("keys", "part", "expected"), EXACT)
def test_a_part_has_the_value_that_the_keys_ask_for(autoencoder, keys, part, expected):
    assert autoencoder(parse_autoencoder_config(BASE | keys))[part] == expected
