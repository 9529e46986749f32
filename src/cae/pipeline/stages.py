"""The two stages in memory: an autoencoder, and a classifier on its encoder."""

from __future__ import annotations

import logging

from torch import Tensor

from cae.checkpoints.weights import apply_weights
from cae.config import AutoencoderConfig, ClassifierConfig, find_ineffective_keys
from cae.data.augment import make_augmentation
from cae.data.batches import Batches
from cae.data.images import ImageSet
from cae.errors import ConfigError, DataError
from cae.evaluation.predict import encode
from cae.models.autoencoder import Autoencoder, make_autoencoder
from cae.models.classifier import Classifier, make_classifier
from cae.runtime.device import Runtime
from cae.training.objectives import (
    ClassificationObjective,
    ReconstructionObjective,
    compute_balanced_weights,
)
from cae.training.progress import Progress, SilentProgress
from cae.training.saving import Trained
from cae.training.trainer import Checkpoints, Weights, fit

logger = logging.getLogger(__name__)

_VALIDATION_BATCH_SIZE = 250
# The whole of CIFAR-10 in bfloat16 at the origin's 8x8x128, or half of it in float32.
_MOST_FEATURE_BYTES = 2**30
SILENT = SilentProgress()


def pretrain(
    train: ImageSet,
    val: ImageSet,
    config: AutoencoderConfig,
    *,
    runtime: Runtime,
    progress: Progress = SILENT,
    checkpoints: Checkpoints | None = None,
) -> Trained[Autoencoder]:
    """Train an autoencoder on the images of `train`; labels are not looked at.

    Args:
        train: images to learn from.
        val: images to validate on.
        config: of the autoencoder.
        runtime: device and precision.
        progress: told what happens.
        checkpoints: where the training saves its state and goes on from; None: nowhere.

    Raises:
        ConfigError: `config.image_shape` is not the images' shape.
        DataError: there is only one image, and batch norm needs two.
        DivergedError, StoppedError, CheckpointError: see `cae.training.trainer.fit`.
    """
    _prepare(config, train, val, section="autoencoder")
    model = make_autoencoder(config)
    result = fit(
        model,
        ReconstructionObjective(config),
        train=Batches(
            train, runtime=runtime, batch_size=config.batch_size, shuffle_seed=config.seed
        ),
        val=Batches(val, runtime=runtime, batch_size=_VALIDATION_BATCH_SIZE),
        config=config,
        runtime=runtime,
        progress=progress,
        checkpoints=checkpoints,
    )
    return Trained(model, result)


def finetune(
    train: ImageSet,
    val: ImageSet,
    autoencoder_config: AutoencoderConfig,
    config: ClassifierConfig,
    *,
    encoder_weights: Weights | None,
    runtime: Runtime,
    progress: Progress = SILENT,
    checkpoints: Checkpoints | None = None,
) -> Trained[Classifier]:
    """Train a classifier on the labelled images of `train`, standing on a pretrained encoder.

    Args:
        train: labelled images to learn from.
        val: labelled images of the same classes to validate on.
        autoencoder_config: what the encoder is built by.
        config: of the classifier.
        encoder_weights: the pretrained encoder's; None starts it from its random initial weights,
            which is the control from scratch (with `freeze_encoder` off).
        runtime: device and precision.
        progress: told what happens.
        checkpoints: where the training saves its state and goes on from; None: nowhere.

    Raises:
        ConfigError: the configurations do not fit together or not these images.
        DataError: labels are missing, the two sets differ in their classes, or there is only one
            image, and batch norm needs two.
        CheckpointError: `encoder_weights` do not fit the encoder.
        DivergedError, StoppedError: see `cae.training.trainer.fit`.
    """
    _prepare(config, train, val, section="classifier")
    if train.labels is None or val.labels is None:
        raise DataError(f"{train.name}: training a classifier needs labels")
    if train.class_names != val.class_names:
        raise DataError(
            f"{val.name}: its classes {list(val.class_names)} are not those of {train.name}, "
            f"{list(train.class_names)}"
        )
    num_classes = len(train.class_names)
    augmentation = make_augmentation(config)
    model = make_classifier(autoencoder_config, config, num_classes=num_classes)
    if encoder_weights is not None:
        apply_weights(model.encoder, encoder_weights, place="encoder weights")
    balanced = compute_balanced_weights(runtime.tensor(train.labels), num_classes=num_classes)
    objective = ClassificationObjective(
        autoencoder_config,
        class_weights=balanced if config.class_weights else None,
        weighted_metrics=config.weighted_metrics or (),
        metric_weights=balanced,
    )
    result = fit(
        model,
        objective,
        train=Batches(
            train,
            runtime=runtime,
            batch_size=config.batch_size,
            shuffle_seed=config.seed,
            augmentation=augmentation,
            features=_encode_ahead(model, train, runtime) if augmentation is None else None,
        ),
        val=Batches(
            val,
            runtime=runtime,
            batch_size=_VALIDATION_BATCH_SIZE,
            features=_encode_ahead(model, val, runtime),
        ),
        config=config,
        runtime=runtime,
        progress=progress,
        checkpoints=checkpoints,
    )
    return Trained(model, result)


def require_fitting(
    config: AutoencoderConfig | ClassifierConfig, train: ImageSet, val: ImageSet, *, section: str
) -> None:
    """Refuse images that a stage, whose `section` of the configuration is `config`, cannot take.

    Raises:
        ConfigError: their shape is not the configured one.
        DataError: there is only one, and batch norm needs two.
    """
    for part in (train, val):
        if part.image_shape != config.image_shape:
            raise ConfigError(
                f"{section}.image_shape is {list(config.image_shape)}, but the images of "
                f"{part.name} are {list(part.image_shape)} (height, width, channels); set "
                f"image_shape={list(part.image_shape)}"
            )
    if len(train) == 1 and config.batch_norm:
        raise DataError(f"{train.name}: 1 image to train on; batch_norm needs at least 2")


def _prepare(
    config: AutoencoderConfig | ClassifierConfig, train: ImageSet, val: ImageSet, *, section: str
) -> None:
    require_fitting(config, train, val, section=section)
    for sentence in find_ineffective_keys(config):
        logger.warning("%s: %s", section, sentence)


def _encode_ahead(model: Classifier, images: ImageSet, runtime: Runtime) -> Tensor | None:
    """Return the encodings of images that are the same in every epoch, if the encoder is too.

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
