"""Masked images: which patches are hidden, what is normalised, what predicts them.

The encoder never sees what is hidden: its features are set to zero there after every convolution,
and batch norm takes its statistics of the visible places alone, as sparse convolutions would
(Tian et al., SparK, arXiv 2301.03580; Woo et al., ConvNeXt V2, arXiv 2301.00808).
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cae.config import AutoencoderConfig
from cae.models.targets import DIRECTIONS, choose_cell, widen


def draw_visible(
    config: AutoencoderConfig, images: Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """Return masks [N, 1, H, W] of images [N, C, H, W]: 1 where seen, 0 where hidden.

    Args:
        config: of the autoencoder; of each image `config.count_hidden` patches are hidden.
        images: to be masked.
        generator: to draw from, on the CPU; None draws from torch's own state.
    """
    count, _, height, width = images.shape
    patch = config.mask_patch_size
    rows, columns = height // patch, width // patch
    drawn_on = images.device if generator is None else torch.device("cpu")
    numbers = torch.rand(count, rows * columns, generator=generator, device=drawn_on)
    numbers = numbers.to(images.device)
    visible = torch.ones_like(numbers)
    hidden = numbers.topk(config.count_hidden(height, width), dim=1).indices
    visible.scatter_(1, hidden, 0.0)
    return widen(visible.view(count, 1, rows, columns), patch)


def normalise(norm: nn.Module, x: Tensor, visible: Tensor | None) -> Tensor:
    """Return `norm(x)`; with `visible` the batch norm of the visible places, and 0 elsewhere.

    Args:
        norm: nn.BatchNorm2d or nn.Identity.
        x: features [N, D, h, w].
        visible: [N, 1, h, w] of zeros and ones, or None.
    """
    if visible is None:
        return norm(x)
    if not isinstance(norm, nn.BatchNorm2d):
        return x * visible.to(x.dtype)
    # How many places are visible is no constant, and a CUDA graph's shapes are.
    return (_norm_gathered if x.device.type == "cpu" else _norm_in_place)(norm, x, visible)


def _norm_gathered(norm: nn.BatchNorm2d, x: Tensor, visible: Tensor) -> Tensor:
    """Take the visible places out of their images, and put their batch norm back."""
    places = visible.flatten().nonzero().squeeze(1)
    if len(places) < 2:
        return _norm_in_place(norm, x, visible)  # torch refuses the statistics of a single place.
    rows = cast("Tensor", _Gather.apply(x, places))
    count, channels = rows.shape
    # As one image in NHWC, the layout that torch's batch norm is fast in.
    normed = norm(rows.view(1, count, 1, channels).permute(0, 3, 1, 2))
    normed = normed.permute(0, 2, 3, 1).reshape(count, channels)
    return cast("Tensor", _Scatter.apply(normed, places, x.shape))


class _Gather(torch.autograd.Function):
    """Rows [K, D] of features [N, D, h, w], by their places in [N, h, w].

    The gradient of torch's own `index_select` is added up row by row, which takes longer than a
    convolution. Here no place comes twice.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.shape = x.shape
        return _gather(x, places)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        return _scatter(gradients[0], places, ctx.shape), None


class _Scatter(torch.autograd.Function):
    """The reverse of `_Gather`: features that are 0 in all other places."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(places)
        return _scatter(rows, places, shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return _gather(gradients[0], places), None, None


def _gather(x: Tensor, places: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).index_select(0, places)


def _scatter(rows: Tensor, places: Tensor, shape: torch.Size) -> Tensor:
    count, channels, height, width = shape
    x = rows.new_zeros((count * height * width, channels)).index_copy_(0, places, rows)
    return x.view(count, height, width, channels).permute(0, 3, 1, 2)


def _norm_in_place(norm: nn.BatchNorm2d, x: Tensor, visible: Tensor) -> Tensor:
    """Compute the same of whole images, whatever is visible of them."""
    visible = visible.to(x.dtype)
    x = x * visible
    if not norm.training:
        return norm(x) * visible
    # Moments over all places, hidden ones being 0, give those over the visible places; what batch
    # norm makes of the former is then moved and scaled to what the latter ask for.
    count = visible.float().sum()
    share = count / visible.numel()
    variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0)
    visible_mean = mean / share
    visible_variance = ((variance + mean.square()) / share - visible_mean.square()).clamp(min=0)
    deviation = (visible_variance + norm.eps).sqrt()
    scale = (variance + norm.eps).sqrt() / deviation
    offset = (mean - visible_mean) / deviation
    weight, bias = cast("Tensor", norm.weight), cast("Tensor", norm.bias)
    _remember(norm, visible_mean, visible_variance * count / (count - 1).clamp(min=1))
    normed = F.batch_norm(
        x, None, None, scale * weight, offset * weight + bias, training=True, eps=norm.eps
    )
    return normed * visible


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    assert norm.momentum is not None and norm.num_batches_tracked is not None
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance, norm.momentum)
    norm.num_batches_tracked += 1


def pool_visible(visible: Tensor | None) -> Tensor | None:
    """Return the mask of features behind a 2x2 pool: seen if any of the four places is."""
    return None if visible is None else F.max_pool2d(visible, 2)


class PatchDecoder(nn.Module):
    """A light decoder: what each cell of the image holds, from the features around it.

    No feature of the encoder but its last goes past the code, and the decoder is shallow, so that
    what it takes to predict a patch is worked out below it (He et al., arXiv 2111.06377).
    """

    def __init__(self, config: AutoencoderConfig, *, width: int = 128) -> None:
        super().__init__()
        height, breadth, channels = config.image_shape
        self.size = (height, breadth)
        self.cell = choose_cell(config)
        self.shuffles = config.target != "gradient_histograms"
        channels *= self.cell**2 if self.shuffles else DIRECTIONS
        self.project = nn.Conv2d(config.encoding_shape[2], width, kernel_size=1)
        self.token = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.output = nn.Conv2d(width, channels, kernel_size=1)

    def forward(
        self,
        features: Tensor,
        visible: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Return predictions of `make_target`'s shape, float32, of encodings [N, D, h, w].

        Args:
            features: from the encoder.
            visible: [N, 1, h, w], where they are of something seen; elsewhere a learnt vector
                stands in for them.
            size: (H, W) of the images; None: as configured.
        """
        x = self.project(features)
        if visible is not None:
            x = torch.where(visible > 0, x, self.token.to(x.dtype))
        height, width = size or self.size
        grid = (height // self.cell, width // self.cell)
        if x.shape[2:] != grid:
            x = F.interpolate(x, size=grid, mode="bilinear", align_corners=False)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = x + F.gelu(norm(conv(x)))
        prediction = self.output(x).float()
        return F.pixel_shuffle(prediction, self.cell) if self.shuffles else prediction
