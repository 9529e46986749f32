"""What the autoencoder's keys say of its architecture."""

from __future__ import annotations

import pytest

from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    parse_autoencoder_config,
    parse_classifier_config,
)
from cae.errors import ConfigError


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


def test_one_image_a_batch_is_refused_only_where_batch_norm_has_nothing_to_normalise_over():
    alone = {"batch_size": 1, "image_shape": [4, 4, 3]}
    with pytest.raises(ConfigError, match=r"batch_size 1: .*encoding is 1x1"):
        parse_autoencoder_config(alone)
    assert parse_autoencoder_config(alone | {"batch_norm": False}).batch_size == 1
    assert parse_autoencoder_config(alone | {"image_shape": [8, 4, 3]}).batch_size == 1
    small = {"batch_size": 1, "low_resolution_epochs": 1, "low_resolution_side": 4}
    with pytest.raises(ConfigError, match=r"batch_size 1: .*low_resolution_side 4"):
        parse_autoencoder_config(small)
    assert parse_autoencoder_config(small | {"low_resolution_side": 8}).batch_size == 1
    residual = {"encoder": "residual", "conv_blocks": 3}
    assert parse_autoencoder_config(alone | residual).encoding_shape[:2] == (1, 1)
    assert parse_classifier_config({"batch_size": 1, "batch_norm": False}).batch_size == 1


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ({}, (8, 8, 128)),
        ({"filters_per_block": [8, 16, 24]}, (8, 8, 24)),
        ({"encoder": "whitened"}, (3, 3, 128)),
        ({"encoder": "whitened", "conv_blocks": 2}, (7, 7, 64)),
        ({"encoder": "residual", "filters_per_block": [64, 128, 16]}, (8, 8, 16)),
        ({"encoder": "residual", "conv_blocks": 2}, (16, 16, 64)),
    ],
)
def test_the_shape_of_an_encoding_is_known_before_it_is_made(values, shape):
    assert parse_autoencoder_config(values).encoding_shape == shape


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"encoder": "whitened", "image_shape": [8, 8, 3]}, "each side must be at least 9"),
        ({"encoder": "residual", "conv_blocks": 1}, "set at least 2"),
        ({"encoder": "residual", "mask_ratio": 0.5}, "for whole images"),
        ({"encoder": "residual", "optimizer": "muon"}, "use 'adamw'"),
        ({"batch_norm": False, "optimizer": "muon"}, "with batch_norm false no batch norm"),
        (
            {"encoder": "whitened", "batch_norm": False, "optimizer": "muon"},
            "with batch_norm false no batch norm",
        ),
        (
            {"encoder": "whitened", "mask_ratio": 0.5, "mask_patch_size": 1},
            "set it to at least 2",
        ),
        (
            {"mask_ratio": 0.5, "mask_patch_size": 5},
            "must be multiples of it; the largest below it that fits is 4",
        ),
        (
            {
                "mask_ratio": 0.5,
                "mask_patch_size": 7,
                "image_shape": [28, 28, 1],
                "low_resolution_epochs": 1,
            },
            "24 and 24 by low_resolution_side, must be multiples of it; the largest .* is 4",
        ),
        ({"mask_ratio": 0.01, "mask_patch_size": 16}, "hides 0 of the 4 patches"),
        ({"low_resolution_epochs": 1, "low_resolution_side": 22}, "take a multiple of 4"),
        ({"low_resolution_epochs": 1, "low_resolution_side": 48}, "smaller; lower it, or set low"),
        (
            {"encoder": "whitened", "low_resolution_epochs": 1, "low_resolution_side": 8},
            "set at least 9",
        ),
        (
            {
                "mask_ratio": 0.6,
                "mask_patch_size": 8,
                "low_resolution_epochs": 1,
                "low_resolution_side": 20,
            },
            "20 and 20 by low_resolution_side",
        ),
        ({"loss": "binary_crossentropy", "mask_ratio": 0.5}, "between 0 and 1"),
        ({"loss": "binary_crossentropy", "encoder": "residual"}, "between 0 and 1"),
        ({"lr_schedule": "one_cycle", "lr_warmup": 0.1}, "rises by itself"),
    ],
)
def test_what_does_not_fit_together_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        parse_autoencoder_config(values)


def test_so_many_patches_are_hidden():
    config = AutoencoderConfig(mask_ratio=0.6, mask_patch_size=8)
    assert config.count_hidden(32, 32) == 10
    assert config.count_hidden(24, 24) == 5
