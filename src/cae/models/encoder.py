"""What every encoder is to the rest: features of images, with or without a mask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from cae.config import AutoencoderConfig
from cae.models.visible import EVERYTHING, Visible


class Encoder(nn.Module, ABC):
    """Features [N, D, h, w] of images [N, C, H, W] in [0, 1].

    Attributes:
        num_features: D.
        feature_size: (h, w) of images of the configured shape.
        blocks: in order, from the image up; layers outside them lie below the first.
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
        """Return the encoding of what is visible of the images, and where it is of something seen.

        Args:
            x: images [N, C, H, W] in [0, 1].
            visible: what is seen of the images.
            activities: see `forward`.
        """

    def begin_from(self, images: Tensor) -> None:
        """Set what is computed from training images [n, C, H, W] in [0, 1] before training."""

    def convolutions(self) -> list[nn.Conv2d]:
        """Return the convolutions in order: where the kernel penalty is measured."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]
