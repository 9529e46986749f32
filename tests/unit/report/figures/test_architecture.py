"""A network's parts: sizes and widths against what PyTorch computes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import cae
from cae.checkpoints.weights import describe_layers
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier
from cae.models.visible import EVERYTHING
from cae.report.figures.architecture import make_parts, mirror_sizes


def make_layers(*layers: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "layer": layer, "parameters": 1} for name, layer in layers]


def test_the_origins_encoder_has_the_sizes_that_it_computes():
    config = cae.AutoencoderConfig()
    model = make_autoencoder(config)
    parts = make_parts(describe_layers(model), stage="encoder", size=(32, 32), width=3)
    x = torch.zeros(1, 3, 32, 32)
    computed: list[tuple[int, ...]] = []
    for block in model.encoder.blocks:
        x, _ = block(x, EVERYTHING, None)
        computed.append(tuple(x.shape[1:]))
    assert [(part.width, *(part.size or ())) for part in parts] == computed
    assert parts[0].layers == (
        "2 \N{MULTIPLICATION SIGN} conv 3 \N{MULTIPLICATION SIGN} 3",
        "2 \N{MULTIPLICATION SIGN} norm",
        "pool",
    )
    assert parts[-1].shape == "8 \N{MULTIPLICATION SIGN} 8 \N{MULTIPLICATION SIGN} 128"


def test_the_parts_hold_all_parameters_of_a_model():
    autoencoder, classifier = cae.AutoencoderConfig(), cae.ClassifierConfig()
    model = make_classifier(autoencoder, classifier, num_classes=10)
    layers = describe_layers(model)
    parts = [
        part
        for stage in ("encoder", "head")
        for part in make_parts(layers, stage=stage, size=(32, 32), width=3)
    ]
    assert sum(part.parameters for part in parts) == 708_842


def test_a_decoder_that_mirrors_its_encoder_ends_at_the_images_size():
    model = make_autoencoder(cae.AutoencoderConfig())
    layers = describe_layers(model)
    encoder = make_parts(layers, stage="encoder", size=(32, 32), width=3)
    decoder = make_parts(layers, stage="decoder", size=(8, 8), width=128)
    sizes: list[tuple[int, ...]] = []
    x = torch.zeros(1, 128, 8, 8)
    model_decoder: Any = model.decoder
    for block in model_decoder.blocks:
        x = block(x)
        sizes.append(tuple(x.shape[2:]))
    sizes.append(tuple(model_decoder.output(x).shape[2:]))
    assert [part.size for part in mirror_sizes(decoder, encoder, (32, 32))] == sizes


def test_a_decoder_of_another_depth_has_no_sizes():
    encoder = make_parts(
        make_layers(("encoder.blocks.0.conv", "Conv2d(3, 8, kernel_size=(3, 3), padding=(1, 1))")),
        stage="encoder",
        size=(8, 8),
        width=3,
    )
    layers = make_layers(
        ("decoder.first", "Conv2d(8, 8, kernel_size=(3, 3))"),
        ("decoder.second", "Conv2d(8, 8, kernel_size=(3, 3))"),
        ("decoder.output", "Conv2d(8, 3, kernel_size=(3, 3))"),
    )
    decoder = make_parts(layers, stage="decoder", size=(8, 8), width=8)
    assert [part.size for part in mirror_sizes(decoder, encoder, (8, 8))] == [None] * 3


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        ("Conv2d(3, 24, kernel_size=(2, 2), stride=(1, 1))", (31, 31)),
        ("Conv2d(3, 24, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))", (16, 16)),
        ("Conv2d(12, 24, kernel_size=(3, 3), padding=(1, 1))", (16, 16)),
        ("Conv2d(7, 24, kernel_size=(3, 3), padding=(1, 1))", None),
    ],
    ids=["no padding", "stride", "pixels moved into channels", "channels from nowhere"],
)
def test_sizes_are_followed_as_far_as_the_layers_tell(layer: str, size: tuple[int, int] | None):
    (part,) = make_parts(
        make_layers(("encoder.conv", layer)), stage="encoder", size=(32, 32), width=3
    )
    assert (part.size, part.width) == (size, 24)


def test_layers_without_weights_join_the_part_before_them_and_noise_is_not_told_of():
    layers = [
        {"name": "head.noise", "layer": "GaussianNoise(stddev=0.0)", "parameters": 0},
        {"name": "head.conv", "layer": "Conv2d(4, 6, kernel_size=(1, 1))", "parameters": 30},
        {"name": "head.pool", "layer": "MaxPool2d(kernel_size=2, stride=2)", "parameters": 0},
        {
            "name": "head.output",
            "layer": "Linear(in_features=24, out_features=5, bias=True)",
            "parameters": 125,
        },
    ]
    conv, output = make_parts(layers, stage="head", size=(4, 4), width=4)
    assert (conv.name, conv.size, conv.layers[-1]) == ("head.conv", (2, 2), "pool")
    assert (output.shape, output.layers) == ("5", ("dense",))


def test_a_whitened_encoder_and_a_linear_head_have_the_sizes_that_they_compute():
    autoencoder = cae.AutoencoderConfig(encoder="whitened", init_num_filters=4)
    classifier = cae.ClassifierConfig(head="linear", global_pooling="max")
    model = make_classifier(autoencoder, classifier, num_classes=10)
    layers = describe_layers(model)
    stem, *blocks = make_parts(layers, stage="encoder", size=(32, 32), width=3)
    assert (stem.layers, stem.size, stem.width) == (("whitening",), (31, 31), 24)
    assert [part.size for part in blocks] == [(15, 15), (7, 7), (3, 3)]
    head = make_parts(layers, stage="head", size=(3, 3), width=16)
    assert [part.layers for part in head if part.width == 10] == [("dense",)]


def test_a_linear_path_past_all_blocks_is_no_block_before_them():
    model = make_autoencoder(cae.load_preset("sharp").autoencoder)
    layers = describe_layers(model)
    encoder = make_parts(layers, stage="encoder", size=(32, 32), width=3)
    decoder = make_parts(layers, stage="decoder", size=encoder[-1].size, width=encoder[-1].width)
    assert [part.size for part in encoder] == [(16, 16), (8, 8), (8, 8)]
    assert decoder[-1].size == (16, 16)  # and spread out into the image's, twice as large
    for parts in (encoder, decoder):
        assert [part.layers[-1] == "+ linear path" for part in parts] == [
            *[False] * (len(parts) - 1),
            True,
        ]
    counted = sum(part.parameters for part in (*encoder, *decoder))
    assert counted == sum(layer["parameters"] for layer in layers)
