"""The origin's autoencoder: blocks of convolutions, pooled twice, and a decoder that mirrors it."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from cae.config import AutoencoderConfig
from cae.models.blocks import ByteDropout, ConvUnit, GaussianNoise, make_conv
from cae.models.encoder import Encoder
from cae.models.pooling import MaxPool
from cae.models.visible import Visible


class OriginBlock(nn.Module):
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

    def forward(
        self, x: Tensor, visible: Visible, activities: list[Tensor] | None
    ) -> tuple[Tensor, Visible]:
        """Return the block's features, and where they show something visible; see `Encoder.see`."""
        for unit in self.units:
            x = unit(x, activities, visible)
        if isinstance(self.pool, MaxPool):
            visible = visible.pool()
        return self.dropout(self.pool(x)), visible


class OriginEncoder(Encoder):
    """Features [N, D, H/2^p, W/2^p] of images [N, C, H, W] in [0, 1], p the number of pools."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        *_, channels = config.image_shape
        self.noise = GaussianNoise(config.input_noise_stddev)
        self.blocks = nn.ModuleList()
        for block, filters in enumerate(config.block_filters):
            pool = block < config.pools
            self.blocks.append(OriginBlock(channels, filters, pool=pool, config=config))
            channels = filters

    def see(
        self, x: Tensor, visible: Visible, activities: list[Tensor] | None = None
    ) -> tuple[Tensor, Visible]:
        """Return the features, and where they show something visible; see `Encoder.see`."""
        x = visible.hide(self.noise(x))
        for block in self.blocks:
            x, visible = block(x, visible, activities)
        return x, visible


class MirroredDecoder(nn.Module):
    """From encodings to images [N, C, H, W] in [0, 1]: the encoder mirrored, nearest upsampling."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        *_, channels_out = config.image_shape
        channels, upsample = config.block_filters[-1], False
        self.blocks = nn.ModuleList()
        for block, filters in reversed(list(enumerate(config.block_filters))):
            # If a block ends in an upsampling, the convolution after it does that too.
            units = [
                ConvUnit(channels, filters, batch_norm=config.batch_norm, upsample=upsample),
                *(
                    ConvUnit(filters, filters, batch_norm=config.batch_norm)
                    for _ in range(config.layers_per_block - 1)
                ),
            ]
            self.blocks.append(nn.Sequential(*units))
            channels, upsample = filters, block < config.pools
        self.output = make_conv(channels, channels_out, upsample=upsample)

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction, float32 in [0, 1]."""
        for block in self.blocks:
            x = block(x)
        return self.output(x).float().sigmoid()
