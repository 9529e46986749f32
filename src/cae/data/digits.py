"""The built-in data set: scikit-learn's handwritten digits, in the shape of CIFAR-10."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cae.data.images import Dataset, ImageSet
from cae.data.splits import set_test_aside

CLASS_NAMES = tuple("0123456789")
# The classes with the numbers that bird, deer and truck have in CIFAR-10.
THINNED_CLASSES = ("2", "4", "9")

_SIDE = 32


def load_digits() -> Dataset:
    """Return the 1,797 digits as uint8 [N, 3, 32, 32]: 1,438 to train on, 359 to test on.

    The originals are 8 x 8 grey images; they are enlarged (bicubic) and repeated in three
    channels. Each class gives both parts its share, and the parts are the same in every run.
    """
    # scikit-learn takes most of a second to import, and a run on CIFAR-10 has no use for it here.
    from sklearn import datasets

    bunch = cast("dict[str, NDArray[Any]]", datasets.load_digits())
    labels = bunch["target"].astype(np.int64)
    train, test = set_test_aside(ImageSet(_enlarge(bunch["images"]), labels, CLASS_NAMES, "digits"))
    return Dataset(train, test, THINNED_CLASSES, source="digits")


def _enlarge(greys: NDArray[Any]) -> NDArray[np.uint8]:
    """Return uint8 [N, 3, 32, 32] of grey images [N, 8, 8] with values 0 to 16."""
    small = np.round(greys * (255 / 16)).astype(np.uint8)
    large = np.empty((len(small), 3, _SIDE, _SIDE), dtype=np.uint8)
    for place, grey in enumerate(small):
        image = Image.fromarray(grey).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        large[place] = np.asarray(image)
    return large
