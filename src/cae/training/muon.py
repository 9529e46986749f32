"""Muon for convolutions: filters of fixed norm, stepped by orthogonalised momentum."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.overrides import TorchFunctionMode

from cae.runtime.device import Precision
from cae.training.uncompiled import without_compiler

_MOMENTUM = 0.6
_NEWTON_SCHULZ_STEPS = 3


_Muon = without_compiler(optim.Muon)


class FilterMuon(_Muon):
    """Muon (Jordan et al., 2024) on convolutions, each seen as a matrix [filters, all the rest].

    Before each step a convolution is scaled to the norm sqrt(filters), so that the learning rate is
    a share of that norm. If batch norm follows and no bias is added before it, as in the whitened
    encoder, that scale makes no difference (airbench94, Jordan, arXiv 2404.00498). The origin's
    convolutions have a bias, which is not scaled with them, so for them it does make one.
    torch's Muon takes only matrices; this shows it the filters as such.

    Args:
        filters: weights [out, in, h, w] of convolutions.
        lr: learning rate, as a share of the filters' norm.
        precision: the precision in which the momentum is orthogonalised.
    """

    def __init__(
        self, filters: Sequence[nn.Parameter], *, lr: float, precision: Precision = "bfloat16"
    ) -> None:
        self._filters = list(filters)
        self._precision = precision
        self._matrices = [nn.Parameter(_as_matrix(each.data)) for each in filters]
        super().__init__(
            self._matrices,
            lr=lr,
            weight_decay=0.0,
            momentum=_MOMENTUM,
            nesterov=True,
            ns_steps=_NEWTON_SCHULZ_STEPS,
        )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take a step along the filters' gradients; at a rate of 0 the filters do not change."""
        if not self.param_groups[0]["lr"]:
            return
        for each, matrix in zip(self._filters, self._matrices, strict=True):
            if each.grad is None:
                matrix.grad = None
                continue
            assert matrix.data_ptr() == each.data_ptr(), "the filters were moved"
            norm = matrix.square().sum().sqrt().clamp(min=1e-7)
            matrix.mul_(math.sqrt(len(matrix)) / norm)
            gradient = each.grad.contiguous(memory_format=_layout_of(each))
            matrix.grad = _as_matrix(gradient)
        with _KeptFloat32() if self._precision == "float32" else nullcontext():
            super().step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - torch's own
        """Forget the gradients."""
        for each in (*self._filters, *self._matrices):
            each.grad = None


class _KeptFloat32(TorchFunctionMode):
    """Makes torch's Muon stay in float32 where it would convert to bfloat16.

    A processor without bfloat16 emulates it, two hundred times slower than it computes in float32:
    that was half of a step's time.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # Muon changes what it gets in place, so it must get a copy here too.
        return (Tensor.clone if func is Tensor.bfloat16 else func)(*args, **(kwargs or {}))


class Together:
    """Several optimizers, each with parameters of its own, as one.

    Attributes:
        parts: the optimizers.
    """

    def __init__(self, *parts: optim.Optimizer) -> None:
        self.parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameter groups of all parts."""
        return [group for part in self.parts for group in part.param_groups]

    def zero_grad(self, *, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=set_to_none)

    def step(self) -> None:
        """Take a step with each part."""
        for part in self.parts:
            part.step()


def _layout_of(weight: Tensor) -> torch.memory_format:
    is_nhwc = weight.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_nhwc else torch.contiguous_format


def _as_matrix(weight: Tensor) -> Tensor:
    """Return [out, in * h * w] of [out, in, h, w], in the same memory.

    The columns are in the order of the memory, which makes no difference to Muon.
    """
    if _layout_of(weight) == torch.channels_last:
        weight = weight.permute(0, 2, 3, 1)
    return weight.view(len(weight), -1)
