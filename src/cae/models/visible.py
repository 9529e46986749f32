"""The visible places of masked images, and batch norm over these alone.

The encoder never sees what is hidden: its features are set to zero there after every convolution,
and batch norm takes its statistics from the visible places alone, as with sparse convolutions
(Tian et al., SparK, arXiv 2301.03580; Woo et al., ConvNeXt V2, arXiv 2301.00808).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Visible:
    """Where features [N, D, h, w] show something visible.

    Attributes:
        mask: [N, 1, h, w], 1 where they do and 0 elsewhere; None: they do everywhere.
    """

    def __init__(self, mask: Tensor | None) -> None:
        self.mask = mask

    @cached_property
    def places(self) -> Tensor:
        """Which of the N * h * w places are visible, int64 [K]; all layers of a size share them."""
        assert self.mask is not None
        return self.mask.flatten().nonzero().squeeze(1)

    def pool(self) -> Visible:
        """Return what is visible after a 2x2 max pool: places with any of the four visible."""
        return Visible(None if self.mask is None else F.max_pool2d(self.mask, 2))

    def erode(self, side: int) -> Visible:
        """Return what is visible after a convolution without padding: only wholly visible patches.

        `side` is that of the patch, the kernel's.
        """
        return Visible(None if self.mask is None else -F.max_pool2d(-self.mask, side, stride=1))

    def hide(self, x: Tensor) -> Tensor:
        """Return the features, set to 0 where nothing is visible."""
        return x if self.mask is None else x * self.mask.to(x.dtype)

    def normalise(self, norm: nn.Module, x: Tensor) -> Tensor:
        """Return the batch norm of the visible places of `x`, and 0 elsewhere.

        If nothing is visible at all, the statistics do not change.

        Args:
            norm: nn.BatchNorm2d or nn.Identity.
            x: features [N, D, h, w].
        """
        if self.mask is None:
            return norm(x)
        if not isinstance(norm, nn.BatchNorm2d):
            return self.hide(x)
        # On the CPU only: the number of visible places varies, but a CUDA graph needs fixed shapes.
        # And torch refuses the statistics of a single place.
        if x.device.type == "cpu" and len(self.places) > 1:
            return _norm_gathered(norm, x, self.places)
        return _norm_in_place(norm, x, self.mask)


EVERYTHING = Visible(None)


def _norm_gathered(norm: nn.BatchNorm2d, x: Tensor, places: Tensor) -> Tensor:
    """Take the visible places out of the images, and put their batch norm back."""
    rows = cast("Tensor", _Gather.apply(x, places))
    count, channels = rows.shape
    # As one image in NHWC, the layout that torch's batch norm is fast in.
    normed = norm(rows.view(1, count, 1, channels).permute(0, 3, 1, 2))
    normed = normed.permute(0, 2, 3, 1).reshape(count, channels)
    return cast("Tensor", _Scatter.apply(normed, places, x.shape))


class _Gather(torch.autograd.Function):
    """Rows [K, D] of features [N, D, h, w], by their places in [N, h, w].

    torch's own `index_select` adds up the gradient row by row, which takes longer than a
    convolution. That is not needed here, because no place occurs twice.
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


def _norm_in_place(norm: nn.BatchNorm2d, x: Tensor, mask: Tensor) -> Tensor:
    """Compute the same from whole images, whichever of their places are visible."""
    mask = mask.to(x.dtype)
    x = x * mask
    if not norm.training:
        return norm(x) * mask
    # Moments over all places, with 0 at the hidden ones, give those over the visible places. What
    # batch norm computes with the former is then shifted and scaled to what the latter would give.
    count = mask.float().sum()
    # It can be that nothing is visible: only a patch at the edge, which a pool leaves out.
    share = count.clamp(min=1) / mask.numel()
    variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0)
    visible_mean = mean / share
    visible_variance = ((variance + mean.square()) / share - visible_mean.square()).clamp(min=0)
    deviation = (visible_variance + norm.eps).sqrt()
    scale = (variance + norm.eps).sqrt() / deviation
    offset = (mean - visible_mean) / deviation
    weight, bias = cast("Tensor", norm.weight), cast("Tensor", norm.bias)
    _remember(norm, visible_mean, visible_variance * count / (count - 1).clamp(min=1), count > 0)
    normed = F.batch_norm(
        x, None, None, scale * weight, offset * weight + bias, training=True, eps=norm.eps
    )
    return normed * mask


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, seen: Tensor) -> None:
    """Update the running statistics with mean and variance, if anything was visible (`seen`)."""
    assert norm.running_mean is not None and norm.running_var is not None
    assert norm.momentum is not None and norm.num_batches_tracked is not None
    for running, value in ((norm.running_mean, mean), (norm.running_var, variance)):
        running.lerp_(torch.where(seen, value, running), norm.momentum)
    norm.num_batches_tracked += seen
