"""Everything that a key could change, observed in parts, so that a test can name those that did.

An observation maps each part to plain values, or to the checksum of its numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.augment import make_augmentation
from cae.data.batches import Batch, Batches
from cae.data.images import ImageSet
from cae.evaluation.predict import predict_probabilities
from cae.models.autoencoder import make_autoencoder
from cae.models.blocks import ByteDropout, GaussianNoise
from cae.models.classifier import make_classifier
from cae.pipeline import stages
from cae.runtime.device import Runtime
from cae.training.muon import Together
from cae.training.objectives import (
    Objective,
    ReconstructionObjective,
)
from cae.training.optim import Optimizer, make_optimizer
from cae.training.progress import SilentProgress
from cae.training.saving import Trained

RUNTIME = Runtime(torch.device("cpu"), "float32")
NAMES = ("bird", "cat", "deer")
Observation = Mapping[str, Any]


class Counting(SilentProgress):
    """Progress that remembers the size of every batch."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def images_done(self, count: int) -> None:
        self.batches.append(count)


def draw_images(shape: tuple[int, int, int], count: int, *, seed: int) -> ImageSet:
    """Return noise, half of it of the first class."""
    height, width, channels = shape
    pixels = np.random.default_rng(seed).integers(0, 256, (count, channels, height, width))
    labels = np.arange(count, dtype=np.int64) % 4 % 3
    return ImageSet(pixels.astype(np.uint8), labels, NAMES, "noise")


