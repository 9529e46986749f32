"""The configuration accepts what the origin accepted, and says what is wrong with the rest."""

from __future__ import annotations

import logging

import pytest
from pydantic import ValidationError

from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    DataConfig,
    RunConfig,
    dump,
    find_ineffective_keys,
    parse_autoencoder_config,
    parse_classifier_config,
    parse_section,
    require_matching_stages,
    suggest,
)
from cae.errors import ConfigError


def test_a_dumped_section_is_plain_json_that_parses_to_itself():
    changed = {"weighted_metrics": ["accuracy", "top_5_accuracy"], "image_shape": [16, 24, 1]}
    config = parse_classifier_config(changed)
    values = dump(config)
    assert values["weighted_metrics"] == ["accuracy", "top_5_accuracy"]
    assert values["image_shape"] == [16, 24, 1]
    assert list(values) == list(ClassifierConfig.model_fields)
    assert parse_classifier_config(values) == config
    assert parse_section(RunConfig, dump(RunConfig()), place="here") == RunConfig()


def test_a_configuration_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        AutoencoderConfig().epochs = 3  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(hash(AutoencoderConfig()), int)


# Section, key, value: and what the message must say besides both, namely what is allowed.
BAD_VALUES = [
    (AutoencoderConfig, "conv_blocks", 0, "greater than or equal to 1"),
    (AutoencoderConfig, "conv_blocks", 9, "less than or equal to 8"),
    (AutoencoderConfig, "layers_per_block", 0, "greater than or equal to 1"),
    (AutoencoderConfig, "init_num_filters", -1, "greater than or equal to 1"),
    (AutoencoderConfig, "init_num_filters", 10**9, "less than or equal to 1000000"),
    (AutoencoderConfig, "epochs", 0, "greater than or equal to 1"),
    (AutoencoderConfig, "epochs", 1.5, "valid integer"),
    (AutoencoderConfig, "epochs", "50", "valid integer"),
    (AutoencoderConfig, "epochs", True, "valid integer"),
    (AutoencoderConfig, "batch_size", 0, "greater than or equal to 1"),
    (AutoencoderConfig, "lr", 0, "greater than 0"),
    (AutoencoderConfig, "lr", "fast", "valid number"),
    (AutoencoderConfig, "lr", float("nan"), "finite number"),
    (AutoencoderConfig, "lr", float("inf"), "finite number"),
    (AutoencoderConfig, "dropout", 1, "valid boolean"),
    (AutoencoderConfig, "dropout", None, "valid boolean"),
    (AutoencoderConfig, "dropout_value", 1.0, "less than 1"),
    (AutoencoderConfig, "dropout_value", -0.1, "greater than or equal to 0"),
    (AutoencoderConfig, "gaussian_noise_stddev", -1, "greater than or equal to 0"),
    (AutoencoderConfig, "early_stopping_patience", -1, "greater than or equal to 0"),
    (AutoencoderConfig, "optimizer", "adma", "'adam', 'adamw', 'sgd', 'rmsprop', 'adagrad'"),
    (AutoencoderConfig, "optimizer", ["adam"], "'nadam'"),
    (AutoencoderConfig, "loss", "mse", "'mean_squared_error', 'mean_absolute_error'"),
    (AutoencoderConfig, "kernel_regularizer_type", "l3", "'l1', 'l2' or 'l1_l2'"),
    (AutoencoderConfig, "lr_schedule", "step", "'constant', 'cosine' or 'one_cycle'"),
    (AutoencoderConfig, "seed", -1, "greater than or equal to 0"),
    (AutoencoderConfig, "seed", 2**63, "less than"),
    (AutoencoderConfig, "image_shape", 32, "[height, width, channels]"),
    (AutoencoderConfig, "image_shape", [32, 32], "[height, width, channels]"),
    (AutoencoderConfig, "image_shape", "32x32x3", "[height, width, channels]"),
    (AutoencoderConfig, "image_shape", None, "[height, width, channels]"),
    (AutoencoderConfig, "image_shape", [2, 2, 3], "multiples of 4"),
    (AutoencoderConfig, "image_shape", [30, 32, 3], "halves the image 2 times"),
    (ClassifierConfig, "global_pooling", "sum", "'flatten', 'max' or 'average'"),
    (ClassifierConfig, "loss", "huber", "'categorical_crossentropy'"),
    (ClassifierConfig, "weighted_metrics", "accuracy", "list of names"),
    (ClassifierConfig, "batch_size", 1, "at least 2 images"),
    (ClassifierConfig, "augmentation_rotation_degrees", 181, "less than or equal to 180"),
    (ClassifierConfig, "augmentation_zoom", 1, "less than 1"),
    (DataConfig, "val_size", 1.0, "less than 1"),
    (DataConfig, "val_size", 0, "greater than 0"),
    (DataConfig, "remove_fraction", 1.5, "less than or equal to 1"),
    (DataConfig, "remove_classes", "bird", "list of names"),
]


