"""Batches cut from one tensor on the device, in an order that is a function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cae.data.augment import Augmentation, resample
from cae.data.images import ImageSet
from cae.runtime.device import Runtime
from cae.seeding import derive_seed, make_permutation

Indices = NDArray[np.int64]

# For images that are not trained on. Larger was not faster on two Zen 4 cores, and takes more
# memory.
EVALUATION_BATCH_SIZE = 250


@dataclass(frozen=True, slots=True)
class Batch:
    """Images [B, C, H, W], float32 in [0, 1], NHWC in memory; labels int64 [B] if there are any.

    Attributes:
        features: a frozen encoder's features of the images, if they were computed in advance.
    """

    images: Tensor
    labels: Tensor | None
    features: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True)
class LowResolution:
    """The first `epochs` epochs serve their images shrunk to `side` pixels a side."""

    epochs: int
    side: int


@dataclass(frozen=True, slots=True)
class _Changes:
    """The changes of one epoch's augmentation: a row for each image, or each place in the order."""

    augmentation: Augmentation
    maps: Tensor
    holes: Tensor | None

    def apply(self, images: Tensor, rows: Tensor) -> Tensor:
        changed = resample(images, self.maps[rows], fill=self.augmentation.fill)
        return changed if self.holes is None else self.augmentation.hide(changed, self.holes[rows])


