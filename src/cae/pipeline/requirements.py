"""The checks of a stage before it begins, and before anything on disk is removed for it."""

from __future__ import annotations

import torch

from cae.checkpoints.weights import apply_weights
from cae.config import AutoencoderConfig, ClassifierConfig, require_matching_stages
from cae.data.images import ImageSet
from cae.errors import ConfigError, DataError
from cae.models.autoencoder import build_encoder
from cae.training.trainer import Weights


def require_pretrainable(config: AutoencoderConfig, train: ImageSet, val: ImageSet | None) -> None:
    """Refuse what an autoencoder cannot be trained on.

    Raises:
        ConfigError: the images do not have the configured shape, or callbacks are on without
            validation images for them to watch.
        DataError: there is only one image to train on, and batch norm needs two.
    """
    _require_fitting(config, train, val, section="autoencoder")


def require_finetunable(
    autoencoder_config: AutoencoderConfig,
    config: ClassifierConfig,
    train: ImageSet,
    val: ImageSet | None,
    *,
    encoder_weights: Weights | None = None,
) -> None:
    """Refuse what a classifier cannot be trained on.

    Args:
        autoencoder_config: the configuration of the autoencoder, from which the encoder is built.
        config: the configuration of the classifier.
        train: images to learn from.
        val: images to validate on, if any.
        encoder_weights: the encoder's weights, if there are any yet.

    Raises:
        ConfigError: as for `require_pretrainable`, or the configurations do not fit together.
        DataError: as for `require_pretrainable`, or labels are missing, or the two sets differ in
            their classes.
        CheckpointError: `encoder_weights` do not fit the encoder.
    """
    _require_fitting(config, train, val, section="classifier")
    require_matching_stages(autoencoder_config, config)
    for part in (train, *([] if val is None else [val])):
        if part.labels is None:
            raise DataError(f"{part.name}: training a classifier needs labels")
    if val is not None and train.class_names != val.class_names:
        raise DataError(
            f"{val.name}: its classes {list(val.class_names)} are not those of {train.name}, "
            f"{list(train.class_names)}"
        )
    if encoder_weights is not None:
        with torch.device("meta"):  # It takes no memory, and the check is just as strict.
            encoder = build_encoder(autoencoder_config)
        apply_weights(encoder, encoder_weights, place="encoder weights", take=True)


def _require_fitting(
    config: AutoencoderConfig | ClassifierConfig,
    train: ImageSet,
    val: ImageSet | None,
    *,
    section: str,
) -> None:
    if val is None and config.callbacks:
        raise ConfigError(
            f"{section}.callbacks: watch the loss on validation images, and there are none; set "
            "callbacks to false, or data.val_size above 0"
        )
    for part in (train, *([] if val is None else [val])):
        if part.image_shape != config.image_shape:
            raise ConfigError(
                f"{section}.image_shape is {list(config.image_shape)}, but the images of "
                f"{part.name} are {list(part.image_shape)} (height, width, channels); set "
                f"image_shape={list(part.image_shape)}"
            )
    if len(train) == 1 and config.batch_norm:
        raise DataError(f"{train.name}: 1 image to train on; batch_norm needs at least 2")
