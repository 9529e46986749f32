"""The names of data sets, machines, reconstructions and choices for readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from cae.report.phrases import write_cores

Reconstructions = Literal["reconstruction", "filled in", "seen"]

_DATA_NAMES = {"cifar10": "CIFAR-10", "digits": "digits"}


def name_data(source: str) -> str:
    """Return the name of the data set `source` for readers ("CIFAR-10" for "cifar10")."""
    return _DATA_NAMES.get(source, source)


def spell_out(name: str) -> str:
    """Return a name from a configuration or a study in words ("masked pixels")."""
    return name.replace("_", " ")


def name_place(environment: Mapping[str, Any]) -> str:
    """Return where something was computed: "2 cores, AMD EPYC, bfloat16, PyTorch 2.13.0"."""
    place = environment.get("accelerator") or (
        f"{write_cores(environment['threads'])}, {environment['processor']}"
    )
    torch = environment.get("packages", {}).get("torch", "").partition("+")[0]
    return f"{place}, {environment['precision']}{f', PyTorch {torch}' if torch else ''}"


def name_reconstructions(scores: Mapping[str, Any]) -> Reconstructions:
    """Return what the pictures that an autoencoder makes of images show.

    Without a mask they are its reconstructions. With one they are the images with the hidden
    patches filled in or, if the prediction is not a picture, only the visible parts of the images.

    Args:
        scores: the autoencoder's scores, from `evaluate_autoencoder`.
    """
    if "target" not in scores:
        return "reconstruction"
    return "filled in" if "psnr" in scores else "seen"
