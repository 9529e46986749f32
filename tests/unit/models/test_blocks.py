"""The layers do what Keras's do: dropout, noise, batch norm, Glorot's weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from cae.models.blocks import (
    ByteDropout,
    ConvUnit,
    GaussianNoise,
    count_parameters,
    initialise,
    is_switched_off,
    make_batch_norm_1d,
    make_batch_norm_2d,
)
from cae.models.visible import Visible

RATES = [0.1, 0.2, 0.4, 0.5, 0.9]
FEATURES = (16, 32, 20, 20)  # 204,800 elements
DEVIATIONS = 5  # one fair draw in two million lies further from its expectation


def draw_mask(rate: float, *, shape: tuple[int, ...] = FEATURES, seed: int = 0) -> torch.Tensor:
    """Return what dropout makes of ones in NHWC, as the training's features are."""
    torch.manual_seed(seed)
    ones = torch.ones(shape).contiguous(memory_format=torch.channels_last)
    return ByteDropout(rate).train()(ones)


@pytest.mark.parametrize("rate", RATES)
def test_dropout_drops_at_its_rate(rate):
    dropped = (draw_mask(rate) == 0).double()
    deviation = math.sqrt(rate * (1 - rate) / dropped.numel())
    # The rate itself is rounded to the nearest of 256 parts.
    assert abs(dropped.mean().item() - rate) < 1 / 512 + DEVIATIONS * deviation
    exact = round(rate * 256) / 256
    assert abs(dropped.mean().item() - exact) < DEVIATIONS * deviation


@pytest.mark.parametrize("rate", RATES)
def test_dropout_keeps_the_expectation(rate):
    mask = draw_mask(rate)
    exact = round(rate * 256) / 256
    assert set(mask.unique().tolist()) == {0, np.float32(1 / (1 - exact))}
    deviation = math.sqrt(exact / (1 - exact) / mask.numel())
    assert abs(mask.double().mean().item() - 1) < DEVIATIONS * deviation


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_every_channel_and_every_place_is_dropped_alike(rate):
    dropped = (draw_mask(rate) == 0).double()
    exact = round(rate * 256) / 256
    for kept in ((0,), (1,), (2,), (3,)):
        others = [axis for axis in range(4) if axis not in kept]
        shares = dropped.mean(dim=others)
        count = dropped.numel() / shares.numel()
        deviation = math.sqrt(exact * (1 - exact) / count)
        assert (shares - exact).abs().max() < DEVIATIONS * deviation


@pytest.mark.parametrize("rate", [0.2, 0.5])
@pytest.mark.parametrize("lag", [1, 2, 4, 7, 8, 9, 16, 32, 640])
def test_elements_that_are_neighbours_in_memory_are_dropped_independently(rate, lag):
    """Lag 1 is the next channel, 32 the next place in the row, 640 the next row; 8 bytes a word."""
    flat = (draw_mask(rate) == 0).permute(0, 2, 3, 1).flatten().double()
    both = (flat[:-lag] * flat[lag:]).mean().item()
    exact = round(rate * 256) / 256
    square = exact**2
    # Overlapping pairs share an element: their covariance widens the interval.
    variance = (square * (1 - square) + 2 * exact**3 * (1 - exact)) / (flat.numel() - lag)
    assert abs(both - square) < DEVIATIONS * math.sqrt(variance)


def test_dropout_is_drawn_anew_at_each_call_and_repeats_with_the_seed():
    torch.manual_seed(0)
    layer, ones = ByteDropout(0.5).train(), torch.ones(1000)
    first, second = layer(ones), layer(ones)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(layer(ones), first)


