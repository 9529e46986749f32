"""The final scores: classification with its interval, and reconstruction quality."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae.errors import DataError

# A probability that underflows to 0 in float32 would give an infinite loss; this gives about 87.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)
# Softmax in float32 over 100 classes misses 1 by about 1e-6; logits miss it by far more than this.
_ROW_SUM_TOLERANCE = 1e-3
# Two-sided 95% point of the standard normal distribution.
_Z_95 = 1.959963984540054
# A perfect reconstruction has an infinite PSNR, which neither JSON nor a mean can hold.
_SMALLEST_MSE = 1e-10
_SSIM_WINDOW_PIXELS = 11
# SSIM holds five padded copies of a batch; 100 images of 3x32x32 stay below 50 MB.
_IMAGES_PER_BATCH = 100


def evaluate_classification(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    class_names: Sequence[str],
) -> dict[str, Any]:
    """Return the scores of predicted class probabilities, as plain JSON values.

    The predicted class is the most probable one, the first of them when several tie. A class
    without a labelled image has nothing to measure: its precision, recall and F1 are None, and
    macro F1 is the mean over the other classes. A class that is never predicted has precision 0.

    Args:
        probabilities: floats [N, K] in [0, 1], each row summing to 1.
        labels: integers [N] in 0 .. K-1, the true classes.
        class_names: K different names, in the order of the columns.

    Returns:
        accuracy (fraction), accuracy_interval ([low, high], the 95% Wilson interval), macro_f1,
        count (N), loss (mean cross entropy in nats), per_class (precision, recall, f1, support by
        class name), and confusion_matrix (counts [K][K], rows are true classes).

    Raises:
        DataError: shapes that do not fit together, no image at all, a probability that is not a
            finite number in [0, 1], a row that does not sum to 1, or a label out of range.
    """
    _require_predictions(probabilities, labels, class_names)
    count = len(labels)
    confusion = compute_confusion_matrix(
        labels, probabilities.argmax(axis=1), classes=len(class_names)
    )
    hits, support, predictions = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    present = support > 0
    # Where a divisor is 0 there are no hits either: the score is 0, without a division warning.
    scores = {
        "precision": hits / np.maximum(predictions, 1),
        "recall": hits / np.maximum(support, 1),
        "f1": 2 * hits / np.maximum(support + predictions, 1),
    }
    per_class: dict[str, dict[str, float | int | None]] = {
        name: {
            **{key: float(of[index]) if present[index] else None for key, of in scores.items()},
            "support": int(support[index]),
        }
        for index, name in enumerate(class_names)
    }
    true_probabilities = probabilities[np.arange(count), labels].astype(np.float64)
    correct = int(hits.sum())
    return {
        "accuracy": correct / count,
        "accuracy_interval": list(compute_wilson_interval(correct, count)),
        "macro_f1": float(scores["f1"][present].mean()),
        "count": count,
        "loss": float(-np.log(np.maximum(true_probabilities, _SMALLEST_PROBABILITY)).mean()),
        "per_class": per_class,
        "confusion_matrix": confusion.tolist(),
    }


def compute_confusion_matrix(
    labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], *, classes: int
) -> NDArray[np.int64]:
    """Return the counts [K, K] of images by true class (rows) and predicted class (columns).

    Both arguments hold integers [N] in 0 .. K-1, with K = `classes`.
    """
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def compute_wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """Return the two-sided 95% Wilson score interval of a proportion, within [0, 1].

    Raises:
        DataError: `count` is below 1 or `successes` is not in 0 .. count.
    """
    if count < 1 or not 0 <= successes <= count:
        raise DataError(
            f"{successes} of {count} is no proportion: expected 0 <= successes <= count"
        )
    share = successes / count
    square = _Z_95**2 / count
    centre = (share + square / 2) / (1 + square)
    margin = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    # At 0 and 1 the bounds are exact; rounding must not push them outside.
    low = 0.0 if successes == 0 else centre - margin
    high = 1.0 if successes == count else centre + margin
    return low, high


def evaluate_reconstruction(
    originals: NDArray[np.uint8], reconstructions: NDArray[np.float32]
) -> dict[str, float | int | None]:
    """Return how close reconstructions [N, C, H, W] in [0, 1] come to their uint8 originals.

    PSNR takes 1 as the peak and is capped at 100 dB, because that of a perfect reconstruction is
    infinite. SSIM is that of Wang et al. (2004): an 11x11 Gaussian window of standard
    deviation 1.5, K1 0.01, K2 0.03, only windows inside the image, and the mean over channels,
    places and images. It is None for images smaller than the window.

    Returns:
        mse (mean over all values, [0, 1] scale), psnr (dB, of that mse), psnr_per_image (dB, the
        mean of the images' own PSNR), ssim (-1 to 1), and count (N).

    Raises:
        DataError: shapes or types that do not fit, no image at all, or a reconstruction that is
            not a finite number in [0, 1].
    """
    _require_reconstructions(originals, reconstructions)
    errors = np.concatenate(
        [
            np.square(original - reconstruction).mean(axis=(1, 2, 3), dtype=np.float64)
            for original, reconstruction in _iterate_pairs(originals, reconstructions)
        ]
    )
    mse = float(errors.mean())
    return {
        "mse": mse,
        "psnr": float(_compute_psnr(np.array(mse))),
        "psnr_per_image": float(_compute_psnr(errors).mean()),
        "ssim": _compute_ssim(originals, reconstructions),
        "count": len(originals),
    }


def _compute_psnr(mse: NDArray[np.float64]) -> NDArray[np.float64]:
    return -10.0 * np.log10(np.maximum(mse, _SMALLEST_MSE))


def _compute_ssim(
    originals: NDArray[np.uint8], reconstructions: NDArray[np.float32]
) -> float | None:
    if min(originals.shape[2:]) < _SSIM_WINDOW_PIXELS:
        return None
    # Imported here: it takes seconds, and evaluating a classifier does not need it.
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    border = _SSIM_WINDOW_PIXELS // 2
    inside = slice(border, -border)
    total = 0.0
    with torch.inference_mode():
        for original, reconstruction in _iterate_pairs(originals, reconstructions):
            _, similarities = structural_similarity_index_measure(
                torch.as_tensor(reconstruction),
                torch.as_tensor(original),
                data_range=1.0,
                reduction="none",
                return_full_image=True,
            )
            # torchmetrics mirrors the border; Wang et al. count only whole windows.
            whole = similarities[:, :, inside, inside].double()
            total += float(whole.mean(dim=(1, 2, 3)).sum())
    return total / len(originals)


def _iterate_pairs(
    originals: NDArray[np.uint8], reconstructions: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield batches of both as float32 in [0, 1], so that no whole float copy is ever made."""
    for start in range(0, len(originals), _IMAGES_PER_BATCH):
        batch = slice(start, start + _IMAGES_PER_BATCH)
        original = originals[batch].astype(np.float32) / np.float32(255)
        yield original, np.ascontiguousarray(reconstructions[batch], dtype=np.float32)


def _require_predictions(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    class_names: Sequence[str],
) -> None:
    classes = len(class_names)
    if len(set(class_names)) != classes:
        raise DataError(f"class names {list(class_names)}: expected different ones")
    if probabilities.ndim != 2 or probabilities.shape[1] != classes:
        raise DataError(
            f"probabilities of shape {list(probabilities.shape)}: expected [N, {classes}], "
            f"one column for each of the {classes} class names"
        )
    if labels.shape != (len(probabilities),) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"labels of shape {list(labels.shape)} and type {labels.dtype}: expected integers "
            f"[{len(probabilities)}], one for each row of the probabilities"
        )
    if not probabilities.size:
        raise DataError("no predictions to evaluate: expected at least one image and one class")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"labels from {labels.min()} to {labels.max()}: expected 0 to {classes - 1}, "
            f"the places of the {classes} class names"
        )
    # Comparisons with NaN are false, so `not (...)` refuses it too.
    low, high = probabilities.min(), probabilities.max()
    if not (low >= 0 and high <= 1 + _ROW_SUM_TOLERANCE):
        raise DataError(
            f"probabilities from {low} to {high}: expected finite numbers in [0, 1]; "
            "logits need a softmax first"
        )
    sums = probabilities.sum(axis=1, dtype=np.float64)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > _ROW_SUM_TOLERANCE:
        raise DataError(
            f"probabilities of image {worst} sum to {sums[worst]:.6g}: expected 1; "
            "apply a softmax over the classes"
        )


def _require_reconstructions(
    originals: NDArray[np.uint8], reconstructions: NDArray[np.float32]
) -> None:
    if originals.dtype != np.uint8 or originals.ndim != 4:
        raise DataError(
            f"originals of shape {list(originals.shape)} and type {originals.dtype}: "
            "expected uint8 [N, C, H, W]"
        )
    if reconstructions.shape != originals.shape:
        raise DataError(
            f"reconstructions of shape {list(reconstructions.shape)}: expected that of the "
            f"originals, {list(originals.shape)}"
        )
    if not np.issubdtype(reconstructions.dtype, np.floating):
        raise DataError(
            f"reconstructions of type {reconstructions.dtype}: expected floats in [0, 1]"
        )
    if not originals.size:
        raise DataError("no images to evaluate: expected at least one")
    low, high = reconstructions.min(), reconstructions.max()
    if not (low >= 0 and high <= 1):
        raise DataError(f"reconstructions from {low} to {high}: expected finite numbers in [0, 1]")
