"""The run that is mistreated: small, with everything random on, and all that it says compared."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from cae.files import read_sealed_json

# Dropout, noise, penalties, augmentation and callbacks: whatever remembers or draws something.
SETTINGS = (
    "init_num_filters=2",
    "layers_per_block=1",
    "conv_blocks=2",
    "epochs=10",
    "dropout=true",
    "gaussian_noise_input=true",
    "gaussian_noise_hidden=true",
    "activity_regularizer=true",
    "kernel_regularizer=true",
    "callbacks=true",
    "freeze_encoder=false",
    "data_augmentation=true",
)
# What a clock measured, what day it was and what was seen on the way are no part of the result.
_TIMES = {"seconds", "images_per_second"}


def make_command(out: Path, *, save_every: float) -> list[str]:
    """Return the command of the run, its state saved so often."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    exact = ("--device", "cpu", "--precision", "float32")
    return [
        *(str(Path(sys.executable).with_name("cae")), "run", "--data", "digits", *exact),
        *("--save-every", str(save_every), "--out", str(out), *settings),
    ]


def read_result(out: Path) -> dict[str, Any]:
    """Return all that a finished run says: bytes by checksum, figures without the clock's."""
    found: dict[str, Any] = {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("models", "plots")
        for path in sorted((out / folder).iterdir())
    }
    for path in sorted((out / "history").iterdir()):
        history = read_sealed_json(path)
        history.pop("seconds")
        metrics = history.pop("metrics")
        figures = {name: metrics[name] for name in metrics if name not in _TIMES}
        found[path.name] = history, figures
    evaluation = read_sealed_json(out / "evaluation.json")
    evaluation.pop("seconds")
    return {**found, "evaluation.json": evaluation, "run.json": read_sealed_json(out / "run.json")}


def find_torn(out: Path) -> list[str]:
    """Return the files of an unfinished run that are neither whole nor hidden and temporary."""
    torn: list[str] = []
    for path in out.rglob("*.json"):
        if path.name.startswith("."):
            continue
        try:
            read_sealed_json(path)
        except Exception as error:  # noqa: BLE001 - whatever it is, the file is not whole
            torn.append(f"{path.relative_to(out)}: {error}")
    return torn
