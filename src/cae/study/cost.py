"""The cost of a training in floating-point operations: counted, so equal on every machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.batches import Batch
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier
from cae.models.recomputing import keeping_features
from cae.runtime.device import Runtime
from cae.training.objectives import (
    ClassificationObjective,
    Model,
    Objective,
    ReconstructionObjective,
)
from cae.training.step import make_step

# The count is proportional to the number of images; batch norm needs two of them.
_COUNTED_IMAGES = 4
# On a GPU three steps are taken plainly and the fourth is recorded; the fifth only replays it.
_TIMED_STEPS = 6


@dataclass(frozen=True, slots=True)
class Speeds:
    """Floating-point operations per second of training steps on this machine."""

    pretrain: float
    finetune: float


def count_pretraining(config: AutoencoderConfig, *, images: int) -> float:
    """Return the operations of pretraining: forward and backward passes of all its epochs.

    Those of the optimizer and of validation are not counted, here and below.
    """
    low = min(config.low_resolution_epochs, config.epochs)
    counted = (config.epochs - low) * _count_autoencoder_step(_strip(config), None)
    if low:
        counted += low * _count_autoencoder_step(_strip(config), config.low_resolution_side)
    return images * counted


def count_finetuning(
    autoencoder: AutoencoderConfig, config: ClassifierConfig, *, images: int, num_classes: int
) -> float:
    """Return the operations of training a classifier on `images` images in each epoch.

    A frozen encoder has no backward pass, and encodes images that never change only once.
    """
    low = min(config.low_resolution_epochs, config.epochs)
    stripped, below = _strip(config), _strip(autoencoder)
    if config.freeze_encoder and not config.data_augmentation and not low:
        encoding, head = _count_frozen_steps(below, stripped, num_classes)
        return images * (encoding + config.epochs * head)
    counted = (config.epochs - low) * _count_classifier_step(below, stripped, num_classes, None)
    if low:
        side = config.low_resolution_side
        counted += low * _count_classifier_step(below, stripped, num_classes, side)
    return images * counted


def choose_equal_epochs(count: Callable[[int], float], *, epochs: int, more: float) -> int:
    """Return how many epochs come nearest to the operations of `epochs` epochs plus `more`.

    Args:
        count: returns the operations of a number of epochs.
        epochs: the epochs of the training that is to be lengthened.
        more: how many operations the longer training may take in addition.
    """
    return epochs + round(more / (count(epochs + 1) - count(epochs)))


def measure_speeds(
    autoencoder: AutoencoderConfig,
    classifier: ClassifierConfig,
    *,
    num_classes: int,
    runtime: Runtime,
) -> Speeds:
    """Return how fast this machine trains, from a few steps of each stage on random images.

    Args:
        autoencoder: the autoencoder whose steps are timed.
        classifier: the classifier whose steps are timed.
        num_classes: how many classes the classifier has.
        runtime: device and precision.
    """
    with torch.random.fork_rng(devices=[]):
        model = make_autoencoder(autoencoder)
        objective = ReconstructionObjective(autoencoder)
        batch = _draw_batch(autoencoder, count=autoencoder.batch_size)
        seconds = _time_step(model, objective, autoencoder, batch, runtime)
        pretrain = _count_autoencoder_step(_strip(autoencoder), None) * len(batch) / seconds

        network = make_classifier(autoencoder, classifier, num_classes=num_classes)
        naming = ClassificationObjective(autoencoder)
        batch = _draw_batch(autoencoder, count=classifier.batch_size, num_classes=num_classes)
        seconds = _time_step(network, naming, classifier, batch, runtime)
        stripped = _strip(autoencoder), _strip(classifier)
        finetune = _count_classifier_step(*stripped, num_classes, None) * len(batch) / seconds
    return Speeds(pretrain, finetune)


def _strip(config: AutoencoderConfig | ClassifierConfig) -> str:
    """Return the configuration as JSON, with keys that no count depends on made equal.

    So configurations with the same count are counted only once.
    """
    idle = {"seed": 0, "epochs": 1, "low_resolution_epochs": 0, "lr": 1.0, "batch_size": 2}
    return config.model_copy(update=idle).model_dump_json()


@lru_cache
def _count_autoencoder_step(stripped: str, side: int | None) -> float:
    """Return the operations of a training step, per image, with images of `side` pixels a side.

    None: of the configured shape.
    """
    config = AutoencoderConfig.model_validate_json(stripped)
    model = make_autoencoder(config)
    return _count_step(model, ReconstructionObjective(config), _draw_batch(config, side=side))


@lru_cache
def _count_classifier_step(below: str, stripped: str, num_classes: int, side: int | None) -> float:
    autoencoder = AutoencoderConfig.model_validate_json(below)
    config = ClassifierConfig.model_validate_json(stripped)
    model = make_classifier(autoencoder, config, num_classes=num_classes)
    batch = _draw_batch(autoencoder, side=side, num_classes=num_classes)
    return _count_step(model, ClassificationObjective(autoencoder), batch)


@lru_cache
def _count_frozen_steps(below: str, stripped: str, num_classes: int) -> tuple[float, float]:
    """Return the operations, per image, of encoding it and of a head's step on its encoding."""
    autoencoder = AutoencoderConfig.model_validate_json(below)
    config = ClassifierConfig.model_validate_json(stripped)
    model = make_classifier(autoencoder, config, num_classes=num_classes)
    batch = _draw_batch(autoencoder, num_classes=num_classes)
    with FlopCounterMode(display=False) as counter:
        batch = replace(batch, features=model.encode(batch.images))
    head = _count_step(model, ClassificationObjective(autoencoder), batch)
    return counter.get_total_flops() / len(batch), head


def _count_step(model: Model, objective: Objective[Model], batch: Batch) -> float:
    """Return the operations of a forward and a backward pass, per image."""
    model.train()
    counter = FlopCounterMode(display=False)
    with torch.random.fork_rng(devices=[]), keeping_features(), counter:
        objective.measure(model, batch).loss.backward()
    return counter.get_total_flops() / len(batch)


def _time_step(
    model: Model,
    objective: Objective[Model],
    config: AutoencoderConfig | ClassifierConfig,
    batch: Batch,
    runtime: Runtime,
) -> float:
    """Return the seconds that an optimizer step takes, the shortest of a few."""
    runtime.place(model)
    model.train()
    step = make_step(model, objective, config, runtime=runtime)
    labels = None if batch.labels is None else batch.labels.to(runtime.device)
    batch = Batch(batch.images.to(runtime.device), labels)
    times: list[float] = []
    for _ in range(_TIMED_STEPS):
        started = time.perf_counter()
        # Reading a number waits for the device.
        float(step(batch, lr=config.lr, epoch=1).totals[0])
        times.append(time.perf_counter() - started)
    return min(times)


def _draw_batch(
    config: AutoencoderConfig,
    *,
    count: int = _COUNTED_IMAGES,
    side: int | None = None,
    num_classes: int = 1,
) -> Batch:
    """Return random images of the configured shape, or of `side` pixels a side, with labels."""
    height, width, channels = config.image_shape
    size = (height, width) if side is None else (side, side)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((count, channels, *size), generator=generator)
    labels = torch.randint(num_classes, (count,), generator=generator)
    return Batch(images.contiguous(memory_format=torch.channels_last), labels)
