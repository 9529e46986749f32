"""Scores of an autoencoder: of its reconstructions, or of its predictions of hidden patches."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cae.data.batches import EVALUATION_BATCH_SIZE, Batches
from cae.data.images import ImageSet
from cae.evaluation.metrics import evaluate_reconstruction
from cae.models.autoencoder import Autoencoder
from cae.models.targets import shows_pictures
from cae.runtime.device import Runtime


def evaluate_autoencoder(
    model: Autoencoder,
    images: ImageSet,
    reconstructions: NDArray[np.float32],
    *,
    runtime: Runtime,
) -> dict[str, Any]:
    """Return an autoencoder's scores on images, as JSON values.

    If it was trained without a mask, these are the scores of `evaluate_reconstruction`. If it was
    trained with a mask, they begin with `target`, `hidden_fraction` (of the image;
    `predicted_fraction` if the encoder saw the patches) and `target_mse`, the mean squared error of
    the prediction of the target over these patches. If the target can be shown as a picture, the
    scores of the reconstructions follow: images in which these patches are filled in from the
    prediction, and the others are the original.

    The model is measured as it is saved: its encoder has the batch-norm statistics of whole images
    (see `pretrain`). It was trained with those of masked images, which are not kept and with which
    `target_mse` may be a little lower.

    Args:
        model: the autoencoder.
        images: the images to be reconstructed.
        reconstructions: what `reconstruct` returned for them.
        runtime: device and precision.
    """
    config = model.config
    if config.mask_ratio == 0:
        return evaluate_reconstruction(images.images, reconstructions)
    height, width, _ = config.image_shape
    share = config.count_hidden(height, width) / config.count_patches(height, width)
    hidden = {
        "target": config.target,
        "hidden_fraction" if config.mask_input else "predicted_fraction": share,
        "target_mse": _measure_target(model, images, runtime),
    }
    if not shows_pictures(config):
        return hidden
    return {**hidden, **evaluate_reconstruction(images.images, reconstructions)}


@torch.no_grad()
def _measure_target(model: Autoencoder, images: ImageSet, runtime: Runtime) -> float:
    model.eval()
    error, places = 0.0, 0.0
    for batch in Batches(images, runtime=runtime, batch_size=EVALUATION_BATCH_SIZE).epoch(0):
        visible = model.draw_fixed_mask(batch.images)
        with runtime.autocast():
            predicted, wanted, hidden = model.compare_hidden(batch.images, visible)
        error += float((predicted - wanted).square().sum())
        places += float(hidden.sum()) * wanted.shape[1]
    return error / places
