"""How the tests look into a network: which layers ran, in which order, on which shapes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cae.models.blocks import ByteDropout, GaussianNoise

SHORT_NAMES: dict[type[nn.Module], str] = {
    nn.BatchNorm1d: "norm",
    nn.BatchNorm2d: "norm",
    nn.MaxPool2d: "pool",
    GaussianNoise: "noise",
    ByteDropout: "dropout",
}


def name_layer(layer: nn.Module) -> str | None:
    """Return a layer's short name, None for one that does nothing."""
    if isinstance(layer, nn.Conv2d):
        return f"conv {layer.in_channels}>{layer.out_channels}"
    if isinstance(layer, nn.Linear):
        return f"dense {layer.in_features}>{layer.out_features}"
    if isinstance(layer, GaussianNoise) and layer.stddev == 0:
        return None
    if isinstance(layer, ByteDropout) and layer.rate == 0:
        return None
    return SHORT_NAMES.get(type(layer))


def run_and_trace(model: nn.Module, x: torch.Tensor) -> list[str]:
    """Return the layers in the order in which they ran, with "up" where the image had grown."""
    trace: list[str] = []
    size = [x.shape[-1]]

    def enter(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if name_layer(layer) and inputs[0].dim() == 4:
            if inputs[0].shape[-1] > size[0]:
                trace.append("up")
            size[0] = inputs[0].shape[-1]

    def leave(layer: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        if name := name_layer(layer):
            trace.append(name)
        if output.dim() == 4:
            size[0] = output.shape[-1]

    hooks = [layer.register_forward_pre_hook(enter) for layer in model.modules()]
    hooks += [
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
