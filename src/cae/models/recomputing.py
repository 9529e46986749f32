"""Features that are computed again in the backward pass, where keeping them takes much memory."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Smaller ones are kept: that takes little memory, and no time.
_WORTH_RECOMPUTING = 2**23
_keeps = ContextVar("keeps", default=False)


@contextmanager
def keeping_features() -> Generator[None]:
    """Keep all features in this context, so that no operation is counted twice."""
    token = _keeps.set(True)
    try:
        yield
    finally:
        _keeps.reset(token)


@dataclass(frozen=True, slots=True)
class Features:
    """Features, and how to compute them again where keeping them is not worth the memory.

    Attributes:
        value: the features.
        recompute: returns them anew, the same to the last bit, and changes nothing by it; None
            where an operation on them keeps them as ever.
    """

    value: Tensor
    recompute: Callable[[], Tensor] | None = None

    def feed(self, operation: Callable[[Tensor], Tensor]) -> Tensor:
        """Return what an operation makes of the features, which it does not keep if it need not."""
        if self.recompute is None:
            return operation(self.value)
        with _not_keeping(self.value, self.recompute):
            return operation(self.value)

    def change(self, operation: Callable[[Tensor], Tensor]) -> Features:
        """Return what an operation makes of the features, and them where it does nothing."""
        changed = operation(self.value)
        return self if changed is self.value else Features(changed)


def compute_gelu(x: Tensor, recompute: Callable[[], Tensor]) -> Features:
    """Return GELU of features.

    It needs them again in the backward pass, and what it makes of them is needed by what comes
    next. On the CPU neither is kept until then where they are large (Chen et al., arXiv
    1604.06174): the next operation's backward pass, which comes first, computes both again.

    Args:
        x: the features.
        recompute: returns them anew, the same to the last bit, and changes nothing by it; nor may
            what it reads be changed before the backward pass.
    """
    # What a graph is exported of must not depend on how many images it is shown.
    if x.device.type != "cpu" or not x.requires_grad or _keeps.get():
        return Features(F.gelu(x))
    if x.numel() < _WORTH_RECOMPUTING:
        return Features(F.gelu(x))
    again: list[Tensor] = []

    @torch.no_grad()
    def recompute_gelu() -> Tensor:
        again[:] = [recompute()]
        return F.gelu(again[0])

    @torch.no_grad()
    def take() -> Tensor:
        return again.pop() if again else recompute()

    with _not_keeping(x, take):
        return Features(F.gelu(x), recompute_gelu)


def compute_norm_and_gelu(norm: nn.Module, x: Tensor) -> Features:
    """Return GELU of the batch norm (or nn.Identity) of features [N, D, h, w]."""
    normed = norm(x)
    if not (isinstance(norm, nn.BatchNorm2d) and norm.training):
        return Features(F.gelu(normed))

    def recompute() -> Tensor:
        # Without the moving averages, which have followed this batch already.
        return F.batch_norm(x, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)

    return compute_gelu(normed, recompute)


def _not_keeping(x: Tensor, recompute: Callable[[], Tensor]) -> AbstractContextManager[None]:
    """Return a context whose operations keep all but `x` for the backward pass.

    What they make of `x` first, such as a copy of another type, they keep.
    """

    def describe(tensor: Tensor) -> tuple[Any, ...]:
        return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()

    described = describe(x)

    def pack(kept: Tensor) -> Tensor | None:
        return None if describe(kept) == described else kept

    def unpack(kept: Tensor | None) -> Tensor:
        return recompute() if kept is None else kept

    return torch.autograd.graph.saved_tensors_hooks(pack, unpack)