@pytest.mark.parametrize(("section", "key", "value", "allowed"), BAD_VALUES)
def test_a_bad_value_is_an_error_with_key_value_and_what_is_allowed(section, key, value, allowed):
    with pytest.raises(ConfigError) as caught:
        parse_section(section, {key: value}, place="mine.json")
    message = str(caught.value)
    assert message.startswith("mine.json: ")
    assert key in message
    assert repr(value) in message
    assert allowed in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("section", "values", "place", "value"),
    [
        (AutoencoderConfig, {"image_shape": [32, 0, 3]}, "image_shape.1 = 0", "equal to 1"),
        (AutoencoderConfig, {"image_shape": [32, 32, 3.0]}, "image_shape.2 = 3.0", "integer"),
        (ClassifierConfig, {"weighted_metrics": ["auc"]}, "weighted_metrics.0 = 'auc'", "top_5"),
        (DataConfig, {"remove_classes": ["bird", 3]}, "remove_classes.1 = 3", "string"),
        (RunConfig, {"data": {"val_size": 2}}, "data.val_size = 2", "less than 1"),
        (RunConfig, {"classifier": 3}, "classifier = 3", "dictionary"),
    ],
)
def test_a_bad_value_within_a_list_or_a_section_is_found_there(section, values, place, value):
    with pytest.raises(ConfigError) as caught:
        parse_section(section, values, place="mine.json")
    assert f"mine.json: {place}: " in str(caught.value)
    assert value in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "nearest"),
    [
        (AutoencoderConfig, "epoch", "epochs"),
        (AutoencoderConfig, "optimiser", "optimizer"),
        (AutoencoderConfig, "Dropout_value", "dropout_value"),
        (ClassifierConfig, "wieghted_metrics", "weighted_metrics"),
        (DataConfig, "val_siz", "val_size"),
        (RunConfig, "autoencodr", "autoencoder"),
    ],
)
def test_a_misspelt_key_is_an_error_that_suggests_the_nearest(section, key, nearest):
    with pytest.raises(ConfigError, match=f"unknown key '{key}'; did you mean '{nearest}'?"):
        parse_section(section, {key: 1}, place="mine.json")


def test_a_misspelt_key_within_a_section_is_named_with_it():
    with pytest.raises(ConfigError, match=r"'classifier\.dens'; did you mean 'dense'\?"):
        parse_section(RunConfig, {"classifier": {"dens": True}}, place="mine.json")


def test_a_key_like_no_other_is_an_error_that_lists_the_known_ones():
    with pytest.raises(
        ConfigError, match=r"unknown key 'zzz'; there are: labels_per_class, .*, val_s"
    ):
        parse_section(DataConfig, {"zzz": 1}, place="mine.json")
    with pytest.raises(ConfigError, match=r"there are: activity_regularizer, .*batch_norm"):
        parse_autoencoder_config({"model_config": {}})


def test_a_key_of_the_other_stage_is_unknown():
    with pytest.raises(ConfigError, match="unknown key 'dense'"):
        parse_autoencoder_config({"dense": True})
    with pytest.raises(ConfigError, match="unknown key 'conv_blocks'"):
        parse_classifier_config({"conv_blocks": 3})


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_autoencoder_config({"epochs": 0, "lr": "x", "optimizr": "adam"})
    for part in ("epochs = 0", "lr = 'x'", "did you mean 'optimizer'?"):
        assert part in str(caught.value)


def test_a_long_value_is_not_shown_whole():
    with pytest.raises(ConfigError) as caught:
        parse_autoencoder_config({"lr": "x" * 10_000})
    assert len(str(caught.value)) < 250


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


def test_one_image_a_batch_is_refused_only_where_batch_norm_has_nothing_to_normalise_over():
    alone = {"batch_size": 1, "image_shape": [4, 4, 3]}
    with pytest.raises(ConfigError, match=r"batch_size 1: .*encoding is 1x1"):
        parse_autoencoder_config(alone)
    assert parse_autoencoder_config(alone | {"batch_norm": False}).batch_size == 1
    assert parse_autoencoder_config(alone | {"image_shape": [8, 4, 3]}).batch_size == 1
    assert parse_classifier_config({"batch_size": 1, "batch_norm": False}).batch_size == 1


@pytest.mark.parametrize(
    ("blocks", "filters", "pools"),
    [(1, (4,), 1), (2, (4, 8), 2), (3, (4, 8, 16), 2), (5, (4, 8, 16, 32, 64), 2)],
)
def test_filters_double_and_only_the_first_two_blocks_pool(blocks, filters, pools):
    config = AutoencoderConfig(conv_blocks=blocks, init_num_filters=4)
    assert config.block_filters == filters
    assert config.pools == pools


def test_a_switch_and_its_value_meet_in_one_property():
    off = AutoencoderConfig(dropout=False)
    assert (off.dropout_rate, off.input_noise_stddev, off.hidden_noise_stddev) == (0, 0, 0)
    on = AutoencoderConfig(
        dropout_value=0.4,
        gaussian_noise_input=True,
        gaussian_noise_hidden=True,
        gaussian_noise_stddev=0.3,
    )
    assert (on.dropout_rate, on.input_noise_stddev, on.hidden_noise_stddev) == (0.4, 0.3, 0.3)
    assert ClassifierConfig().dropout_rate == 0
    assert ClassifierConfig(dropout=True).dropout_rate == 0.2


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
    ],
)
def test_effective_keys_are_passed_over_in_silence(config, caplog):
    with caplog.at_level(logging.DEBUG):
        assert find_ineffective_keys(config) == []
    assert caplog.text == ""


def test_suggestions_name_the_nearest_or_all():
    assert suggest("bas", ("base", "quick")) == "; did you mean 'base'?"
    assert suggest("zzz", {"quick": 1, "base": 2}) == "; there are: base, quick"
