"""The two stages in memory: an autoencoder, and a classifier on its encoder."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from cae.checkpoints.weights import apply_weights
from cae.config import AutoencoderConfig, ClassifierConfig, tell_ineffective
from cae.data.augment import make_augmentation
from cae.data.batches import EVALUATION_BATCH_SIZE, Batches, LowResolution
from cae.data.images import ImageSet
from cae.evaluation.predict import encode
from cae.models.autoencoder import Autoencoder, make_autoencoder
from cae.models.classifier import Classifier, make_classifier
from cae.models.encoder import Encoder
from cae.pipeline.requirements import require_finetunable, require_pretrainable
from cae.runtime.device import Runtime
from cae.training.objectives import (
    ClassificationObjective,
    ReconstructionObjective,
    compute_balanced_weights,
    compute_log_priors,
)
from cae.training.progress import Progress, SilentProgress
from cae.training.saving import Trained
from cae.training.trainer import Checkpoints, Weights, copy_weights, fit

logger = logging.getLogger(__name__)

# How many images computations before training, such as that of the whitening, are based on.
_IMAGES_TO_BEGIN_FROM = 5_000
# Up to this ratio of the largest class to the smallest, both ways of balancing do well together.
_MILD = 3
# Enough for the 8x8x128 encodings of the origin's training images in float32, or of all of
# CIFAR-10's images in bfloat16.
_MOST_FEATURE_BYTES = 1_100_000_000
SILENT = SilentProgress()


def pretrain(
    train: ImageSet,
    val: ImageSet | None,
    config: AutoencoderConfig,
    *,
    runtime: Runtime,
    progress: Progress = SILENT,
    checkpoints: Checkpoints | None = None,
) -> Trained[Autoencoder]:
    """Train an autoencoder on the images of `train`; labels are not used.

    After training on masked or smaller images, the encoder's batch-norm statistics are computed
    anew from whole images of full size, because those are what it is given from then on. The
    autoencoder's own predictions of hidden patches are then a little worse than during training.

    Args:
        train: images to learn from.
        val: images to validate on; None: no validation, and the last weights are kept.
        config: the configuration of the autoencoder.
        runtime: device and precision.
        progress: receives the events of training.
        checkpoints: where the training saves its state and resumes from; None: nowhere.

    Raises:
        ConfigError: the images do not have the shape `config.image_shape`, or `config.callbacks` is
            on and `val` is None.
        DataError: there is only one image to train on, and batch norm needs two.
        DivergedError, StoppedError, CheckpointError: see `cae.training.trainer.fit`.
    """
    require_pretrainable(config, train, val)
    tell_ineffective(config, section="autoencoder")
    model = make_autoencoder(config)
    if model.encoder.begins_from_images:
        model.begin_from(take_images(train))
    result = fit(
        model,
        ReconstructionObjective(config),
        train=Batches(
            train,
            runtime=runtime,
            batch_size=config.batch_size,
            shuffle_seed=config.seed,
            augmentation=make_augmentation(config),
            low_resolution=make_low_resolution(config),
        ),
        val=_make_validation(val, runtime),
        config=config,
        runtime=runtime,
        progress=progress,
        checkpoints=checkpoints,
    )
    if config.mask_ratio > 0 or config.low_resolution_epochs > 0:
        # From now on the encoder is given whole images of full size.
        _estimate_statistics(model.encoder, train, runtime)
        weights, history = copy_weights(model), result.history
        is_last = history.best_epoch == history.epochs
        if result.chosen == "best" or is_last:
            result = replace(result, best_weights=weights)
        if result.chosen == "last" or is_last:
            result = replace(result, last_weights=weights)
    return Trained(model, result)


def finetune(
    train: ImageSet,
    val: ImageSet | None,
    autoencoder_config: AutoencoderConfig,
    config: ClassifierConfig,
    *,
    encoder_weights: Weights | None,
    runtime: Runtime,
    progress: Progress = SILENT,
    checkpoints: Checkpoints | None = None,
) -> Trained[Classifier]:
    """Train a classifier, built on a pretrained encoder, on the labelled images of `train`.

    Args:
        train: labelled images to learn from.
        val: labelled images of the same classes to validate on; None: see `pretrain`.
        autoencoder_config: the configuration of the autoencoder, from which the encoder is built.
        config: the configuration of the classifier.
        encoder_weights: the pretrained encoder's; None starts it from its random initial weights,
            which is the control from scratch (with `freeze_encoder` off).
        runtime: device and precision.
        progress: receives the events of training.
        checkpoints: where the training saves its state and resumes from; None: nowhere.

    Raises:
        ConfigError: the configurations do not fit each other, or do not fit these images.
        DataError: labels are missing, the two sets differ in their classes, or there is only one
            image to train on, and batch norm needs two.
        CheckpointError: `encoder_weights` do not fit the encoder.
        DivergedError, StoppedError: see `cae.training.trainer.fit`.
    """
    require_finetunable(autoencoder_config, config, train, val, encoder_weights=encoder_weights)
    assert train.labels is not None
    tell_ineffective(config, section="classifier")
    num_classes = len(train.class_names)
    augmentation = make_augmentation(config)
    model = make_classifier(autoencoder_config, config, num_classes=num_classes)
    if encoder_weights is not None:
        apply_weights(model.encoder, encoder_weights, place="encoder weights")
    elif model.encoder.begins_from_images:
        model.encoder.begin_from(take_images(train))
    labels = runtime.tensor(train.labels)
    set_log_priors(model, labels)
    _warn_of_imbalance(config, train)
    objective = make_classification_objective(
        autoencoder_config, config, labels, num_classes=num_classes
    )
    low_resolution = make_low_resolution(config)
    unchanged = augmentation is None and low_resolution is None
    result = fit(
        model,
        objective,
        train=Batches(
            train,
            runtime=runtime,
            batch_size=config.batch_size,
            shuffle_seed=config.seed,
            augmentation=augmentation,
            features=_encode_ahead(model, train, runtime) if unchanged else None,
            balanced=config.class_balance == "sampling",
            low_resolution=low_resolution,
        ),
        val=_make_validation(val, runtime, model),
        config=config,
        runtime=runtime,
        progress=progress,
        checkpoints=checkpoints,
    )
    return Trained(model, result)


def _warn_of_imbalance(config: ClassifierConfig, train: ImageSet) -> None:
    """Warn if classes differ much in size, and are balanced in both ways or in none.

    Balanced training and corrected predictions each make up for the whole imbalance. With classes
    thinned to a half, as in CIFAR-10, both together were found to do well. If classes differ more,
    using both predicts the rare class for all images, and using neither the frequent one.
    """
    is_balanced = config.class_weights or config.class_balance != "none"
    counts = train.class_counts()
    counts = counts[counts > 0]
    if counts.max() <= _MILD * counts.min():
        return
    if not is_balanced and not config.posthoc_logit_adjustment:
        logger.warning(
            "one class has %.0f times as many training images as another, and nothing makes up for "
            "it: the rarer one may hardly be predicted; class_balance=sampling draws all equally "
            "often",
            counts.max() / counts.min(),
        )
    if is_balanced and config.posthoc_logit_adjustment:
        name = (
            "class_weights" if config.class_weights else f"class_balance {config.class_balance!r}"
        )
        logger.warning(
            "%s and posthoc_logit_adjustment %g both make up for scarce classes, and one class has "
            "%.0f times as many training images as another: it will hardly be predicted; set "
            "posthoc_logit_adjustment to 0",
            *(name, config.posthoc_logit_adjustment, counts.max() / counts.min()),
        )


def set_log_priors(model: Classifier, labels: Tensor) -> None:
    """Give a classifier that adjusts its predictions the classes' shares among `labels`."""
    if model.log_priors is not None:
        model.log_priors = compute_log_priors(labels, num_classes=len(model.log_priors))


