"""Masked images: which patches are hidden, and the decoder that predicts them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cae.config import AutoencoderConfig
from cae.models.targets import DIRECTIONS, choose_cell, widen


def draw_visible(
    config: AutoencoderConfig, images: Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """Return masks [N, 1, H, W] of images [N, C, H, W]: 1 where seen, 0 where hidden.

    Args:
        config: the configuration of the autoencoder; `config.count_hidden` says how many patches of
            each image are hidden.
        images: the images to be masked.
        generator: to draw from, on the CPU; None draws from torch's own random state.
    """
    count, _, height, width = images.shape
    patch = config.mask_patch_size
    rows, columns = height // patch, width // patch
    drawn_on = images.device if generator is None else torch.device("cpu")
    numbers = torch.rand(count, rows * columns, generator=generator, device=drawn_on)
    numbers = numbers.to(images.device)
    visible = torch.ones_like(numbers)
    hidden = numbers.topk(config.count_hidden(height, width), dim=1).indices
    visible.scatter_(1, hidden, 0.0)
    return widen(visible.view(count, 1, rows, columns), patch)


class PatchDecoder(nn.Module):
    """A light decoder that predicts each cell of the image from the features around it.

    It sees only the encoder's last features, and it is shallow, so that most of what a prediction
    takes has to be computed by the encoder (He et al., arXiv 2111.06377).
    """

    def __init__(self, config: AutoencoderConfig, *, width: int = 128) -> None:
        super().__init__()
        height, breadth, channels = config.image_shape
        self.size = (height, breadth)
        self.cell = choose_cell(config)
        self.shuffles = config.target != "gradient_histograms"
        channels *= self.cell**2 if self.shuffles else DIRECTIONS
        self.project = nn.Conv2d(config.encoding_shape[2], width, kernel_size=1)
        self.token = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.output = nn.Conv2d(width, channels, kernel_size=1)

    def forward(
        self,
        features: Tensor,
        visible: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Return predictions in the shape of `make_target`, float32, from encodings [N, D, h, w].

        Args:
            features: from the encoder.
            visible: [N, 1, h, w], above 0 where the features show something visible; elsewhere a
                learnt vector takes their place.
            size: (H, W) of the images; None: as configured.
        """
        x = self.project(features)
        if visible is not None:
            x = torch.where(visible > 0, x, self.token.to(x.dtype))
        height, width = size or self.size
        grid = (height // self.cell, width // self.cell)
        if x.shape[2:] != grid:
            x = F.interpolate(x, size=grid, mode="bilinear", align_corners=False)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = x + F.gelu(norm(conv(x)))
        prediction = self.output(x).float()
        return F.pixel_shuffle(prediction, self.cell) if self.shuffles else prediction
