"""Masks hide whole patches, and what is hidden is predicted."""

from __future__ import annotations

import pytest
import torch

from cae.config import AutoencoderConfig
from cae.models.masking import PatchDecoder, draw_visible

CONFIG = AutoencoderConfig(image_shape=(16, 24, 3), mask_ratio=0.5)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_mask_hides_whole_patches_as_many_of_every_image():
    visible = draw_visible(CONFIG, draw(5, 3, 16, 24))
    patches = visible.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4)
    assert patches.shape == (5, 1, 4, 6, 16)
    assert torch.equal(patches.amin(-1), patches.amax(-1))
    assert (patches[..., 0] == 0).sum(dim=(1, 2, 3)).tolist() == [12] * 5
    assert not torch.equal(visible[0], visible[1])


def test_a_mask_is_a_function_of_its_generator():
    images = draw(5, 3, 16, 24)
    masks = [
        draw_visible(CONFIG, images, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)
    ]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


@pytest.mark.parametrize(
    ("target", "patch", "shape"),
    [
        ("pixels", 4, (3, 16, 24)),
        ("pixels", 8, (3, 16, 24)),
        ("pixels", 2, (3, 16, 24)),
        ("gradient_histograms", 8, (27, 4, 6)),
    ],
)
def test_the_decoder_predicts_the_targets_shape(target, patch, shape):
    config = CONFIG.model_copy(update={"target": target, "mask_patch_size": patch})
    decoder = PatchDecoder(config)
    features = draw(2, *[config.encoding_shape[2], *config.encoding_shape[:2]])
    assert decoder(features).shape == (2, *shape)
    half = decoder(features, size=(8, 16))
    assert half.shape[2:] == (shape[1] // 2, shape[2] * 2 // 3)
