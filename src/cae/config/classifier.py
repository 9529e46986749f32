"""The classifier's keys: its head, what is trained, and how."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cae.config.stages import (
    Count,
    NonNegative,
    Share,
    StageConfig,
    WholeNumber,
    as_long_name,
    as_names,
    write_muon_refusal,
)

WeightedMetric = Annotated[
    Literal["accuracy", "categorical_crossentropy", "top_5_accuracy"], as_long_name
]
TestTimeAugmentation = Literal["none", "flip", "flip_and_shift"]


class ClassifierConfig(StageConfig):
    """The classifier's head and training (18 keys of the origin, then ours).

    `head` "linear" leaves out the origin's convolution and dense layers: a single layer follows the
    global pooling. `class_balance` makes up for classes with few images: by drawing all classes
    equally often ("sampling"), or by adding the logarithm of each class's share to its logit in
    training ("logit_adjustment", Menon et al., arXiv 2007.07314).

    If the encoder is trained (`freeze_encoder` off), its learning rate is 0 in the first
    `freeze_encoder_epochs` epochs, in which its batch norm still updates its statistics, and
    `layer_decay` multiplies the learning rate once more for each block below the head.

    `test_time_augmentation` averages the logits of an image and its mirror image ("flip"), and also
    of both shifted by one pixel ("flip_and_shift"). `posthoc_logit_adjustment` acts when classes
    are predicted: this multiple of the logarithm of each class's share of the training images is
    subtracted from its logit (the other method of the same paper, with its tau), so that rare
    classes are predicted more often.
    """

    class_weights: bool = False
    data_augmentation: bool = True
    dense: bool = True
    dropout: bool = False
    epochs: Count = 100
    global_pooling: Literal["flatten", "max", "average"] = "flatten"
    loss: Literal["categorical_crossentropy"] = "categorical_crossentropy"
    weighted_metrics: Annotated[tuple[WeightedMetric, ...], as_names] | None = None

    freeze_encoder: bool = True
    freeze_encoder_epochs: WholeNumber = 0
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    head: Literal["origin", "linear"] = "origin"
    class_balance: Literal["none", "sampling", "logit_adjustment"] = "none"
    label_smoothing: Share = 0.0
    test_time_augmentation: TestTimeAugmentation = "none"
    posthoc_logit_adjustment: NonNegative = 0.0

    @property
    def dropout_rate(self) -> float:
        """Share of features dropped in the head in training; 0 when `dropout` is off."""
        return self.dropout_value if self.dropout else 0.0

    @model_validator(mode="after")
    def _batch_norm_needs_two_images(self) -> Self:
        if self.batch_norm and self.batch_size == 1:
            raise ValueError(
                "batch_size 1: batch_norm normalises over the batch and needs at least 2 images; "
                "raise batch_size or set batch_norm to false"
            )
        return self

    @model_validator(mode="after")
    def _head_takes_its_optimizer(self) -> Self:
        if self.optimizer == "muon" and self.head == "origin" and not self.batch_norm:
            raise ValueError(
                write_muon_refusal("in head 'origin' with batch_norm false")
                + ", or set batch_norm to true"
            )
        return self

    @model_validator(mode="after")
    def _classes_are_balanced_once(self) -> Self:
        if self.class_weights and self.class_balance != "none":
            raise ValueError(
                f"class_balance {self.class_balance!r}: class_weights make up for the same "
                "imbalance; set only one of them"
            )
        return self

    @model_validator(mode="after")
    def _pooling_takes_low_resolution(self) -> Self:
        if self.low_resolution_epochs and self.global_pooling == "flatten":
            raise ValueError(
                f"low_resolution_epochs {self.low_resolution_epochs}: global_pooling 'flatten' "
                "takes images of one size; set it to 'max' or 'average'"
            )
        return self
