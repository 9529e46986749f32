"""Images of the origin's API, shown in a notebook or a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.registry import BackendFilter, backend_registry
from matplotlib.figure import Figure
from numpy.typing import NDArray

from _arrays import Labels, to_numbers
from cae.errors import DataError

_MOST_IN_A_ROW = 10


def show_image(x: NDArray[Any], y: Labels, class_names: Sequence[str]) -> None:
    """Show one image under its class name.

    Args:
        x: the image [H, W, C], as `show_image_list` takes its images.
        y: its label, one-hot [K] or a number.
        class_names: K names.

    Raises:
        DataError: `x` is not one image, or `y` not its label.
    """
    show_image_list(x[np.newaxis], np.asarray(y)[np.newaxis], class_names, [0])


def show_image_list(
    x: NDArray[Any], y: Labels, class_names: Sequence[str], image_list: Sequence[int]
) -> None:
    """Show images side by side, each under its class name: in a notebook or a window.

    Without a display there is nobody to show them to, and nothing happens.

    Args:
        x: images [N, H, W, C], floats in [0, 1] or in [0, 255], or uint8.
        y: their labels, one-hot [N, K] or numbers [N].
        class_names: K names.
        image_list: which of the images to show, such as `random_images` chooses.

    Raises:
        DataError: arrays that do not fit together, or an index outside them.
    """
    from matplotlib import pyplot as plt

    _require_fitting(x, y, class_names, image_list)
    figure = plt.figure()
    draw_images(figure, x, y, class_names, image_list)
    backend = mpl.get_backend().lower()
    if backend in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE):
        plt.close(figure)
    else:
        plt.show()


def draw_images(
    figure: Figure,
    x: NDArray[Any],
    y: Labels,
    class_names: Sequence[str],
    image_list: Sequence[int],
) -> None:
    """Draw what `show_image_list` shows into an empty figure."""
    numbers = to_numbers(y, name="y")
    columns = min(len(image_list), _MOST_IN_A_ROW)
    rows = -(-len(image_list) // columns)
    images = _scale(x[list(image_list)])
    figure.set_size_inches(1.1 * columns, 1.35 * rows)
    figure.set_layout_engine("constrained")
    for place, (index, image) in enumerate(zip(image_list, images, strict=True), start=1):
        axes = figure.add_subplot(rows, columns, place)
        # Grey images have no third colour axis for Matplotlib.
        axes.imshow(image.squeeze(-1) if image.shape[2] == 1 else image, cmap="gray")
        axes.set_title(class_names[int(numbers[index])], fontsize=9)
        axes.set_axis_off()


def _scale(images: NDArray[Any]) -> NDArray[Any]:
    """Return the images as Matplotlib shows them: it takes floats above 1 for white."""
    if np.issubdtype(images.dtype, np.floating) and images.max() > 1:
        return images / 255
    return images


def _require_fitting(
    x: NDArray[Any], y: Labels, class_names: Sequence[str], image_list: Sequence[int]
) -> None:
    if x.ndim != 4 or len(x) != len(y):
        raise DataError(
            f"images of shape {list(x.shape)} with {len(y)} labels: expected [N, H, W, C] and "
            "N labels"
        )
    outside = [index for index in image_list if not 0 <= index < len(x)]
    if outside or not len(image_list):
        raise DataError(
            f"image list {list(image_list)}: expected indices from 0 to {len(x) - 1}, at least one"
        )
    highest = int(to_numbers(y, name="y")[list(image_list)].max())
    if highest >= len(class_names):
        raise DataError(f"y: label {highest}, but there are {len(class_names)} class names")
