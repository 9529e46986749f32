"""The configuration: the origin's keys with its values as defaults, checked once at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from cae.errors import ConfigError
from cae.limits import require_possible_autoencoder, require_possible_head
from cae.wording import show, suggest

Optimizer = Literal["adam", "adamw", "sgd", "rmsprop", "adagrad", "adadelta", "adamax", "nadam"]
Regularizer = Literal["l1", "l2", "l1_l2"]
WeightedMetric = Literal["accuracy", "categorical_crossentropy", "top_5_accuracy"]
Schedule = Literal["constant", "cosine", "one_cycle"]

_MOST_PROBLEMS = 5  # told of one section


def _to_tuple(value: object) -> tuple[object, ...] | None:
    # JSON has no tuples; a frozen model must not hold a mutable list.
    return tuple(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else None


def _make_names(value: object) -> object:
    names = _to_tuple(value)
    if names is None:
        raise ValueError(f"{show(value)} is not a list of names")
    return names


def _make_shape(value: object) -> object:
    shape = _to_tuple(value)
    if shape is None or len(shape) != 3:
        raise ValueError(f"{show(value)} is not [height, width, channels]")
    return shape


# The bound is beyond every use; numbers beyond it overflow inside the libraries.
Count = Annotated[int, Field(ge=1, le=1_000_000)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
ImageShape = Annotated[tuple[Count, Count, Count], BeforeValidator(_make_shape)]
Names = Annotated[tuple[str, ...], BeforeValidator(_make_names)]


class _Section(BaseModel):
    """What every section shares: immutable, no unknown key, no wrong type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Section = TypeVar("Section", bound=_Section)


class _StageConfig(_Section):
    """Keys that both training stages have, the origin's first."""

    batch_norm: bool = True
    batch_size: Count = 64
    callbacks: bool = False
    dropout_value: Annotated[float, Field(ge=0, lt=1)] = 0.2
    early_stopping: bool = False
    early_stopping_delta: NonNegative = 0.1
    early_stopping_patience: Annotated[int, Field(ge=0)] = 10
    image_shape: ImageShape = (32, 32, 3)
    lr: Annotated[float, Field(gt=0)] = 0.001
    optimizer: Optimizer = "adam"

    # New keys; their defaults are the origin's behaviour.
    lr_schedule: Schedule = "constant"
    weight_decay: NonNegative | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 42


class AutoencoderConfig(_StageConfig):
    """The autoencoder's architecture and training (25 keys of the origin, then ours).

    `image_shape` is [height, width, channels]. A value key (`dropout_value`,
    `kernel_regularizer_value` and so on) acts only while its switch is on. Early stopping acts
    only when both `callbacks` and `early_stopping` are on. `weight_decay` shrinks the weights
    themselves under adamw, and adds that multiple of the weights to the gradient under the other
    optimizers; null means the optimizer's own default: 0.004 for adamw (as in Keras), 0 for the
    others.
    """

    activity_regularizer: bool = False
    activity_regularizer_type: Regularizer = "l1"
    activity_regularizer_value: NonNegative = 0.001
    conv_blocks: Annotated[int, Field(ge=1, le=8)] = 3
    dropout: bool = True
    epochs: Count = 50
    gaussian_noise_hidden: bool = False
    gaussian_noise_input: bool = False
    gaussian_noise_stddev: NonNegative = 0.1
    init_num_filters: Count = 32
    kernel_regularizer: bool = False
    kernel_regularizer_type: Regularizer = "l2"
    kernel_regularizer_value: NonNegative = 0.001
    layers_per_block: Annotated[int, Field(ge=1, le=100)] = 2
    loss: Literal["mean_squared_error", "mean_absolute_error", "binary_crossentropy", "huber"] = (
        "mean_squared_error"
    )

    @property
    def dropout_rate(self) -> float:
        """Share of features dropped in training; 0 when `dropout` is off."""
        return self.dropout_value if self.dropout else 0.0

    @property
    def input_noise_stddev(self) -> float:
        """Standard deviation of the noise on the images ([0, 1] scale); 0 when off."""
        return self.gaussian_noise_stddev if self.gaussian_noise_input else 0.0

    @property
    def hidden_noise_stddev(self) -> float:
        """Standard deviation of the noise after every encoder layer; 0 when off."""
        return self.gaussian_noise_stddev if self.gaussian_noise_hidden else 0.0

    @property
    def block_filters(self) -> tuple[int, ...]:
        """Filters of each encoder block, doubling from `init_num_filters`."""
        return tuple(self.init_num_filters * 2**block for block in range(self.conv_blocks))

    @property
    def pools(self) -> int:
        """How many encoder blocks end in a pool: those of at most 2 * init_num_filters filters."""
        return sum(filters <= 2 * self.init_num_filters for filters in self.block_filters)

    @model_validator(mode="after")
    def _image_survives_the_encoder(self) -> Self:
        height, width, _ = self.image_shape
        step = 2**self.pools
        if height % step or width % step:
            raise ValueError(
                f"image_shape {list(self.image_shape)}: with conv_blocks {self.conv_blocks} the "
                f"encoder halves the image {self.pools} times, so height and width must be "
                f"multiples of {step}"
            )
        if self.batch_norm and self.batch_size == 1 and height == width == step:
            raise ValueError(
                "batch_size 1: batch_norm has nothing to normalise over where the encoding is 1x1, "
                f"as for image_shape {list(self.image_shape)}; raise batch_size or set batch_norm "
                "to false"
            )
        require_possible_autoencoder(
            self.image_shape,
            filters=self.block_filters,
            layers_per_block=self.layers_per_block,
            pools=self.pools,
        )
        return self


