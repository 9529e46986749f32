"""What the data sets are called where people read of them."""

from __future__ import annotations

_DATA_NAMES = {"cifar10": "CIFAR-10", "digits": "digits"}


def name_data(source: str) -> str:
    """Return how people call the data set `source` ("CIFAR-10" for "cifar10")."""
    return _DATA_NAMES.get(source, source)
