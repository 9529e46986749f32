"""The figures of a run in the report: side by side, and pictures without their page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cae.errors import CheckpointError
from cae.report.figures.paper_plots import crop_to_pictures, plot_classes, plot_training
from cae.report.results.sources import Run, read_training

Texts = Callable[[], list[str]]


def test_both_stages_are_drawn_side_by_side(
    make_run: Callable[..., Run], tmp_path: Path, drawn: list[Figure], read_texts: Texts
):
    plot_training(read_training(make_run()).drawn, tmp_path / "t.svg")
    assert len(drawn[-1].axes) == 2
    assert {"best 0.3, epoch 2", "best 60.0%, epoch 2"} <= set(read_texts())


def test_a_training_without_validation_is_drawn_alone(
    make_run: Callable[..., Run], tmp_path: Path, read_texts: Texts
):
    training = read_training(make_run(validates=False))
    plot_training(training.drawn, tmp_path / "t.svg")
    assert not [text for text in read_texts() if text.startswith("best")]


def test_a_stage_of_few_epochs_has_no_panel(
    make_run: Callable[..., Run], tmp_path: Path, drawn: list[Figure], read_texts: Texts
):
    training = read_training(make_run(epochs=5))
    training.histories["autoencoder"]["metrics"]["loss"].pop()
    plot_training(training.drawn, tmp_path / "t.svg")
    assert len(drawn[-1].axes) == 1
    assert "classifier: accuracy after each epoch" in read_texts()


def test_recall_and_confusion_are_drawn_side_by_side(
    make_run: Callable[..., Run], tmp_path: Path, drawn: list[Figure], read_texts: Texts
):
    plot_classes(make_run().scores, tmp_path / "c.svg", thinned=("bird",))
    assert len(drawn[-1].axes) == 2
    assert {"73.0%", "73", "thinned in training"} <= set(read_texts())
    # In grey the thinned class is told by its hatch.
    hatches = [patch.get_hatch() for patch in drawn[-1].axes[0].patches]
    assert sum(hatch is not None for hatch in hatches) == 1


def test_a_page_is_cropped_to_its_pictures(tmp_path: Path):
    page = np.full((300, 900, 3), 255, np.uint8)
    page[20:30, 24:30] = page[20:30, 40:60] = 0  # letters of a heading
    page[100:180, 60:220] = (10, 90, 200)
    page[100:180, 230:390] = (200, 90, 10)
    page[190:270, 60:220] = (10, 200, 90)
    Image.fromarray(page).save(tmp_path / "page.png")
    crop_to_pictures(tmp_path / "page.png", tmp_path / "cropped.png")
    with Image.open(tmp_path / "cropped.png") as cropped:
        np.testing.assert_array_equal(np.asarray(cropped), page[100:270, 60:390])


def test_a_page_without_pictures_stays_as_it_is(tmp_path: Path):
    Image.new("RGB", (100, 50), "white").save(tmp_path / "page.png")
    crop_to_pictures(tmp_path / "page.png", tmp_path / "cropped.png")
    with Image.open(tmp_path / "cropped.png") as cropped:
        assert cropped.size == (100, 50)


def test_a_damaged_picture_is_named(tmp_path: Path):
    (tmp_path / "page.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(CheckpointError, match=r"page\.png: damaged.*; .*cae run"):
        crop_to_pictures(tmp_path / "page.png", tmp_path / "cropped.png")