def test_the_gradient_of_dropout_is_its_mask():
    torch.manual_seed(0)
    x = torch.rand(FEATURES).add_(1).requires_grad_()
    y = ByteDropout(0.4).train()(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad != 0, y != 0)
    assert torch.equal(y, x * x.grad)


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True), (0.001, True)])
def test_dropout_returns_its_input_itself_when_it_drops_nothing(rate, training):
    x = torch.rand(3, 4)
    assert ByteDropout(rate).train(training)(x) is x


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_keeps_layout_and_type(layout, dtype):
    x = torch.rand(2, 3, 4, 5).to(dtype).contiguous(memory_format=layout)
    y = ByteDropout(0.3).train()(x)
    assert y.is_contiguous(memory_format=layout)
    assert y.dtype == dtype
    kept = y != 0
    assert torch.allclose(y[kept].float(), x[kept].float() * 256 / 179, rtol=0.01)


@pytest.mark.parametrize("count", range(1, 18))
def test_dropout_of_few_elements_needs_no_whole_words(count):
    assert ByteDropout(0.5).train()(torch.ones(count)).shape == (count,)


def test_dropout_of_a_view_with_gaps_leaves_the_rest_alone():
    whole = torch.ones(8, 8)
    y = ByteDropout(0.5).train()(whole[:, ::2])
    assert set(y.unique().tolist()) == {0, 2}
    assert torch.equal(whole, torch.ones(8, 8))


def test_the_highest_rates_stay_finite():
    assert draw_mask(0.9999).max().item() == 256


@pytest.mark.parametrize("stddev", [0.1, 0.5])
def test_noise_has_its_deviation_and_no_mean(stddev):
    torch.manual_seed(0)
    x = torch.rand(FEATURES)
    noise = (GaussianNoise(stddev).train()(x) - x).double()
    count = noise.numel()
    assert abs(noise.mean().item()) < DEVIATIONS * stddev / math.sqrt(count)
    assert abs(noise.std().item() / stddev - 1) < DEVIATIONS / math.sqrt(2 * count)
    kurtosis = (noise / stddev).pow(4).mean().item()  # 3 only for a Gaussian
    assert abs(kurtosis - 3) < DEVIATIONS * math.sqrt(96 / count)


@pytest.mark.parametrize(("stddev", "training"), [(0.5, False), (0.0, True)])
def test_noise_returns_its_input_itself_when_it_adds_nothing(stddev, training):
    x = torch.rand(3, 4)
    assert GaussianNoise(stddev).train(training)(x) is x


def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the 3x3 convolution with padding "same", written out."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = x.shape[2:]
    return bias[None, :, None, None] + sum(
        np.einsum("nchw,dc->ndhw", padded[:, :, i : i + height, j : j + width], weight[:, :, i, j])
        for i in range(3)
        for j in range(3)
    )


def test_a_unit_is_convolution_then_relu_then_batch_norm():
    random = np.random.default_rng(0)
    x, weight = random.normal(size=(2, 3, 6, 5)), random.normal(size=(4, 3, 3, 3))
    bias, gain, shift, mean = random.normal(size=(4, 4))
    variance = random.uniform(0.5, 2, size=4)

    unit = ConvUnit(3, 4, batch_norm=True).double().eval()
    assert isinstance(unit.norm, nn.BatchNorm2d)
    values = {
        "conv.weight": weight,
        "conv.bias": bias,
        "norm.weight": gain,
        "norm.bias": shift,
        "norm.running_mean": mean,
        "norm.running_var": variance,
    }
    state = {name: torch.from_numpy(value) for name, value in values.items()}
    unit.load_state_dict(state | {"norm.num_batches_tracked": torch.tensor(0)})
    activities: list[torch.Tensor] = []
    y = unit(torch.from_numpy(x), activities)

    activity = np.maximum(convolve(x, weight, bias), 0)
    gain, shift, mean, variance = (v[:, None, None] for v in (gain, shift, mean, variance))
    expected = gain * (activity - mean) / np.sqrt(variance + 1e-3) + shift
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    assert len(activities) == 1
    np.testing.assert_allclose(activities[0].detach().numpy(), activity, rtol=1e-9, atol=1e-12)