def make_classification_objective(
    autoencoder_config: AutoencoderConfig,
    config: ClassifierConfig,
    labels: Tensor,
    *,
    num_classes: int,
) -> ClassificationObjective:
    """Return the objective that the classifier is trained with.

    Args:
        autoencoder_config: the configuration of the autoencoder that the encoder comes from.
        config: the configuration of the classifier.
        labels: int64 [N] of the training images, which say how frequent each class is.
        num_classes: how many classes the classifier has.
    """
    balanced = compute_balanced_weights(labels, num_classes=num_classes)
    adjusts = config.class_balance == "logit_adjustment"
    return ClassificationObjective(
        autoencoder_config,
        class_weights=balanced if config.class_weights else None,
        log_priors=compute_log_priors(labels, num_classes=num_classes) if adjusts else None,
        label_smoothing=config.label_smoothing,
        weighted_metrics=config.weighted_metrics or (),
        metric_weights=balanced,
    )


def make_low_resolution(config: AutoencoderConfig | ClassifierConfig) -> LowResolution | None:
    """Return which epochs serve small images, or None if none do."""
    if config.low_resolution_epochs == 0:
        return None
    return LowResolution(config.low_resolution_epochs, config.low_resolution_side)


def _make_validation(
    val: ImageSet | None, runtime: Runtime, model: Classifier | None = None
) -> Batches | None:
    """Return the validation images in batches, encoded in advance if the encoder is frozen."""
    if val is None:
        return None
    return Batches(
        val,
        runtime=runtime,
        batch_size=EVALUATION_BATCH_SIZE,
        features=None if model is None else _encode_ahead(model, val, runtime),
    )


def take_images(train: ImageSet) -> Tensor:
    """Return some images [n, C, H, W], float32 in [0, 1], evenly spread over the set.

    They are 5,000 to 10,000, if the set has as many. Of images larger than CIFAR-10's there are
    fewer, so that there are no more pixels: each image gives many patches.
    """
    height, width, _ = train.image_shape
    enough = _IMAGES_TO_BEGIN_FROM * min(1.0, 32 * 32 / (height * width))
    every = max(int(len(train) // enough), 1)
    some = train.select(np.arange(0, len(train), every))
    return torch.from_numpy(np.ascontiguousarray(some.images)).float().div_(255)


@torch.no_grad()
def _estimate_statistics(encoder: Encoder, train: ImageSet, runtime: Runtime) -> None:
    """Compute the encoder's batch-norm statistics anew, from whole, unchanged images."""
    norms = [layer for layer in encoder.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    encoder.eval()  # no noise, no dropout
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # which in torch means the plain average over batches
    with runtime.autocast():
        for batch in Batches(train, runtime=runtime, batch_size=EVALUATION_BATCH_SIZE).epoch(0):
            encoder(batch.images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    encoder.eval()


def _encode_ahead(model: Classifier, images: ImageSet, runtime: Runtime) -> Tensor | None:
    """Return the encodings of images that do not change, if the encoder does not either.

    None if the encoder is trained, or if the encodings would take too much memory.
    """
    if not model.freeze_encoder:
        return None
    height, width = model.encoder.feature_size
    numbers = len(images) * model.encoder.num_features * height * width
    bytes_each = 2 if runtime.precision == "bfloat16" else 4
    if numbers * bytes_each > _MOST_FEATURE_BYTES:
        return None
    return encode(model.encoder, images, runtime=runtime)
