"""The data's keys, and the whole configuration of a run."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from cae.config.autoencoder import (
    AutoencoderConfig,
    require_low_resolution,
    require_normed_filters,
    require_places_to_normalise,
)
from cae.config.classifier import ClassifierConfig
from cae.config.stages import Names, Section, Seed, Share
from cae.errors import ConfigError
from cae.limits import require_possible_head


class DataConfig(Section):
    """Which images are used for what.

    Of each class in `remove_classes`, the fraction `remove_fraction` of the training images is
    dropped; null means the data set's own choice of classes: bird, deer and truck for CIFAR-10,
    2, 4 and 9 for the digits, none for your own pictures. `val_size` is the share of the images
    left that is used for validation. With 0, all are trained on and none validate: for a final
    model, once everything is chosen. `labels_per_class` limits how many training images of each
    class may be used with their labels; null means all of them. The autoencoder learns from all
    images in either case. `labelled_seed` decides which images have labels; null means `seed`.
    """

    val_size: Share = 0.22
    remove_classes: Names | None = None
    remove_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    labels_per_class: Annotated[int, Field(ge=1)] | None = None
    labelled_seed: Seed | None = None
    seed: Seed = 42


class RunConfig(Section):
    """Everything that decides the result of a run; device and precision are in `Runtime`."""

    data: DataConfig = DataConfig()
    autoencoder: AutoencoderConfig = AutoencoderConfig()
    classifier: ClassifierConfig = ClassifierConfig()

    @model_validator(mode="after")
    def _stages_fit_together(self) -> Self:
        require_matching_stages(self.autoencoder, self.classifier)
        return self

    @model_validator(mode="after")
    def _callbacks_have_images_to_watch(self) -> Self:
        for name, section in (("autoencoder", self.autoencoder), ("classifier", self.classifier)):
            if self.data.val_size == 0 and section.callbacks:
                raise ValueError(
                    f"{name}.callbacks: watch the loss on validation images, and data.val_size 0"
                    " leaves none; change one of them"
                )
        return self


def require_matching_stages(autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> None:
    """Refuse a classifier that cannot be built on this autoencoder's encoder.

    Raises:
        ConfigError: the image shapes differ, the encoder's output is too small for the
            classifier's 2x2 pool, the head would be too large, or the encoder does not allow the
            classifier's optimizer, batch size or low resolution.
    """
    if autoencoder.image_shape != classifier.image_shape:
        raise ConfigError(
            f"classifier.image_shape {list(classifier.image_shape)} differs from "
            f"autoencoder.image_shape {list(autoencoder.image_shape)}; set both to the same shape"
        )
    side, lost = classifier.low_resolution_side, autoencoder.trimmed
    try:
        require_low_resolution(autoencoder, classifier.low_resolution_epochs, side)
    except ConfigError as error:
        raise ConfigError(f"classifier.{error}") from None
    if not classifier.freeze_encoder:
        try:
            require_normed_filters(autoencoder, classifier.optimizer)
            require_places_to_normalise(
                autoencoder, classifier, remedy="set freeze_encoder to true"
            )
        except ConfigError as error:
            raise ConfigError(f"classifier.{error}") from None
    if classifier.head == "linear":
        return
    height, width, _ = autoencoder.encoding_shape
    # The head pools once more.
    small = classifier.low_resolution_epochs > 0 and (side - lost) // 2**autoencoder.pools < 2
    if small:
        raise ConfigError(
            f"classifier.low_resolution_side {side}: too small for the encoder's "
            f"{autoencoder.pools} pools and the classifier's one; set at least "
            f"{2 ** (autoencoder.pools + 1) + lost}"
        )
    if min(height, width) < 2:
        raise ConfigError(
            f"image_shape {list(autoencoder.image_shape)}: too small for the encoder's "
            f"{autoencoder.pools} pools and the classifier's one; each side must be at least "
            f"{2 ** (autoencoder.pools + 1) + lost}"
        )
    flattens = classifier.global_pooling == "flatten"
    require_possible_head(autoencoder.encoding_shape, flattens=flattens)
