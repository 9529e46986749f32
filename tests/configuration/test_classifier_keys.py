"""Turning a key of the classifier changes what it says, and nothing else."""

from __future__ import annotations

import math

import pytest

from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    parse_autoencoder_config,
    parse_classifier_config,
)
from cae.errors import ConfigError

BELOW = {"conv_blocks": 2, "init_num_filters": 4, "layers_per_block": 1}
BASE = {"batch_size": 4, "epochs": 3, "image_shape": [16, 16, 3], "lr": 0.05}
STOPPING = {
    "callbacks": True,
    "early_stopping": True,
    "early_stopping_delta": 10.0,
    "early_stopping_patience": 1,
}

TRAINED = {"freeze_encoder": False}
SMALL = {"global_pooling": "max", "low_resolution_side": 12}

LOSS = {"answers", "validation loss", "training loss", "trained head"}
NETWORK = {"head layers", "head start"} | LOSS
LENGTH = {"batches", "epochs", "rates", "trained head"}

# key, its other value, the keys that make it effective, the parts that change. The encoder is
# frozen, so that no key but its own changes what it is after training.
TABLE = [
    ("batch_norm", False, {}, {"head layers"} | LOSS),
    ("batch_size", 3, {}, {"batches", "trained head"}),
    ("callbacks", True, {}, {"kept weights"}),
    ("class_weights", True, {}, {"training loss", "trained head"}),
    ("data_augmentation", False, {}, {"images", "trained head"}),
    ("dense", False, {}, NETWORK),
    ("dropout", True, {}, {"dropout", "training loss", "trained head"}),
    ("dropout_value", 0.5, {"dropout": True}, {"dropout", "training loss", "trained head"}),
    ("early_stopping", True, {**STOPPING, "early_stopping": False}, LENGTH),
    ("early_stopping_delta", 0.0, {**STOPPING, "lr": 0.001}, LENGTH),
    ("early_stopping_patience", 3, STOPPING, LENGTH),
    ("epochs", 2, {}, LENGTH),
    ("global_pooling", "max", {}, NETWORK),
    ("global_pooling", "average", {"global_pooling": "max"}, LOSS),
    ("image_shape", [24, 16, 3], {}, NETWORK | {"images"}),
    ("image_shape", [24, 16, 3], {"global_pooling": "max"}, LOSS | {"images"}),
    ("lr", 0.01, {}, {"rates", "trained head"}),
    ("optimizer", "adamw", {}, {"optimizer", "trained head"}),
    ("optimizer", "sgd", {}, {"optimizer", "trained head"}),
    ("optimizer", "rmsprop", {}, {"optimizer", "trained head"}),
    ("optimizer", "adagrad", {}, {"optimizer", "trained head"}),
    ("optimizer", "adadelta", {}, {"optimizer", "trained head"}),
    ("optimizer", "adamax", {}, {"optimizer", "trained head"}),
    ("optimizer", "nadam", {}, {"optimizer", "trained head"}),
    ("weighted_metrics", ["accuracy"], {}, {"metrics"}),
    # The keys that the origin did not have.
    ("augmentation_alternating_flip", True, {}, {"images", "trained head"}),
    ("augmentation_cutout", 0.5, {}, {"images", "trained head"}),
    ("augmentation_fill", "reflect", {}, {"images", "trained head"}),
    ("augmentation_flip", False, {}, {"images", "trained head"}),
    ("augmentation_whole_pixels", True, {}, {"images", "trained head"}),
    ("class_balance", "sampling", {}, {"batches", "trained head"}),
    ("class_balance", "logit_adjustment", {}, {"training loss", "trained head"}),
    ("freeze_encoder_epochs", 1, TRAINED, {"optimizer", "trained encoder", "trained head"}),
    ("head", "linear", {}, NETWORK),
    ("label_smoothing", 0.1, {}, {"training loss", "trained head"}),
    ("layer_decay", 0.5, TRAINED, {"optimizer", "trained encoder", "trained head"}),
    ("low_resolution_epochs", 2, SMALL, {"images", "trained head"}),
    ("low_resolution_side", 8, SMALL | {"low_resolution_epochs": 2}, {"images", "trained head"}),
    ("lr_schedule", "linear", {}, {"rates", "trained head"}),
    ("lr_warmup", 0.3, {}, {"rates", "trained head"}),
    ("optimizer", "muon", {}, {"optimizer", "trained head"}),
    ("posthoc_logit_adjustment", 1.0, {}, {"answers"}),
    ("test_time_augmentation", "flip", {}, {"answers"}),
    ("test_time_augmentation", "flip_and_shift", {}, {"answers"}),
    ("augmentation_rotation_degrees", 5.0, {}, {"images", "trained head"}),
    ("augmentation_shift", 0.3, {}, {"images", "trained head"}),
    ("augmentation_zoom", 0.3, {}, {"images", "trained head"}),
    ("freeze_encoder", False, {}, {"training loss", "trained encoder", "trained head"}),
    ("lr_schedule", "cosine", {}, {"rates", "trained head"}),
    ("lr_schedule", "one_cycle", {}, {"rates", "trained head"}),
    ("seed", 7, {}, {"head start", "order", "images"} | LOSS),
    ("weight_decay", 0.1, {}, {"optimizer", "trained head"}),
]

