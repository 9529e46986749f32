"""Folders of small pictures, each told from all others by its number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from cae.data.folder import load_folder
from cae.data.images import Dataset

SHAPE = (6, 8, 3)  # of pictures that are stored as they are


def draw(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, SHAPE, dtype=np.uint8)


def write(path: Path, number: int) -> None:
    """Write a picture that its number tells from all others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw(number)).save(path)


def fill(root: Path, counts: Mapping[str, int], *, first: int = 0) -> Path:
    """Write so many pictures into each folder."""
    number = first
    for folder, count in counts.items():
        for place in range(count):
            write(root / folder / f"{place:03}.png", number)
            number += 1
    return root


def load(root: Path, shape: tuple[int, int, int] = SHAPE) -> Dataset:
    return load_folder(root, image_shape=shape)


def damage(path: Path) -> None:
    """Leave of a picture its first bytes alone."""
    path.write_bytes(b"\x89PNG")
