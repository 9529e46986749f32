"""The residual autoencoder begins as principal components, and learns what they leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from cae.config import AutoencoderConfig
from cae.models.autoencoder import make_autoencoder


def make(code: int):
    config = AutoencoderConfig(
        encoder="residual", image_shape=(8, 12, 3), filters_per_block=(6, 8, code), dropout=False
    )
    return make_autoencoder(config), config


def draw_images(count: int = 60) -> torch.Tensor:
    noise = torch.rand(count, 3, 10, 14, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.avg_pool2d(noise, 3, stride=1)


def to_patches(images: np.ndarray) -> np.ndarray:
    count, channels, height, width = images.shape
    cut = images.reshape(count, channels, height // 4, 4, width // 4, 4)
    return cut.transpose(0, 2, 4, 1, 3, 5).reshape(-1, channels * 16)


def test_it_begins_as_the_best_linear_code():
    model, _ = make(5)
    images = draw_images()
    model.begin_from(images)
    with torch.no_grad():
        found = to_patches(model.train()(images).numpy())
    # scikit-learn takes off each pixel's mean, and this each channel's: alike on this noise.
    patches = to_patches(images.numpy())
    pca = PCA(5).fit(patches)
    expected = pca.inverse_transform(pca.transform(patches))
    errors = [((each - patches) ** 2).mean() for each in (found, expected)]
    assert errors[0] == pytest.approx(errors[1], rel=0.02)


def test_a_code_as_large_as_the_patch_loses_nothing():
    model, _ = make(50)
    images = draw_images()
    model.begin_from(images)
    torch.testing.assert_close(model.eval()(images), images, atol=1e-4, rtol=0)


def test_both_paths_are_trained():
    model, _ = make(5)
    images = draw_images()
    model.begin_from(images)
    (model.train()(images) - images).square().mean().backward()
    untouched = [
        name
        for name, value in model.named_parameters()
        if value.grad is None or not value.grad.isfinite().all()
    ]
    assert untouched == []
    # What begins at zero is where learning begins: it has a gradient at once.
    decoder: Any = model.decoder
    last = decoder.levels[-1][-1].weight
    assert last.abs().max() == 0
    assert last.grad.abs().max() > 0


def test_outside_training_pixels_stay_in_their_range():
    model, config = make(5)
    images = draw_images()
    model.begin_from(images)
    wild = 10 * torch.randn(2, 5, 2, 3, generator=torch.Generator().manual_seed(0))
    decoded = model.eval().decode(wild)
    assert (decoded.min(), decoded.max()) == (0, 1)
    assert config.encoding_shape == (2, 3, 5)
