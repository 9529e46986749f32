"""What the classifier's keys refuse."""

from __future__ import annotations

import pytest

from cae.config import parse_classifier_config
from cae.errors import ConfigError


@pytest.mark.parametrize("balance", ["sampling", "logit_adjustment"])
def test_classes_are_balanced_in_one_way_alone(balance):
    assert parse_classifier_config({"class_balance": balance}).class_balance == balance
    with pytest.raises(ConfigError, match="class_weights make up for the same imbalance"):
        parse_classifier_config({"class_balance": balance, "class_weights": True})


def test_images_of_two_sizes_cannot_be_flattened():
    with pytest.raises(ConfigError, match="'flatten' takes images of one size"):
        parse_classifier_config({"low_resolution_epochs": 2})


def test_muon_needs_batch_norm_after_the_heads_convolution():
    muon = {"optimizer": "muon", "batch_norm": False}
    message = "optimizer 'muon': .* head 'origin' with batch_norm false .* use 'adamw'"
    with pytest.raises(ConfigError, match=message):
        parse_classifier_config(muon)
    assert parse_classifier_config({**muon, "batch_norm": True}).optimizer == "muon"
    assert parse_classifier_config({**muon, "optimizer": "adamw"}).head == "origin"
    # The linear head has no convolution.
    assert parse_classifier_config({**muon, "head": "linear"}).optimizer == "muon"
