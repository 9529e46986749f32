"""This package's own steps, taken as `cae.training.trainer.fit` takes them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from torch import nn

from benchmarks.timing import Step
from benchmarks.workload import CLASSES, make_labels, make_pixels
from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.augment import make_augmentation
from cae.data.batches import Batch, Batches
from cae.data.images import ImageSet
from cae.evaluation.predict import predict_probabilities
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier
from cae.pipeline.stages import make_classification_objective, set_log_priors, take_images
from cae.runtime.device import Runtime
from cae.training.objectives import Objective, ReconstructionObjective
from cae.training.step import make_step

ORIGIN = AutoencoderConfig()


def make_autoencoder_step(runtime: Runtime, *, config: AutoencoderConfig = ORIGIN) -> Step:
    """Return the training step of an autoencoder on images of full size."""
    model = make_autoencoder(config)
    if model.encoder.begins_from_images:
        model.begin_from(take_images(_make_images()))
    return _make_step(model, ReconstructionObjective(config), config, runtime)


def make_classifier_step(
    runtime: Runtime,
    *,
    autoencoder: AutoencoderConfig = ORIGIN,
    config: ClassifierConfig | None = None,
) -> Step:
    """Return the training step of a classifier on images of full size with random labels.

    Args:
        runtime: device and precision.
        autoencoder: of the encoder below.
        config: of the classifier; None for the origin's.
    """
    config = config or ClassifierConfig()
    model = make_classifier(autoencoder, config, num_classes=CLASSES)
    if model.encoder.begins_from_images:
        model.encoder.begin_from(take_images(_make_images()))
    labels = runtime.tensor(make_labels())
    set_log_priors(model, labels)
    objective = make_classification_objective(autoencoder, config, labels, num_classes=CLASSES)
    return _make_step(model, objective, config, runtime)


def make_predictor(runtime: Runtime, batch_size: int) -> Step:
    """Return the classification of `batch_size` images."""
    model = make_classifier(AutoencoderConfig(), ClassifierConfig(), num_classes=CLASSES)
    images = _make_images(batch_size)
    return lambda: predict_probabilities(model, images, runtime=runtime)


def _make_images(count: int | None = None) -> ImageSet:
    names = tuple(str(number) for number in range(CLASSES))
    return ImageSet(make_pixels()[:count], make_labels()[:count], names, "random images")


def _make_step(
    model: nn.Module,
    objective: Objective,
    config: AutoencoderConfig | ClassifierConfig,
    runtime: Runtime,
) -> Step:
    batches = Batches(
        _make_images(),
        runtime=runtime,
        batch_size=config.batch_size,
        shuffle_seed=config.seed,
        augmentation=make_augmentation(config),
    )
    runtime.place(model)
    model.train()
    take = make_step(model, objective, config, runtime=runtime)
    served = _serve(batches)
    return lambda: take(next(served), lr=config.lr)


def _serve(batches: Batches) -> Iterator[Batch]:
    for epoch in count(1):
        yield from batches.epoch(epoch)
