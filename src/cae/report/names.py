"""What data sets and reconstructions are called where people read of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from cae.report.phrases import write_cores

Reconstructions = Literal["reconstruction", "filled in", "seen"]

_DATA_NAMES = {"cifar10": "CIFAR-10", "digits": "digits"}


def name_data(source: str) -> str:
    """Return how people call the data set `source` ("CIFAR-10" for "cifar10")."""
    return _DATA_NAMES.get(source, source)


def name_place(environment: Mapping[str, Any]) -> str:
    """Return where something was computed: "2 cores, AMD EPYC, bfloat16, PyTorch 2.13.0"."""
    place = environment.get("accelerator") or (
        f"{write_cores(environment['threads'])}, {environment['processor']}"
    )
    torch = environment.get("packages", {}).get("torch", "").partition("+")[0]
    return f"{place}, {environment['precision']}{f', PyTorch {torch}' if torch else ''}"


def name_reconstructions(scores: Mapping[str, Any]) -> Reconstructions:
    """Return what the pictures that an autoencoder makes of images show.

    Without a mask that is its reconstructions. With one it is the images with the hidden patches
    filled in, or, where what is predicted is no picture, merely what was seen of them.

    Args:
        scores: of the autoencoder, from `evaluate_autoencoder`.
    """
    if "target" not in scores:
        return "reconstruction"
    return "filled in" if "psnr" in scores else "seen"
