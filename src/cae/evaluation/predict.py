"""A model's answers for a whole image set, as NumPy arrays."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cae.data.batches import Batches
from cae.data.images import ImageSet
from cae.models.autoencoder import Autoencoder
from cae.models.classifier import Classifier
from cae.runtime.device import Runtime

_BATCH_SIZE = 250  # Larger was not faster on two Zen 4 cores, and its features take more memory.


def predict_probabilities(
    model: Classifier, images: ImageSet, *, runtime: Runtime, batch_size: int = _BATCH_SIZE
) -> NDArray[np.float32]:
    """Return class probabilities [N, K], float32, each row summing to 1."""
    return _apply(model, images, runtime=runtime, batch_size=batch_size, softmax=True)


def reconstruct(
    model: Autoencoder, images: ImageSet, *, runtime: Runtime, batch_size: int = _BATCH_SIZE
) -> NDArray[np.float32]:
    """Return reconstructions [N, C, H, W], float32 in [0, 1]."""
    return _apply(model, images, runtime=runtime, batch_size=batch_size, softmax=False)


def _apply(
    model: nn.Module, images: ImageSet, *, runtime: Runtime, batch_size: int, softmax: bool
) -> NDArray[np.float32]:
    runtime.place(model)
    model.eval()
    batches = Batches(images, runtime=runtime, batch_size=batch_size)
    parts: list[NDArray[np.float32]] = []
    with torch.inference_mode(), runtime.autocast():
        for batch in batches.epoch(0):
            output = model(batch.images)
            if softmax:
                output = output.softmax(dim=1)
            parts.append(output.cpu().contiguous().numpy())
    return np.concatenate(parts)
