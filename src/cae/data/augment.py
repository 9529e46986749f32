"""Augmentation of whole batches: shift, rotation, zoom and flip as one resampling, and cutout."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cae.config import AutoencoderConfig, ClassifierConfig

_NUMBERS_PER_IMAGE = 6
_MIRROR = 5
_PADDING = {"nearest": "border", "reflect": "reflection"}
_GREY = 0.5


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Ranges of the random changes, drawn uniformly and independently for each image.

    Attributes:
        shift: largest shift either way, as a fraction of the image's side.
        rotation_degrees: largest rotation either way.
        zoom: height and width of the part that is shown are each 1 - zoom to 1 + zoom times the
            image's own.
        flip: whether half of the images are mirrored left to right.
        alternating_flip: whether an image is mirrored every other time it is seen, rather than at
            random; half of the images begin mirrored.
        cutout: side of the square that is hidden (DeVries and Taylor, arXiv 1708.04552), as a
            fraction of the image's side.
        fill: what fills places from outside the image: the "nearest" pixel, or the image reflected
            ("reflect").
        whole_pixels: whether shifts are of whole pixels, each as likely as any other.
    """

    shift: float
    rotation_degrees: float
    zoom: float
    flip: bool
    alternating_flip: bool = False
    cutout: float = 0.0
    fill: str = "nearest"
    whole_pixels: bool = False

    def draw(self, count: int, *, seed: int) -> Tensor:
        """Return random numbers [count, 6] in [0, 1) for `count` images: a function of the seed."""
        return _draw(count, _NUMBERS_PER_IMAGE, seed=seed)

    def alternate(self, numbers: Tensor, *, images: Tensor, times_seen: Tensor, seed: int) -> None:
        """Change `numbers`, from `draw`, to mirror each image every other time that it is seen.

        Args:
            numbers: [L, 6]; changed in place.
            images: int64 [L], the image that each row is for.
            times_seen: int64 [L], how often each was served before; only its parity matters.
            seed: decides which images begin mirrored; the same in every epoch.
        """
        begins = _draw(int(images.max()) + 1, 1, seed=seed)[:, 0] < 0.5
        mirrored = begins[images] ^ (times_seen % 2 == 1)
        numbers[:, _MIRROR] = torch.where(mirrored, 0.0, 0.75)

    def make_affine(self, numbers: Tensor, *, height: int, width: int) -> Tensor:
        """Return the maps [B, 2, 3] from output to input coordinates, each axis in [-1, 1].

        Args:
            numbers: random numbers [B, 6] from `draw`.
            height: of the images, in pixels. Rotation does not distort images that are not square.
            width: of the images, in pixels.
        """
        turn, shift_x, shift_y, zoom_x, zoom_y, mirror = numbers.unbind(dim=1)
        angle = (2 * turn - 1) * math.radians(self.rotation_degrees)
        scale_x = 1 + (2 * zoom_x - 1) * self.zoom
        scale_y = 1 + (2 * zoom_y - 1) * self.zoom
        sign = 1 - 2 * (mirror < 0.5).to(numbers.dtype) if self.flip else torch.ones_like(mirror)
        cosine, sine, aspect = angle.cos(), angle.sin(), height / width
        offset_x, offset_y = self._offset(shift_x, width), self._offset(shift_y, height)
        rows = (
            torch.stack(
                (sign * cosine * scale_x, -sign * sine * scale_y * aspect, offset_x), dim=1
            ),
            torch.stack((sine * scale_x / aspect, cosine * scale_y, offset_y), dim=1),
        )
        return torch.stack(rows, dim=1)

    def _offset(self, number: Tensor, side: int) -> Tensor:
        # The axis runs from -1 to 1, so a shift by a fraction f of the side is 2f.
        if not self.whole_pixels:
            return (2 * number - 1) * 2 * self.shift
        most = round(self.shift * side)
        return ((number * (2 * most + 1)).floor() - most) * (2 / side)

    def draw_holes(self, count: int, *, seed: int) -> Tensor | None:
        """Return random numbers [count, 2], a function of the seed, for where squares are hidden.

        None if no squares are hidden.
        """
        return _draw(count, 2, seed=seed) if self.cutout > 0 else None

    def hide(self, images: Tensor, holes: Tensor) -> Tensor:
        """Return the images [B, C, H, W] with a grey square in each, which lies wholly inside.

        Args:
            images: floats in [0, 1].
            holes: random numbers [B, 2] from `draw_holes`.
        """
        hidden = [
            _span(side, round(self.cutout * side), number)
            for side, number in zip(images.shape[2:], holes.unbind(dim=1), strict=True)
        ]
        square = hidden[0][:, None, :, None] & hidden[1][:, None, None, :]
        return images.masked_fill(square, _GREY)


def resample(images: Tensor, maps: Tensor, *, fill: str = "nearest") -> Tensor:
    """Return the images [B, C, H, W] resampled bilinearly.

    Args:
        images: floats, NHWC in memory like the images returned.
        maps: [B, 2, 3] from `Augmentation.make_affine`.
        fill: what fills places from outside the image, "nearest" or "reflect".
    """
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    changed = F.grid_sample(
        images, grid, mode="bilinear", padding_mode=_PADDING[fill], align_corners=False
    )
    return changed.contiguous(memory_format=torch.channels_last)


def _span(side: int, length: int, number: Tensor) -> Tensor:
    """Return bools [B, side], true on `length` neighbours, where the number in [0, 1) says."""
    start = (number * (side - length + 1)).floor()[:, None]
    places = torch.arange(side, device=number.device)
    return (places >= start) & (places < start + length)


def _draw(count: int, numbers: int, *, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, numbers, generator=generator)


def make_augmentation(config: AutoencoderConfig | ClassifierConfig) -> Augmentation | None:
    """Return the augmentation that the configuration asks for, or None when it is off."""
    if not config.data_augmentation:
        return None
    return Augmentation(
        shift=config.augmentation_shift,
        rotation_degrees=config.augmentation_rotation_degrees,
        zoom=config.augmentation_zoom,
        flip=config.augmentation_flip,
        alternating_flip=config.augmentation_alternating_flip,
        cutout=config.augmentation_cutout,
        fill=config.augmentation_fill,
        whole_pixels=config.augmentation_whole_pixels,
    )
