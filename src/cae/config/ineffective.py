"""Keys that were changed but have no effect: told, never passed over in silence."""

from __future__ import annotations

from collections.abc import Sequence

from cae.config.autoencoder import AutoencoderConfig
from cae.config.classifier import ClassifierConfig


def find_ineffective_keys(config: AutoencoderConfig | ClassifierConfig) -> list[str]:
    """Return a sentence for each key that was changed but has no effect while its switch is off."""
    switches = {
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
    fields = type(config).model_fields
    sentences: list[str] = []
    for key, needed in switches.items():
        if key not in fields or getattr(config, key) == fields[key].default:
            continue
        off = [switch for switch in needed if not getattr(config, switch)]
        if off:
            sentences.append(
                f"{key} has no effect while {' and '.join(off)} "
                f"{'is' if len(off) == 1 else 'are'} off"
            )
    if config.low_resolution_epochs == 0:
        needed = "low_resolution_epochs is 0"
        sentences += _find_unread(config, ("low_resolution_side",), needed)
    if isinstance(config, AutoencoderConfig):
        noisy = config.gaussian_noise_input or config.gaussian_noise_hidden
        if not noisy and config.gaussian_noise_stddev != fields["gaussian_noise_stddev"].default:
            sentences.append(
                "gaussian_noise_stddev has no effect while gaussian_noise_input and "
                "gaussian_noise_hidden are off"
            )
        if not config.uses_patches:
            sentences += _find_unread(config, ("mask_patch_size",), "mask_ratio is 0")
        if config.filters_per_block and config.encoder != "origin":
            sentences += _find_unread(config, ("init_num_filters",), "filters_per_block is given")
    else:
        sentences += _find_ineffective_of_classifier(config)
    return sentences


def _find_ineffective_of_classifier(config: ClassifierConfig) -> list[str]:
    sentences: list[str] = []
    if config.freeze_encoder:
        trained = ("freeze_encoder_epochs", "layer_decay")
        sentences += _find_unread(config, trained, "freeze_encoder is on")
    return sentences


def _find_unread(
    config: AutoencoderConfig | ClassifierConfig, keys: Sequence[str], reason: str
) -> list[str]:
    fields = type(config).model_fields
    changed = [key for key in keys if getattr(config, key) != fields[key].default]
    return [f"{key} has no effect while {reason}" for key in changed]
