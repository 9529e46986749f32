"""Keys that were changed but have no effect: told, never passed over in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cae.config.autoencoder import AutoencoderConfig
from cae.config.classifier import ClassifierConfig

# The keys of which each must be on for a key to have an effect.
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


def find_off_switches(key: str, values: Mapping[str, Any]) -> list[str]:
    """Return the keys that, being off, keep `key` from having an effect.

    Args:
        key: of a stage.
        values: of that stage's keys.
    """
    if key == "gaussian_noise_stddev":  # for which one of two is enough
        either = ["gaussian_noise_input", "gaussian_noise_hidden"]
        return [] if any(values[switch] for switch in either) else either
    return [switch for switch in _SWITCHES.get(key, ()) if not values[switch]]


def find_ineffective_keys(config: AutoencoderConfig | ClassifierConfig) -> list[str]:
    """Return a sentence for each key that was changed but has no effect while its switch is off."""
    fields = type(config).model_fields
    sentences: list[str] = []
    values = config.model_dump()
    for key in (*_SWITCHES, "gaussian_noise_stddev"):
        if key not in fields or values[key] == fields[key].default:
            continue
        off = find_off_switches(key, values)
        if off:
            sentences.append(
                f"{key} has no effect while {' and '.join(off)} "
                f"{'is' if len(off) == 1 else 'are'} off"
            )
    if config.low_resolution_epochs == 0:
        needed = "low_resolution_epochs is 0"
        sentences += _find_unread(config, ("low_resolution_side",), needed)
    if isinstance(config, AutoencoderConfig):
        if not config.uses_patches:
            sentences += _find_unread(config, ("mask_patch_size",), "mask_ratio is 0")
        if config.filters_per_block:
            sentences += _find_unread(config, ("init_num_filters",), "filters_per_block is given")
        if config.encoder == "residual":
            sentences += _find_unread(config, ("batch_norm",), "encoder is residual")
    else:
        sentences += _find_ineffective_of_classifier(config)
    return sentences


def _find_ineffective_of_classifier(config: ClassifierConfig) -> list[str]:
    sentences: list[str] = []
    if config.freeze_encoder:
        trained = ("freeze_encoder_epochs", "layer_decay")
        sentences += _find_unread(config, trained, "freeze_encoder is on")
    if config.head == "linear":
        sentences += _find_unread(config, ("dense",), "head is linear")
    return sentences


def _find_unread(
    config: AutoencoderConfig | ClassifierConfig, keys: Sequence[str], reason: str
) -> list[str]:
    fields = type(config).model_fields
    changed = [key for key in keys if getattr(config, key) != fields[key].default]
    return [f"{key} has no effect while {reason}" for key in changed]