class Batches:
    """An image set as one uint8 tensor on the device, served batch by batch.

    With `shuffle_seed` None the images come in their own order and unchanged. Otherwise each epoch
    has an order of its own, and with `augmentation` each image is changed in its own way: both
    depend on the seed, the epoch and the image alone, not on the batch size or on what was served
    before.

    With `balanced` every class is served equally often: as often as the largest one has images.
    Images of the other classes are served several times, each time changed anew.

    `features` [N, ...] are served along with their images, row by row.
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
        balanced: bool = False,
        low_resolution: LowResolution | None = None,
    ) -> None:
        assert features is None or augmentation is None, "changed images have other features"
        assert features is None or low_resolution is None, "small images have other features"
        # NHWC, so that a batch of rows is NHWC without a transposition at every step. The CPU reads
        # the data set in place, if torch accepts it; otherwise just these images are copied.
        shares = runtime.device.type == "cpu" and images.pixels.flags.writeable
        rows = images.rows if shares else None
        pixels = images.pixels if shares else images.images.transpose(0, 2, 3, 1)
        self._pixels = runtime.tensor(pixels)
        self._rows = None if rows is None else runtime.tensor(rows)
        self._labels = None if images.labels is None else runtime.tensor(images.labels)
        self._batch_size = batch_size
        self._seed = shuffle_seed
        self._augmentation = augmentation
        self._features = features
        self._low_resolution = low_resolution
        self._classes: list[Indices] | None = None
        self._count = len(images)
        if balanced:
            assert shuffle_seed is not None and images.labels is not None
            places = (np.flatnonzero(images.labels == label) for label in np.unique(images.labels))
            self._classes = [place.astype(np.int64) for place in places]
            self._count = len(self._classes) * max(map(len, self._classes))

    @property
    def num_images(self) -> int:
        """How many images an epoch serves."""
        return self._count

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self._bounds())

    def count_images(self, *, batches: int) -> int:
        """How many images the first `batches` batches of an epoch hold."""
        return self._bounds()[batches - 1][1] if batches else 0

    def begins_a_size(self, epoch: int) -> bool:
        """Whether this epoch is the first, or serves images of another size than the one before."""
        low = 0 if self._low_resolution is None else self._low_resolution.epochs
        return epoch in (1, low + 1)

    def epoch(self, epoch: int, *, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch; the last may be smaller, or larger by one.

        A single image left over joins the batch before it, if there is one.

        Args:
            epoch: number of the epoch.
            first: index of the batch to begin with.
        """
        if self._seed is None:
            for start, stop in self._bounds()[first:]:
                yield self._make(slice(start, stop), None, None, None)
            return
        order, copies = self._draw_order(epoch)
        device = self._pixels.device
        changes = None
        if self._augmentation is not None:
            changes = self._draw_changes(self._augmentation, order, copies, epoch)
        order = order.to(device)
        side = None
        if self._low_resolution is not None and epoch <= self._low_resolution.epochs:
            side = self._low_resolution.side
        for start, stop in self._bounds()[first:]:
            rows = order[start:stop]
            # Images that are served again are changed anew: there is a change for each place then.
            changed = rows if copies is None else torch.arange(start, stop, device=device)
            yield self._make(rows, changes, changed, side)

    def _draw_order(self, epoch: int) -> tuple[Tensor, Tensor | None]:
        """Return an epoch's images in order, and how often each of them was in it before."""
        assert self._seed is not None
        seed = derive_seed(self._seed, "order", epoch)
        if self._classes is None:
            return torch.from_numpy(make_permutation(self._count, seed=seed)), None
        each = max(map(len, self._classes))
        images: list[Indices] = []
        copies: list[Indices] = []
        for label, members in enumerate(self._classes):
            rounds = -(-each // len(members))
            drawn = [
                members[make_permutation(len(members), seed=derive_seed(seed, label, copy))]
                for copy in range(rounds)
            ]
            images.append(np.concatenate(drawn)[:each])
            copies.append(np.repeat(np.arange(rounds), len(members))[:each])
        order = make_permutation(self._count, seed=seed)
        return (
            torch.from_numpy(np.concatenate(images)[order]),
            torch.from_numpy(np.concatenate(copies)[order]),
        )

    def _draw_changes(
        self, augmentation: Augmentation, order: Tensor, copies: Tensor | None, epoch: int
    ) -> _Changes:
        # For the whole epoch at once: dozens of small operations are too many for each batch.
        assert self._seed is not None
        device = self._pixels.device
        seed = derive_seed(self._seed, "augmentation", epoch)
        numbers = augmentation.draw(self._count, seed=seed)
        if augmentation.alternating_flip:
            if copies is None:
                images, seen = torch.arange(self._count), torch.tensor(epoch - 1)
            else:
                images, seen = order, self._count_rounds(order) * (epoch - 1) + copies
            begin = derive_seed(self._seed, "first flip")
            augmentation.alternate(numbers, images=images, times_seen=seen, seed=begin)
        _, height, width, _ = self._pixels.shape
        maps = augmentation.make_affine(numbers.to(device), height=height, width=width)
        holes = augmentation.draw_holes(self._count, seed=derive_seed(seed, "cutout"))
        return _Changes(augmentation, maps, None if holes is None else holes.to(device))

    def _count_rounds(self, images: Tensor) -> Tensor:
        """Return how often an epoch serves each image; 1 if some come once more than others.

        With these numbers an image is mirrored alternately within an epoch, and between epochs.
        """
        assert self._classes is not None and self._labels is not None
        each = max(map(len, self._classes))
        rounds = torch.zeros(len(self._labels), dtype=torch.int64)
        for members in self._classes:
            whole, rest = divmod(each, len(members))
            rounds[torch.from_numpy(members)] = 1 if rest else whole
        return rounds[images]

    def _make(
        self,
        rows: Tensor | slice,
        changes: _Changes | None,
        changed: Tensor | None,
        side: int | None,
    ) -> Batch:
        pixels = self._pixels[rows if self._rows is None else self._rows[rows]]
        images = pixels.permute(0, 3, 1, 2).float().div_(255)
        if changes is not None and changed is not None:
            images = changes.apply(images, changed)
        if side is not None:
            images = F.interpolate(
                images, size=(side, side), mode="bilinear", antialias=True, align_corners=False
            ).contiguous(memory_format=torch.channels_last)
        labels = None if self._labels is None else self._labels[rows]
        return Batch(images, labels, None if self._features is None else self._features[rows])

    def _bounds(self) -> list[tuple[int, int]]:
        starts = list(range(0, self._count, self._batch_size))
        # A batch of one has no variance for batch norm: it joins the batch before it.
        if len(starts) > 1 and self._count - starts[-1] == 1:
            starts.pop()
        return list(zip(starts, [*starts[1:], self._count], strict=True))
