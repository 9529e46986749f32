"""An autoencoder made for reconstruction: a linear code of patches, and what convolutions add.

The linear path begins as the principal components of the image's patches, the best possible linear
code; the convolutions beside it begin at zero and learn the rest.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cae.config import AutoencoderConfig
from cae.models.blocks import ByteDropout, GaussianNoise, make_conv
from cae.models.components import compute_components, split_images
from cae.models.encoder import Encoder
from cae.models.visible import Visible

_CODE_SCALE = 4.0  # brings the code of pixels in [0, 1] to about unit variance


class ZeroConv2d(nn.Conv2d):
    """A convolution that begins at zero."""

    def draw(self, generator: torch.Generator) -> None:  # noqa: ARG002 - nothing to draw
        """Set the weights and the bias to zero."""
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class ResidualUnit(nn.Module):
    """x plus two 3x3 convolutions with a GELU between; it begins as x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = make_conv(width, width, upsample=False)
        self.second = ZeroConv2d(width, width, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of `x`."""
        return x + self.second(F.gelu(self.first(x)))


class ResidualLevel(nn.Module):
    """2x2 pixels become one with four times the channels; then a convolution and residual units."""

    def __init__(self, channels_in: int, filters: int, config: AutoencoderConfig) -> None:
        super().__init__()
        self.conv = make_conv(4 * channels_in, filters, upsample=False)
        self.units = nn.Sequential(*_make_units(filters, config))
        self.noise = GaussianNoise(config.hidden_noise_stddev)
        self.dropout = ByteDropout(config.dropout_rate)

    def forward(self, x: Tensor, activities: list[Tensor] | None) -> Tensor:
        """Return [N, filters, H / 2, W / 2] of [N, channels_in, H, W]; see `Encoder.forward`."""
        x = self.units(self.conv(F.pixel_unshuffle(x, 2)))
        if activities is not None:
            activities.append(x)
        return self.dropout(self.noise(x))


class ResidualEncoder(Encoder):
    """The code [N, K, h, w]: K numbers for each patch, which is 2^levels pixels a side."""

    begins_from_images = True

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        *_, channels = config.image_shape
        *widths, code = config.block_filters
        self.patch = 2 ** len(widths)
        self.noise = GaussianNoise(config.input_noise_stddev)
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.linear = nn.Conv2d(channels * self.patch**2, code, kernel_size=1, bias=False)
        self.blocks = nn.ModuleList()
        for filters in widths:
            self.blocks.append(ResidualLevel(channels, filters, config))
            channels = filters
        self.blocks.append(ZeroConv2d(channels, code, kernel_size=1))

    def see(
        self, x: Tensor, visible: Visible, activities: list[Tensor] | None = None
    ) -> tuple[Tensor, Visible]:
        """Return the code; this encoder takes no mask."""
        assert visible.mask is None, "the configuration refuses a mask for this encoder"
        x = self.noise(x) - cast("Tensor", self.mean)
        linear = self.linear(F.pixel_unshuffle(x, self.patch))
        *levels, code = self.blocks
        for level in levels:
            x = level(x, activities)
        x = code(x)
        if activities is not None:
            activities.append(x)
        return linear + x, visible

    @torch.no_grad()
    def begin_from(self, images: Tensor) -> None:
        """Set the linear path to the principal components of the images' patches."""
        mean = images.double().mean(dim=(0, 2, 3), keepdim=True)
        patches = (F.pixel_unshuffle(some - mean, self.patch) for some in split_images(images))
        rows = (some.permute(0, 2, 3, 1).flatten(0, 2) for some in patches)
        components = compute_components(rows)[1][: self.num_features]
        cast("Tensor", self.mean).copy_(mean)
        self.linear.weight.zero_()
        self.linear.weight[: len(components), :, 0, 0] = (components * _CODE_SCALE).float()


class ResidualDecoder(nn.Module):
    """From codes to images [N, C, H, W]: the encoder mirrored, with both paths."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        *_, channels = config.image_shape
        *widths, code = config.block_filters
        self.patch = 2 ** len(widths)
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.linear = nn.Conv2d(code, channels * self.patch**2, kernel_size=1, bias=False)
        self.input = make_conv(code, widths[-1], upsample=False)
        self.levels = nn.ModuleList()
        # Each gives four times the channels of the next level, which pixel shuffle spreads out.
        for filters, below in pairwise(reversed(widths)):
            out = nn.Conv2d(filters, 4 * below, kernel_size=1)
            self.levels.append(nn.Sequential(*_make_units(filters, config), out))
        pixels = ZeroConv2d(widths[0], 4 * channels, kernel_size=3, padding=1)
        self.levels.append(nn.Sequential(*_make_units(widths[0], config), nn.GELU(), pixels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction, float32; errors can put it outside [0, 1]."""
        linear = F.pixel_shuffle(self.linear(x).float(), self.patch)
        x = self.input(x)
        for level in self.levels:
            x = F.pixel_shuffle(level(x), 2)
        return linear + x.float() + cast("Tensor", self.mean)

    @torch.no_grad()
    def begin_from(self, encoder: ResidualEncoder) -> None:
        """Set the linear path to the inverse of the encoder's linear path."""
        cast("Tensor", self.mean).copy_(cast("Tensor", encoder.mean))
        weights = encoder.linear.weight[:, :, 0, 0]
        self.linear.weight.copy_((weights.T / _CODE_SCALE**2)[:, :, None, None])


def _make_units(filters: int, config: AutoencoderConfig) -> list[ResidualUnit]:
    """Return the units of a level: one for each layer of a block beyond its first."""
    return [ResidualUnit(filters) for _ in range(config.layers_per_block - 1)]
