"""Galleries: every picture stands in the file pixel by pixel, at its place, with its words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cae.errors import DataError
from cae.report.figures.gallery import plot_confident_mistakes, plot_reconstructions

Texts = Callable[[], list[str]]
Pictures = NDArray[np.uint8]


def read_pixels(path: Path) -> Pictures:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def find_picture(page: Pictures, picture: Pictures, *, scale: int) -> tuple[int, int]:
    """Return (top, left) of the one place where `picture`, enlarged to squares, stands."""
    sharp = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    sharp = np.broadcast_to(sharp, (*sharp.shape[:2], 3))
    height, width, _ = sharp.shape
    corners = np.argwhere((page == sharp[0, 0]).all(axis=2))
    places = [
        (int(top), int(left))
        for top, left in corners
        if np.array_equal(page[top : top + height, left : left + width], sharp)
    ]
    assert len(places) == 1
    return places[0]


def test_each_original_stands_above_its_reconstruction(tmp_path: Path, pictures: Pictures) -> None:
    others = 255 - pictures
    page = read_pixels(plot_reconstructions(pictures, others, tmp_path / "r.png", title="Pairs"))
    # Seven pictures of 8 pixels make two bands of four columns: at most 160 pixels each.
    above = [find_picture(page, picture, scale=20) for picture in pictures]
    below = [find_picture(page, picture, scale=20) for picture in others]
    assert [left for _, left in above] == [left for _, left in below]
    assert {lower - upper for (upper, _), (lower, _) in zip(above, below, strict=True)} == {166}
    assert len({top for top, _ in above}) == 2
    assert [left for _, left in above[:4]] == sorted({left for _, left in above})


def test_grey_pictures_are_drawn_grey(tmp_path: Path, pictures: Pictures) -> None:
    grey = pictures[:2, :, :, :1]
    page = read_pixels(plot_reconstructions(grey, 255 - grey, tmp_path / "r.png", title="Grey"))
    find_picture(page, grey[0], scale=20)
    find_picture(page, 255 - grey[1], scale=20)


def test_large_pictures_shrink_to_fit(tmp_path: Path) -> None:
    large = np.full((6, 300, 400, 3), 7, dtype=np.uint8)
    page = read_pixels(plot_reconstructions(large, large, tmp_path / "r.png", title="Large"))
    covered = (page == 7).all(axis=2)
    # 6 columns of 132 pixels and 2 rows of 99 keep the shape of the pictures.
    assert covered.sum() == 12 * 132 * 99


def test_mistakes_name_both_classes_and_the_probability(
    tmp_path: Path, pictures: Pictures, read_texts: Texts
) -> None:
    path = plot_confident_mistakes(
        pictures[:3],
        ("truck", "deer", "bird"),
        ("ship", "horse", "airplane"),
        np.array([1.0, 0.99996, 0.98]),
        tmp_path / "m.png",
        title="Mistakes",
    )
    texts = read_texts()
    assert {"truck", "deer", "bird"} <= set(texts)
    # Only certainty reads 100%.
    assert {"→ ship 100.0%", "→ horse 99.9%", "→ airplane 98.0%"} <= set(texts)
    places = [find_picture(read_pixels(path), picture, scale=20) for picture in pictures[:3]]
    assert places == sorted(places)


def test_long_class_names_are_cut_but_the_probability_is_not(
    tmp_path: Path, pictures: Pictures, read_texts: Texts
) -> None:
    name = "a class name that is far too long"
    plot_confident_mistakes(
        pictures[:1], [name], [name], [0.75], tmp_path / "m.png", title="Mistakes"
    )
    cut = [text for text in read_texts() if "…" in text]
    assert len(cut) == 2
    assert sum(text.endswith("… 75.0%") for text in cut) == 1


def test_model_without_mistakes_gets_a_figure_that_says_so(
    tmp_path: Path, pictures: Pictures, read_texts: Texts
) -> None:
    plot_confident_mistakes(pictures[:0], [], [], [], tmp_path / "m.png", title="Mistakes")
    assert "No mistakes on these images." in read_texts()


def test_pictures_that_do_not_fit_together_are_refused(tmp_path: Path, pictures: Pictures) -> None:
    path = tmp_path / "r.png"
    cases: list[tuple[Any, Any, str]] = [
        (pictures, pictures[:3], r"\[3, 8, 8, 3\]"),
        (pictures[:0], pictures[:0], "at least one"),
        (pictures / 255, pictures, "originals.*float64"),
        (pictures[0], pictures[0], r"\[n, H, W, C\]"),
        (pictures[..., :2], pictures[..., :2], "1 or 3 channels"),
    ]
    for originals, reconstructions, message in cases:
        with pytest.raises(DataError, match=message):
            plot_reconstructions(originals, reconstructions, path, title="Pairs")
    with pytest.raises(DataError, match=r"\[7, 1, 1, 1\]"):
        plot_confident_mistakes(pictures, ["a"], ["b"], [0.5], path, title="Mistakes")
    with pytest.raises(DataError, match=r"\[99.0\]"):
        plot_confident_mistakes(pictures[:1], ["a"], ["b"], [99.0], path, title="Mistakes")
    assert not path.exists()


def test_the_lower_rows_are_called_what_they_show(
    tmp_path: Path, pictures: Pictures, read_texts: Texts
) -> None:
    two = pictures[:2]
    plot_reconstructions(two, two, tmp_path / "r.png", title="Seen", kind="seen")
    texts = read_texts()
    assert {"original", "seen"} <= set(texts)
    assert "reconstruction" not in " ".join(texts)
