"""What is hidden stays zero; statistics are of what is seen, as if it had been gathered."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cae.models.visible import EVERYTHING, Visible


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


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
        monkeypatch.setattr(Visible, "places", torch.zeros(1, dtype=torch.int64))


@pytest.mark.usefixtures("both_ways")
def test_batch_norm_of_the_visible_is_that_of_the_visible_gathered():
    x, visible = draw(4, 5, 6, 6).add(2).requires_grad_(), (draw(4, 1, 6, 6, seed=1) > 0).float()
    norm, reference = make_norms()
    found = Visible(visible).normalise(norm, x)
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
    Visible(visible).normalise(norm, x)
    seen = x.permute(0, 2, 3, 1)[visible[:, 0] > 0]
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, 0.3 * seen.mean(0))
    torch.testing.assert_close(norm.running_var, 0.7 + 0.3 * seen.var(0))
    norm.eval()
    torch.testing.assert_close(Visible(visible).normalise(norm, x), norm(x * visible) * visible)


def test_one_place_alone_has_no_variance():
    x, visible = draw(1, 5, 2, 2).requires_grad_(), torch.zeros(1, 1, 2, 2)
    visible[0, 0, 0, 0] = 1
    norm, _ = make_norms()
    found = Visible(visible).normalise(norm, x)
    found.sum().backward()
    torch.testing.assert_close(found[0, :, 0, 0], norm.bias, rtol=0, atol=1e-3)
    assert x.grad is not None
    assert x.grad.abs().max() < 1e-3


@pytest.mark.usefixtures("both_ways")
def test_where_nothing_is_seen_nothing_comes_out_and_the_statistics_stay():
    x, visible = draw(2, 5, 3, 3).requires_grad_(), torch.zeros(2, 1, 3, 3)
    norm, _ = make_norms()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    found = Visible(visible).normalise(norm, x)
    found.sum().backward()
    assert torch.equal(found, torch.zeros_like(found))
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    for gradient in (x.grad, norm.weight.grad, norm.bias.grad):
        assert gradient is not None
        assert torch.equal(gradient, torch.zeros_like(gradient))


def test_the_layout_of_the_features_is_kept():
    x = draw(4, 5, 6, 6).contiguous(memory_format=torch.channels_last)
    norm, _ = make_norms()
    found = Visible((draw(4, 1, 6, 6, seed=1) > 0).float()).normalise(norm, x)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_without_a_mask_it_is_plain_batch_norm_and_without_batch_norm_the_mask_alone():
    x, visible = draw(4, 5, 6, 6), (draw(4, 1, 6, 6, seed=1) > 0).float()
    norm, _ = make_norms()
    assert torch.equal(EVERYTHING.normalise(norm, x), norm(x))
    assert torch.equal(Visible(visible).normalise(nn.Identity(), x), x * visible)


def test_a_pooled_place_is_seen_if_any_of_its_four_is():
    mask = torch.zeros(1, 1, 5, 4)
    mask[0, 0, 1, 2] = 1
    pooled = Visible(mask).pool()
    assert pooled.mask is not None
    assert pooled.mask.tolist() == [[[[0, 1], [0, 0]]]]
    assert EVERYTHING.pool().mask is None


def test_a_patch_is_seen_if_all_of_it_is():
    mask = torch.ones(1, 1, 3, 4)
    mask[0, 0, 0, 1] = 0
    eroded = Visible(mask).erode(2)
    assert eroded.mask is not None
    assert eroded.mask.tolist() == [[[[0, 0, 1], [1, 1, 1]]]]
    assert EVERYTHING.erode(2).mask is None


def test_the_places_that_are_seen_are_counted_over_the_batch():
    mask = torch.zeros(2, 1, 2, 3)
    mask[0, 0, 0, 1] = mask[1, 0, 1, 2] = 1
    visible = Visible(mask)
    assert visible.places.tolist() == [1, 11]
    assert visible.places is visible.places  # looked up once
