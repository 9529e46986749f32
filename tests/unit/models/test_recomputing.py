"""What is computed again is the same to the last bit, and was not kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cae.config import AutoencoderConfig
from cae.models import recomputing
from cae.models.autoencoder import make_autoencoder
from cae.models.recomputing import compute_gelu, compute_norm_and_gelu, keeping_features
from cae.models.visible import Visible

CONFIG = AutoencoderConfig(
    image_shape=(16, 16, 3),
    encoder="whitened",
    conv_blocks=2,
    filters_per_block=(4, 6),
    dropout=False,
)


@pytest.fixture
def always(monkeypatch):
    """Let features of any size be worth it."""
    monkeypatch.setattr(recomputing, "_WORTH_RECOMPUTING", 0)


def draw(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.usefixtures("always")
def test_features_are_asked_for_again_in_the_backward_pass_alone():
    x, asked = draw(2, 3).requires_grad_(), []

    def recompute():
        asked.append(torch.is_grad_enabled())
        return x + 1  # Others, which shows that the first are not used again.

    y = compute_gelu(x, recompute)
    assert torch.equal(y, nn.functional.gelu(x))
    assert asked == []
    (found,) = torch.autograd.grad(y.sum(), x)
    assert asked == [False]
    other = (x.detach() + 1).requires_grad_()
    (expected,) = torch.autograd.grad(nn.functional.gelu(other).sum(), other)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("wanted", [True, False])
def test_small_features_are_kept_as_ever(wanted):
    def recompute():
        raise AssertionError

    y = compute_gelu(draw(2, 3).requires_grad_(wanted), recompute)
    if wanted:
        y.sum().backward()


@pytest.mark.usefixtures("always")
def test_operations_that_are_counted_are_counted_once():
    def recompute():
        raise AssertionError

    with keeping_features():
        y = compute_gelu(draw(2, 3).requires_grad_(), recompute)
    y.sum().backward()


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("mode", ["train", "eval", "no norm"])
def test_batch_norm_follows_each_batch_once(mode):
    found = []
    for compute in (compute_norm_and_gelu, lambda norm, x: nn.functional.gelu(norm(x))):
        norm = nn.Identity() if mode == "no norm" else nn.BatchNorm2d(3).train(mode == "train")
        x = draw(4, 3, 2, 2).requires_grad_()
        y = compute(norm, x)
        y.square().sum().backward()
        found.append([y, x.grad, *norm.state_dict().values()])
        found[-1] += [weight.grad for weight in norm.parameters()]
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("masked", [True, False])
def test_an_encoder_learns_the_same_to_the_last_bit(monkeypatch, dtype, masked):
    found = []
    for worth in (2**40, 0):
        monkeypatch.setattr(recomputing, "_WORTH_RECOMPUTING", worth)
        encoder = make_autoencoder(CONFIG).encoder.train()
        images = draw(6, 3, 16, 16).contiguous(memory_format=torch.channels_last)
        encoder.begin_from(images)
        mask = (draw(6, 1, 16, 16) > 0.2).float() if masked else None
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            features, _ = encoder.see(images, Visible(mask))
        assert features.dtype == dtype
        features.float().square().sum().backward()
        weights = [weight.grad for weight in encoder.parameters() if weight.requires_grad]
        assert all(weight is not None and weight.any() for weight in weights)
        found.append([features, *weights, *encoder.state_dict().values()])
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))
