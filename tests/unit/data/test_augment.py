"""Augmentation moves pixels exactly as its numbers say, and is a function of the seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cae.config import ClassifierConfig
from cae.data.augment import Augmentation, make_augmentation, resample

STILL = Augmentation(shift=0, rotation_degrees=0, zoom=0, flip=False)
ORIGIN = Augmentation(shift=0.1, rotation_degrees=40, zoom=0.1, flip=True)
SIZES = [(8, 8), (6, 10), (12, 5)]

# The six numbers of an image: rotation, shift in x and y, zoom in x and y, mirroring.
NEUTRAL = [0.5, 0.5, 0.5, 0.5, 0.5, 0.9]


def draw_pictures(count: int = 3, height: int = 8, width: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, height, width, generator=generator)


def number(**changes: float) -> torch.Tensor:
    names = ("turn", "shift_x", "shift_y", "zoom_x", "zoom_y", "mirror")
    values = dict(zip(names, NEUTRAL, strict=True)) | changes
    return torch.tensor([list(values.values())])


def change(ranges: Augmentation, images: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Return the images as an epoch serves them, for these random numbers."""
    _, _, height, width = images.shape
    maps = ranges.make_affine(numbers, height=height, width=width)
    return resample(images, maps.expand(len(images), 2, 3))


def resample_by_pixel(image: np.ndarray, numbers: list[float], ranges: Augmentation) -> np.ndarray:
    """Return the changed image [C, H, W], computed pixel by pixel in pixel coordinates."""
    _, height, width = image.shape
    turn, shift_x, shift_y, zoom_x, zoom_y, mirror = numbers
    angle = math.radians((2 * turn - 1) * ranges.rotation_degrees)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    scale = np.diag([1 + (2 * zoom_x - 1) * ranges.zoom, 1 + (2 * zoom_y - 1) * ranges.zoom])
    flip = np.diag([-1.0 if ranges.flip and mirror < 0.5 else 1.0, 1.0])
    shift = np.array([(2 * shift_x - 1) * width, (2 * shift_y - 1) * height]) * ranges.shift
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    result = np.empty_like(image)
    for y in range(height):
        for x in range(width):
            place = flip @ rotation @ scale @ (np.array([x, y]) - centre) + centre + shift
            column, row = np.clip(place, 0, [width - 1, height - 1])
            left, top = min(int(column), width - 2), min(int(row), height - 2)
            a, b = column - left, row - top
            result[:, y, x] = (
                (1 - a) * (1 - b) * image[:, top, left]
                + a * (1 - b) * image[:, top, left + 1]
                + (1 - a) * b * image[:, top + 1, left]
                + a * b * image[:, top + 1, left + 1]
            )
    return result


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_zero_ranges_change_nothing(height, width):
    images = draw_pictures(20, height, width)
    numbers = STILL.draw(20, seed=1)
    torch.testing.assert_close(change(STILL, images, numbers), images, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_flip_mirrors_left_to_right_exactly(height, width):
    images = draw_pictures(1, height, width)
    flip = Augmentation(shift=0, rotation_degrees=0, zoom=0, flip=True)
    flipped = change(flip, images, number(mirror=0.49))
    torch.testing.assert_close(flipped, images.flip(3), rtol=0, atol=1e-5)
    kept = change(flip, images, number(mirror=0.5))
    torch.testing.assert_close(kept, images, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("columns", "rows"), [(2, 0), (-3, 0), (0, 1), (0, -4), (-1, 2), (4, 4)])
def test_a_shift_by_whole_pixels_moves_them_and_repeats_the_edge(columns, rows):
    height, width = 8, 16
    images = draw_pictures(1, height, width)
    shift = Augmentation(shift=0.5, rotation_degrees=0, zoom=0, flip=False)
    moved = change(
        shift, images, number(shift_x=0.5 + columns / width, shift_y=0.5 + rows / height)
    ).numpy()
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (4, 4), (4, 4)), mode="edge")
    top, left = 4 + rows, 4 + columns
    expected = padded[:, :, top : top + height, left : left + width]
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("turn", "quarters"), [(1.0, 1), (0.0, -1), (0.5, 0)])
def test_a_quarter_turn_of_a_square_is_exact(turn, quarters):
    images = draw_pictures(1)
    rotation = Augmentation(shift=0, rotation_degrees=90, zoom=0, flip=False)
    turned = change(rotation, images, number(turn=turn))
    expected = torch.rot90(images, quarters, dims=(2, 3))
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-5)


