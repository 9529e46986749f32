"""Batches cut from one tensor on the device, in an order that is a function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cae.data.augment import Augmentation, resample
from cae.data.images import ImageSet
from cae.runtime.device import Runtime
from cae.seeding import derive_seed, make_permutation


@dataclass(frozen=True, slots=True)
class Batch:
    """Images [B, C, H, W], float32 in [0, 1], NHWC in memory; labels int64 [B] if there are any.

    Attributes:
        features: what a frozen encoder makes of the images, where that was computed ahead.
    """

    images: Tensor
    labels: Tensor | None
    features: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


class Batches:
    """All of an image set as one uint8 tensor on the device, served batch by batch.

    With `shuffle_seed` None the images come in their own order and unchanged. Otherwise each epoch
    has an order of its own, and with `augmentation` each image a change of its own: both depend on
    the seed, the epoch and the image alone, not on the batch size or on what was served before.

    `features` [N, ...] are served along with the images that they are of, row by row.
    """

    def __init__(
        self,
        images: ImageSet,
        *,
        runtime: Runtime,
        batch_size: int,
        shuffle_seed: int | None = None,
        augmentation: Augmentation | None = None,
        features: Tensor | None = None,
    ) -> None:
        assert features is None or augmentation is None, "changed images have other features"
        # Kept NHWC so that a batch of rows is NHWC without a transposition at every step.
        self._pixels = runtime.tensor(images.images).permute(0, 2, 3, 1).contiguous()
        self._labels = None if images.labels is None else runtime.tensor(images.labels)
        self._batch_size = batch_size
        self._seed = shuffle_seed
        self._augmentation = augmentation
        self._features = features

    @property
    def num_images(self) -> int:
        """How many images an epoch serves."""
        return len(self._pixels)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self._bounds())

    def count_images(self, *, batches: int) -> int:
        """How many images the first so many batches of an epoch hold."""
        return self._bounds()[batches - 1][1] if batches else 0

    def epoch(self, epoch: int, *, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch; the last may be smaller, or larger by one: never alone.

        Args:
            epoch: number of the epoch.
            first: index of the batch to begin with.
        """
        if self._seed is None:
            for start, stop in self._bounds()[first:]:
                yield self._make(slice(start, stop), maps=None)
            return
        order = torch.from_numpy(
            make_permutation(self.num_images, seed=derive_seed(self._seed, "order", epoch))
        ).to(self._pixels.device)
        maps = None if self._augmentation is None else self._draw_maps(self._augmentation, epoch)
        for start, stop in self._bounds()[first:]:
            yield self._make(order[start:stop], maps=maps)

    def _draw_maps(self, augmentation: Augmentation, epoch: int) -> Tensor:
        # For the whole epoch at once: dozens of small operations, too many for every batch.
        assert self._seed is not None
        seed = derive_seed(self._seed, "augmentation", epoch)
        numbers = augmentation.draw(self.num_images, seed=seed).to(self._pixels.device)
        _, height, width, _ = self._pixels.shape
        return augmentation.make_affine(numbers, height=height, width=width)

    def _make(self, rows: Tensor | slice, *, maps: Tensor | None) -> Batch:
        images = self._pixels[rows].permute(0, 3, 1, 2).float().div_(255)
        if maps is not None:
            images = resample(images, maps[rows])
        labels = None if self._labels is None else self._labels[rows]
        return Batch(images, labels, None if self._features is None else self._features[rows])

    def _bounds(self) -> list[tuple[int, int]]:
        starts = list(range(0, self.num_images, self._batch_size))
        # A batch of one has no variance for batch norm: it joins the batch before it.
        if len(starts) > 1 and self.num_images - starts[-1] == 1:
            starts.pop()
        return list(zip(starts, [*starts[1:], self.num_images], strict=True))
