"""The convolution of an upsampled image equals upsampling and then convolving."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cae.models.upsampling import UpsampledConv2d

# channels in, channels out, height, width: square, not, a single pixel, a single channel.
SHAPES = [(3, 2, 4, 4), (2, 5, 3, 6), (4, 3, 1, 1), (1, 1, 2, 1), (8, 16, 8, 8)]


def make_layer(channels_in: int, channels_out: int, *, dtype=torch.float64) -> UpsampledConv2d:
    torch.manual_seed(0)
    return UpsampledConv2d(channels_in, channels_out).to(dtype)


def draw(channels: int, height: int, width: int, *, dtype=torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, channels, height, width, generator=generator, dtype=dtype)


def upsample_and_convolve(x: Tensor, layer: nn.Conv2d) -> Tensor:
    enlarged = F.interpolate(x, scale_factor=2, mode="nearest")
    return F.conv2d(enlarged, layer.weight, layer.bias, padding=1)


@pytest.mark.parametrize(("channels_in", "channels_out", "height", "width"), SHAPES)
def test_it_equals_upsampling_first(channels_in, channels_out, height, width):
    layer, x = make_layer(channels_in, channels_out), draw(channels_in, height, width)
    y = layer(x)
    assert y.shape == (2, channels_out, 2 * height, 2 * width)
    torch.testing.assert_close(y, upsample_and_convolve(x, layer), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("channels_in", "channels_out", "height", "width"), SHAPES)
def test_its_gradients_equal_those_of_upsampling_first(channels_in, channels_out, height, width):
    layer, x = make_layer(channels_in, channels_out), draw(channels_in, height, width)
    x.requires_grad_()
    direction = draw(channels_out, 2 * height, 2 * width)
    assert layer.bias is not None
    wanted = (x, layer.weight, layer.bias)
    found = torch.autograd.grad((layer(x) * direction).sum(), wanted)
    expected = torch.autograd.grad((upsample_and_convolve(x, layer) * direction).sum(), wanted)
    for gradient, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, reference, rtol=0, atol=1e-10)


def test_its_parameters_are_those_of_a_3x3_convolution():
    ours, usual = make_layer(3, 2), nn.Conv2d(3, 2, kernel_size=3, padding=1)
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: value.shape for name, value in usual.state_dict().items()
    }


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("weights", [torch.channels_last, torch.contiguous_format])
def test_the_layouts_of_image_and_weights_change_no_value(layout, weights):
    layer, x = make_layer(3, 4), draw(3, 5, 6)
    expected = upsample_and_convolve(x, layer)
    layer.weight.data = layer.weight.data.contiguous(memory_format=weights)
    y = layer(x.contiguous(memory_format=layout))
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_what_follows_may_change_its_output_in_place():
    layer, x = make_layer(2, 3), draw(2, 3, 3).requires_grad_()
    F.relu_(layer(x)).sum().backward()
    expected = torch.autograd.grad(upsample_and_convolve(x, layer).relu().sum(), x)[0]
    assert x.grad is not None
    torch.testing.assert_close(x.grad, expected, rtol=0, atol=1e-12)


def test_in_bfloat16_it_is_as_close_as_upsampling_first_is():
    layer, x = make_layer(16, 8, dtype=torch.float32), draw(16, 8, 8, dtype=torch.float32)
    exact = upsample_and_convolve(x.double(), layer.double())
    layer.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, usual = layer(x), upsample_and_convolve(x, layer)
    assert ours.dtype == torch.bfloat16

    def measure_error(y: Tensor) -> float:
        return (y.double() - exact).square().mean().sqrt().item()

    assert measure_error(ours) < 1.2 * measure_error(usual)
