"""What a masked autoencoder predicts for the hidden patches."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cae.config import AutoencoderConfig

DIRECTIONS = 9  # of a gradient, over half a turn, as in Dalal and Triggs (2005)

_CELL = 4  # pixels
# Added to a patch's variance (pixels in [0, 1]), so that a flat patch stays flat.
_PATCH_EPSILON = 1e-4
# Added to the square of a histogram's norm, so that no direction stands out if hardly anything
# changes.
_HISTOGRAM_EPSILON = 1e-3
_BLUR_RADIUS, _BLUR_SIGMA = 3, 1.5


def choose_cell(config: AutoencoderConfig) -> int:
    """Return the side, in pixels, of the squares that the decoder predicts one by one."""
    return _CELL if config.mask_patch_size % _CELL == 0 else config.mask_patch_size


def make_target(images: Tensor, config: AutoencoderConfig) -> Tensor:
    """Return what the decoder is to predict for images [N, C, H, W] in [0, 1].

    It has their shape; gradient histograms have the shape [N, 9 C, H / cell, W / cell].
    """
    if config.target == "normalised_patches":
        mean, deviation = _measure_patches(images, config.mask_patch_size)
        return (images - mean) / deviation
    if config.target == "high_pass":
        return images - _blur(images)
    if config.target == "gradient_histograms":
        return compute_gradient_histograms(images, cell=choose_cell(config))
    return images


def shows_pictures(config: AutoencoderConfig) -> bool:
    """Return whether the decoder's predictions can be turned into pixels."""
    return config.target != "gradient_histograms"


def fill_hidden(
    prediction: Tensor, images: Tensor, visible: Tensor, config: AutoencoderConfig
) -> Tensor:
    """Return the images [N, C, H, W], float32 in [0, 1], with predictions in the hidden patches.

    What the target leaves out, a patch's mean and deviation or the blurred image, is taken from
    the images themselves, as in the pictures of He et al. (arXiv 2111.06377). If the target is not
    a picture at all, hidden patches become grey.
    """
    if config.target == "normalised_patches":
        mean, deviation = _measure_patches(images, config.mask_patch_size)
        prediction = prediction * deviation + mean
    elif config.target == "high_pass":
        prediction = prediction + _blur(images)
    elif config.target == "gradient_histograms":
        prediction = torch.full_like(images, 0.5)
    return torch.where(visible > 0, images.float(), prediction.clamp(0, 1))


def compute_gradient_histograms(images: Tensor, *, cell: int) -> Tensor:
    """Return, for each cell, how strongly the image changes in which direction.

    Histograms of oriented gradients (Dalal and Triggs, 2005) as the target of masked prediction
    are from MaskFeat (Wei et al., arXiv 2112.09133). Each channel of each cell has a histogram of
    9 directions over half a turn, normalised to unit norm, then shifted and scaled to about zero
    mean and unit variance.

    Returns:
        float32 [N, 9 C, H / cell, W / cell] of images [N, C, H, W] in [0, 1].
    """
    count, channels, height, width = images.shape
    wide = F.pad(images.float(), (1, 1, 1, 1), mode="replicate")
    across = wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]
    down = wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]
    strength = (across.square() + down.square()).sqrt()
    place = torch.atan2(down, across).remainder(math.pi) * (DIRECTIONS / math.pi)
    low = place.floor()
    above = strength * (place - low)
    first = low.long().remainder(DIRECTIONS).unsqueeze(2)
    second = (first + 1).remainder(DIRECTIONS)
    votes = images.new_zeros((count, channels, DIRECTIONS, height, width), dtype=torch.float32)
    votes.scatter_(2, first, (strength - above).unsqueeze(2))
    votes.scatter_add_(2, second, above.unsqueeze(2))
    pooled = F.avg_pool2d(votes.flatten(1, 2), cell)
    cells = pooled.view(count, channels, DIRECTIONS, height // cell, width // cell)
    norm = (cells.square().sum(dim=2, keepdim=True) + _HISTOGRAM_EPSILON).sqrt()
    return ((cells / norm).flatten(1, 2) - 0.25) * 4


def widen(grid: Tensor, patch: int) -> Tensor:
    """Return [N, D, h * patch, w * patch] of [N, D, h, w]: every place becomes a square."""
    return grid.repeat_interleave(patch, 2).repeat_interleave(patch, 3)


def _measure_patches(images: Tensor, patch: int) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of the patches, each [N, 1, H, W]."""
    patches = F.pixel_unshuffle(images.float(), patch)
    variance, mean = torch.var_mean(patches, dim=1, correction=0, keepdim=True)
    return widen(mean, patch), widen((variance + _PATCH_EPSILON).sqrt(), patch)


def _blur(images: Tensor) -> Tensor:
    """Return the images blurred by a Gaussian of 7x7 pixels, reflected at the borders."""
    channels, radius = images.shape[1], _BLUR_RADIUS
    places = torch.arange(-radius, radius + 1, device=images.device, dtype=torch.float32)
    weights = torch.exp(-places.square() / (2 * _BLUR_SIGMA**2))
    weights = weights / weights.sum()
    kernel = (weights[:, None] * weights).expand(channels, 1, -1, -1)
    padded = F.pad(images.float(), (radius,) * 4, mode="reflect")
    with torch.autocast(images.device.type, enabled=False):
        return F.conv2d(padded, kernel, groups=channels)
