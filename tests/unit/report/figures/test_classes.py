"""Charts of the classes: numbers where they can be read, and every kind of class in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from cae.errors import DataError
from cae.report.figures.classes import plot_confusion_matrix, plot_per_class_recall
from cae.report.figures.page import BLUE, VERMILION

Texts = Callable[[], list[str]]


def test_cells_show_the_percentage_of_their_row_and_the_count(
    tmp_path: Path, read_texts: Texts
) -> None:
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 4, (2, 300))
    names = ("bird", "deer", "truck", "cat")
    counts = confusion_matrix(labels, predicted)
    plot_confusion_matrix(counts.tolist(), names, tmp_path / "m.png", title="Confusion")
    percents = 100 * confusion_matrix(labels, predicted, normalize="true")
    texts = read_texts()
    for expected in (*counts.ravel(), *(f"{percent:.0f}" for percent in percents.ravel())):
        assert str(expected) in texts
    assert set(names) <= set(texts)


def test_correct_cells_are_blue_mistaken_ones_vermilion_and_empty_ones_white(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    plot_confusion_matrix([[4, 0], [3, 0]], ("bird", "deer"), tmp_path / "m.png", title="All bird")
    image = drawn[-1].axes[0].images[0].get_array()
    assert image is not None
    np.testing.assert_allclose(image[0], [to_rgb(BLUE), (1, 1, 1)])
    np.testing.assert_allclose(image[1], [to_rgb(VERMILION), (1, 1, 1)])


def test_class_without_images_has_a_grey_row_and_no_numbers(
    tmp_path: Path, drawn: list[Figure], read_texts: Texts
) -> None:
    plot_confusion_matrix([[4, 0], [0, 0]], ("bird", "deer"), tmp_path / "m.png", title="No deer")
    image = drawn[-1].axes[0].images[0].get_array()
    assert image is not None
    assert np.ptp(image[1]) == 0
    assert image[1].max() < 1
    assert {"100", "4"} <= set(read_texts())
    assert "0" not in read_texts()


@pytest.mark.parametrize(
    ("classes", "numbers"),
    [(1, {"100", "777"}), (12, {"100", "777"}), (20, {"100"}), (21, set()), (100, set())],
)
def test_numbers_are_written_only_where_they_can_be_read(
    classes: int, numbers: set[str], tmp_path: Path, read_texts: Texts
) -> None:
    counts = 777 * np.eye(classes, dtype=int)
    names = [f"class {index}" for index in range(classes)]
    plot_confusion_matrix(counts, names, tmp_path / "m.png", title="Confusion")
    assert {"100", "777"} & set(read_texts()) == numbers


@pytest.mark.parametrize(
    ("matrix", "names"),
    [([[1, 2]], ("a", "b")), ([[1]], ("a", "b")), ([[1, -1], [0, 1]], ("a", "b")), ([], ())],
)
def test_matrix_that_does_not_fit_its_classes_is_refused(
    matrix: list[list[int]], names: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="confusion matrix of shape"):
        plot_confusion_matrix(matrix, names, tmp_path / "m.png", title="Confusion")


def test_bars_run_from_the_best_class_down_with_the_thinned_ones_in_another_colour(
    tmp_path: Path, drawn: list[Figure], read_texts: Texts
) -> None:
    recalls = {"bird": 0.54, "cat": 0.52, "deer": 0.9, "dog": 0.52, "eel": None}
    per_class = {name: {"recall": recall, "support": 9} for name, recall in recalls.items()}
    plot_per_class_recall(
        per_class, tmp_path / "r.png", title="Recall", highlighted=("bird", "deer")
    )
    axes = drawn[-1].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[::-1] == ["deer", "bird", "cat", "dog", "eel"]
    bars = dict(zip(names, axes.patches, strict=True))
    colors = {name: bar.get_facecolor()[:3] for name, bar in bars.items()}
    assert colors["bird"] == colors["deer"] == to_rgb(VERMILION)
    assert colors["cat"] == colors["dog"] == to_rgb(BLUE)
    assert {"54.0%", "90.0%", "no images", "mean 62.0%", "thinned in training"} <= set(read_texts())


def test_recall_without_thinned_classes_has_no_legend(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_per_class_recall({"bird": {"recall": 1.0}}, tmp_path / "r.png", title="Recall")
    assert not drawn[-1].legends


def test_class_name_is_text_and_not_mathematics(tmp_path: Path, read_texts: Texts) -> None:
    names = ("$x^", "$_$", "a class whose name leaves no room for any chart")
    per_class = {name: {"recall": 0.5} for name in names}
    plot_per_class_recall(per_class, tmp_path / "r.png", title="$ and ^")
    assert {"$x^", "$_$", "$ and ^"} <= set(read_texts())
    assert max(len(text) for text in read_texts() if text.startswith("a class")) == 24
    plot_confusion_matrix(np.eye(3, dtype=int), names, tmp_path / "m.png", title="$ and ^")


@pytest.mark.parametrize(
    ("per_class", "message"),
    [
        ({}, "expected some of"),
        ({"bird": {"recall": 0.5}}, "'deer'"),
        ({"deer": {"recall": 54.0}}, "recall of class 'deer' is 54.0"),
        ({"deer": {"recall": float("nan")}}, "nan"),
    ],
)
def test_recall_that_is_no_fraction_or_highlights_nothing_is_refused(
    per_class: dict[str, dict[str, float | int | None]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        plot_per_class_recall(per_class, tmp_path / "r.png", title="Recall", highlighted=("deer",))
