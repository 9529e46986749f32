"""Which network an encoder is, by the keys of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cae.config import RunConfig, dump
from cae.presets import load_preset, preset_names
from cae.report.results.study_results import Study
from cae.report.words.recipe import acts, write_value
from cae.wording import join

_KEYS = (
    "image_shape",
    "encoder",
    "filters_per_block",
    "init_num_filters",
    "conv_blocks",
    "layers_per_block",
    "batch_norm",
)


def read_network(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a network is built by; a key without effect counts for nothing."""
    values = dump(RunConfig())["autoencoder"] | dict(config)
    return {key: values[key] for key in _KEYS if acts(key, values)}


def tell_networks(study: Study) -> list[str]:
    """Say which encoders of a study are not built as in the preset whose name they have.

    Their images' shape is the data's, and is not told.
    """
    configs = {each.encoder: each.config for each in study.pretrainings}
    sentences: list[str] = []
    for encoder, config in configs.items():
        if encoder not in preset_names():
            continue
        ours, theirs = read_network(config), read_network(_read_preset(encoder))
        keys = [key for key in _KEYS[1:] if ours.get(key) != theirs.get(key)]
        here, there = (
            join([f"`{key}` {write_value(network.get(key))}" for key in keys])
            for network in (ours, theirs)
        )
        if keys:
            sentences.append(
                f"In the study the encoder `{encoder}` has {here}; in its preset it has {there}."
            )
    return sentences


def _read_preset(name: str) -> dict[str, Any]:
    return dump(load_preset(name))["autoencoder"]
