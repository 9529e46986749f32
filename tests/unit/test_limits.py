"""A network that no machine holds is refused by its size, counted without building it."""

from __future__ import annotations

import pytest
import torch

from cae import limits
from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    parse_autoencoder_config,
    require_matching_stages,
)
from cae.errors import ConfigError
from cae.models.autoencoder import Autoencoder
from cae.models.blocks import ConvUnit
from cae.models.classifier import Classifier


def count_kernels(model: torch.nn.Module) -> int:
    """Return the weights of convolutions and dense layers, their biases aside."""
    return sum(value.numel() for value in model.parameters() if value.dim() > 1)


def refused_above(limit: int, monkeypatch: pytest.MonkeyPatch, name: str, make) -> bool:
    """Return whether `make` works with a bound of `limit` and is refused with one less."""
    monkeypatch.setattr(limits, name, limit)
    make()
    monkeypatch.setattr(limits, name, limit - 1)
    with pytest.raises(ConfigError, match="more than the"):
        make()
    return True


@pytest.mark.parametrize("values", [{}, {"conv_blocks": 5}, {"layers_per_block": 4}])
def test_the_weights_of_an_autoencoder_are_counted_as_pytorch_does(values, monkeypatch):
    config = AutoencoderConfig(**values)
    with torch.device("meta"):
        model = Autoencoder(config)
    assert refused_above(
        count_kernels(model),
        monkeypatch,
        "MOST_WEIGHTS",
        lambda: limits.require_possible_autoencoder(
            config.image_shape,
            filters=config.block_filters,
            layers_per_block=config.layers_per_block,
            pools=config.pools,
        ),
    )


@pytest.mark.parametrize("pooling", ["flatten", "average"])
def test_the_weights_of_a_head_are_counted_as_pytorch_does(pooling, monkeypatch):
    autoencoder = AutoencoderConfig()
    classifier = ClassifierConfig(global_pooling=pooling, dense=False)
    with torch.device("meta"):
        model = Classifier(autoencoder, classifier, 10)
    kernels = count_kernels(model.head) - count_kernels(model.head.output)
    assert refused_above(
        kernels,
        monkeypatch,
        "MOST_WEIGHTS",
        lambda: require_matching_stages(autoencoder, classifier),
    )


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"conv_blocks": 6},
        {"image_shape": (64, 32, 3)},
        {"filters_per_block": (4, 1000, 4)},
    ],
)
def test_the_largest_features_are_counted_as_they_arise(values, monkeypatch):
    config = AutoencoderConfig(**values)
    height, width, channels = config.image_shape
    sizes: list[int] = []
    with torch.device("meta"):
        model = Autoencoder(config)
        for unit in filter(lambda each: isinstance(each, ConvUnit), model.encoder.modules()):
            unit.register_forward_hook(lambda *call: sizes.append(call[-1].numel()))
        model.encoder(torch.empty(1, channels, height, width))
    assert refused_above(
        max(sizes),
        monkeypatch,
        "MOST_FEATURES",
        lambda: limits.require_possible_autoencoder(
            config.image_shape,
            filters=config.block_filters,
            layers_per_block=config.layers_per_block,
            pools=config.pools,
        ),
    )


def test_a_head_that_sees_every_feature_of_a_huge_image_is_refused():
    limits.require_possible_head((4, 4, 128), flattens=True)
    limits.require_possible_head((1000, 1000, 64), flattens=False)
    with pytest.raises(ConfigError, match="set global_pooling to average"):
        limits.require_possible_head((1000, 1000, 64), flattens=True)


@pytest.mark.parametrize(
    "values",
    [
        {"init_num_filters": 1_000_000},
        {"init_num_filters": 4096, "conv_blocks": 8},
        {"image_shape": (1_000_000, 1_000_000, 3)},
        {"image_shape": (4, 4, 1_000_000), "init_num_filters": 100},
    ],
)
def test_a_network_of_terabytes_is_refused_with_the_keys_to_lower(values):
    with pytest.raises(
        ConfigError, match=r"more than the [\d,]+ allowed; lower .*init_num_filters"
    ):
        parse_autoencoder_config(values)
