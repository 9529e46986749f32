"""What an autoencoder learns is told by the keys that decide it."""

from __future__ import annotations

from typing import Any

import pytest

from cae.config import AutoencoderConfig, dump
from cae.report.tasks import name_output, name_task


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "reconstruct its input by the mean squared error"),
        (
            {"gaussian_noise_input": True, "gaussian_noise_stddev": 0.2},
            "reconstruct an image from itself with noise of standard deviation 0.2 on it by the "
            "mean squared error",
        ),
        # Noise whose switch is off is none.
        ({"gaussian_noise_stddev": 0.2}, "reconstruct its input by the mean squared error"),
        (
            {"mask_ratio": 0.5, "target": "high_pass"},
            "predict the image without its blur in what is hidden from it: 32 of the 64 squares of "
            "4 pixels in an image (50%)",
        ),
        # There is no half of a square.
        (
            {"mask_ratio": 0.6, "mask_patch_size": 8},
            "predict the pixels in what is hidden from it: 10 of the 16 squares of 8 pixels in an "
            "image (62.5%; 60% asked for)",
        ),
    ],
    ids=["plain", "denoising", "noise off", "masked", "rounded"],
)
def test_the_task_is_named(keys: dict[str, Any], words: str):
    assert name_task(dump(AutoencoderConfig(**keys))) == words


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "image"),
        ({"mask_ratio": 0.5}, "pixels"),
        ({"mask_ratio": 0.5, "target": "gradient_histograms"}, "gradient\nhistograms"),
    ],
)
def test_what_a_decoder_gives_out_is_named(keys: dict[str, Any], words: str):
    assert name_output(dump(AutoencoderConfig(**keys))) == words
