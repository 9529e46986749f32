"""An encoder made for classification: whitened patches, then a few wide blocks.

The architecture is that of airbench94 (Jordan, arXiv 2404.00498). 2x2 patches are whitened by a
convolution that is computed rather than learnt, which is their best linear code. Then come blocks
of 3x3 convolutions (two in airbench94) with batch norm and GELU, and a max pool after the first.
"""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cae.config import AutoencoderConfig
from cae.models.blocks import ByteDropout, DiracConv2d, GaussianNoise
from cae.models.components import compute_components, split_images
from cae.models.encoder import Encoder
from cae.models.pooling import MaxPool
from cae.models.recomputing import compute_gelu, compute_norm_and_gelu
from cae.models.visible import Visible

_PATCH = 2
# Added to the variances of patches (of pixels with unit variance): directions with less are noise.
_WHITENING_EPSILON = 5e-4
# A direction with less variance is empty, such as the difference of two colours in grey images.
_LEAST_VARIANCE = 1e-7
# The statistics follow the weights closely, because training takes few, large steps.
_BATCH_NORM_MOMENTUM = 0.4


class Whitening(nn.Module):
    """2x2 patches along their principal components, scaled to unit variance; and the same negated.

    The filters are not parameters: they are computed by `fit` and then stay. The bias is learnt. If
    images do not vary in all directions, the filters of those in which they do are repeated: the
    batch norms after it would scale a channel that is always zero up without bound.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        size = channels * _PATCH**2
        self.channels_out = 2 * size
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("weight", torch.zeros(2 * size, channels, _PATCH, _PATCH))
        self.bias = nn.Parameter(torch.zeros(2 * size))

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Compute mean and filters from images [n, C, H, W] in [0, 1]."""
        variance, mean = torch.var_mean(images.double(), dim=(0, 2, 3), correction=0, keepdim=True)
        # A channel that never changes carries nothing, but must not cause a division by zero.
        deviation = variance.sqrt().clamp(min=1e-3)
        variances, components = compute_components(
            _cut_patches((some - mean) / deviation) for some in split_images(images)
        )
        found = max(int((variances > _LEAST_VARIANCE).sum()), 1)
        place = torch.arange(len(variances)) % found
        filters = components[place] / (variances[place] + _WHITENING_EPSILON).sqrt()[:, None]
        filters = filters.view(-1, images.shape[1], _PATCH, _PATCH) / deviation
        cast("Tensor", self.mean).copy_(mean)
        cast("Tensor", self.weight).copy_(torch.cat((filters, -filters)))

    def extra_repr(self) -> str:
        channels = self.channels_out // (2 * _PATCH**2)
        return f"{channels}, {self.channels_out}, kernel_size=({_PATCH}, {_PATCH}), stride=(1, 1)"

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, 8C, H - 1, W - 1] of images [N, C, H, W]."""
        return F.conv2d(x - cast("Tensor", self.mean), cast("Tensor", self.weight), self.bias)


class WhitenedBlock(nn.Module):
    """3x3 convolution, 2x2 max pool, batch norm, GELU; then more convolutions without a pool."""

    def __init__(self, channels_in: int, filters: int, config: AutoencoderConfig) -> None:
        super().__init__()
        layers = range(config.layers_per_block)
        self.convs = nn.ModuleList(
            DiracConv2d(filters if layer else channels_in, filters) for layer in layers
        )
        self.pool = MaxPool()
        self.norms = nn.ModuleList(
            _make_norm(filters) if config.batch_norm else nn.Identity() for _ in layers
        )
        self.noise = GaussianNoise(config.hidden_noise_stddev)
        self.dropout = ByteDropout(config.dropout_rate)

    def forward(
        self, x: Tensor, visible: Visible, activities: list[Tensor] | None
    ) -> tuple[Tensor, Visible]:
        """Return the block's features, and where they show something visible; see `Encoder.see`."""
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = conv(x)
            if layer == 0:
                x = self.pool(x)
                visible = visible.pool()
            if visible.mask is None:
                x = compute_norm_and_gelu(norm, x)
            else:  # GELU keeps the hidden places' zeros.
                x = F.gelu(visible.normalise(norm, x))
            if activities is not None:
                activities.append(x)
            x = self.noise(x, visible)
        return self.dropout(x), visible


class WhitenedEncoder(Encoder):
    """Features of whitened patches; see the module's docstring. Other image sizes work too."""

    begins_from_images = True

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        *_, channels = config.image_shape
        self.noise = GaussianNoise(config.input_noise_stddev)
        self.stem = Whitening(channels)
        width = self.stem.channels_out
        self.blocks = nn.ModuleList()
        for filters in config.block_filters:
            self.blocks.append(WhitenedBlock(width, filters, config))
            width = filters

    def see(
        self, x: Tensor, visible: Visible, activities: list[Tensor] | None = None
    ) -> tuple[Tensor, Visible]:
        """Return the features, and where they show something visible; see `Encoder.see`."""
        visible = visible.erode(_PATCH)
        images = self.noise(x)
        patches = self.stem(images)
        recompute = partial(self._recompute_patches, images, patches.dtype)
        x = visible.hide(compute_gelu(patches, recompute))
        for block in self.blocks:
            x, visible = block(x, visible, activities)
        return x, visible

    def _recompute_patches(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        # The backward pass, which needs them, does not run under the forward pass's autocast.
        enabled = dtype == torch.bfloat16
        with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=enabled):
            return self.stem(images)

    def begin_from(self, images: Tensor) -> None:
        """Compute the whitening of images [n, C, H, W] in [0, 1]."""
        self.stem.fit(images)


def _cut_patches(images: Tensor) -> Tensor:
    """Return all patches, [n (H - 1) (W - 1), 4C], of images [n, C, H, W]."""
    patches = images.unfold(2, _PATCH, 1).unfold(3, _PATCH, 1)
    return patches.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).flatten(1)


def _make_norm(filters: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(filters, momentum=_BATCH_NORM_MOMENTUM)
    # No scale: the filters' own norm is the only scale, and the optimizer keeps it fixed.
    norm.weight.requires_grad_(False)
    return norm
