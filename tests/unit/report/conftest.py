"""What the figures' tests share: a look at what was drawn, beside the file that was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that has been saved, in order."""
    figures: list[Figure] = []
    save = Figure.savefig

    def record(figure: Figure, *arguments: Any, **options: Any) -> None:
        save(figure, *arguments, **options)
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", record)
    return figures


@pytest.fixture
def read_texts(drawn: list[Figure]) -> Callable[[], list[str]]:
    """A function that returns the texts of the last saved figure."""

    def read() -> list[str]:
        texts = drawn[-1].findobj(Text)
        return [text.get_text() for text in texts if text.get_visible() and text.get_text()]

    return read


@pytest.fixture
def pictures() -> NDArray[np.uint8]:
    """Seven random pictures [7, 8, 8, 3], no two pixels of which are likely to be equal."""
    return np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
