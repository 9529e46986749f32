"""What holds of every encoder: its sizes, and that it sees nothing of what is hidden."""

from __future__ import annotations

import pytest
import torch

from cae.config import AutoencoderConfig
from cae.models.autoencoder import make_autoencoder
from cae.models.masking import draw_visible
from cae.models.visible import Visible

KINDS = ("origin", "whitened", "residual")


def make(kind: str, **keys):
    config = AutoencoderConfig.model_validate(
        {"encoder": kind, "image_shape": (16, 24, 3), "init_num_filters": 4, "dropout": False}
        | keys
    )
    model = make_autoencoder(config)
    model.begin_from(draw_images(40, config))
    return model, config


def draw_images(count: int, config: AutoencoderConfig, *, seed: int = 0) -> torch.Tensor:
    height, width, channels = config.image_shape
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, height, width, generator=generator)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blocks", [2, 3])
def test_features_have_the_size_that_the_configuration_says(kind, blocks):
    model, config = make(kind, conv_blocks=blocks)
    height, width, filters = config.encoding_shape
    features = model.encode(draw_images(2, config))
    assert features.shape == (2, filters, height, width)
    assert (model.encoder.num_features, model.encoder.feature_size) == (filters, (height, width))


@pytest.mark.parametrize("kind", KINDS)
def test_every_convolutions_activation_is_told(kind):
    model, config = make(kind)
    activities: list[torch.Tensor] = []
    model.encode(draw_images(2, config), activities)
    assert len(activities) == {"origin": 6, "whitened": 6, "residual": 3}[kind]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["origin", "whitened"])
def test_nothing_hidden_reaches_the_prediction(kind, training):
    model, config = make(kind, mask_ratio=0.5)
    images = draw_images(6, config)
    generator = torch.Generator().manual_seed(1)
    visible = draw_visible(config, images, generator=generator)
    changed = torch.where(visible > 0, images, draw_images(6, config, seed=2))
    assert not torch.equal(images, changed)
    model.train(training)
    torch.testing.assert_close(
        model.predict_hidden(images, visible), model.predict_hidden(changed, visible)
    )
    # And it does depend on what is seen.
    other = torch.where(visible > 0, draw_images(6, config, seed=3), images)
    difference = model.predict_hidden(images, visible) - model.predict_hidden(other, visible)
    assert difference.abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["origin", "whitened"])
def test_what_is_in_sight_is_predicted_from_whole_images(kind):
    model, config = make(kind, mask_ratio=0.5, mask_input=False)
    images = draw_images(6, config)
    masks = [
        draw_visible(config, images, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 2)
    ]
    assert not torch.equal(*masks)
    model.eval()
    assert torch.equal(*(model.predict_hidden(images, visible) for visible in masks))
    # What it is held against is of the same places as with the images hidden.
    _, wanted, hidden = model.compare_hidden(images, masks[0])
    assert torch.equal(hidden, 1 - masks[0])
    assert torch.equal(wanted, images * hidden)


@pytest.mark.parametrize("noisy", [True, False])
@pytest.mark.parametrize("kind", ["origin", "whitened"])
def test_features_are_of_what_is_seen_and_zero_elsewhere(kind, noisy):
    model, config = make(kind, mask_ratio=0.8, conv_blocks=2, gaussian_noise_hidden=noisy)
    images = draw_images(3, config)
    visible = draw_visible(config, images, generator=torch.Generator().manual_seed(1))
    features, behind = model.encoder.see(images, Visible(visible))
    seen = behind.mask
    assert seen is not None
    assert seen.shape == (3, 1, *features.shape[2:])
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    assert (features * (1 - seen)).abs().max() == 0
    assert (features * seen).abs().max() > 0
