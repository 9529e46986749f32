"""The interface of all encoders: features of images, with or without a mask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from cae.config import AutoencoderConfig
from cae.models.visible import EVERYTHING, Visible


class Encoder(nn.Module, ABC):
    """Base of the encoders, which give features [N, D, h, w] of images [N, C, H, W] in [0, 1].

    Attributes:
        num_features: D.
        feature_size: (h, w) for images of the configured shape.
        blocks: in order, from the image up; layers outside the blocks are below the first one.
        begins_from_images: whether `begin_from` does anything.
    """

    blocks: nn.ModuleList
    begins_from_images: ClassVar[bool] = False

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        height, width, self.num_features = config.encoding_shape
        self.feature_size = (height, width)

    def forward(self, x: Tensor, activities: list[Tensor] | None = None) -> Tensor:
        """Return the encoding; if given, `activities` receives the blocks' activations."""
        features, _ = self.see(x, EVERYTHING, activities)
        return features

    @abstractmethod
    def see(
        self, x: Tensor, visible: Visible, activities: list[Tensor] | None = None
    ) -> tuple[Tensor, Visible]:
        """Return the encoding of the visible parts of images, and where it shows something visible.

        Args:
            x: images [N, C, H, W] in [0, 1].
            visible: which parts of the images are visible.
            activities: see `forward`.
        """

    def begin_from(self, images: Tensor) -> None:
        """Set, before training, what is computed from training images [n, C, H, W] in [0, 1]."""

    def convolutions(self) -> list[nn.Conv2d]:
        """Return the convolutions in order; the kernel penalty is measured on them."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]
