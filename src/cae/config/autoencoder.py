"""The autoencoder's keys: architecture, noise and penalties, mask, training."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cae.config.stages import (
    Count,
    NonNegative,
    Share,
    StageConfig,
    as_counts,
    as_long_name,
    write_muon_refusal,
)
from cae.errors import ConfigError
from cae.limits import require_possible_autoencoder

Regularizer = Literal["l1", "l2", "l1_l2"]
Encoder = Literal["origin", "whitened", "residual"]
ReconstructionLoss = Literal[
    "mean_squared_error", "mean_absolute_error", "binary_crossentropy", "huber"
]
Target = Literal["pixels", "normalised_patches", "high_pass", "gradient_histograms"]


class AutoencoderConfig(StageConfig):
    """The autoencoder's architecture and training (25 keys of the origin, then ours).

    `image_shape` is [height, width, channels]. A value key (`dropout_value`,
    `kernel_regularizer_value` and so on) has an effect only while its switch is on, and early
    stopping only while both `callbacks` and `early_stopping` are on. "mse" and "mae" are short
    names of a `loss`.

    `encoder` names the architecture: "origin"; "whitened", made for classification; or "residual",
    made for reconstruction, whose last block gives the code. `filters_per_block` lists the number
    of filters of each block; null begins with `init_num_filters` and doubles it from block to
    block.

    `mask_ratio` is the share of an image's patches, squares of `mask_patch_size` pixels a side,
    that are hidden from the encoder. The decoder then predicts, for the hidden patches alone, what
    `target` names: their pixels ("pixels"); their pixels less the patch's mean, divided by its
    standard deviation ("normalised_patches"); the image less a blurred copy ("high_pass"); or how
    strongly the image changes in which direction ("gradient_histograms"). With `mask_input` off,
    the same is predicted for the same patches, but the encoder sees them: the difference between
    the two shows what hiding them is worth.
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
    loss: Annotated[ReconstructionLoss, as_long_name] = "mean_squared_error"

    encoder: Encoder = "origin"
    filters_per_block: Annotated[tuple[Count, ...], as_counts] | None = None
    mask_ratio: Share = 0.0
    mask_patch_size: Count = 4
    target: Target = "pixels"
    mask_input: bool = True
    data_augmentation: bool = False

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
        """Number of filters of each encoder block."""
        if self.filters_per_block is not None:
            return self.filters_per_block
        return tuple(self.init_num_filters * 2**block for block in range(self.conv_blocks))

    @property
    def pools(self) -> int:
        """How many encoder blocks halve the image.

        In the whitened encoder all blocks do, in the residual one all but the last, which gives the
        code, and in the origin's the first two.
        """
        if self.encoder == "origin":
            return min(self.conv_blocks, 2)
        return self.conv_blocks if self.encoder == "whitened" else self.conv_blocks - 1

    @property
    def encoding_shape(self) -> tuple[int, int, int]:
        """[height, width, filters] of an image's encoding."""
        height, width, _ = self.image_shape
        return (*self.encode_size(height, width), self.block_filters[-1])

    def encode_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the encoding of an image of that size."""
        lost, step = self.trimmed, 2**self.pools
        return (height - lost) // step, (width - lost) // step

    @property
    def trimmed(self) -> int:
        """How many rows and columns an image loses before it is pooled.

        The whitened encoder takes one of each: its first convolution is 2x2, without padding.
        """
        return 1 if self.encoder == "whitened" else 0

    @model_validator(mode="after")
    def _image_survives_the_encoder(self) -> Self:
        height, width, _ = self.image_shape
        self._require_filters()
        step = 2**self.pools
        if self.encoder == "whitened":
            if min(self.encoding_shape) < 1:
                raise ValueError(
                    f"image_shape {list(self.image_shape)}: with conv_blocks {self.conv_blocks} "
                    "nothing is left of the image after the whitened encoder's pools; each side "
                    f"must be at least {step + 1}"
                )
        elif height % step or width % step:
            raise ValueError(
                f"image_shape {list(self.image_shape)}: with conv_blocks {self.conv_blocks} the "
                f"encoder halves the image {self.pools} times, so height and width must be "
                f"multiples of {step}"
            )
        require_places_to_normalise(self, self, remedy="set batch_norm to false")
        require_possible_autoencoder(
            self.image_shape,
            filters=self.block_filters,
            layers_per_block=self.layers_per_block,
            pools=self.pools,
        )
        return self

    def _require_filters(self) -> None:
        filters = self.filters_per_block
        if filters is not None and len(filters) != self.conv_blocks:
            raise ValueError(
                f"filters_per_block {list(filters)}: conv_blocks {self.conv_blocks} asks for "
                f"{self.conv_blocks} numbers; change one of them, or set filters_per_block to null"
            )
        if self.encoder == "residual" and self.conv_blocks < 2:
            raise ValueError(
                "conv_blocks 1: the residual encoder's last block is its code; set at least 2"
            )

    @model_validator(mode="after")
    def _mask_fits(self) -> Self:
        if self.mask_ratio == 0:
            if self.target != "pixels":
                raise ValueError(
                    f"target {self.target!r}: is predicted only for hidden patches; set mask_ratio "
                    "above 0, or target to 'pixels'"
                )
        elif self.encoder == "residual":
            raise ValueError(
                f"mask_ratio {self.mask_ratio}: the residual encoder is for whole images; use "
                "encoder 'origin' or 'whitened', or set mask_ratio to 0"
            )
        if self.mask_ratio > 0 and self.encoder == "whitened" and self.mask_patch_size == 1:
            raise ValueError(
                "mask_patch_size 1: the whitened encoder looks at 2x2 pixels together, which may "
                "all be hidden; set it to at least 2"
            )
        if self.loss == "binary_crossentropy" and (self.uses_patches or self.encoder != "origin"):
            raise ValueError(
                "loss 'binary_crossentropy': needs predictions between 0 and 1, which only the "
                "origin's decoder gives; use another loss, or encoder 'origin' without a mask"
            )
        if self.uses_patches:
            self._require_patches(self.image_shape[:2], key="image_shape")
            if self.low_resolution_epochs:
                side = self.low_resolution_side
                self._require_patches((side, side), key="low_resolution_side")
        return self

    @model_validator(mode="after")
    def _encoder_takes_low_resolution(self) -> Self:
        require_low_resolution(self, self.low_resolution_epochs, self.low_resolution_side)
        return self

    @model_validator(mode="after")
    def _takes_its_optimizer(self) -> Self:
        require_normed_filters(self, self.optimizer)
        return self

    @property
    def uses_patches(self) -> bool:
        """Whether the decoder is the light one, which predicts patch by patch."""
        return self.mask_ratio > 0 or self.encoder == "whitened"

    def count_patches(self, height: int, width: int) -> int:
        """Return how many patches an image of that size has."""
        return (height // self.mask_patch_size) * (width // self.mask_patch_size)

    def count_hidden(self, height: int, width: int) -> int:
        """Return how many patches of an image of that size are hidden."""
        return round(self.mask_ratio * self.count_patches(height, width))

    def _require_patches(self, size: tuple[int, int], *, key: str) -> None:
        height, width = size
        patch = self.mask_patch_size
        if height % patch or width % patch:
            sides = self.image_shape[:2]
            if self.low_resolution_epochs:
                sides = (*sides, self.low_resolution_side)
            common = math.gcd(*sides)
            fitting = max(each for each in range(1, patch + 1) if common % each == 0)
            raise ValueError(
                f"mask_patch_size {patch}: height and width, {height} and {width} by {key}, must "
                f"be multiples of it; the largest below it that fits is {fitting}"
            )
        patches = self.count_patches(height, width)
        hidden = self.count_hidden(height, width)
        if self.mask_ratio > 0 and not 0 < hidden < patches:
            raise ValueError(
                f"mask_ratio {self.mask_ratio}: hides {hidden} of the {patches} patches of "
                f"{height}x{width} pixels ({key}); some must be hidden and some seen: change it, "
                "or lower mask_patch_size"
            )
        if self.target == "high_pass" and min(height, width) < 4:
            raise ValueError(
                f"target 'high_pass': images of {height}x{width} pixels ({key}) are too small for "
                "its blur of 7x7"
            )


def require_places_to_normalise(
    config: AutoencoderConfig, stage: StageConfig, *, remedy: str
) -> None:
    """Refuse to train an encoder whose batch norm would have a single place to normalise over.

    Args:
        config: the configuration of the encoder.
        stage: the configuration of the stage that trains it.
        remedy: what can be done besides raising `batch_size`, for the message.

    Raises:
        ConfigError: a batch is one image, and its encoding is 1x1.
    """
    if stage.batch_size > 1 or not config.batch_norm or config.encoder == "residual":
        return
    height, width, _ = config.image_shape
    sizes = {f"image_shape {list(config.image_shape)}": (height, width)}
    if stage.low_resolution_epochs:
        side = stage.low_resolution_side
        sizes[f"low_resolution_side {side}"] = (side, side)
    for key, size in sizes.items():
        if config.encode_size(*size) == (1, 1):
            raise ConfigError(
                "batch_size 1: the encoder's batch_norm has nothing to normalise over where the "
                f"encoding is 1x1, as for {key}; raise batch_size, or {remedy}"
            )


def require_normed_filters(config: AutoencoderConfig, optimizer: str) -> None:
    """Refuse Muon if it would change what the encoder computes, and not only how it learns.

    Raises:
        ConfigError: Muon fixes the norm of the filters, and no batch norm follows them to make up
            for that.
    """
    if optimizer != "muon":
        return
    if config.encoder == "residual" or not config.batch_norm:
        without = "encoder 'residual'" if config.encoder == "residual" else "batch_norm false"
        raise ConfigError(write_muon_refusal(f"with {without}"))


def require_low_resolution(config: AutoencoderConfig, epochs: int, side: int) -> None:
    """Refuse images shrunk to a size that the encoder does not take.

    Raises:
        ConfigError: the size is too small or does not divide; the message names the key, which
            both stages have.
    """
    if epochs == 0:
        return
    step, lost = 2**config.pools, config.trimmed
    if side < step + lost:
        raise ConfigError(
            f"low_resolution_side {side}: too small for the encoder's {config.pools} pools; set "
            f"at least {step + lost}"
        )
    if not lost and side % step:
        raise ConfigError(
            f"low_resolution_side {side}: the encoder halves the image {config.pools} times; "
            f"take a multiple of {step}"
        )
