"""The convolutional autoencoder: an encoder of its own, and a decoder that mirrors it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from cae.config import AutoencoderConfig
from cae.models.blocks import ByteDropout, ConvUnit, GaussianNoise, MaxPool, initialise, make_conv
from cae.seeding import derive_seed


class EncoderBlock(nn.Module):
    """Several convolution units, then a 2x2 max pool if `pool`, then dropout."""

    def __init__(
        self, channels_in: int, filters: int, *, pool: bool, config: AutoencoderConfig
    ) -> None:
        super().__init__()
        widths = [channels_in, *[filters] * config.layers_per_block]
        self.units = nn.ModuleList(
            ConvUnit(
                width_in,
                width_out,
                batch_norm=config.batch_norm,
                noise_stddev=config.hidden_noise_stddev,
            )
            for width_in, width_out in pairwise(widths)
        )
        self.pool = MaxPool() if pool else nn.Identity()
        self.dropout = ByteDropout(config.dropout_rate)

    def forward(self, x: Tensor, activities: list[Tensor] | None) -> Tensor:
        """Return the block's features; see `ConvUnit.forward` for `activities`."""
        for unit in self.units:
            x = unit(x, activities)
        return self.dropout(self.pool(x))


class Encoder(nn.Module):
    """Features [N, D, H/2^p, W/2^p] of images [N, C, H, W] in [0, 1], p the number of pools."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        height, width, channels = config.image_shape
        shrink = 2**config.pools
        self.num_features = config.block_filters[-1]
        self.feature_size = (height // shrink, width // shrink)
        self.noise = GaussianNoise(config.input_noise_stddev)
        self.blocks = nn.ModuleList()
        for filters in config.block_filters:
            pool = filters <= 2 * config.init_num_filters
            self.blocks.append(EncoderBlock(channels, filters, pool=pool, config=config))
            channels = filters

    def forward(self, x: Tensor, activities: list[Tensor] | None = None) -> Tensor:
        """Return the encoding; if given, `activities` receives every convolution's activation."""
        x = self.noise(x)
        for block in self.blocks:
            x = block(x, activities)
        return x

    def convolutions(self) -> list[nn.Conv2d]:
        """Return the convolutions in order: where the kernel penalty is measured."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]


class Decoder(nn.Module):
    """Images [N, C, H, W] in [0, 1] of encodings: the encoder mirrored, nearest upsampling."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        *_, channels_out = config.image_shape
        channels, upsample = config.block_filters[-1], False
        self.blocks = nn.ModuleList()
        for filters in reversed(config.block_filters):
            # Where a block ends in an upsampling, the convolution after it takes it over.
            units = [
                ConvUnit(channels, filters, batch_norm=config.batch_norm, upsample=upsample),
                *(
                    ConvUnit(filters, filters, batch_norm=config.batch_norm)
                    for _ in range(config.layers_per_block - 1)
                ),
            ]
            self.blocks.append(nn.Sequential(*units))
            channels, upsample = filters, filters <= 2 * config.init_num_filters
        self.output = make_conv(channels, channels_out, upsample=upsample)

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction, float32 in [0, 1]."""
        for block in self.blocks:
            x = block(x)
        return self.output(x).float().sigmoid()


class Autoencoder(nn.Module):
    """Encoder and decoder; the encoder is an artefact of its own and outlives the decoder."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, x: Tensor, activities: list[Tensor] | None = None) -> Tensor:
        """Return the encoding of images [N, C, H, W] in [0, 1]."""
        return self.encoder(x, activities)

    def decode(self, features: Tensor) -> Tensor:
        """Return images [N, C, H, W], float32 in [0, 1], of encodings."""
        return self.decoder(features)

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction of images [N, C, H, W] in [0, 1]."""
        return self.decode(self.encode(x))


def make_autoencoder(config: AutoencoderConfig) -> Autoencoder:
    """Return a freshly initialised autoencoder; its weights are a function of `config.seed`."""
    # The constructors of torch's layers draw weights that are then drawn anew from our own seed:
    # the caller's random state must not move.
    with torch.random.fork_rng(devices=[]):
        model = Autoencoder(config)
    initialise(model.encoder, seed=derive_seed(config.seed, "encoder"))
    initialise(model.decoder, seed=derive_seed(config.seed, "decoder"))
    return model