def checksum(tensors: Iterable[torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def list_layers(model: nn.Module) -> list[str]:
    """Return what computes always; dropout and noise have parts of their own."""
    chance = ByteDropout | GaussianNoise | nn.Identity
    return [
        str(layer)
        for layer in model.modules()
        if next(layer.children(), None) is None and not isinstance(layer, chance)
    ]


def list_rates(model: nn.Module) -> list[float]:
    """Return the rates of the dropouts that drop."""
    rates = [layer.rate for layer in model.modules() if isinstance(layer, ByteDropout)]
    return [rate for rate in rates if rate]


def list_deviations(model: nn.Module) -> list[float]:
    """Return the standard deviations of the noises that disturb."""
    found = [layer.stddev for layer in model.modules() if isinstance(layer, GaussianNoise)]
    return [stddev for stddev in found if stddev]


def hash_start(model: nn.Module) -> str:
    """Return the checksum of the weights that are drawn at random."""
    drawn = (nn.Conv2d, nn.Linear)
    return checksum(layer.weight for layer in model.modules() if isinstance(layer, drawn))


def compute_loss(objective: Objective[Any], model: Any, batch: Batch, *, training: bool) -> float:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        return objective.measure(model.train(training), batch).loss.item()


def observe_data(images: ImageSet, config: AutoencoderConfig | ClassifierConfig) -> Observation:
    """Return the order of two epochs, and each image as the second shows it."""
    augmentation = make_augmentation(config)
    numbered = ImageSet(
        images.images,
        np.arange(len(images), dtype=np.int64),
        tuple(f"image {index}" for index in range(len(images))),
        "numbered",
    )
    batches = Batches(
        numbered,
        runtime=RUNTIME,
        batch_size=config.batch_size,
        shuffle_seed=config.seed,
        augmentation=augmentation,
        low_resolution=stages.make_low_resolution(config),
    )
    order: list[int] = []
    shown: dict[int, torch.Tensor] = {}
    for epoch in (1, 2):
        for batch in batches.epoch(epoch):
            assert batch.labels is not None
            order += batch.labels.tolist()
            shown.update(zip(batch.labels.tolist(), batch.images, strict=True))
    return {"order": order, "images": checksum(shown[index] for index in sorted(shown))}


def describe_optimizer(optimizer: Optimizer) -> object:
    """Return its kind and options, the multiples of the rate it steps at, and since when."""
    parts = optimizer.parts if isinstance(optimizer, Together) else (optimizer,)
    groups = {
        (group["scale"], group["first_epoch"]) for part in parts for group in part.param_groups
    }
    return [(type(part).__name__, part.defaults | {"lr": None}) for part in parts], groups


def observe_training(
    trained: Trained[Any], progress: Counting, config: AutoencoderConfig | ClassifierConfig
) -> Observation:
    model, history = trained.model, trained.fit.history
    held = {"best": trained.fit.best_weights, "last": trained.fit.last_weights}[trained.fit.chosen]
    assert checksum(model.state_dict().values()) == checksum(held.values())
    optimizer = make_optimizer(model, config)
    timing = ("seconds", "images_per_second")
    return {
        "batches": progress.batches,
        "epochs": history.epochs,
        "rates": history.metrics["lr"],
        "metrics": [name for name in history.metrics if name not in timing],
        "kept weights": trained.fit.chosen,
        "optimizer": describe_optimizer(optimizer),
    }


def observe_autoencoder(config: AutoencoderConfig) -> Observation:
    train, val = (draw_images(config.image_shape, count, seed=count) for count in (10, 7))
    model, objective = make_autoencoder(config), ReconstructionObjective(config)
    batch = Batch(torch.from_numpy(val.images).float() / 255, None)
    progress = Counting()
    trained = stages.pretrain(train, val, config, runtime=RUNTIME, progress=progress)
    return {
        "encoder layers": list_layers(model.encoder),
        "decoder layers": list_layers(model.decoder),
        "encoding": (model.encoder.num_features, *model.encoder.feature_size),
        "encoder start": hash_start(model.encoder),
        "decoder start": hash_start(model.decoder),
        "dropout": list_rates(model),
        "noise": list_deviations(model),
        "validation loss": compute_loss(objective, model, batch, training=False),
        "training loss": compute_loss(objective, model, batch, training=True),
        **observe_data(train, config),
        **observe_training(trained, progress, config),
        "trained": checksum(trained.fit.last_weights.values()),
    }


def observe_classifier(below: AutoencoderConfig, config: ClassifierConfig) -> Observation:
    train, val = (draw_images(config.image_shape, count, seed=count) for count in (10, 7))
    assert val.labels is not None
    model = make_classifier(below, config, num_classes=3)
    objective = stages.make_classification_objective(
        below, config, torch.from_numpy(train.labels), num_classes=3
    )
    batch = Batch(torch.from_numpy(val.images).float() / 255, torch.from_numpy(val.labels))
    progress = Counting()
    trained = stages.finetune(
        train, val, below, config, encoder_weights=None, runtime=RUNTIME, progress=progress
    )
    last = trained.fit.last_weights
    stages.set_log_priors(model, torch.from_numpy(train.labels))
    answers = predict_probabilities(model, val, runtime=RUNTIME)
    return {
        "answers": checksum([torch.from_numpy(answers)]),
        "encoder layers": list_layers(model.encoder),
        "head layers": list_layers(model.head),
        "encoder start": hash_start(model.encoder),
        "head start": hash_start(model.head),
        "dropout": list_rates(model.head),
        "validation loss": compute_loss(objective, model, batch, training=False),
        "training loss": compute_loss(objective, model, batch, training=True),
        **observe_data(train, config),
        **observe_training(trained, progress, config),
        "trained encoder": checksum(last[name] for name in last if name.startswith("encoder.")),
        "trained head": checksum(last[name] for name in last if name.startswith("head.")),
    }


def find_changes(first: Observation, second: Observation) -> set[str]:
    assert list(first) == list(second)
    return {part for part in first if first[part] != second[part]}


def remember(observe: Callable[..., Observation]) -> Callable[..., Observation]:
    """Return `observe` that looks at equal configurations once: most tests share their first."""
    seen: dict[str, Observation] = {}

    def observe_once(*configs: AutoencoderConfig | ClassifierConfig) -> Observation:
        key = repr(configs)
        if key not in seen:
            seen[key] = observe(*configs)
        return seen[key]

    return observe_once


@pytest.fixture(scope="session")
def autoencoder() -> Callable[..., Observation]:
    return remember(observe_autoencoder)


@pytest.fixture(scope="session")
def classifier() -> Callable[..., Observation]:
    return remember(observe_classifier)


@pytest.fixture(scope="session")
def changes() -> Callable[[Observation, Observation], set[str]]:
    return find_changes
