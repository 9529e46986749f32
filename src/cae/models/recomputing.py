"""Features that are computed again in the backward pass, if keeping them takes much memory."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Features with fewer elements are kept, which takes little memory and no time.
_WORTH_RECOMPUTING = 2**23
_keeps = ContextVar("keeps", default=False)


@contextmanager
def keeping_features() -> Generator[None]:
    """Keep all features inside this context, so that no operation is counted twice."""
    token = _keeps.set(True)
    try:
        yield
    finally:
        _keeps.reset(token)


def compute_gelu(x: Tensor, recompute: Callable[[], Tensor]) -> Tensor:
    """Return GELU of features, whose backward pass needs the features again.

    On the CPU large features are not kept until then (Chen et al., arXiv 1604.06174).

    Args:
        x: the features.
        recompute: returns the features anew, equal to the last bit, without side effects. What it
            reads must not change before the backward pass.
    """
    is_large = x.device.type == "cpu" and x.numel() >= _WORTH_RECOMPUTING
    if not is_large or not x.requires_grad or _keeps.get():
        return F.gelu(x)
    recompute = torch.no_grad()(recompute)
    with torch.autograd.graph.saved_tensors_hooks(lambda _: None, lambda _: recompute()):
        return F.gelu(x)


def compute_norm_and_gelu(norm: nn.Module, x: Tensor) -> Tensor:
    """Return GELU of the batch norm (or nn.Identity) of features [N, D, h, w]."""
    normed = norm(x)
    if not (isinstance(norm, nn.BatchNorm2d) and norm.training):
        return F.gelu(normed)

    def recompute() -> Tensor:
        # Without the moving averages, which this batch has already updated.
        return F.batch_norm(x, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)

    return compute_gelu(normed, recompute)
