"""What an autoencoder learns to do, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cae.config import AutoencoderConfig
from cae.report.phrases import TIMES

TARGETS = {
    "pixels": "pixels",
    "normalised_patches": "pixels, each patch normalised,",
    "high_pass": "image without its blur",
    "gradient_histograms": "histograms of gradient directions",
}
# What comes out of a decoder, in few words.
_OUTPUTS = {
    "pixels": "pixels",
    "normalised_patches": "normalised\npixels",
    "high_pass": "image,\nno blur",
    "gradient_histograms": "gradient\nhistograms",
}
# What is predicted, in a word or two.
_AIMS = {
    "pixels": "pixels",
    "normalised_patches": "normalised pixels",
    "high_pass": "image without its blur",
    "gradient_histograms": "gradient histograms",
}
_LOSSES = {
    "mean_squared_error": "the mean squared error",
    "mean_absolute_error": "the mean absolute error",
    "binary_crossentropy": "the binary cross entropy",
    "huber": "the Huber loss",
}


def name_task(config: Mapping[str, Any], *, with_mask: bool = True) -> str:
    """Return what an autoencoder of this configuration learns to do, as a verb with its object.

    Args:
        config: of an autoencoder.
        with_mask: say how large the part is that it predicts, if it does not predict all.
    """
    if predicts_part(config):
        target = TARGETS[config["target"]]
        where = "what is hidden from it" if hides_parts(config) else "a part of what it sees"
        mask = f": {tell_mask(config)}" if with_mask else ""
        return f"predict the {target} in {where}{mask}"
    source = "its input"
    if config["gaussian_noise_input"]:
        deviation = config["gaussian_noise_stddev"]
        source = f"an image from itself with noise of standard deviation {deviation:g} on it"
    return f"reconstruct {source} by {_LOSSES.get(config['loss'], config['loss'])}"


def name_aim(config: Mapping[str, Any]) -> str:
    """Return what an autoencoder of this configuration predicts, and whether it sees it."""
    if hides_parts(config):
        where = "hidden"
    else:
        where = "under noise" if config["gaussian_noise_input"] else "in sight"
    return f"{_AIMS[config.get('target', 'pixels')]}, {where}"


def predicts_part(config: Mapping[str, Any]) -> bool:
    """Return whether an autoencoder of this configuration predicts a part of the image alone."""
    return config.get("mask_ratio", 0) > 0


def hides_parts(config: Mapping[str, Any]) -> bool:
    """Return whether parts of the image are hidden from an encoder of this configuration."""
    return predicts_part(config) and config.get("mask_input", True)


def name_output(config: Mapping[str, Any]) -> str:
    """Return what the decoder of an autoencoder of this configuration gives out."""
    return _OUTPUTS[config["target"]] if predicts_part(config) else "image"


def read_autoencoder(config: Mapping[str, Any]) -> AutoencoderConfig:
    """Return the configuration, with the defaults of keys that came after it was written.

    What an older or a later version calls by a key that is none here is left out.
    """
    known = {key: config[key] for key in config.keys() & AutoencoderConfig.model_fields.keys()}
    return AutoencoderConfig.model_validate(known)


def tell_mask(config: Mapping[str, Any]) -> str:
    """Return how much of an image is predicted, in whole squares."""
    mask = read_autoencoder(config)
    height, width, _ = mask.image_shape
    hidden, squares = mask.count_hidden(height, width), mask.count_patches(height, width)
    side = mask.mask_patch_size
    return (
        f"{hidden} of the {squares} squares of {side} {TIMES} {side} pixels in an image "
        f"({100 * hidden / squares:.3g}%)"
    )
