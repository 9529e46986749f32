"""What every section of the configuration shares, and the keys that both stages have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cae.wording import show

Optimizer = Literal[
    "adam", "adamw", "sgd", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "muon"
]
Schedule = Literal["constant", "linear", "cosine", "one_cycle"]

# Keras's short names. Configurations are read with either, and hold the long ones.
_KERAS_SHORT = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "acc": "accuracy",
}


def _to_tuple(value: object) -> tuple[object, ...] | None:
    # JSON has no tuples; a frozen model must not hold a mutable list.
    return tuple(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else None


def _make_names(value: object) -> object:
    names = _to_tuple(value)
    if names is None:
        raise ValueError(f"{show(value)} is not a list of names")
    return names


def _make_counts(value: object) -> object:
    counts = _to_tuple(value)
    if not counts:
        raise ValueError(f"{show(value)} is not a list of numbers")
    return counts


def _make_shape(value: object) -> object:
    shape = _to_tuple(value)
    if shape is None or len(shape) != 3:
        raise ValueError(f"{show(value)} is not [height, width, channels]")
    return shape


def _write_out(value: object) -> object:
    return _KERAS_SHORT.get(value, value) if isinstance(value, str) else value


as_names = BeforeValidator(_make_names)
as_counts = BeforeValidator(_make_counts)
as_long_name = BeforeValidator(_write_out)

# No use comes near this bound; numbers beyond it overflow inside the libraries.
Count = Annotated[int, Field(ge=1, le=1_000_000)]
WholeNumber = Annotated[int, Field(ge=0, le=1_000_000)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
ImageShape = Annotated[tuple[Count, Count, Count], BeforeValidator(_make_shape)]
Names = Annotated[tuple[str, ...], as_names]


class Section(BaseModel):
    """Base of every section: immutable, with no unknown keys and no values of a wrong type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class StageConfig(Section):
    """Keys that both training stages have, the origin's first.

    `lr_schedule` says how the learning rate changes from `lr` on; before that, it rises to `lr`
    over the share `lr_warmup` of the steps. `weight_decay` shrinks the weights themselves under
    adamw; under the other optimizers that multiple of the weights is added to the gradient, and
    under muon only for output and dense layers. null means the optimizer's own default: 0.004 for
    adamw (as in Keras), 0.2 for muon, 0 for the others.

    The `augmentation_*` keys act while `data_augmentation` is on. They set the shift as a fraction
    of the image's side, the rotation in degrees, the zoom as a fraction, the horizontal flip, and
    the side of a hidden square (cutout) as a fraction of the image's side. `augmentation_fill`
    says what fills places from outside the image: the nearest pixel, or the image reflected. With
    `augmentation_whole_pixels`, shifts are by whole pixels, so that they blur nothing; with
    `augmentation_alternating_flip`, an image is mirrored every other time it is seen.

    In the first `low_resolution_epochs` epochs, training images are shrunk to
    `low_resolution_side` pixels a side, which is faster; validation images are not.
    """

    batch_norm: bool = True
    batch_size: Count = 64
    callbacks: bool = False
    dropout_value: Share = 0.2
    early_stopping: bool = False
    early_stopping_delta: NonNegative = 0.1
    early_stopping_patience: Annotated[int, Field(ge=0)] = 10
    image_shape: ImageShape = (32, 32, 3)
    lr: Annotated[float, Field(gt=0)] = 0.001
    optimizer: Optimizer = "adam"

    # New keys; their defaults are the origin's behaviour.
    lr_schedule: Schedule = "constant"
    lr_warmup: Share = 0.0
    weight_decay: NonNegative | None = None
    augmentation_shift: Share = 0.1
    augmentation_rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 40.0
    augmentation_zoom: Share = 0.1
    augmentation_flip: bool = True
    augmentation_alternating_flip: bool = False
    augmentation_cutout: Share = 0.0
    augmentation_fill: Literal["nearest", "reflect"] = "nearest"
    augmentation_whole_pixels: bool = False
    low_resolution_epochs: WholeNumber = 0
    low_resolution_side: Count = 24
    seed: Seed = 42

    @model_validator(mode="after")
    def _one_rise_is_enough(self) -> Self:
        if self.lr_schedule == "one_cycle" and self.lr_warmup > 0:
            raise ValueError(
                f"lr_warmup {self.lr_warmup}: the one_cycle schedule rises by itself; set "
                "lr_warmup to 0 or take another lr_schedule"
            )
        return self

    @model_validator(mode="after")
    def _low_resolution_is_lower(self) -> Self:
        too_high = self.low_resolution_side > min(self.image_shape[:2])
        if self.low_resolution_epochs and too_high:
            raise ValueError(
                f"low_resolution_side {self.low_resolution_side}: image_shape "
                f"{list(self.image_shape)} is smaller; lower it, or set low_resolution_epochs=0"
            )
        return self


def write_muon_refusal(where: str) -> str:
    """Return why Muon is refused `where` ("with batch_norm false") filters have no batch norm."""
    return (
        f"optimizer 'muon': keeps every filter at one norm, and {where} no batch norm follows to "
        "make up for that; use 'adamw'"
    )
