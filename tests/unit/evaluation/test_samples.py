"""The pictures that a run shows are chosen as it says, and keep their pixels."""

from __future__ import annotations

import numpy as np

from cae.data.images import ImageSet
from cae.evaluation.samples import (
    choose_one_per_class,
    collect_mistakes,
    collect_reconstructions,
)

NAMES = ("bird", "cat", "deer")
LABELS = [2, 0, 2, 1, 0, 1]


def make_set(labels: list[int] | None) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 5), dtype=np.uint8)
    found = None if labels is None else np.array(labels, dtype=np.int64)
    return ImageSet(pixels, found, NAMES, "six")


def test_the_first_image_of_each_class_is_shown_in_the_order_of_the_classes():
    assert choose_one_per_class(make_set(LABELS)).tolist() == [1, 3, 0]
    assert choose_one_per_class(make_set(LABELS), most=2).tolist() == [1, 3]


def test_a_class_without_images_is_passed_over():
    assert choose_one_per_class(make_set([2, 2, 0, 0, 0, 0])).tolist() == [2, 0]


def test_of_unlabelled_images_the_first_are_shown():
    assert choose_one_per_class(make_set(None), most=4).tolist() == [0, 1, 2, 3]
    assert choose_one_per_class(make_set(None)).tolist() == [0, 1, 2, 3, 4, 5]


def test_reconstructions_stand_beside_their_originals_as_pictures():
    images = make_set(LABELS)
    reconstructions = (images.images.astype(np.float32) / 255).clip(0.2, 0.8)
    samples = collect_reconstructions(images, reconstructions)
    chosen = images.images[[1, 3, 0]].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(samples.originals, chosen)
    np.testing.assert_array_equal(samples.reconstructions, chosen.clip(51, 204))
    assert samples.originals.dtype == samples.reconstructions.dtype == np.uint8


def test_reconstructions_are_rounded_not_cut():
    pixels = np.full((1, 1, 1, 2), 7, dtype=np.uint8)
    images = ImageSet(pixels, None, NAMES, "one")
    values = np.array([[[[1.49 / 255, 1.51 / 255]]]], dtype=np.float32)
    assert collect_reconstructions(images, values).reconstructions.ravel().tolist() == [1, 2]


def test_mistakes_are_shown_from_the_surest_on():
    images = make_set(LABELS)
    probabilities = np.array(
        [
            [0.1, 0.6, 0.3],  # deer taken for cat
            [0.9, 0.1, 0.0],  # right
            [0.8, 0.1, 0.1],  # deer taken for bird
            [0.3, 0.4, 0.3],  # right
            [0.2, 0.2, 0.6],  # bird taken for deer, as sure as the first
            [0.1, 0.9, 0.0],  # right
        ],
        dtype=np.float32,
    )
    mistakes = collect_mistakes(images, probabilities)
    np.testing.assert_array_equal(mistakes.images, images.images[[2, 0, 4]].transpose(0, 2, 3, 1))
    assert mistakes.true_names == ("deer", "deer", "bird")
    assert mistakes.predicted_names == ("bird", "cat", "deer")
    np.testing.assert_allclose(mistakes.probabilities, [0.8, 0.6, 0.6], rtol=1e-6)
    assert collect_mistakes(images, probabilities, most=1).true_names == ("deer",)


def test_a_faultless_classifier_has_no_mistakes_to_show():
    mistakes = collect_mistakes(make_set(LABELS), np.eye(3, dtype=np.float32)[LABELS])
    assert mistakes.images.shape == (0, 4, 5, 3)
    assert mistakes.true_names == mistakes.predicted_names == mistakes.probabilities == ()
