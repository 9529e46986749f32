"""Scores agree with scikit-learn, SciPy and the published formulas, and bad input is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from scipy.stats import binomtest

from cae.errors import DataError
from cae.evaluation.metrics import (
    compute_confusion_matrix,
    compute_wilson_interval,
    evaluate_classification,
    evaluate_reconstruction,
)

CLASSES = ("bird", "deer", "truck", "cat")


def make_predictions(
    count: int = 500, classes: int = 4, *, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return plausible probabilities [N, K] and the labels they partly agree with."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    logits = random.standard_normal((count, classes)) + 1.5 * np.eye(classes)[labels]
    exponentials = np.exp(logits)
    return (exponentials / exponentials.sum(1, keepdims=True)).astype(np.float32), labels


def make_pair(
    shape: tuple[int, ...], *, noise: float = 0.1, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return smooth random images and noisy copies of them in [0, 1]."""
    random = np.random.default_rng(seed)
    images = random.random(shape)
    for axis in (2, 3):
        images = correlate1d(images, np.ones(3) / 3, axis=axis)
    originals = (images * 255).astype(np.uint8)
    copies = np.clip(originals / 255 + noise * random.standard_normal(shape), 0, 1)
    return originals, copies.astype(np.float32)


def compute_reference_ssim(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """SSIM of two channels [H, W] in [0, 1], written from equation 13 of Wang et al. (2004)."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()

    def average(values: NDArray[np.float64]) -> NDArray[np.float64]:
        for axis in (0, 1):
            values = correlate1d(values, taps, axis=axis)
        return values[5:-5, 5:-5]

    mean_1, mean_2 = average(first), average(second)
    variance_1 = average(first * first) - mean_1**2
    variance_2 = average(second * second) - mean_2**2
    covariance = average(first * second) - mean_1 * mean_2
    c1, c2 = 0.01**2, 0.03**2
    upper = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
    lower = (mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2)
    return float((upper / lower).mean())


def test_classification_scores_agree_with_scikit_learn() -> None:
    probabilities, labels = make_predictions()
    predicted = probabilities.argmax(1)

    scores = evaluate_classification(probabilities, labels, CLASSES)

    assert scores["count"] == 500
    assert scores["accuracy"] == sklearn.metrics.accuracy_score(labels, predicted)
    assert scores["macro_f1"] == pytest.approx(
        sklearn.metrics.f1_score(labels, predicted, average="macro")
    )
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(1, keepdims=True)
    assert scores["loss"] == pytest.approx(sklearn.metrics.log_loss(labels, exact), rel=1e-6)
    np.testing.assert_array_equal(
        scores["confusion_matrix"], sklearn.metrics.confusion_matrix(labels, predicted)
    )
    reference: Any = sklearn.metrics.precision_recall_fscore_support(labels, predicted)
    precision, recall, f1, support = reference
    for index, name in enumerate(CLASSES):
        assert scores["per_class"][name] == pytest.approx(
            {
                "precision": precision[index],
                "recall": recall[index],
                "f1": f1[index],
                "support": support[index],
            }
        )


def test_scores_survive_a_round_trip_through_json() -> None:
    scores = evaluate_classification(*make_predictions(), CLASSES)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    quality = evaluate_reconstruction(*make_pair((3, 1, 12, 12)))
    assert json.loads(json.dumps(quality, allow_nan=False)) == quality


@pytest.mark.parametrize("count", [1, 10, 10_000])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.71, 1.0])
def test_wilson_interval_agrees_with_scipy(count: int, share: float) -> None:
    successes = round(share * count)
    reference = binomtest(successes, count).proportion_ci(0.95, method="wilson")
    low, high = compute_wilson_interval(successes, count)
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=1e-12)
    assert 0 <= low <= successes / count <= high <= 1


@pytest.mark.parametrize(("successes", "count"), [(0, 0), (2, 1), (-1, 3)])
def test_wilson_interval_refuses_what_is_no_proportion(successes: int, count: int) -> None:
    with pytest.raises(DataError, match=f"{successes} of {count}"):
        compute_wilson_interval(successes, count)


def test_confusion_matrix_has_true_classes_in_rows() -> None:
    labels = np.array([0, 0, 2], dtype=np.uint8)
    matrix = compute_confusion_matrix(labels, np.array([0, 1, 1]), classes=3)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 0, 0], [0, 1, 0]])


def test_class_without_images_has_no_scores_and_does_not_touch_macro_f1() -> None:
    probabilities, labels = make_predictions()
    keep = labels != 3
    scores = evaluate_classification(probabilities[keep], labels[keep], CLASSES)
    assert scores["per_class"]["cat"] == {
        "precision": None,
        "recall": None,
        "f1": None,
        "support": 0,
    }
    assert scores["macro_f1"] == pytest.approx(
        sklearn.metrics.f1_score(
            labels[keep], probabilities[keep].argmax(1), labels=[0, 1, 2], average="macro"
        )
    )
    assert sum(scores["confusion_matrix"][3]) == 0


def test_class_that_is_never_predicted_scores_zero() -> None:
    probabilities = np.array([[1, 0], [1, 0]], dtype=np.float32)
    scores = evaluate_classification(probabilities, np.array([0, 1]), ("bird", "deer"))
    assert scores["per_class"]["deer"] == {"precision": 0, "recall": 0, "f1": 0, "support": 1}
    assert scores["accuracy"] == 0.5
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_certain_but_wrong_prediction_has_a_finite_loss() -> None:
    probabilities = np.array([[1, 0]], dtype=np.float32)
    scores = evaluate_classification(probabilities, np.array([1]), ("bird", "deer"))
    assert 80 < scores["loss"] < 100


def test_bad_predictions_are_refused_with_the_value_found() -> None:
    probabilities, labels = make_predictions(8)

    def changed(value: float) -> NDArray[np.float32]:
        copy = probabilities.copy()
        copy[5, 0] = value
        return copy

    cases: list[tuple[Any, Any, tuple[str, ...], str]] = [
        (probabilities[:, :3], labels, CLASSES, r"\[8, 3\].*expected \[N, 4\]"),
        (probabilities[0], labels, CLASSES, "shape"),
        (probabilities, labels[:7], CLASSES, r"labels of shape \[7\]"),
        (probabilities, labels.astype(np.float32), CLASSES, "float32"),
        (probabilities[:0], labels[:0], CLASSES, "at least one image"),
        (probabilities, labels + 1, CLASSES, "labels from"),
        (probabilities, labels - 1, CLASSES, "labels from -1"),
        (changed(np.nan), labels, CLASSES, "nan"),
        (changed(np.inf), labels, CLASSES, "inf"),
        (changed(-0.5), labels, CLASSES, "softmax"),
        (changed(0.999), labels, CLASSES, "image 5 sum to"),
        (probabilities, labels, ("bird", "deer", "truck", "bird"), "different"),
    ]
    for bad_probabilities, bad_labels, names, message in cases:
        with pytest.raises(DataError, match=message):
            evaluate_classification(bad_probabilities, bad_labels, names)


@pytest.mark.parametrize("shape", [(5, 3, 32, 32), (101, 1, 11, 16)])
def test_reconstruction_quality_agrees_with_the_published_formulas(shape: tuple[int, ...]) -> None:
    originals, copies = make_pair(shape)
    first, second = originals / 255.0, copies.astype(np.float64)
    errors = ((first - second) ** 2).mean(axis=(1, 2, 3))
    channels = zip(first.reshape(-1, *shape[2:]), second.reshape(-1, *shape[2:]), strict=True)

    quality = evaluate_reconstruction(originals, copies)

    assert quality["count"] == shape[0]
    assert quality["mse"] == pytest.approx(errors.mean(), rel=1e-5)
    assert quality["psnr"] == pytest.approx(10 * np.log10(1 / errors.mean()), rel=1e-5)
    assert quality["psnr_per_image"] == pytest.approx((10 * np.log10(1 / errors)).mean(), rel=1e-5)
    assert quality["ssim"] == pytest.approx(
        np.mean([compute_reference_ssim(*pair) for pair in channels]), abs=1e-5
    )


def test_perfect_reconstruction_has_ssim_one_and_the_capped_psnr() -> None:
    originals, _ = make_pair((3, 3, 16, 16))
    quality = evaluate_reconstruction(originals, (originals / 255.0).astype(np.float32))
    assert quality["mse"] == pytest.approx(0, abs=1e-12)
    assert quality["psnr"] == quality["psnr_per_image"] == 100.0
    assert quality["ssim"] == pytest.approx(1.0)


def test_image_smaller_than_the_window_has_no_ssim() -> None:
    quality = evaluate_reconstruction(*make_pair((4, 3, 8, 32)))
    assert quality["ssim"] is None
    assert quality["psnr"] is not None


def test_bad_reconstructions_are_refused_with_the_value_found() -> None:
    originals, copies = make_pair((4, 3, 12, 12))
    broken = copies.copy()
    broken[2, 0, 0, 0] = np.nan
    cases: list[tuple[Any, Any, str]] = [
        (originals, copies[:3], r"\[3, 3, 12, 12\]"),
        (originals[0], copies[0], r"\[N, C, H, W\]"),
        (originals.astype(np.float32), copies, "float32"),
        (originals, originals, "uint8: expected floats"),
        (originals[:0], copies[:0], "at least one"),
        (originals, copies * 255, r"to 255\.0: expected finite"),
        (originals, copies - 0.5, "reconstructions from -0"),
        (originals, broken, "nan"),
    ]
    for bad_originals, bad_copies, message in cases:
        with pytest.raises(DataError, match=message):
            evaluate_reconstruction(bad_originals, bad_copies)
