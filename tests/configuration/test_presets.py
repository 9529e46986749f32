"""The configurations that ship: the origin's as it was, ours on top of it, changed key by key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    RunConfig,
    dump,
    find_ineffective_keys,
    parse_autoencoder_config,
    parse_classifier_config,
)
from cae.errors import ConfigError
from cae.presets import load_preset, override, preset_names, read_config_file

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src" / "cae" / "presets"

# The origin's README, word for word.
AUTOENCODER = {
    "activity_regularizer": False,
    "activity_regularizer_type": "l1",
    "activity_regularizer_value": 0.001,
    "batch_norm": True,
    "batch_size": 64,
    "callbacks": False,
    "conv_blocks": 3,
    "dropout": True,
    "dropout_value": 0.2,
    "early_stopping": False,
    "early_stopping_delta": 0.1,
    "early_stopping_patience": 10,
    "epochs": 50,
    "gaussian_noise_hidden": False,
    "gaussian_noise_input": False,
    "gaussian_noise_stddev": 0.1,
    "image_shape": [32, 32, 3],
    "init_num_filters": 32,
    "kernel_regularizer": False,
    "kernel_regularizer_type": "l2",
    "kernel_regularizer_value": 0.001,
    "layers_per_block": 2,
    "loss": "mean_squared_error",
    "lr": 0.001,
    "optimizer": "adam",
}
CLASSIFIER = {
    "batch_norm": True,
    "batch_size": 64,
    "callbacks": False,
    "class_weights": False,
    "data_augmentation": True,
    "dense": True,
    "dropout": False,
    "dropout_value": 0.2,
    "early_stopping": False,
    "early_stopping_delta": 0.1,
    "early_stopping_patience": 10,
    "epochs": 100,
    "global_pooling": "flatten",
    "image_shape": [32, 32, 3],
    "loss": "categorical_crossentropy",
    "lr": 0.001,
    "optimizer": "adam",
    "weighted_metrics": None,
}


STAGES = [("autoencoder", AUTOENCODER), ("classifier", CLASSIFIER)]


def test_the_origins_dictionaries_are_the_defaults():
    assert len(AUTOENCODER) == 25
    assert len(CLASSIFIER) == 18
    assert parse_autoencoder_config(AUTOENCODER) == AutoencoderConfig()
    assert parse_classifier_config(CLASSIFIER) == ClassifierConfig()


@pytest.mark.parametrize(("stage", "origin"), STAGES)
@pytest.mark.parametrize("folder", [ROOT, SHIPPED])
def test_the_base_files_hold_exactly_the_origins_keys_and_values(stage, origin, folder):
    path = folder / f"{stage}_config_base.json"
    assert read_config_file(path) == origin
    assert list(read_config_file(path)) == sorted(origin)


def test_the_base_preset_is_the_default_configuration():
    assert load_preset("base") == RunConfig()


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_has_the_origins_keys_first_and_none_without_effect(name):
    config = load_preset(name)
    for stage, origin in STAGES:
        values = json.loads((SHIPPED / f"{stage}_config_{name}.json").read_text(encoding="utf-8"))
        assert list(values)[: len(origin)] == list(origin)
        assert find_ineffective_keys(getattr(config, stage)) == []
        found = dump(getattr(config, stage))
        assert found == found | values


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_makes_up_for_thinned_classes_only_where_there_are_some(name):
    thinned, whole = load_preset(name), load_preset(name, is_thinned=False)
    assert (whole.classifier.class_balance, whole.classifier.posthoc_logit_adjustment) == (
        "none",
        0,
    )
    changes = {"class_balance": "none", "posthoc_logit_adjustment": 0.0}
    expected = thinned.classifier.model_copy(update=changes)
    assert whole == thinned.model_copy(update={"classifier": expected})


def test_the_presets_are_found():
    assert {"base", "quick"} <= set(preset_names())
    assert list(preset_names()) == sorted(preset_names())


def test_an_unknown_preset_is_an_error_that_suggests_or_lists():
    with pytest.raises(ConfigError, match=r"no preset 'quik'; did you mean 'quick'\?"):
        load_preset("quik")
    with pytest.raises(ConfigError, match=r"no preset '\.\./x'; available: base, "):
        load_preset("../x")


def test_settings_change_their_keys_and_nothing_else():
    config = override(RunConfig(), ["autoencoder.epochs=3", "dense=false", "data.val_size = 0.5"])
    expected = dump(RunConfig())
    expected["autoencoder"]["epochs"] = 3
    expected["classifier"]["dense"] = False
    expected["data"]["val_size"] = 0.5
    assert dump(config) == expected
    assert override(RunConfig(), []) == RunConfig()


def test_a_bare_key_is_set_wherever_it_is_known():
    config = override(RunConfig(), ["seed=7", "optimizer=sgd", "image_shape=[16, 16, 1]"])
    assert config.data.seed == config.autoencoder.seed == config.classifier.seed == 7
    assert config.autoencoder.optimizer == config.classifier.optimizer == "sgd"
    assert config.autoencoder.image_shape == config.classifier.image_shape == (16, 16, 1)


def test_the_last_of_equal_settings_counts():
    assert override(RunConfig(), ["lr=0.1", "lr=0.2"]).autoencoder.lr == 0.2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs", "expected key=value"),
        ("=3", "expected key=value"),
        ("epocs=3", r"unknown key 'epocs'; did you mean 'epochs'\?"),
        ("classifier.conv_blocks=3", "unknown key 'conv_blocks'"),
        ("clasifier.epochs=3", r"no section 'clasifier'; did you mean 'classifier'\?"),
        (".epochs=3", "no section ''; available: autoencoder, classifier, data"),
        ("classifier=3", "unknown key 'classifier'"),
        ("autoencoder.epochs=three", "autoencoder.epochs = 'three': should be a valid integer"),
        ("epochs=", "autoencoder.epochs and classifier.epochs = ''"),
        ("lr=NaN", "autoencoder.lr and classifier.lr = nan: should be a finite number"),
        ("autoencoder.image_shape=[16,16,3]", r"classifier\.image_shape \[32, 32, 3\] differs"),
    ],
)
def test_a_setting_that_cannot_be_applied_is_an_error_that_says_why(setting, message):
    with pytest.raises(ConfigError, match=f"^--set .*{message}"):
        override(RunConfig(), [setting])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1]", "expected a JSON object"),
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"", "not valid JSON"),
    ],
    ids=["list", "half", "not UTF-8", "nested too deep", "empty"],
)
def test_a_file_that_is_no_configuration_is_an_error_that_names_it(tmp_path, content, message):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"mine\.json: {message}"):
        read_config_file(path)


def test_a_missing_file_and_a_folder_are_errors_that_name_them(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.json: cannot be read: No such file"):
        read_config_file(tmp_path / "gone.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config_file(tmp_path)


@pytest.mark.parametrize("stage", ["autoencoder", "classifier"])
def test_the_optimal_files_beside_the_readme_are_the_presets(stage):
    name = f"{stage}_config_optimal.json"
    assert (ROOT / name).read_bytes() == (SHIPPED / name).read_bytes()
