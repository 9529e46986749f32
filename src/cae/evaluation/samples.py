"""The few test images that a run shows: reconstructions and the most confident mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cae.data.images import ImageSet

Pictures = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class ReconstructionSamples:
    """Pictures uint8 [n, H, W, C] and, in the same order, their reconstructions."""

    originals: Pictures
    reconstructions: Pictures


@dataclass(frozen=True, slots=True, eq=False)
class MistakeSamples:
    """Wrongly classified pictures uint8 [n, H, W, C], the most confident first."""

    images: Pictures
    true_names: tuple[str, ...]
    predicted_names: tuple[str, ...]
    probabilities: tuple[float, ...]


def choose_one_per_class(images: ImageSet, *, most: int = 10) -> NDArray[np.int64]:
    """Return the indices of the first image of each class, or the first images if unlabelled."""
    if images.labels is None:
        return np.arange(min(most, len(images)), dtype=np.int64)
    _, first = np.unique(images.labels, return_index=True)
    return first[:most].astype(np.int64)


def collect_reconstructions(
    images: ImageSet, reconstructions: NDArray[np.float32], *, most: int = 10
) -> ReconstructionSamples:
    """Return one image of each class beside its reconstruction.

    Args:
        images: the images that were reconstructed.
        reconstructions: float32 [N, C, H, W] in [0, 1], of all of them.
        most: how many to return at most.
    """
    chosen = choose_one_per_class(images, most=most)
    return ReconstructionSamples(
        _as_pictures(images.images[chosen]),
        _as_pictures(np.rint(reconstructions[chosen] * 255).astype(np.uint8)),
    )


def collect_mistakes(
    images: ImageSet, probabilities: NDArray[np.float32], *, most: int = 20
) -> MistakeSamples:
    """Return the wrongly classified images with the most confident predictions.

    Args:
        images: labelled images.
        probabilities: float32 [N, K] of all of them.
        most: how many to return; fewer if there are fewer mistakes.
    """
    assert images.labels is not None, "mistakes need labels"
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != images.labels)
    chosen = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    names = images.class_names
    return MistakeSamples(
        _as_pictures(images.images[chosen]),
        tuple(names[int(label)] for label in images.labels[chosen].tolist()),
        tuple(names[int(label)] for label in predicted[chosen].tolist()),
        tuple(float(value) for value in confidence[chosen]),
    )


def _as_pictures(images: NDArray[np.uint8]) -> Pictures:
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))
