"""The autoencoder is the origin's for every configuration: layers, sizes, gradients, weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from cae.config import AutoencoderConfig
from cae.models.autoencoder import Autoencoder, make_autoencoder
from cae.models.blocks import count_parameters

README_ENCODER = """
    conv 3>32, norm, conv 32>32, norm, pool, dropout,
    conv 32>64, norm, conv 64>64, norm, pool, dropout,
    conv 64>128, norm, conv 128>128, norm, dropout
"""
README_DECODER = """
    conv 128>128, norm, conv 128>128, norm,
    conv 128>64, norm, conv 64>64, norm, up,
    conv 64>32, norm, conv 32>32, norm, up,
    conv 32>3
"""

# image_shape, conv_blocks, layers_per_block, init_num_filters; then the encoding's
# [height, width, filters], worked out by hand: the first two blocks halve, each doubles.
SIZES = [
    ((32, 32, 3), 3, 2, 32, (8, 8, 128)),
    ((32, 32, 3), 1, 2, 4, (16, 16, 4)),
    ((32, 32, 3), 2, 1, 4, (8, 8, 8)),
    ((16, 24, 1), 3, 2, 4, (4, 6, 16)),
    ((64, 64, 3), 4, 1, 4, (16, 16, 32)),
    ((8, 8, 3), 5, 1, 2, (2, 2, 32)),
    ((4, 4, 1), 3, 3, 6, (1, 1, 24)),
    ((2, 6, 2), 1, 1, 1, (1, 3, 1)),
]


def make_config(shape, blocks, layers, filters, **keys) -> AutoencoderConfig:
    return AutoencoderConfig(
        image_shape=shape,
        conv_blocks=blocks,
        layers_per_block=layers,
        init_num_filters=filters,
        **keys,
    )


def draw_batch(shape: tuple[int, int, int], count: int = 2) -> torch.Tensor:
    height, width, channels = shape
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0))


def split(layers: str) -> list[str]:
    return [layer.strip() for layer in layers.split(",")]


def test_the_readmes_configuration_has_the_origins_layers_in_order(trace_layers):
    model = make_autoencoder(AutoencoderConfig())
    x = draw_batch((32, 32, 3))
    assert trace_layers(model.encoder, x) == split(README_ENCODER)
    assert trace_layers(model, x) == split(README_ENCODER) + split(README_DECODER)
    dropouts = {layer.rate for layer in model.modules() if hasattr(layer, "rate")}
    assert dropouts == {0.2}


def test_noise_regularisers_and_dropout_stay_out_of_the_decoder(trace_layers):
    config = make_config(
        (8, 8, 1), 3, 1, 2, gaussian_noise_input=True, gaussian_noise_hidden=True, batch_norm=True
    )
    layers = trace_layers(make_autoencoder(config), draw_batch((8, 8, 1)))
    assert layers == split(
        "noise, conv 1>2, norm, noise, pool, dropout, conv 2>4, norm, noise, pool, dropout,"
        "conv 4>8, norm, noise, dropout,"
        "conv 8>8, norm, conv 8>4, norm, up, conv 4>2, norm, up, conv 2>1"
    )


def test_without_batch_norm_and_dropout_only_convolutions_and_pools_are_left(trace_layers):
    config = make_config((8, 8, 1), 2, 2, 2, batch_norm=False, dropout=False)
    layers = trace_layers(make_autoencoder(config), draw_batch((8, 8, 1)))
    assert layers == split(
        "conv 1>2, conv 2>2, pool, conv 2>4, conv 4>4, pool,"
        "conv 4>4, conv 4>4, up, conv 4>2, conv 2>2, up, conv 2>1"
    )


@pytest.mark.parametrize(("shape", "blocks", "layers", "filters", "encoding"), SIZES)
@pytest.mark.parametrize("batch_norm", [True, False])
def test_every_size_is_encoded_reconstructed_and_learned(
    shape, blocks, layers, filters, encoding, batch_norm
):
    config = make_config(shape, blocks, layers, filters, batch_norm=batch_norm, dropout=False)
    model = make_autoencoder(config).train()
    x = draw_batch(shape)
    height, width, features = encoding

    encoded = model.encode(x)
    assert encoded.shape == (2, features, height, width)
    assert model.encoder.num_features == features
    assert model.encoder.feature_size == (height, width)
    assert len(model.encoder.convolutions()) == blocks * layers

    y = model.decode(encoded)
    assert y.shape == x.shape
    assert y.dtype == torch.float32
    assert 0 <= y.min() <= y.max() <= 1

    # Weighted unevenly, so that no gradient vanishes behind a batch norm.
    (y * draw_batch(shape) ** 2).sum().backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert not without
    conv_grads = [layer.weight.grad for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert all(grad is not None and grad.isfinite().all() for grad in conv_grads)
    if batch_norm:  # without it, so few filters may start dead behind their ReLU
        assert all(grad is not None and grad.any() for grad in conv_grads)


def test_parameters_are_those_of_the_layers():
    def conv(width_in: int, width_out: int) -> int:
        return 9 * width_in * width_out + width_out + 4 * width_out

    encoder = conv(3, 32) + conv(32, 32) + conv(32, 64) + conv(64, 64) + conv(64, 128)
    encoder += conv(128, 128)
    decoder = conv(128, 128) * 2 + conv(128, 64) + conv(64, 64) + conv(64, 32) + conv(32, 32)
    decoder += 9 * 32 * 3 + 3
    model = make_autoencoder(AutoencoderConfig())
    assert count_parameters(model.encoder) == encoder
    assert count_parameters(model) == encoder + decoder


def test_all_convolutions_start_within_glorots_bound():
    model = make_autoencoder(AutoencoderConfig())
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            bound = math.sqrt(6 / (9 * layer.in_channels + 9 * layer.out_channels))
            largest = layer.weight.abs().max().item()
            assert 0.95 * bound < largest <= bound * (1 + 1e-6)
            assert layer.bias is not None
            assert not layer.bias.any()


def test_initial_weights_are_a_function_of_the_seed_and_move_no_random_state():
    config = make_config((8, 8, 1), 2, 1, 4)
    torch.manual_seed(0)
    first = make_autoencoder(config)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    second = make_autoencoder(config)
    assert torch.equal(torch.get_rng_state(), state)
    assert_equal_weights(first, second, equal=True)
    other = make_autoencoder(config.model_copy(update={"seed": 1}))
    assert_equal_weights(first, other, equal=False)


def assert_equal_weights(first: Autoencoder, second: Autoencoder, *, equal: bool) -> None:
    for (name, a), (_, b) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        if "conv.weight" in name or name == "decoder.output.weight":
            assert torch.equal(a, b) == equal, name


@pytest.mark.parametrize("key", ["dropout", "gaussian_noise_input", "gaussian_noise_hidden"])
def test_chance_acts_in_training_only(key):
    keys = {"dropout": False, "batch_norm": False, key: True}
    model = make_autoencoder(make_config((8, 8, 1), 2, 1, 4, **keys))
    x = draw_batch((8, 8, 1))
    torch.manual_seed(0)
    model.eval()
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


def test_input_noise_reaches_the_encoder_with_its_deviation():
    config = make_config((16, 16, 1), 1, 1, 2, gaussian_noise_input=True, dropout=False)
    model = make_autoencoder(config.model_copy(update={"gaussian_noise_stddev": 0.3})).train()
    seen: list[torch.Tensor] = []
    first = model.encoder.convolutions()[0]
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = draw_batch((16, 16, 1), count=200)
    torch.manual_seed(0)
    model(x)
    noise = seen[0] - x
    assert abs(noise.std().item() / 0.3 - 1) < 5 / math.sqrt(2 * noise.numel())


def test_activities_are_those_of_every_convolution_of_the_encoder():
    config = make_config((8, 8, 1), 3, 2, 2)
    model = make_autoencoder(config).eval()
    activities: list[torch.Tensor] = []
    x = draw_batch((8, 8, 1))
    encoded = model.encode(x, activities)
    assert [tuple(activity.shape[1:]) for activity in activities] == [
        (2, 8, 8),
        (2, 8, 8),
        (4, 4, 4),
        (4, 4, 4),
        (8, 2, 2),
        (8, 2, 2),
    ]
    assert all(activity.min() >= 0 for activity in activities)
    assert torch.equal(encoded, model.encode(x))


def test_the_forward_pass_is_encode_then_decode():
    model = make_autoencoder(make_config((8, 8, 3), 3, 1, 4)).eval()
    x = draw_batch((8, 8, 3))
    assert torch.equal(model(x), model.decode(model.encode(x)))


def test_upsampling_repeats_each_value_in_a_square():
    model = make_autoencoder(make_config((4, 4, 1), 1, 1, 3, batch_norm=False)).eval()
    seen: list[torch.Tensor] = []
    output: Any = model.decoder.output
    output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(draw_batch((4, 4, 1)))
    (small,) = seen
    y = output(small)
    repeated = small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    expected = torch.nn.functional.conv2d(repeated, output.weight, output.bias, padding=1)
    torch.testing.assert_close(y, expected)
