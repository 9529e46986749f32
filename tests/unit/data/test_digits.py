"""The built-in digits are scikit-learn's, in the shape of CIFAR-10, split the same way always."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets

from cae.data.digits import load_digits
from cae.data.splits import compute_fingerprint


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def test_digits_have_the_shape_of_cifar10(digits):
    for images, count in ((digits.train, 1_438), (digits.test, 359)):
        assert images.images.shape == (count, 3, 32, 32)
        assert images.images.dtype == np.uint8
        assert images.class_names == tuple("0123456789")
        assert images.name == "digits"
    assert digits.thinned_classes == ("2", "4", "9")
    assert (digits.source, digits.fallback_reason) == ("digits", None)


def test_every_original_is_there_once_with_its_label_and_recognisable(digits):
    originals, targets = datasets.load_digits(return_X_y=True)
    images = np.concatenate([digits.train.images, digits.test.images])[:, 0]
    # The middle of each 4 x 4 block is near the pixel that the block grew from.
    middles = images.reshape(-1, 8, 4, 8, 4)[:, :, 1:3, :, 1:3].mean((2, 4)).reshape(-1, 64)
    pixels = middles * (16 / 255)
    nearest = ((originals**2).sum(1) - 2 * pixels @ originals.T).argmin(1)
    assert sorted(nearest) == list(range(1_797))
    labels = np.concatenate([digits.train.labels, digits.test.labels])
    assert (targets[nearest] == labels).all()


def test_digits_are_grey_and_use_the_whole_range(digits):
    images = digits.train.images
    assert (images == images[:, :1]).all()
    assert (images.min(), images.max()) == (0, 255)


def test_each_digit_has_its_share_of_the_test_images(digits):
    share = digits.test.class_counts() / (digits.test.class_counts() + digits.train.class_counts())
    assert np.abs(share - 0.2).max() < 1 / 170


def test_digits_are_the_same_in_every_call(digits):
    again = load_digits()
    assert (again.test.images == digits.test.images).all()
    assert (again.train.labels == digits.train.labels).all()


def test_recorded_choice_of_test_images_still_holds(digits):
    # Another choice would change what every reported number on the digits means.
    assert compute_fingerprint(digits.test.labels) == (
        "7e5d34043a7c6544377cadacb5078a44df44104a142136f8b817bd9711b7e907"
    )
