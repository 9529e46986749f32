"""The whitened encoder: its patches are white, its filters begin as the identity."""

from __future__ import annotations

import pytest
import torch

from cae.config import AutoencoderConfig
from cae.models.autoencoder import make_autoencoder
from cae.models.blocks import DiracConv2d
from cae.models.whitened import WhitenedEncoder, Whitening


def draw_smooth(count: int, channels: int = 3) -> torch.Tensor:
    """Return images whose neighbours are alike, as those of photographs are."""
    noise = torch.rand(count, channels, 20, 20, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.avg_pool2d(noise, 5, stride=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_whitened_patches_are_uncorrelated_and_of_unit_variance(channels):
    images = draw_smooth(500, channels)
    stem = Whitening(channels)
    stem.fit(images)
    found = stem(images).detach()
    size = 4 * channels
    assert found.shape == (500, 2 * size, 15, 15)
    torch.testing.assert_close(found[:, size:], -found[:, :size])
    rows = found[:, :size].permute(0, 2, 3, 1).flatten(0, 2).double()
    covariance = rows.T @ rows / len(rows)
    diagonal = covariance.diagonal()
    assert (covariance - torch.diag(diagonal)).abs().max() < 1e-2
    # Directions of hardly any variance are not blown up: they stay below one.
    assert diagonal.max() < 1.01
    assert diagonal[0] == pytest.approx(1, abs=0.01)


def test_a_channel_that_never_changes_divides_by_nothing():
    stem = Whitening(2)
    images = draw_smooth(20, 2)
    images[:, 1] = 0.25
    stem.fit(images)
    assert stem(images).isfinite().all()


def test_directions_that_grey_images_lack_are_filled_with_those_that_they_have():
    grey = draw_smooth(500, 1)
    stem = Whitening(3)
    stem.fit(grey.expand(-1, 3, -1, -1))
    found = stem(grey.expand(-1, 3, -1, -1)).detach()[:, :12].transpose(0, 1).flatten(1)
    # As many directions as a patch of one channel has, each three times, and none that is dead.
    torch.testing.assert_close(found[4:8], found[:4])
    torch.testing.assert_close(found[8:], found[:4])
    assert found.std(dim=1).min() > 0.5
    assert found[:4].corrcoef().sub(torch.eye(4)).abs().max() < 0.02


def test_images_of_one_colour_whiten_to_something_finite():
    stem = Whitening(3)
    images = torch.full((5, 3, 8, 8), 0.5)
    stem.fit(images)
    assert stem(images).isfinite().all()


def test_the_whitening_is_no_parameter_but_its_bias_is():
    encoder = WhitenedEncoder(AutoencoderConfig(encoder="whitened", init_num_filters=4))
    trained = {name for name, value in encoder.named_parameters() if value.requires_grad}
    assert {name for name in trained if name.startswith("stem")} == {"stem.bias"}
    assert {"stem.weight", "stem.mean"} < set(encoder.state_dict())
    assert not any("norms" in name and name.endswith("weight") for name in trained)


def test_filters_begin_as_the_identity_as_far_as_they_go():
    config = AutoencoderConfig(encoder="whitened", filters_per_block=(30, 30, 40))
    model = make_autoencoder(config)
    convs = [layer for layer in model.encoder.modules() if isinstance(layer, DiracConv2d)]
    assert [conv.in_channels for conv in convs] == [24, 30, 30, 30, 30, 40]
    for conv in convs:
        x = torch.rand(1, conv.in_channels, 5, 5)
        torch.testing.assert_close(conv(x)[:, : conv.in_channels], x)
        rest = conv.weight[conv.in_channels :]
        assert len(rest) == 0 or rest.abs().min() < rest.abs().max()


def test_images_of_another_size_are_taken_too():
    encoder = WhitenedEncoder(AutoencoderConfig(encoder="whitened", init_num_filters=4))
    assert encoder(torch.rand(2, 3, 24, 24)).shape == (2, 16, 2, 2)
    assert encoder(torch.rand(2, 3, 32, 32)).shape == (2, 16, 3, 3)
