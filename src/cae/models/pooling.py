"""The 2x2 max pool, which remembers no more than it has to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cae.models.blocks import DiracConv2d

# Features of fewer elements are not worth the time that bytes take.
_WORTH_BYTES = 2**23
# So many maxima at a time, whose int64 indices stay in the processor's cache.
_CHUNK = 2**17
# So many features at a time are convolved and pooled: their memory is used again in no time.
_PART = 2**22
# Of a 3x3 convolution that leaves images as large as they are.
_PADDING = (1, 1)
_NHWC = torch.channels_last


class MaxPool(nn.MaxPool2d):
    """2x2 max pool: PyTorch's numbers, on the CPU in less time or less memory.

    PyTorch's always writes an int64 index for each maximum, and keeps it and the whole input for
    the backward pass. Where no gradient is wanted none of that is needed, in a third of the time.
    Where features are large, one byte says which of the four it was, in a tenth more.
    """

    def __init__(self) -> None:
        super().__init__(kernel_size=2)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """Return [N, C, H // 2, W // 2] of [N, C, H, W]."""
        if input.device.type != "cpu":
            return F.max_pool2d(input, 2)
        if not input.requires_grad:
            height, width = (side // 2 * 2 for side in input.shape[2:])
            rows = torch.maximum(input[:, :, 0:height:2], input[:, :, 1:height:2])
            return torch.maximum(rows[..., 0:width:2], rows[..., 1:width:2])
        is_large = input.numel() >= _WORTH_BYTES and min(input.shape[2:]) > 1
        if is_large and input.is_contiguous(memory_format=_NHWC):
            return cast("Tensor", _ByteMaxPool.apply(input))
        return F.max_pool2d(input, 2)


def convolve_and_pool(conv: DiracConv2d, pool: MaxPool, x: Tensor) -> Tensor:
    """Return the max pool of a convolution, [N, D, H // 2, W // 2].

    On the CPU, where what it pools is large and a gradient is wanted, some images at a time: the
    largest features of all, four times what they leave, take no memory then.

    Args:
        conv: of images [N, C, H, W].
        pool: what follows it.
        x: the images' features.
    """
    weight = conv.weight
    wants_gradient = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    # What a graph is exported of must not depend on how many images it is shown.
    if x.device.type != "cpu" or not wants_gradient:
        return pool(conv(x))
    shape = _convolved_shape(x, weight)
    if math.prod(shape) < _WORTH_BYTES or min(shape[2:]) < 2:
        return pool(conv(x))
    if torch.is_autocast_enabled("cpu"):
        x = x.to(torch.get_autocast_dtype("cpu"))
    return cast("Tensor", _PooledConvolution.apply(x, weight))


class _ByteMaxPool(torch.autograd.Function):
    """PyTorch's max pool of NHWC features, its indices kept as small numbers."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        pooled, offsets = _make_room(features.shape, features.dtype)
        _pool(features, pooled, offsets)
        ctx.save_for_backward(offsets)
        ctx.shape = features.shape
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (offsets,) = ctx.saved_tensors
        return _unpool(gradients[0].contiguous(memory_format=_NHWC), offsets, ctx.shape)


class _PooledConvolution(torch.autograd.Function):
    """Convolution and max pool of some images at a time: what lies between is never whole.

    It computes in the type of the features. The parts' gradients at the weights are summed in that
    of the weights, float32, so that each is rounded once as that of the whole would be.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        shape = _convolved_shape(x, weight)
        pooled, offsets = _make_room(shape, x.dtype)
        filters = weight.to(x.dtype)
        for rows in _cut(shape, _PART):
            features = F.conv2d(x[rows], filters, padding=_PADDING)
            _pool(features.contiguous(memory_format=_NHWC), pooled[rows], offsets[rows])
        ctx.save_for_backward(x, weight, offsets)
        ctx.shape = shape
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight, offsets = ctx.saved_tensors
        wants_x, wants_weight = ctx.needs_input_grad
        filters = weight.to(x.dtype)
        gradient = gradients[0].contiguous(memory_format=_NHWC)
        to_x = torch.empty_like(x) if wants_x else None
        to_weight = torch.zeros_like(weight) if wants_weight else None
        for rows in _cut(ctx.shape, _PART):
            part = x[rows]
            below = _unpool(gradient[rows], offsets[rows], (len(part), *ctx.shape[1:]))
            part_to_x, part_to_weight, _ = torch.ops.aten.convolution_backward(
                below, part, filters, None, [1, 1], _PADDING, [1, 1], False, [0, 0], 1,
                (wants_x, wants_weight, False),
            )  # fmt: skip
            if to_x is not None:
                to_x[rows] = part_to_x
            if to_weight is not None:
                to_weight += part_to_weight
        return to_x, to_weight


def _convolved_shape(x: Tensor, weight: Tensor) -> tuple[int, ...]:
    images, _, *size = x.shape
    return (images, len(weight), *size)


def _make_room(shape: Sequence[int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return room for the maxima of features of a shape, and for the bytes that say which.

    An index is a place in the image; less the place of its square's first pixel it is 0, 1, W or
    W + 1.
    """
    images, channels, height, width = shape
    size = (images, channels, height // 2, width // 2)
    kind = torch.uint8 if width < torch.iinfo(torch.uint8).max else torch.int32
    pooled = torch.empty(size, dtype=dtype, memory_format=_NHWC)
    return pooled, torch.empty(size, dtype=kind, memory_format=_NHWC)


def _pool(features: Tensor, pooled: Tensor, offsets: Tensor) -> None:
    """Write the maxima of NHWC features, and which of each four they were."""
    first = _number_first_pixels(features.shape)
    for rows, indices in _cut_indices(pooled.shape):
        torch.ops.aten.max_pool2d_with_indices.out(
            features[rows], [2, 2], out=pooled[rows], indices=indices
        )
        offsets[rows] = indices.sub_(first)


def _unpool(gradient: Tensor, offsets: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the gradient at the pool's input, of `shape`, from that at its output."""
    below = torch.empty(tuple(shape), dtype=gradient.dtype, memory_format=_NHWC)
    first = _number_first_pixels(shape)
    for rows, indices in _cut_indices(gradient.shape):
        indices.copy_(offsets[rows]).add_(first)
        # Of the pool's input, the second argument, it reads the shape alone.
        torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
            gradient[rows], below[rows], [2, 2], [2, 2], [0, 0], [1, 1], False, indices,
            grad_input=below[rows],
        )  # fmt: skip
    return below


def _number_first_pixels(shape: Sequence[int]) -> Tensor:
    """Return, int64 [H // 2, W // 2], the places of the squares' first pixels in an image."""
    height, width = shape[2:]
    rows, columns = torch.arange(height // 2), torch.arange(width // 2)
    return 2 * (width * rows[:, None] + columns)


def _cut_indices(shape: Sequence[int]) -> Iterator[tuple[slice, Tensor]]:
    """Yield images, some at a time, and room for their indices, which is the same each time."""
    images, *rest = shape
    most = max(1, _CHUNK // math.prod(rest))
    room = torch.empty((min(most, images), *rest), dtype=torch.int64, memory_format=_NHWC)
    for rows in _cut(shape, _CHUNK):
        yield rows, room[: rows.stop - rows.start]


def _cut(shape: Sequence[int], elements: int) -> Iterator[slice]:
    """Yield images of features of a shape: as many at a time as have `elements`, or one."""
    images, *rest = shape
    most = max(1, elements // math.prod(rest))
    for start in range(0, images, most):
        yield slice(start, min(start + most, images))
