"""The record recipe is the record's: what this project added to it since stays out."""

from __future__ import annotations

import cae
from benchmarks.equal_time import OURS, RECORD
from cae.config import dump


def test_the_recipes_differ_in_these_keys_alone():
    record, ours = (
        dump(cae.override(cae.load_preset("quick"), settings)) for settings in (RECORD, OURS)
    )
    assert record["data"] == ours["data"]
    assert record["autoencoder"] == ours["autoencoder"]
    differing = {
        key: (record["classifier"][key], value)
        for key, value in ours["classifier"].items()
        if record["classifier"][key] != value
    }
    assert differing == {
        "batch_size": (2000, 1000),
        "class_balance": ("none", "sampling"),
        "posthoc_logit_adjustment": (0.0, 1.0),
        "low_resolution_epochs": (0, 5),
    }