class ClassifierConfig(_StageConfig):
    """The classifier's head and training (18 keys of the origin, then ours).

    The `augmentation_*` keys set what `data_augmentation` switches: the shift as a fraction of
    the image's side, the rotation in degrees, the zoom as a fraction, and the horizontal flip.
    """

    class_weights: bool = False
    data_augmentation: bool = True
    dense: bool = True
    dropout: bool = False
    epochs: Count = 100
    global_pooling: Literal["flatten", "max", "average"] = "flatten"
    loss: Literal["categorical_crossentropy"] = "categorical_crossentropy"
    weighted_metrics: Annotated[tuple[WeightedMetric, ...], BeforeValidator(_make_names)] | None = (
        None
    )

    freeze_encoder: bool = True
    augmentation_shift: Annotated[float, Field(ge=0, lt=1)] = 0.1
    augmentation_rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 40.0
    augmentation_zoom: Annotated[float, Field(ge=0, lt=1)] = 0.1
    augmentation_flip: bool = True

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


class DataConfig(_Section):
    """Which images are used for what.

    `remove_classes` null means the data set's own choice: bird, deer and truck for CIFAR-10, the
    classes at the same places for the digits. `labels_per_class` null means that all labels of the
    training images may be used; the autoencoder learns from all images in either case.
    """

    val_size: Fraction = 0.22
    remove_classes: Names | None = None
    remove_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    labels_per_class: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 42


class RunConfig(_Section):
    """Everything that decides the result of a run; device and precision live elsewhere."""

    data: DataConfig = DataConfig()
    autoencoder: AutoencoderConfig = AutoencoderConfig()
    classifier: ClassifierConfig = ClassifierConfig()

    @model_validator(mode="after")
    def _stages_fit_together(self) -> Self:
        require_matching_stages(self.autoencoder, self.classifier)
        return self


