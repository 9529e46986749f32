"""Targets are what their papers say, computed here once more in plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cae.config import AutoencoderConfig
from cae.models.targets import (
    choose_cell,
    compute_gradient_histograms,
    fill_hidden,
    make_target,
    shows_pictures,
)


def make_config(target: str, **keys) -> AutoencoderConfig:
    values = {"image_shape": (8, 12, 2), "mask_ratio": 0.5, "target": target} | keys
    return AutoencoderConfig.model_validate(values)


def draw_images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 2, 8, 12, generator=torch.Generator().manual_seed(0))


def build_histogram(image: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return the histogram of one channel's 4x4 cell, vote by vote."""
    padded = np.pad(image, 1, mode="edge")
    votes = np.zeros(9)
    for y in range(row, row + 4):
        for x in range(column, column + 4):
            across = padded[y + 1, x + 2] - padded[y + 1, x]
            down = padded[y + 2, x + 1] - padded[y, x + 1]
            place = math.atan2(down, across) % math.pi / math.pi * 9
            low = math.floor(place)
            votes[low % 9] += math.hypot(across, down) * (1 - (place - low))
            votes[(low + 1) % 9] += math.hypot(across, down) * (place - low)
    votes /= 16
    return (votes / math.sqrt((votes**2).sum() + 1e-3) - 0.25) * 4


def test_gradient_histograms_are_votes_for_directions_cell_by_cell():
    images = draw_images()
    found = compute_gradient_histograms(images, cell=4)
    assert found.shape == (3, 18, 2, 3)
    for image in range(3):
        for channel in range(2):
            expected = build_histogram(images[image, channel].double().numpy(), 4, 8)
            votes = found[image, 9 * channel : 9 * (channel + 1), 1, 2]
            np.testing.assert_allclose(votes.numpy(), expected, atol=2e-4)


def test_a_flat_image_has_no_direction():
    assert torch.equal(
        compute_gradient_histograms(torch.full((1, 1, 4, 4), 0.3), cell=4),
        torch.full((1, 9, 1, 1), -1.0),
    )


def test_normalised_patches_have_no_mean_and_unit_variance():
    config = make_config("normalised_patches")
    target = make_target(draw_images(), config)
    patches = target.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).flatten(3)
    torch.testing.assert_close(patches.mean(-1), torch.zeros(3, 2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        patches.var(-1, correction=0), torch.ones(3, 2, 3), atol=5e-3, rtol=0
    )


def test_high_pass_leaves_nothing_of_a_flat_image():
    config = make_config("high_pass")
    flat = torch.full((1, 2, 8, 12), 0.7)
    torch.testing.assert_close(make_target(flat, config), torch.zeros_like(flat))
    assert make_target(draw_images(), config).std() > 0.1


@pytest.mark.parametrize("target", ["pixels", "normalised_patches", "high_pass"])
def test_a_perfect_prediction_gives_the_image_back(target):
    config, images = make_config(target), draw_images()
    visible = torch.zeros(3, 1, 8, 12)
    filled = fill_hidden(make_target(images, config), images, visible, config)
    torch.testing.assert_close(filled, images, atol=1e-5, rtol=0)
    assert shows_pictures(config)


def test_what_was_seen_stays_and_what_cannot_be_shown_is_grey():
    config, images = make_config("gradient_histograms"), draw_images()
    visible = (torch.arange(12) < 6).float().expand(3, 1, 8, 12)
    filled = fill_hidden(make_target(images, config), images, visible, config)
    assert torch.equal(filled[..., :6], images[..., :6])
    assert (filled[..., 6:] == 0.5).all()
    assert not shows_pictures(config)


@pytest.mark.parametrize(("patch", "cell"), [(4, 4), (8, 4), (2, 2), (3, 3)])
def test_cells_are_of_four_pixels_where_patches_are_made_of_them(patch, cell):
    assert choose_cell(AutoencoderConfig(mask_patch_size=patch)) == cell
