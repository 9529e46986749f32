"""The layers that the autoencoder and the classifier are made of, with Keras's defaults."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cae.models.upsampling import UpsampledConv2d
from cae.models.visible import EVERYTHING, Visible

# Keras's batch norm keeps 0.99 of the moving averages at each step; torch's number is the rest.
_BATCH_NORM_MOMENTUM = 0.01
_BATCH_NORM_EPSILON = 1e-3


class ByteDropout(nn.Module):
    """Dropout whose mask costs one random byte an element on the CPU.

    On the CPU the rate is rounded to a multiple of 1/256 (an error of at most 0.2 points). What
    remains is scaled according to the rounded rate, so that the expectation is kept: exactly in
    float32, up to its own rounding (0.2%) in bfloat16. `bernoulli_` took up to 31% of a training
    step on a Zen 4; see benchmarks/LOG.md. On other devices it is `F.dropout`.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        # At least one byte value is always kept, or the scale would be infinite.
        self.dropped_bytes = min(round(rate * 256), 255)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with elements dropped at the rate in training, and `x` itself otherwise."""
        if not self.training or self.dropped_bytes == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.rate)
        # Eight random bytes at a time, from the generator's full 64-bit words.
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        drawn = words.view(torch.uint8)[: x.numel()]
        scale = 256 / (256 - self.dropped_bytes)
        # The mask has the memory layout of x: an NCHW mask on NHWC features would be a gather. It
        # is compared in the type of x, which holds every byte exactly: for torch, comparing bytes
        # and converting truth values would be four times as slow.
        mask = torch.empty_like(x)
        mask.as_strided((x.numel(),), (1,)).copy_(drawn).ge_(self.dropped_bytes).mul_(scale)
        return x * mask

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


class GaussianNoise(nn.Module):
    """Add Gaussian noise of standard deviation `stddev` in training, and nothing otherwise."""

    def __init__(self, stddev: float) -> None:
        super().__init__()
        self.stddev = stddev

    def forward(self, x: Tensor, visible: Visible = EVERYTHING) -> Tensor:
        """Return `x` plus noise of its own shape and type, wherever something is visible."""
        if not self.training or self.stddev == 0:
            return x
        return x + visible.hide(torch.randn_like(x) * self.stddev)

    def extra_repr(self) -> str:
        return f"stddev={self.stddev}"


class ConvUnit(nn.Module):
    """3x3 convolution (padding same), ReLU, batch norm if asked for, noise if asked for.

    With `upsample` the image is first doubled in height and width by nearest neighbours.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        batch_norm: bool,
        noise_stddev: float = 0.0,
        upsample: bool = False,
    ) -> None:
        super().__init__()
        self.conv = make_conv(channels_in, channels_out, upsample=upsample)
        self.norm = make_batch_norm_2d(channels_out) if batch_norm else nn.Identity()
        self.noise = GaussianNoise(noise_stddev)

    def forward(
        self,
        x: Tensor,
        activities: list[Tensor] | None = None,
        visible: Visible = EVERYTHING,
    ) -> Tensor:
        """Return features [N, channels_out, H, W] of features [N, channels_in, H, W].

        With upsampling, they are [N, channels_out, 2H, 2W]. They are zero where nothing is visible.

        If `activities` is given, the activation (after ReLU, before batch norm) of the visible
        places is appended to it: this is what an activity penalty is measured on.
        """
        activity = F.relu_(self.conv(x))
        if activities is not None:
            activities.append(visible.hide(activity))
        return self.noise(visible.normalise(self.norm, activity), visible)


class DiracConv2d(nn.Conv2d):
    """3x3 convolution without bias that begins as the identity, as far as its filters suffice.

    Further filters are Kaiming uniform (as in airbench94: Jordan, arXiv 2404.00498).
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=3, padding=1, bias=False)

    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights anew."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        nn.init.dirac_(self.weight[: self.in_channels])


class SmallLinear(nn.Linear):
    """A dense layer that begins near zero: its weights have standard deviation 1 / inputs."""

    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights anew."""
        nn.init.normal_(self.weight, std=1 / self.in_features, generator=generator)
        nn.init.zeros_(self.bias)


def make_conv(channels_in: int, channels_out: int, *, upsample: bool) -> nn.Conv2d:
    """Return a 3x3 convolution, padding same, of the image or of the image upsampled twofold."""
    if upsample:
        return UpsampledConv2d(channels_in, channels_out)
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1)


def make_batch_norm_2d(channels: int) -> nn.BatchNorm2d:
    """Return batch norm over images with Keras's momentum and epsilon."""
    return nn.BatchNorm2d(channels, eps=_BATCH_NORM_EPSILON, momentum=_BATCH_NORM_MOMENTUM)


def make_batch_norm_1d(features: int) -> nn.BatchNorm1d:
    """Return batch norm over vectors with Keras's momentum and epsilon."""
    return nn.BatchNorm1d(features, eps=_BATCH_NORM_EPSILON, momentum=_BATCH_NORM_MOMENTUM)


def initialise(module: nn.Module, *, seed: int) -> None:
    """Draw every convolution's and dense layer's weights anew: Glorot uniform, biases zero.

    A layer with a method `draw` is drawn by that instead.
    """
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        draw = getattr(layer, "draw", None)
        if draw is not None:
            with torch.no_grad():
                draw(generator)
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def is_switched_off(layer: nn.Module) -> bool:
    """Return whether a layer, as configured, does nothing."""
    if isinstance(layer, GaussianNoise):
        return layer.stddev == 0
    if isinstance(layer, ByteDropout):
        return layer.dropped_bytes == 0
    if isinstance(layer, nn.Sequential):
        return len(layer) == 0
    return isinstance(layer, nn.Identity)


def count_parameters(modules: nn.Module | Sequence[nn.Module]) -> int:
    """Return the number of weights as Keras counts them, batch norm's statistics included."""
    parts = [modules] if isinstance(modules, nn.Module) else modules
    return sum(
        value.numel()
        for part in parts
        for name, value in part.state_dict().items()
        if not name.endswith("num_batches_tracked")
    )
