"""Masks hide whole patches; statistics are of what is seen, as if it had been gathered."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cae.config import AutoencoderConfig
from cae.models import masking
from cae.models.masking import PatchDecoder, draw_visible, normalise, pool_visible

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


def make_norms() -> tuple[nn.BatchNorm2d, nn.BatchNorm1d]:
    norm, reference = nn.BatchNorm2d(5, momentum=0.3), nn.BatchNorm1d(5, momentum=0.3)
    for each in (norm, reference):
        with torch.no_grad():
            each.weight.copy_(draw(5, seed=3))
            each.bias.copy_(draw(5, seed=4))
    return norm, reference


@pytest.fixture(params=["gathered", "in place"])
def both_ways(request, monkeypatch):
    """On the CPU the visible places are gathered; in a CUDA graph they cannot be."""
    if request.param == "in place":
        monkeypatch.setattr(masking, "_norm_gathered", masking._norm_in_place)


@pytest.mark.usefixtures("both_ways")
def test_batch_norm_of_the_visible_is_that_of_the_visible_gathered():
    x, visible = draw(4, 5, 6, 6).add(2).requires_grad_(), (draw(4, 1, 6, 6, seed=1) > 0).float()
    norm, reference = make_norms()
    found = normalise(norm, x, visible)
    rows = x.permute(0, 2, 3, 1)[visible[:, 0] > 0]
    expected = reference(rows)
    assert (found * (1 - visible)).abs().max() == 0
    torch.testing.assert_close(
        found.permute(0, 2, 3, 1)[visible[:, 0] > 0], expected, rtol=1e-4, atol=1e-4
    )
    weights = draw(*expected.shape, seed=5)
    gradients = [
        torch.autograd.grad((each * weights).sum(), (x, *layer.parameters()), retain_graph=True)
        for each, layer in (
            (found.permute(0, 2, 3, 1)[visible[:, 0] > 0], norm),
            (expected, reference),
        )
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("both_ways")
def test_running_statistics_are_of_the_visible_and_used_in_evaluation():
    x, visible = draw(4, 5, 6, 6).add(2), (draw(4, 1, 6, 6, seed=1) > 0).float()
    norm, _ = make_norms()
    normalise(norm, x, visible)
    seen = x.permute(0, 2, 3, 1)[visible[:, 0] > 0]
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, 0.3 * seen.mean(0))
    torch.testing.assert_close(norm.running_var, 0.7 + 0.3 * seen.var(0))
    norm.eval()
    torch.testing.assert_close(normalise(norm, x, visible), norm(x * visible) * visible)


def test_one_place_alone_has_no_variance():
    x, visible = draw(1, 5, 2, 2).requires_grad_(), torch.zeros(1, 1, 2, 2)
    visible[0, 0, 0, 0] = 1
    norm, _ = make_norms()
    found = normalise(norm, x, visible)
    found.sum().backward()
    torch.testing.assert_close(found[0, :, 0, 0], norm.bias, rtol=0, atol=1e-3)
    assert x.grad is not None
    assert x.grad.abs().max() < 1e-3


def test_the_layout_of_the_features_is_kept():
    x = draw(4, 5, 6, 6).contiguous(memory_format=torch.channels_last)
    norm, _ = make_norms()
    found = normalise(norm, x, (draw(4, 1, 6, 6, seed=1) > 0).float())
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_without_a_mask_it_is_plain_batch_norm_and_without_batch_norm_the_mask_alone():
    x, visible = draw(4, 5, 6, 6), (draw(4, 1, 6, 6, seed=1) > 0).float()
    norm, _ = make_norms()
    assert torch.equal(normalise(norm, x, None), norm(x))
    assert torch.equal(normalise(nn.Identity(), x, visible), x * visible)


def test_a_pooled_place_is_seen_if_any_of_its_four_is():
    visible = torch.zeros(1, 1, 5, 4)
    visible[0, 0, 1, 2] = 1
    pooled = pool_visible(visible)
    assert pooled is not None
    assert pooled.tolist() == [[[[0, 1], [0, 0]]]]
    assert pool_visible(None) is None


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
