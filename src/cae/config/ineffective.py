"""Keys that were changed without effect, or with more effect than they promise: all reported."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from cae.config.autoencoder import AutoencoderConfig
from cae.config.classifier import ClassifierConfig
from cae.config.run import DataConfig

Values = Mapping[str, Any]

logger = logging.getLogger(__name__)

# The keys of the autoencoder that a classifier trained from scratch heeds: they decide what its
# encoder computes, how that is penalised, and how it begins.
ENCODER_KEYS = frozenset(
    {
        "activity_regularizer",
        "activity_regularizer_type",
        "activity_regularizer_value",
        "batch_norm",
        "conv_blocks",
        "dropout",
        "dropout_value",
        "encoder",
        "filters_per_block",
        "gaussian_noise_hidden",
        "gaussian_noise_input",
        "gaussian_noise_stddev",
        "image_shape",
        "init_num_filters",
        "kernel_regularizer",
        "kernel_regularizer_type",
        "kernel_regularizer_value",
        "layers_per_block",
        "seed",
    }
)
# For each key, the switches that must all be on for it to have an effect.
_SWITCHES = {
    "dropout_value": ("dropout",),
    "early_stopping": ("callbacks",),
    "early_stopping_delta": ("callbacks", "early_stopping"),
    "early_stopping_patience": ("callbacks", "early_stopping"),
    "kernel_regularizer_type": ("kernel_regularizer",),
    "kernel_regularizer_value": ("kernel_regularizer",),
    "activity_regularizer_type": ("activity_regularizer",),
    "activity_regularizer_value": ("activity_regularizer",),
    "augmentation_shift": ("data_augmentation",),
    "augmentation_rotation_degrees": ("data_augmentation",),
    "augmentation_zoom": ("data_augmentation",),
    "augmentation_flip": ("data_augmentation",),
    "augmentation_cutout": ("data_augmentation",),
    "augmentation_fill": ("data_augmentation",),
    "augmentation_whole_pixels": ("data_augmentation",),
    "augmentation_alternating_flip": ("data_augmentation", "augmentation_flip"),
}
# When another key's value leaves a key without effect, and the reason that is given.
_RULES: Mapping[str, tuple[Callable[[Values], bool], str]] = {
    "gaussian_noise_stddev": (
        lambda of: not (of["gaussian_noise_input"] or of["gaussian_noise_hidden"]),
        "gaussian_noise_input and gaussian_noise_hidden are off",
    ),
    "low_resolution_side": (
        lambda of: of["low_resolution_epochs"] == 0,
        "low_resolution_epochs is 0",
    ),
    "init_num_filters": (lambda of: bool(of["filters_per_block"]), "filters_per_block is given"),
    # The decoder of the whitened encoder predicts whole images by patches too.
    "mask_patch_size": (
        lambda of: of["mask_ratio"] == 0 and of["encoder"] != "whitened",
        "mask_ratio is 0",
    ),
    "target": (lambda of: of["mask_ratio"] == 0, "mask_ratio is 0"),
    "mask_input": (lambda of: of["mask_ratio"] == 0, "mask_ratio is 0"),
    # Switching off what is not there is not a mistake.
    "batch_norm": (
        lambda of: of["batch_norm"] and of.get("encoder") == "residual",
        "encoder is residual",
    ),
    "dense": (lambda of: of["dense"] and of["head"] == "linear", "head is linear"),
    "freeze_encoder_epochs": (lambda of: of["freeze_encoder"], "freeze_encoder is on"),
    "layer_decay": (lambda of: of["freeze_encoder"], "freeze_encoder is on"),
    "labelled_seed": (lambda of: of["labels_per_class"] is None, "labels_per_class is null"),
    "remove_classes": (
        lambda of: bool(of["remove_classes"]) and of["remove_fraction"] == 0,
        "remove_fraction is 0",
    ),
    # null is the data set's own choice, which may be none: whoever knows it writes that out.
    "remove_fraction": (
        lambda of: of["remove_classes"] in ((), []) and of["remove_fraction"] > 0,
        "no class is thinned",
    ),
}
# When a key's value covers all epochs, although it is meant for the first ones only.
_WHOLE_TRAININGS: Mapping[str, tuple[Callable[[Values], bool], str]] = {
    "freeze_encoder_epochs": (
        lambda of: not of["freeze_encoder"] and of["freeze_encoder_epochs"] >= of["epochs"],
        "the encoder's weights are never trained",
    ),
    # An autoencoder may be trained on small images alone, as two presets do: the statistics of its
    # encoder are then computed anew from images of full size. Those of a classifier are not.
    "low_resolution_epochs": (
        lambda of: of["low_resolution_epochs"] >= of["epochs"] + ("freeze_encoder" not in of),
        "no image is of full size",
    ),
}


def find_reason_without_effect(key: str, values: Values) -> str | None:
    """Return why `key` has no effect, as a clause; None if it has one.

    Args:
        key: a key of a section.
        values: the values of all keys of that section.
    """
    off = [switch for switch in _SWITCHES.get(key, ()) if not values[switch]]
    if off:
        return f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} off"
    is_idle, reason = _RULES.get(key, (lambda _: False, ""))
    return reason if is_idle(values) else None


def find_ineffective_keys(config: AutoencoderConfig | ClassifierConfig | DataConfig) -> list[str]:
    """Return a sentence for each changed key that has no effect, or that covers all epochs."""
    values = config.model_dump()
    sentences: list[str] = []
    for key, field in type(config).model_fields.items():
        if values[key] != field.default:
            reason = find_reason_without_effect(key, values)
            if reason is not None:
                sentences.append(f"{key} has no effect while {reason}")
            takes_all, result = _WHOLE_TRAININGS.get(key, (lambda _: False, ""))
            if takes_all(values):
                sentences.append(f"{key} is {values[key]} and epochs {values['epochs']}: {result}")
    return sentences


def tell_ineffective(
    config: AutoencoderConfig | ClassifierConfig | DataConfig, *, section: str
) -> None:
    """Warn of keys in a `section` of the configuration that have no effect or too much of it."""
    for sentence in find_ineffective_keys(config):
        logger.warning("%s: %s", section, sentence)
