"""A plain PyTorch loop as a good tutorial has it: NCHW, float32, a DataLoader, stock layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from benchmarks.timing import Step
from benchmarks.workload import BATCH_SIZE, make_labels, make_pixels

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# Keras's settings of batch norm, which the origin trained with.
EPSILON, MOMENTUM = 1e-3, 0.01


def make_units(*widths: int) -> list[nn.Module]:
    """Return 3x3 convolution, ReLU and batch norm for each pair of neighbours in `widths`."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [
            nn.Conv2d(width_in, width_out, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(width_out, EPSILON, MOMENTUM),
        ]
    return layers


def make_encoder() -> nn.Sequential:
    """Return the origin's encoder: [N, 3, 32, 32] to [N, 128, 8, 8]."""
    return nn.Sequential(
        *make_units(3, 32, 32),
        nn.MaxPool2d(2),
        nn.Dropout(0.2),
        *make_units(32, 64, 64),
        nn.MaxPool2d(2),
        nn.Dropout(0.2),
        *make_units(64, 128, 128),
        nn.Dropout(0.2),
    )


def make_decoder() -> nn.Sequential:
    """Return the origin's decoder: [N, 128, 8, 8] to [N, 3, 32, 32]."""
    return nn.Sequential(
        *make_units(128, 128, 128),
        *make_units(128, 64, 64),
        nn.Upsample(scale_factor=2),
        *make_units(64, 32, 32),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(32, 3, 3, padding=1),
        nn.Sigmoid(),
    )


def make_head() -> nn.Sequential:
    """Return the origin's head: [N, 128, 8, 8] to ten logits."""
    return nn.Sequential(
        *make_units(128, 128),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2048, 128),
        nn.ReLU(),
        nn.BatchNorm1d(128, EPSILON, MOMENTUM),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.BatchNorm1d(64, EPSILON, MOMENTUM),
        nn.Linear(64, 10),
    )


class AugmentedImages(Dataset[tuple[Tensor, Tensor]]):
    """Images changed one by one as they are asked for: shift, rotation, zoom and flip."""

    def __init__(self, pixels: Tensor, labels: Tensor) -> None:
        self.pixels = pixels
        self.labels = labels

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a changed image [3, 32, 32] and its label."""
        turn, shift_x, shift_y, zoom_x, zoom_y, mirror = torch.rand(6).tolist()
        angle = math.radians(40) * (2 * turn - 1)
        wide, high = 0.9 + 0.2 * zoom_x, 0.9 + 0.2 * zoom_y
        sign = -1 if mirror < 0.5 else 1
        cosine, sine = math.cos(angle), math.sin(angle)
        affine = torch.tensor(
            [
                [sign * cosine * wide, -sign * sine * high, 0.2 * (2 * shift_x - 1)],
                [sine * wide, cosine * high, 0.2 * (2 * shift_y - 1)],
            ]
        )
        grid = F.affine_grid(affine[None], [1, 3, 32, 32], align_corners=False)
        image = F.grid_sample(
            self.pixels[index][None], grid, padding_mode="border", align_corners=False
        )
        return image[0], self.labels[index]


def make_autoencoder_step() -> Step:
    """Return the training step of the autoencoder."""
    model = nn.Sequential(make_encoder(), make_decoder()).to(DEVICE).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    pixels = torch.from_numpy(make_pixels()).float() / 255
    batches = _repeat(DataLoader(TensorDataset(pixels), batch_size=BATCH_SIZE, shuffle=True))

    def step() -> None:
        (images,) = next(batches)
        images = images.to(DEVICE)
        loss = F.mse_loss(model(images), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def make_classifier_step(*, workers: int) -> Step:
    """Return the training step of the classifier on a frozen encoder, images augmented one by one.

    Args:
        workers: processes of the DataLoader; 0 loads in the training process.
    """
    encoder = make_encoder().requires_grad_(requires_grad=False).to(DEVICE).eval()
    head = make_head().to(DEVICE).train()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.001)
    images = AugmentedImages(
        torch.from_numpy(make_pixels()).float() / 255, torch.from_numpy(make_labels())
    )
    loader = DataLoader(
        images,
        batch_size=BATCH_SIZE,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    batches = _repeat(loader)

    def step() -> None:
        images, labels = (part.to(DEVICE) for part in next(batches))
        with torch.no_grad():
            features = encoder(images)
        loss = F.cross_entropy(head(features), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def make_predictor(batch_size: int) -> Step:
    """Return the classification of `batch_size` images."""
    model = nn.Sequential(make_encoder(), make_head(), nn.Softmax(dim=1)).to(DEVICE).eval()
    images = torch.from_numpy(make_pixels()[:batch_size]).float() / 255

    def predict() -> Any:
        with torch.inference_mode():
            return model(images.to(DEVICE)).cpu().numpy()

    return predict


def _repeat(loader: DataLoader[Any]) -> Iterator[Any]:
    while True:
        yield from loader
