"""Augmentation of whole batches: shift, rotation, zoom and flip as one affine resampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cae.config import ClassifierConfig

_NUMBERS_PER_IMAGE = 6


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Ranges of the random changes, drawn uniformly and independently for each image.

    Attributes:
        shift: largest shift either way, as a fraction of the image's side.
        rotation_degrees: largest rotation either way.
        zoom: each side is scaled by a factor between 1 - zoom and 1 + zoom.
        flip: whether half of the images are mirrored left to right.
    """

    shift: float
    rotation_degrees: float
    zoom: float
    flip: bool

    def draw(self, count: int, *, seed: int) -> Tensor:
        """Return random numbers [count, 6] in [0, 1) for `count` images: a function of the seed."""
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(count, _NUMBERS_PER_IMAGE, generator=generator)

    def make_affine(self, numbers: Tensor, *, height: int, width: int) -> Tensor:
        """Return the maps [B, 2, 3] from output to input coordinates, each axis in [-1, 1].

        Args:
            numbers: random numbers [B, 6] from `draw`.
            height: of the images, in pixels; rotation is rigid on images that are not square.
            width: of the images, in pixels.
        """
        turn, shift_x, shift_y, zoom_x, zoom_y, mirror = numbers.unbind(dim=1)
        angle = (2 * turn - 1) * math.radians(self.rotation_degrees)
        scale_x = 1 + (2 * zoom_x - 1) * self.zoom
        scale_y = 1 + (2 * zoom_y - 1) * self.zoom
        sign = 1 - 2 * (mirror < 0.5).to(numbers.dtype) if self.flip else torch.ones_like(mirror)
        cosine, sine, aspect = angle.cos(), angle.sin(), height / width
        rows = (
            torch.stack(
                (sign * cosine * scale_x, -sign * sine * scale_y * aspect, self._offset(shift_x)),
                dim=1,
            ),
            torch.stack((sine * scale_x / aspect, cosine * scale_y, self._offset(shift_y)), dim=1),
        )
        return torch.stack(rows, dim=1)

    def _offset(self, number: Tensor) -> Tensor:
        # The axis runs from -1 to 1, so a shift by a fraction f of the side is 2f.
        return (2 * number - 1) * 2 * self.shift


def resample(images: Tensor, maps: Tensor) -> Tensor:
    """Return the images [B, C, H, W] changed: bilinear, border pixels continued outward.

    Args:
        images: floats, NHWC in memory as what is returned.
        maps: [B, 2, 3] from `Augmentation.make_affine`.
    """
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    changed = F.grid_sample(
        images, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return changed.contiguous(memory_format=torch.channels_last)


def make_augmentation(config: ClassifierConfig) -> Augmentation | None:
    """Return the augmentation that the configuration asks for, or None when it is off."""
    if not config.data_augmentation:
        return None
    return Augmentation(
        shift=config.augmentation_shift,
        rotation_degrees=config.augmentation_rotation_degrees,
        zoom=config.augmentation_zoom,
        flip=config.augmentation_flip,
    )
