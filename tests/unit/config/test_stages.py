"""Keys that both stages have."""

from __future__ import annotations

import pytest

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.config.stages import StageConfig


@pytest.mark.parametrize("kind", [AutoencoderConfig, ClassifierConfig])
def test_both_stages_have_the_shared_keys(kind):
    shared = set(StageConfig.model_fields)
    assert shared < set(kind.model_fields)
    assert {"lr_schedule", "lr_warmup", "augmentation_fill", "low_resolution_epochs"} < shared


def test_only_the_classifier_changes_its_images_unless_told_to():
    assert not AutoencoderConfig().data_augmentation
    assert ClassifierConfig().data_augmentation
