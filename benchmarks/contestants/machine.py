"""The machine's own limits: the matrix product, and the networks' convolutions with nothing else.

The convolutions run as PyTorch runs them, on tensors that lie ready: NHWC, in the precision asked
for, forward and backward, without bias, activation, normalisation, casts or optimizer. Only the
gradient of the first convolution's input is left out, because training does not need it either.
Freed memory stays with the process, as in our own steps: the floor is the lowest that we know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import Step, time_best
from benchmarks.workload import BATCH_SIZE, Convolution
from cae.runtime.device import Runtime
from cae.runtime.memory import keep_freed_memory

_SIDE = 2048
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def measure_matrix_peak(runtime: Runtime, *, repeats: int) -> float:
    """Return the floating-point operations per second of the fastest square matrix product."""
    dtype = _DTYPES[runtime.precision]
    a, b = (torch.randn(_SIDE, _SIDE, device=runtime.device).to(dtype) for _ in range(2))
    return 2 * _SIDE**3 / time_best(lambda: a @ b, repeats=repeats)


def make_convolutions_step(
    runtime: Runtime, *, trained: Sequence[Convolution], frozen: Sequence[Convolution] = ()
) -> Step:
    """Return one pass through the convolutions: `frozen` forward, `trained` forward and backward.

    Args:
        runtime: device and precision.
        trained: with the gradients of weights and inputs.
        frozen: without any.
    """
    if runtime.device.type == "cpu":
        keep_freed_memory()
    forward = [_make_forward(layer, runtime) for layer in frozen]
    both = [
        _make_forward_and_backward(layer, runtime, needs_input_gradient=bool(frozen) or number > 0)
        for number, layer in enumerate(trained)
    ]

    def step() -> None:
        for compute in (*forward, *both):
            compute()

    return step


def _make_tensors(layer: Convolution, runtime: Runtime) -> tuple[Tensor, Tensor]:
    def make(*shape: int) -> Tensor:
        tensor = torch.randn(*shape, device=runtime.device, dtype=_DTYPES[runtime.precision])
        return tensor.contiguous(memory_format=torch.channels_last)

    return (
        make(BATCH_SIZE, layer.channels_in, layer.side, layer.side),
        make(layer.channels_out, layer.channels_in, 3, 3),
    )


def _make_forward(layer: Convolution, runtime: Runtime) -> Callable[[], object]:
    x, weight = _make_tensors(layer, runtime)

    def compute() -> Tensor:
        with torch.inference_mode():
            return F.conv2d(x, weight, padding=1)

    return compute


def _make_forward_and_backward(
    layer: Convolution, runtime: Runtime, *, needs_input_gradient: bool
) -> Callable[[], object]:
    x, weight = _make_tensors(layer, runtime)

    def compute() -> object:
        with torch.inference_mode():
            y = F.conv2d(x, weight, padding=1)
            # The output has the shape and layout that its gradient has.
            # Bias, strides, padding, dilation, transposed, output padding, groups.
            rest = (None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1)
            wanted = [needs_input_gradient, True, False]
            return torch.ops.aten.convolution_backward(y, x, weight, *rest, wanted)

    return compute
