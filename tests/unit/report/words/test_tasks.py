"""What an autoencoder learns is told by the keys that decide it."""

from __future__ import annotations

from typing import Any

import pytest

from cae.config import AutoencoderConfig, dump
from cae.report.phrases import TIMES
from cae.report.words.tasks import name_aim, name_output, name_task


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
            f"4 {TIMES} 4 pixels in an image (50%)",
        ),
        # There is no half of a square.
        (
            {"mask_ratio": 0.6, "mask_patch_size": 8},
            f"predict the pixels in what is hidden from it: 10 of the 16 squares of 8 {TIMES} 8 "
            "pixels in an image (62.5%)",
        ),
        (
            {"mask_ratio": 0.6, "mask_patch_size": 8, "mask_input": False},
            f"predict the pixels in a part of what it sees: 10 of the 16 squares of 8 {TIMES} 8 "
            "pixels in an image (62.5%)",
        ),
        # A patch that this encoder takes and the origin's does not.
        (
            {
                "encoder": "whitened",
                "image_shape": (30, 30, 3),
                "mask_ratio": 0.6,
                "mask_patch_size": 10,
            },
            f"predict the pixels in what is hidden from it: 5 of the 9 squares of 10 {TIMES} 10 "
            "pixels in an image (55.6%)",
        ),
    ],
    ids=["plain", "denoising", "noise off", "masked", "rounded", "in sight", "another encoder"],
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


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "pixels, in sight"),
        ({"gaussian_noise_input": True}, "pixels, under noise"),
        ({"mask_ratio": 0.5}, "pixels, hidden"),
        ({"mask_ratio": 0.5, "target": "high_pass"}, "image without its blur, hidden"),
        (
            {"mask_ratio": 0.5, "target": "gradient_histograms", "mask_input": False},
            "gradient histograms, in sight",
        ),
        # The noise lies on what is seen, and what is predicted is not.
        ({"mask_ratio": 0.5, "gaussian_noise_input": True}, "pixels, hidden"),
    ],
)
def test_what_is_predicted_is_named_and_whether_it_is_seen(keys: dict[str, Any], words: str):
    assert name_aim(dump(AutoencoderConfig(**keys))) == words
