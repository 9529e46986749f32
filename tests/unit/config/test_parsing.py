"""The configuration accepts what the origin accepted, and says what is wrong with the rest."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    DataConfig,
    RunConfig,
    dump,
    parse_autoencoder_config,
    parse_classifier_config,
    parse_section,
)
from cae.errors import ConfigError
from cae.presets import override


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
    (AutoencoderConfig, "loss", "msle", "'mean_squared_error', 'mean_absolute_error'"),
    (AutoencoderConfig, "kernel_regularizer_type", "l3", "'l1', 'l2' or 'l1_l2'"),
    (AutoencoderConfig, "lr_schedule", "step", "'constant', 'linear', 'cosine' or 'one_cycle'"),
    (AutoencoderConfig, "seed", -1, "greater than or equal to 0"),
    (AutoencoderConfig, "seed", 2**63, "less than"),
    (AutoencoderConfig, "image_shape", 32, "[height, width, channels]"),
    (AutoencoderConfig, "image_shape", [32, 32], "[height, width, channels]"),
    (AutoencoderConfig, "image_shape", "32x32x3", "[height, width, channels]"),
    (AutoencoderConfig, "image_shape", None, "[height, width, channels]"),
    (AutoencoderConfig, "image_shape", [2, 2, 3], "multiples of 4"),
    (AutoencoderConfig, "image_shape", [30, 32, 3], "halves the image 2 times"),
    (AutoencoderConfig, "encoder", "resnet", "'origin', 'whitened' or 'residual'"),
    (AutoencoderConfig, "filters_per_block", [8, 8], "asks for 3 numbers"),
    (AutoencoderConfig, "filters_per_block", 8, "not a list of numbers"),
    (AutoencoderConfig, "mask_ratio", 1.0, "less than 1"),
    (AutoencoderConfig, "mask_ratio", 0.001, "some must be hidden"),
    (AutoencoderConfig, "target", "high_pass", "set mask_ratio above 0"),
    (AutoencoderConfig, "low_resolution_epochs", -1, "greater than or equal to 0"),
    (ClassifierConfig, "head", "mlp", "'origin' or 'linear'"),
    (ClassifierConfig, "class_balance", "weights", "'none', 'sampling' or 'logit_adjustment'"),
    (ClassifierConfig, "layer_decay", 0, "greater than 0"),
    (ClassifierConfig, "label_smoothing", 1, "less than 1"),
    (ClassifierConfig, "low_resolution_epochs", 1, "'max' or 'average'"),
    (ClassifierConfig, "global_pooling", "sum", "'flatten', 'max' or 'average'"),
    (ClassifierConfig, "loss", "huber", "'categorical_crossentropy'"),
    (ClassifierConfig, "weighted_metrics", "accuracy", "list of names"),
    (ClassifierConfig, "batch_size", 1, "at least 2 images"),
    (ClassifierConfig, "augmentation_rotation_degrees", 181, "less than or equal to 180"),
    (ClassifierConfig, "augmentation_zoom", 1, "less than 1"),
    (DataConfig, "val_size", 1.0, "less than 1"),
    (DataConfig, "val_size", -0.1, "greater than or equal to 0"),
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
        ConfigError, match=r"unknown key 'zzz'; available: labelled_seed, .*, val_s"
    ):
        parse_section(DataConfig, {"zzz": 1}, place="mine.json")
    with pytest.raises(ConfigError, match=r"available: activity_regularizer, .*batch_norm"):
        parse_autoencoder_config({"model_config": {}})


def test_the_known_keys_are_listed_once():
    with pytest.raises(ConfigError) as caught:
        parse_section(DataConfig, {"zzz": 1, "yyy": 1, "val_siz": 0.1}, place="mine.json")
    message = str(caught.value)
    assert message.count("available: ") == 1
    for part in ("unknown key 'zzz'", "unknown key 'yyy'", "did you mean 'val_size'?"):
        assert part in message


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


def test_what_is_wrong_with_both_stages_is_said_once():
    with pytest.raises(ConfigError) as caught:
        override(RunConfig(), ["epochs=0.5"])
    assert str(caught.value) == (
        "--set epochs=0.5: autoencoder.epochs and classifier.epochs = 0.5: should be a valid "
        "integer"
    )


def test_each_key_keeps_its_partner_and_no_other():
    with pytest.raises(ConfigError) as caught:
        override(RunConfig(), ["epochs=0", "batch_size=0", "lr=0"])
    told = str(caught.value)
    for key in ("epochs", "batch_size", "lr"):
        assert f"autoencoder.{key} and classifier.{key} = 0: " in told
    assert "more" not in told


def test_null_is_named_where_it_is_allowed():
    with pytest.raises(ConfigError, match="= 'all': should be a valid integer or null"):
        override(RunConfig(), ["labels_per_class=all"])
