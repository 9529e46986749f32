"""What an autoencoder learns to do, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cae.report.phrases import write_percent

TARGETS = {
    "pixels": "pixels",
    "normalised_patches": "pixels, each patch normalised,",
    "high_pass": "image without its blur",
    "gradient_histograms": "histograms of gradient directions",
}
_LOSSES = {
    "mean_squared_error": "the mean squared error",
    "mean_absolute_error": "the mean absolute error",
    "binary_crossentropy": "the binary cross entropy",
    "huber": "the Huber loss",
}


def name_task(config: Mapping[str, Any]) -> str:
    """Return what an autoencoder of this configuration learns to do, as a verb with its object."""
    if config.get("mask_ratio", 0):
        return (
            f"predict the {TARGETS[config['target']]} in what is hidden from it: "
            f"{write_percent(config['mask_ratio'], 0)} of each image, in squares of "
            f"{config['mask_patch_size']} pixels"
        )
    source = "its input"
    if config["gaussian_noise_input"]:
        deviation = config["gaussian_noise_stddev"]
        source = f"an image from itself with noise of standard deviation {deviation:g} on it"
    return f"reconstruct {source} by {_LOSSES.get(config['loss'], config['loss'])}"