def test_a_unit_adds_its_noise_last_and_only_in_training():
    torch.manual_seed(0)
    unit = ConvUnit(1, 1, batch_norm=False, noise_stddev=0.5)
    for parameter in unit.parameters():
        nn.init.zeros_(parameter)
    x = torch.rand(50, 1, 20, 20)
    assert not unit.eval()(x).any()
    noise = unit.train()(x)  # after the ReLU, or it would have no negative values
    assert abs(noise.mean().item()) < DEVIATIONS * 0.5 / math.sqrt(x.numel())
    assert abs(noise.std().item() / 0.5 - 1) < DEVIATIONS / math.sqrt(2 * x.numel())


@pytest.mark.parametrize(
    ("norm", "shape"),
    [(make_batch_norm_2d(3), (8, 3, 4, 4)), (make_batch_norm_1d(3), (8, 3))],
)
def test_batch_norm_moves_its_averages_by_one_hundredth_as_keras_does(norm, shape):
    torch.manual_seed(0)
    x = torch.rand(shape) * 5 + 2
    norm.train()(x)
    axes = [axis for axis in range(len(shape)) if axis != 1]
    torch.testing.assert_close(norm.running_mean, 0.01 * x.mean(dim=axes))
    torch.testing.assert_close(norm.running_var, 0.99 + 0.01 * x.var(dim=axes))
    assert norm.eps == 1e-3


@pytest.mark.parametrize(
    ("layer", "fans"),
    [
        (nn.Conv2d(3, 32, 3), 9 * 3 + 9 * 32),
        (nn.Conv2d(64, 128, 3), 9 * 64 + 9 * 128),
        (nn.Linear(512, 128), 512 + 128),
    ],
)
def test_weights_are_glorots_uniform_and_biases_zero(layer, fans):
    initialise(layer, seed=1)
    bound, weights = math.sqrt(6 / fans), layer.weight.detach().double()
    count = weights.numel()
    assert 0.98 * bound < weights.abs().max().item() <= bound * (1 + 1e-6)
    assert abs(weights.mean().item()) < DEVIATIONS * bound / math.sqrt(3 * count)
    # The variance of x^2 is 4/45 for a uniform x in [-1, 1].
    square = (weights / bound).square().mean().item()
    assert abs(square - 1 / 3) < DEVIATIONS * math.sqrt(4 / 45 / count)
    assert not layer.bias.any()


def test_weights_are_a_function_of_the_seed_alone():
    first, second, third = nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3)
    state = torch.get_rng_state()
    for layer, seed in ((first, 1), (second, 1), (third, 2)):
        initialise(layer, seed=seed)
    assert torch.equal(first.weight, second.weight)
    assert not torch.equal(first.weight, third.weight)
    assert torch.equal(torch.get_rng_state(), state)


def test_parameters_are_counted_as_keras_counts_them():
    """Batch norm has four numbers a channel: gain, shift, moving mean and moving variance."""
    conv, norm = nn.Conv2d(3, 32, 3), make_batch_norm_2d(32)
    assert count_parameters(conv) == 3 * 3 * 3 * 32 + 32
    assert count_parameters(norm) == 4 * 32
    assert count_parameters([conv, norm]) == 896 + 128


@pytest.mark.parametrize("layer", [GaussianNoise, ByteDropout])
def test_a_layer_that_is_switched_off_changes_nothing_in_training(layer):
    x = torch.ones(4, 8)
    for rate in (0.0, 0.5):
        built = layer(rate).train()
        assert is_switched_off(built) is torch.equal(built(x), x) is (rate == 0)
    assert is_switched_off(nn.Identity())
    assert is_switched_off(nn.Sequential())
    assert not is_switched_off(nn.ReLU())


def test_noise_is_only_where_something_is_seen():
    mask = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    noise = GaussianNoise(0.5).train()(torch.zeros(1, 9, 1, 2), Visible(mask))
    assert (noise[..., 0] != 0).all()
    assert not noise[..., 1].any()
