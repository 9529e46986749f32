"""A masked autoencoder is scored by the target, over what was hidden alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cae.config import AutoencoderConfig
from cae.evaluation.masked import evaluate_autoencoder
from cae.evaluation.metrics import evaluate_reconstruction
from cae.evaluation.predict import reconstruct
from cae.models.autoencoder import make_autoencoder
from cae.models.targets import make_target

SHAPE = (16, 16, 3)


def make(**keys):
    return make_autoencoder(AutoencoderConfig(image_shape=SHAPE, init_num_filters=2, **keys))


def test_without_a_mask_the_scores_are_of_the_reconstructions(make_images, float32):
    model, images = make(), make_images(9, height=16, width=16)
    found = reconstruct(model, images, runtime=float32)
    scores = evaluate_autoencoder(model, images, found, runtime=float32)
    assert scores == evaluate_reconstruction(images.images, found)


@pytest.mark.parametrize("target", ["pixels", "normalised_patches", "gradient_histograms"])
def test_the_error_is_of_the_target_over_what_was_hidden(make_images, float32, target):
    model, images = make(mask_ratio=0.75, target=target), make_images(9, height=16, width=16)
    scores = evaluate_autoencoder(
        model, images, reconstruct(model, images, runtime=float32), runtime=float32
    )
    pixels = torch.from_numpy(images.images).float() / 255
    with torch.no_grad():
        visible = model.draw_fixed_mask(pixels)
        predicted = model.eval().predict_hidden(pixels, visible)
    wanted = make_target(pixels, model.config)
    cell = 4 if target == "gradient_histograms" else 1
    hidden = (visible[:, :, ::cell, ::cell] == 0).expand_as(wanted)
    expected = ((predicted - wanted)[hidden] ** 2).mean().item()
    assert scores["target_mse"] == pytest.approx(expected, rel=1e-4)
    assert (scores["target"], scores["hidden_fraction"]) == (target, 0.75)
    assert ("psnr" in scores) == (target != "gradient_histograms")


def test_patches_that_were_in_sight_are_not_called_hidden(make_images, float32):
    images = make_images(9, height=16, width=16)
    scores = {}
    for masked in (True, False):
        model = make(mask_ratio=0.75, mask_input=masked)
        found = reconstruct(model, images, runtime=float32)
        scores[masked] = evaluate_autoencoder(model, images, found, runtime=float32)
    assert scores[False]["predicted_fraction"] == scores[True]["hidden_fraction"] == 0.75
    assert "hidden_fraction" not in scores[False]
    assert scores[False]["target_mse"] != scores[True]["target_mse"]


def test_what_was_seen_is_reconstructed_as_it_is(make_images, float32):
    model, images = make(mask_ratio=0.5), make_images(5, height=16, width=16)
    found = reconstruct(model, images, runtime=float32)
    same = np.isclose(found, images.images / 255, atol=1e-6).all(axis=1)
    assert same.mean() == pytest.approx(0.5, abs=0.02)
