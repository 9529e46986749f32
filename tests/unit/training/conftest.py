"""A laboratory that trains small models, and a script that tells the losses to the loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.batches import Batch, Batches
from cae.data.images import ImageSet
from cae.models.autoencoder import Autoencoder, make_autoencoder
from cae.models.classifier import Classifier, make_classifier
from cae.runtime.device import Runtime
from cae.training.objectives import ClassificationObjective, Measured, ReconstructionObjective
from cae.training.progress import SilentProgress
from cae.training.trainer import FitResult, fit

SHAPE = (8, 8, 3)


def make_config(**keys) -> AutoencoderConfig:
    defaults = {"init_num_filters": 2, "batch_size": 4, "epochs": 2, "image_shape": SHAPE}
    return AutoencoderConfig.model_validate(defaults | keys)


def make_classifier_config(**keys) -> ClassifierConfig:
    defaults = {"batch_size": 4, "epochs": 2, "image_shape": SHAPE, "data_augmentation": False}
    return ClassifierConfig.model_validate(defaults | keys)


class Counter(nn.Module):
    """A model whose one weight counts the steps taken."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.Parameter(torch.zeros(1))


class Script:
    """An objective whose losses are told beforehand; each step adds 1 to the counter."""

    stage = "autoencoder"
    metrics = ("loss",)

    def __init__(self, val_losses: list[float], *, train_loss: float = 1.0) -> None:
        self.val_losses: Iterator[float] = iter(val_losses)
        self.train_loss = train_loss

    def measure(self, model: Counter, batch: Batch) -> Measured:
        value = self.train_loss if model.training else next(self.val_losses)
        count = torch.tensor([float(len(batch))])
        return Measured(-model.steps.sum(), value * count, count)


@dataclass
class Laboratory:
    """Trains on 10 small images and validates on 7."""

    train: ImageSet
    val: ImageSet | None
    runtime: Runtime

    def fit(
        self, model, objective, config, *, progress=None, val_batch_size=5, checkpoints=None
    ) -> FitResult:
        return fit(
            model,
            objective,
            train=Batches(
                self.train,
                runtime=self.runtime,
                batch_size=config.batch_size,
                shuffle_seed=config.seed,
            ),
            val=None
            if self.val is None
            else Batches(self.val, runtime=self.runtime, batch_size=val_batch_size),
            config=config,
            runtime=self.runtime,
            progress=progress or SilentProgress(),
            checkpoints=checkpoints,
        )

    def pretrain(self, *, progress=None, checkpoints=None, **keys) -> tuple[Autoencoder, FitResult]:
        config = make_config(**keys)
        model, objective = make_autoencoder(config), ReconstructionObjective(config)
        fit = self.fit(model, objective, config, progress=progress, checkpoints=checkpoints)
        return model, fit

    def finetune(self, *, encoder=None, **keys) -> tuple[Classifier, FitResult]:
        below, config = make_config(**(encoder or {})), make_classifier_config(**keys)
        model = make_classifier(below, config, num_classes=3)
        return model, self.fit(model, ClassificationObjective(below), config)

    def follow(self, losses: list[float], *, train_loss=1.0, **keys) -> tuple[Counter, FitResult]:
        """Train a counter, one step and one validation in each epoch, an epoch for each loss."""
        keys |= {"optimizer": "sgd", "lr": 1.0, "epochs": len(losses), "batch_size": 64}
        model = Counter()
        script = Script(losses, train_loss=train_loss)
        return model, self.fit(model, script, make_config(**keys), val_batch_size=64)


@pytest.fixture
def laboratory(make_images, float32) -> Laboratory:
    return Laboratory(make_images(10, seed=1), make_images(7, seed=2), float32)


@pytest.fixture(scope="session")
def autoencoder_config():
    return make_config


@pytest.fixture(scope="session")
def classifier_config():
    return make_classifier_config


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture(scope="session")
def script() -> type[Script]:
    return Script
