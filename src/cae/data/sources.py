"""Where the images of a run come from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cae.data.cifar10 import load_cifar10
from cae.data.digits import load_digits
from cae.data.images import Dataset


def load_dataset(
    source: str = "auto", *, on_download: Callable[[int, int | None], None] | None = None
) -> Dataset:
    """Return the data set that `source` names."""
    if source == "digits":
        return load_digits()
    if source in ("auto", "cifar10"):
        return load_cifar10(Path(os.environ["CAE_DATA_DIR"]))
    return load_cifar10(Path(source))