def require_matching_stages(autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> None:
    """Refuse a classifier that cannot stand on this autoencoder's encoder.

    Raises:
        ConfigError: the image shapes differ, or the encoder's output is too small for the
            classifier's 2x2 pool.
    """
    if autoencoder.image_shape != classifier.image_shape:
        raise ConfigError(
            f"classifier.image_shape {list(classifier.image_shape)} differs from "
            f"autoencoder.image_shape {list(autoencoder.image_shape)}; set both to the same shape"
        )
    height, width, _ = autoencoder.image_shape
    smallest = 2 ** (autoencoder.pools + 1)
    if min(height, width) < smallest:
        raise ConfigError(
            f"image_shape {list(autoencoder.image_shape)}: too small for the encoder's "
            f"{autoencoder.pools} pools and the classifier's one; each side must be at least "
            f"{smallest}"
        )
    step = 2**autoencoder.pools
    encoding = (height // step, width // step, autoencoder.block_filters[-1])
    require_possible_head(encoding, flattens=classifier.global_pooling == "flatten")


def parse_section(kind: type[Section], values: Mapping[str, Any], *, place: str) -> Section:
    """Return the checked section `kind` made of `values`; keys left out take their defaults.

    Args:
        kind: AutoencoderConfig, ClassifierConfig, DataConfig or RunConfig.
        values: plain JSON values by key.
        place: where the values come from (a file, an option), for error messages.

    Raises:
        ConfigError: naming each bad key, its value, what is allowed, and the key nearest to a
            misspelt one.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(f"{place}: {_explain(error, kind)}") from None


def parse_autoencoder_config(
    values: Mapping[str, Any], *, place: str = "autoencoder config"
) -> AutoencoderConfig:
    """Return the checked autoencoder configuration of a plain dictionary (see `parse_section`)."""
    return parse_section(AutoencoderConfig, values, place=place)


def parse_classifier_config(
    values: Mapping[str, Any], *, place: str = "classifier config"
) -> ClassifierConfig:
    """Return the checked classifier configuration of a plain dictionary (see `parse_section`)."""
    return parse_section(ClassifierConfig, values, place=place)


def dump(config: _Section) -> dict[str, Any]:
    """Return the section as plain JSON values, every key included."""
    return config.model_dump(mode="json")


def find_ineffective_keys(config: AutoencoderConfig | ClassifierConfig) -> list[str]:
    """Return a sentence for each key that was changed but has no effect while its switch is off."""
    switches = {
        "dropout_value": ("dropout",),
        "early_stopping": ("callbacks",),
        "early_stopping_delta": ("callbacks", "early_stopping"),
        "early_stopping_patience": ("callbacks", "early_stopping"),
        "kernel_regularizer_type": ("kernel_regularizer",),
        "kernel_regularizer_value": ("kernel_regularizer",),
        "activity_regularizer_type": ("activity_regularizer",),
        "activity_regularizer_value": ("activity_regularizer",),
        "augmentation_shift": ("data_augmentation",),
        "augmentation_rotation_degrees": ("data_augmentation",),
        "augmentation_zoom": ("data_augmentation",),
        "augmentation_flip": ("data_augmentation",),
    }
    fields = type(config).model_fields
    sentences: list[str] = []
    for key, needed in switches.items():
        if key not in fields or getattr(config, key) == fields[key].default:
            continue
        off = [switch for switch in needed if not getattr(config, switch)]
        if off:
            sentences.append(
                f"{key} has no effect while {' and '.join(off)} "
                f"{'is' if len(off) == 1 else 'are'} off"
            )
    if isinstance(config, AutoencoderConfig):
        noisy = config.gaussian_noise_input or config.gaussian_noise_hidden
        if not noisy and config.gaussian_noise_stddev != fields["gaussian_noise_stddev"].default:
            sentences.append(
                "gaussian_noise_stddev has no effect while gaussian_noise_input and "
                "gaussian_noise_hidden are off"
            )
    return sentences


def _explain(error: ValidationError, kind: type[_Section]) -> str:
    parts: list[str] = []
    problems = error.errors(include_url=False)
    for problem in problems[:_MOST_PROBLEMS]:
        location = [str(part) for part in problem["loc"]]
        key = ".".join(location)
        if problem["type"] == "extra_forbidden":
            section = kind if len(location) == 1 else kind.model_fields[location[0]].annotation
            known = cast("type[_Section]", section).model_fields
            parts.append(f"unknown key {show(key)}{suggest(location[-1], known)}")
        elif problem["type"] == "value_error":
            message = problem["msg"].removeprefix("Value error, ")
            parts.append(f"{key}: {message}" if key else message)
        else:
            message = problem["msg"].removeprefix("Input ")
            parts.append(f"{key} = {show(problem['input'])}: {message}")
    if len(problems) > _MOST_PROBLEMS:
        parts.append(f"and {len(problems) - _MOST_PROBLEMS:,} more")
    return "; ".join(parts)