# key, its other value, the keys that make it ineffective.
WITHOUT_EFFECT = [
    ("augmentation_alternating_flip", True, {"data_augmentation": False}),
    ("augmentation_cutout", 0.5, {"data_augmentation": False}),
    ("augmentation_fill", "reflect", {"data_augmentation": False}),
    ("augmentation_flip", False, {"data_augmentation": False}),
    ("augmentation_whole_pixels", True, {"data_augmentation": False}),
    ("freeze_encoder_epochs", 1, {}),
    ("layer_decay", 0.5, {}),
    ("low_resolution_side", 8, SMALL),
    ("augmentation_rotation_degrees", 5.0, {"data_augmentation": False}),
    ("augmentation_shift", 0.3, {"data_augmentation": False}),
    ("augmentation_zoom", 0.3, {"data_augmentation": False}),
    ("dropout_value", 0.5, {}),
    ("early_stopping", True, {"early_stopping_delta": 10.0, "early_stopping_patience": 1}),
    ("early_stopping_delta", 10.0, {"callbacks": True}),
    ("early_stopping_patience", 1, {"callbacks": True, "early_stopping_delta": 10.0}),
]


def make_pair(key: str, value: object, context: dict[str, object]):
    """Return two pairs of configurations, the encoder's made for the same images."""
    pairs: list[tuple[AutoencoderConfig, ClassifierConfig]] = []
    for keys in (BASE | context, BASE | context | {key: value}):
        below = parse_autoencoder_config(BELOW | {"image_shape": keys["image_shape"]})
        pairs.append((below, parse_classifier_config(keys)))
    assert pairs[0] != pairs[1]
    return pairs


def test_the_table_has_every_key_but_the_one_that_has_a_single_value():
    assert {key for key, *_ in TABLE} == set(ClassifierConfig.model_fields) - {"loss"}


@pytest.mark.parametrize(("key", "value", "context", "parts"), TABLE)
def test_a_key_changes_what_it_says_and_nothing_else(
    classifier, changes, key, value, context, parts
):
    first, second = make_pair(key, value, context)
    assert changes(classifier(*first), classifier(*second)) == parts


@pytest.mark.parametrize(("key", "value", "context"), WITHOUT_EFFECT)
def test_a_value_changes_nothing_while_its_switch_is_off(classifier, changes, key, value, context):
    first, second = make_pair(key, value, context)
    assert changes(classifier(*first), classifier(*second)) == set()


def test_the_loss_is_categorical_crossentropy_and_no_other():
    assert ClassifierConfig().loss == "categorical_crossentropy"
    for other in ("mean_squared_error", "binary_crossentropy", "sparse_categorical_crossentropy"):
        with pytest.raises(ConfigError, match=f"loss = '{other}': should be 'categorical_cross"):
            parse_classifier_config({"loss": other})


def test_a_frozen_encoder_is_after_training_what_it_was_before(classifier, changes):
    """The chances of the encoder, its dropout and noise, never act while it is frozen."""
    config = parse_classifier_config(BASE)
    still = parse_autoencoder_config(BELOW | {"image_shape": [16, 16, 3], "dropout": False})
    moving = parse_autoencoder_config(
        BELOW | {"image_shape": [16, 16, 3], "gaussian_noise_input": True}
    )
    assert changes(classifier(still, config), classifier(moving, config)) == set()


# The parts whose new value is known beforehand.
EXACT = [
    ({}, "batches", [4, 4, 2] * 3),
    ({"batch_size": 3}, "batches", [3, 3, 4] * 3),
    ({"epochs": 2}, "epochs", 2),
    ({}, "dropout", []),
    ({"dropout": True, "dropout_value": 0.5}, "dropout", [0.5, 0.5]),
    ({"lr": 0.01}, "rates", [0.01] * 3),
    (
        {"lr_schedule": "cosine"},
        "rates",
        [0.05 * (1 + math.cos(math.pi * step / 9)) / 2 for step in (2, 5, 8)],
    ),
    ({"callbacks": True}, "kept weights", "best"),
    (STOPPING, "epochs", 2),
    ({}, "metrics", ["loss", "accuracy", "val_loss", "val_accuracy", "lr"]),
    (
        {"weighted_metrics": ["accuracy", "top_5_accuracy"]},
        "metrics",
        [
            "loss",
            "accuracy",
            "weighted_accuracy",
            "weighted_top_5_accuracy",
            "val_loss",
            "val_accuracy",
            "val_weighted_accuracy",
            "val_weighted_top_5_accuracy",
            "lr",
        ],
    ),
]


@pytest.mark.parametrize(("keys", "part", "expected"), EXACT)
def test_a_part_has_the_value_that_the_keys_ask_for(classifier, keys, part, expected):
    ((below, config), _) = make_pair("seed", 7, keys)
    found = classifier(below, config)[part]
    assert found == (pytest.approx(expected) if part == "rates" else expected)
