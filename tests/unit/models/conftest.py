"""How the tests look into a network: which layers ran, in which order, on which shapes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cae.models.blocks import ByteDropout, GaussianNoise, is_switched_off
from cae.models.pooling import MaxPool

SHORT_NAMES: dict[type[nn.Module], str] = {
    nn.BatchNorm1d: "norm",
    nn.BatchNorm2d: "norm",
    MaxPool: "pool",
    GaussianNoise: "noise",
    ByteDropout: "dropout",
}


def name_layer(layer: nn.Module) -> str | None:
    """Return a layer's short name, None for one that does nothing."""
    if is_switched_off(layer):
        return None
    if isinstance(layer, nn.Conv2d):
        return f"conv {layer.in_channels}>{layer.out_channels}"
    if isinstance(layer, nn.Linear):
        return f"dense {layer.in_features}>{layer.out_features}"
    return SHORT_NAMES.get(type(layer))


def run_and_trace(model: nn.Module, x: torch.Tensor) -> list[str]:
    """Return the layers in the order in which they ran, with "up" before one that doubles."""
    trace: list[str] = []

    def leave(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if name := name_layer(layer):
            doubles = output.dim() == 4 and output.shape[-1] == 2 * inputs[0].shape[-1]
            trace.extend(["up", name] if doubles else [name])

    hooks = [
        layer.register_forward_hook(leave)
        for layer in model.modules()
        if next(layer.children(), None) is None
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return trace


@pytest.fixture(scope="session")
def trace_layers():
    return run_and_trace
