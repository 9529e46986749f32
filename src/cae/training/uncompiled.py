"""PyTorch's optimizers without its compiler."""

from __future__ import annotations

from inspect import unwrap
from typing import TypeVar, cast

import torch
from torch import optim

Kind = TypeVar("Kind", bound=optim.Optimizer)

_MARKED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def without_compiler(kind: type[Kind]) -> type[Kind]:
    """Return a class of the same optimizer that does not import PyTorch's compiler.

    PyTorch marks some methods for its compiler, and imports the compiler when one of them is first
    called. Nothing is compiled here, and the import takes as long as that of PyTorch itself
    (benchmarks/LOG.md). A step never keeps gradients, so `differentiable` does nothing.
    """
    methods = {name: unwrap(getattr(kind, name)) for name in _MARKED}
    # The wrapper that is taken off a step also switched off the gradient.
    step = torch.no_grad()(unwrap(kind.step))
    return cast("type[Kind]", type(kind.__name__, (kind,), {**methods, "step": step}))
