"""All figures: the same bytes for the same data, one width, and nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from cae.errors import DataError
from cae.report import figures

RANDOM = np.random.default_rng(1)
PICTURES = RANDOM.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
NAMES = ("bird", "deer", "truck")
Plot = Callable[[Path], Path]
PLOTS: dict[str, Plot] = {
    "history": lambda path: figures.plot_history(
        {"loss": [1.0, 0.5], "val_loss": [0.9, 0.6]}, path, metric="loss", title="Loss"
    ),
    "reconstructions": lambda path: figures.plot_reconstructions(
        PICTURES, PICTURES[::-1], path, title="Reconstructions"
    ),
    "confusion": lambda path: figures.plot_confusion_matrix(
        [[5, 1, 0], [0, 4, 2], [1, 1, 9]], NAMES, path, title="Confusion"
    ),
    "recall": lambda path: figures.plot_per_class_recall(
        {name: {"recall": 0.5} for name in NAMES}, path, title="Recall", highlighted=("deer",)
    ),
    "mistakes": lambda path: figures.plot_confident_mistakes(
        PICTURES, NAMES, NAMES[::-1], [0.99, 0.98, 0.97], path, title="Mistakes"
    ),
}


@pytest.fixture(params=PLOTS)
def plot(request: pytest.FixtureRequest) -> Plot:
    return PLOTS[request.param]


def test_figure_is_a_png_of_readme_width_at_the_path_returned(plot: Plot, tmp_path: Path) -> None:
    path = tmp_path / "plots" / "figure.png"
    assert plot(path) == path
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width == 900
        assert not {"Software", "Creation Time"} & set(image.info)
    assert [file.name for file in path.parent.iterdir()] == ["figure.png"]


def test_same_data_give_the_same_bytes_whatever_the_users_settings(
    plot: Plot, tmp_path: Path
) -> None:
    first = plot(tmp_path / "first.png").read_bytes()
    settings: dict[Any, Any] = {
        "figure.facecolor": "black",
        "font.family": ["serif"],
        "font.size": 30,
        "font.style": "italic",
        "savefig.dpi": 50,
        "savefig.transparent": True,
        "text.color": "green",
    }
    with mpl.rc_context(settings):
        second = plot(tmp_path / "second.png").read_bytes()
        assert {key: mpl.rcParams[key] for key in settings} == settings
    assert first == second


def test_refused_data_leave_the_file_before_untouched(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    path.write_bytes(b"before")
    with pytest.raises(DataError):
        figures.plot_history({"loss": []}, path, metric="loss", title="Loss")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_figures_need_neither_torch_nor_pyplot() -> None:
    code = (
        "import sys, cae.report.figures; "
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
