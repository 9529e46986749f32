"""Keys that both stages have."""

from __future__ import annotations

import pytest

from cae.config import AutoencoderConfig, ClassifierConfig, dump, parse_section
from cae.config.stages import StageConfig


@pytest.mark.parametrize("kind", [AutoencoderConfig, ClassifierConfig])
def test_both_stages_have_the_shared_keys(kind):
    shared = set(StageConfig.model_fields)
    assert shared < set(kind.model_fields)
    assert {"lr_schedule", "lr_warmup", "augmentation_fill", "low_resolution_epochs"} < shared


def test_only_the_classifier_changes_its_images_unless_told_to():
    assert not AutoencoderConfig().data_augmentation
    assert ClassifierConfig().data_augmentation


@pytest.mark.parametrize(
    ("kind", "key", "short", "long"),
    [
        (AutoencoderConfig, "loss", "mse", "mean_squared_error"),
        (AutoencoderConfig, "loss", "mae", "mean_absolute_error"),
        (ClassifierConfig, "weighted_metrics", ["acc"], ["accuracy"]),
    ],
)
def test_keras_s_short_names_are_written_out_at_the_door(kind, key, short, long):
    config = parse_section(kind, {key: short}, place="mine.json")
    assert config == parse_section(kind, {key: long}, place="mine.json")
    assert dump(config)[key] == long