def test_a_rotation_keeps_distances_when_the_image_is_not_square():
    """A disc keeps its area, and its distance from the centre."""
    height, width = 20, 40
    y, x = np.mgrid[:height, :width]
    disc = ((x - 24.5) ** 2 + (y - 9.5) ** 2 <= 16).astype(np.float32)
    rotation = Augmentation(shift=0, rotation_degrees=60, zoom=0, flip=False)
    turned = change(rotation, torch.from_numpy(disc)[None, None], number(turn=1.0))[0, 0].numpy()
    assert turned.sum() == pytest.approx(disc.sum(), rel=0.02)
    # From output to input the map turns by +60 degrees, so the content turns by -60.
    centre = np.array([(turned * x).sum(), (turned * y).sum()]) / turned.sum()
    expected = np.array([19.5 + 5 * math.cos(math.pi / 3), 9.5 - 5 * math.sin(math.pi / 3)])
    np.testing.assert_allclose(centre, expected, atol=0.1)


@pytest.mark.parametrize(
    ("zoom_x", "zoom_y", "width", "height"), [(1.0, 0.5, 8, 12), (0.5, 0.0, 12, 4 * 12 // 2)]
)
def test_a_zoom_scales_each_side_by_its_own_factor(zoom_x, zoom_y, width, height):
    """Factor f shows the image f times as wide: what was w wide is then w / f."""
    y, x = np.mgrid[:48, :48]
    block = ((abs(x - 23.5) < 6) & (abs(y - 23.5) < 6)).astype(np.float32)
    zoom = Augmentation(shift=0, rotation_degrees=0, zoom=0.5, flip=False)
    scaled = change(zoom, torch.from_numpy(block)[None, None], number(zoom_x=zoom_x, zoom_y=zoom_y))
    assert scaled[0, 0].sum(dim=1).max().item() == pytest.approx(width, abs=0.7)
    assert scaled[0, 0].sum(dim=0).max().item() == pytest.approx(height, abs=0.7)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("ranges", [ORIGIN, Augmentation(0.5, 180, 0.9, flip=True)])
def test_all_changes_together_equal_the_reference(height, width, ranges):
    images = draw_pictures(4, height, width)
    numbers = ranges.draw(4, seed=2)
    changed = change(ranges, images, numbers).numpy()
    for image, row, found in zip(images.double().numpy(), numbers.tolist(), changed, strict=True):
        np.testing.assert_allclose(found, resample_by_pixel(image, row, ranges), atol=2e-4)


def test_an_image_is_changed_alike_in_any_company_and_order():
    images, numbers = draw_pictures(6), ORIGIN.draw(6, seed=3)
    together = change(ORIGIN, images, numbers)
    order = torch.tensor([4, 2, 5, 0, 1, 3])
    assert torch.equal(change(ORIGIN, images[order], numbers[order]), together[order])
    alone = [change(ORIGIN, images[i : i + 1], numbers[i : i + 1]) for i in range(6)]
    assert torch.equal(torch.cat(alone), together)


def test_the_numbers_are_a_function_of_the_seed_and_move_no_random_state():
    state = torch.get_rng_state()
    first = ORIGIN.draw(50, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(ORIGIN.draw(50, seed=1), first)
    assert not torch.equal(ORIGIN.draw(50, seed=2), first)


def test_the_numbers_are_uniform_and_independent():
    count = 20_000
    numbers = ORIGIN.draw(count, seed=0).double().numpy()
    assert numbers.shape == (count, 6)
    assert 0 <= numbers.min() < numbers.max() < 1
    steps = np.arange(1, count + 1) / count
    for column in numbers.T:  # Kolmogorov and Smirnov's distance, at one in a million
        assert abs(np.sort(column) - steps).max() < 2.7 / math.sqrt(count)
    correlation = np.corrcoef(numbers.T) - np.eye(6)
    assert abs(correlation).max() < 5 / math.sqrt(count)


def test_the_ranges_are_reached_and_not_passed():
    maps = ORIGIN.make_affine(ORIGIN.draw(5_000, seed=0), height=32, width=32).double().numpy()
    shifts = maps[:, :, 2] / 2  # the axis from -1 to 1 is one side long
    columns = np.linalg.norm(maps[:, :, :2], axis=1)
    angles = np.degrees(np.arctan2(maps[:, 1, 0], maps[:, 1, 1] * columns[:, 0] / columns[:, 1]))
    mirrored = np.linalg.det(maps[:, :, :2]) < 0
    for values, low, high in ((shifts, -0.1, 0.1), (columns, 0.9, 1.1), (angles, -40, 40)):
        slack = 0.01 * (high - low)
        assert low - 1e-4 <= values.min() < low + slack
        assert high - slack < values.max() <= high + 1e-4
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / math.sqrt(len(mirrored))


def test_the_configuration_makes_the_augmentation():
    assert make_augmentation(ClassifierConfig()) == ORIGIN
    assert make_augmentation(ClassifierConfig(data_augmentation=False)) is None
    changed = ClassifierConfig(
        augmentation_shift=0.2,
        augmentation_rotation_degrees=5.0,
        augmentation_zoom=0.3,
        augmentation_flip=False,
    )
    assert make_augmentation(changed) == Augmentation(0.2, 5, 0.3, flip=False)


def test_whole_pixels_are_shifted_by_each_number_alike():
    width = 32
    shift = Augmentation(shift=0.0625, rotation_degrees=0, zoom=0, flip=False, whole_pixels=True)
    numbers = shift.draw(20_000, seed=1)
    columns = shift.make_affine(numbers, height=16, width=width)[:, 0, 2] * width / 2
    values, counts = columns.unique(return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert (counts / 20_000 - 0.2).abs().max() < 0.015
    rows = shift.make_affine(numbers, height=16, width=width)[:, 1, 2] * 16 / 2
    assert rows.unique().tolist() == [-1, 0, 1]


def test_what_comes_in_may_be_the_image_reflected():
    images = draw_pictures(1, 8, 16)
    shift = Augmentation(shift=0.5, rotation_degrees=0, zoom=0, flip=False, fill="reflect")
    maps = shift.make_affine(number(shift_x=0.5 + 3 / 16, shift_y=0.5 - 2 / 8), height=8, width=16)
    moved = resample(images, maps, fill=shift.fill).numpy()
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (4, 4), (4, 4)), mode="symmetric")
    np.testing.assert_allclose(moved, padded[:, :, 2 : 2 + 8, 7 : 7 + 16], rtol=0, atol=1e-5)


def test_a_cutout_is_a_grey_square_wholly_inside_anywhere():
    cutout = Augmentation(shift=0, rotation_degrees=0, zoom=0, flip=False, cutout=0.25)
    images = 0.6 + 0.4 * draw_pictures(2000, 8, 16)
    holes = cutout.draw_holes(2000, seed=1)
    assert holes is not None
    hidden = cutout.hide(images, holes) == 0.5
    assert (hidden.sum(dim=(1, 2, 3)) == 3 * 2 * 4).all()
    assert torch.equal(cutout.hide(images, holes)[~hidden], images[~hidden])
    assert (hidden[:, 0].any(dim=2).sum(dim=1) == 2).all()
    # Its places are equally likely: seven rows, thirteen columns.
    first_row = hidden[:, 0].any(dim=2).float().argmax(dim=1)
    assert (torch.bincount(first_row, minlength=7) / 2000 - 1 / 7).abs().max() < 0.04
    assert STILL.draw_holes(3, seed=1) is None
