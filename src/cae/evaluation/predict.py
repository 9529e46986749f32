"""A model's predictions for a whole image set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cae.data.batches import EVALUATION_BATCH_SIZE, Batches
from cae.data.images import ImageSet
from cae.models.autoencoder import Autoencoder
from cae.models.classifier import Classifier
from cae.models.encoder import Encoder
from cae.runtime.device import Runtime


def predict_probabilities(
    model: Classifier,
    images: ImageSet,
    *,
    runtime: Runtime,
    batch_size: int = EVALUATION_BATCH_SIZE,
) -> NDArray[np.float32]:
    """Return class probabilities [N, K], float32, each row summing to 1; see `Predictor`."""
    outputs = _apply(Predictor(model), images, runtime=runtime, batch_size=batch_size)
    return _gather(outputs, len(images)).numpy()


def reconstruct(
    model: Autoencoder,
    images: ImageSet,
    *,
    runtime: Runtime,
    batch_size: int = EVALUATION_BATCH_SIZE,
) -> NDArray[np.float32]:
    """Return reconstructions [N, C, H, W], float32 in [0, 1]."""
    outputs = _apply(model, images, runtime=runtime, batch_size=batch_size)
    return _gather(outputs, len(images)).numpy()


def encode(
    model: Encoder, images: ImageSet, *, runtime: Runtime, batch_size: int = EVALUATION_BATCH_SIZE
) -> Tensor:
    """Return the encodings [N, D, h, w], on the device, in the precision they are computed in."""
    outputs = _apply(model, images, runtime=runtime, batch_size=batch_size)
    return _gather(outputs, len(images), device=runtime.device, layout=torch.channels_last)


class Predictor(nn.Module):
    """A classifier with everything that its configuration applies when classes are predicted.

    Logits are averaged over the views of an image that `test_time_augmentation` asks for, adjusted
    by `posthoc_logit_adjustment`, and turned into probabilities. The classifier itself, which is
    what is trained, does none of this.

    Attributes:
        model: the classifier.
    """

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Return probabilities [N, K], float32, for images [N, C, H, W], floats in [0, 1]."""
        return self.model.adjust(self._average_views(x)).softmax(dim=1)

    def _average_views(self, x: Tensor) -> Tensor:
        """Return logits [N, K], float32, averaged over an image's views.

        The mirror image weighs as much as the image; both shifted by a pixel, to the upper left
        and to the lower right, weigh as much as both unshifted (airbench94, Jordan, arXiv
        2404.00498).
        """
        kind = self.model.test_time_augmentation
        if kind == "none":
            return self.model(x)
        logits = self._mirror(x)
        if kind == "flip":
            return logits
        height, width = x.shape[2:]
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        shifted = (padded[:, :, at : at + height, at : at + width] for at in (0, 2))
        return 0.5 * logits + 0.25 * sum(map(self._mirror, shifted), torch.zeros_like(logits))

    def _mirror(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        mirrored = x.flip(3).contiguous(memory_format=torch.channels_last)
        return 0.5 * (self.model(x) + self.model(mirrored))


def _apply(
    model: nn.Module, images: ImageSet, *, runtime: Runtime, batch_size: int
) -> Iterator[Tensor]:
    runtime.place(model)
    if any(module.training for module in model.modules()):
        model.eval()
    batches = Batches(images, runtime=runtime, batch_size=batch_size)
    for batch in batches.epoch(0):
        with torch.no_grad(), runtime.autocast():
            output = model(batch.images)
        yield output


def _gather(
    outputs: Iterable[Tensor],
    count: int,
    *,
    device: torch.device | str = "cpu",
    layout: torch.memory_format = torch.contiguous_format,
) -> Tensor:
    """Return the outputs of all batches as one tensor of `count` rows, never holding them twice."""
    whole, done = torch.empty(0), 0
    for output in outputs:
        if not done:
            shape = (count, *output.shape[1:])
            whole = torch.empty(shape, dtype=output.dtype, device=device, memory_format=layout)
        whole[done : done + len(output)] = output
        done += len(output)
    return whole
