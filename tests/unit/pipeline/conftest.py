"""A small data set of noise to run the pipeline on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cae.data.images import Dataset, ImageSet


@pytest.fixture(scope="session")
def dataset(make_images: Callable[..., ImageSet]) -> Dataset:
    train, test = make_images(60, classes=4, seed=1), make_images(12, classes=4, seed=2)
    return Dataset(train, test, ("bird", "deer"), source="noise")
