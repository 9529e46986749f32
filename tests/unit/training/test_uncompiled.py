"""An optimizer without the compiler takes the same steps, and the compiler is not imported."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn, optim

from cae.training.uncompiled import without_compiler

KINDS: list[tuple[type[Any], dict[str, Any]]] = [
    (optim.Adam, {"fused": True}),
    (optim.Adam, {"weight_decay": 0.1, "foreach": True}),
    (optim.AdamW, {}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (optim.SGD, {"fused": True}),
    (optim.RMSprop, {}),
    (optim.Adagrad, {}),
    (optim.Adadelta, {}),
    (optim.Adamax, {}),
    (optim.NAdam, {}),
    (optim.Muon, {}),
]

PROGRAM = """
import sys
import torch
from cae.config import AutoencoderConfig, ClassifierConfig
from cae.models.classifier import make_classifier
from cae.training.optim import flatten_optimizer_state, make_learning_rates, make_optimizer
from cae.training.optim import restore_optimizer_state

autoencoder = AutoencoderConfig(init_num_filters=2)
for name in ("adam", "adamw", "sgd", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "muon"):
    config = ClassifierConfig(optimizer=name, freeze_encoder=False, lr_schedule="one_cycle")
    model = make_classifier(autoencoder, config, num_classes=3)
    make_learning_rates(config, steps=9)
    optimizer = make_optimizer(model, config)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.rand(2, 3, 32, 32)).sum().backward()
        optimizer.step()
    restore_optimizer_state(optimizer, flatten_optimizer_state(optimizer))
assert "torch._dynamo" not in sys.modules
"""


def train(kind: type[Any], options: dict[str, Any]) -> list[torch.Tensor]:
    """Return the weights after some steps, the state being taken out and put back midway."""
    torch.manual_seed(0)
    layer = nn.Linear(5, 4, bias=False)
    optimizer = kind(layer.parameters(), lr=0.1, **options)
    seen: list[torch.Tensor] = []
    for step in range(4):
        optimizer.zero_grad()
        layer(torch.rand(3, 5)).square().sum().backward()
        optimizer.step()
        seen.append(layer.weight.detach().clone())
        if step == 1:
            state = optimizer.state_dict()
            optimizer = kind(layer.parameters(), lr=0.1, **options)
            optimizer.load_state_dict(state)
    assert layer.weight.requires_grad
    return seen


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_the_steps_are_the_same_to_the_byte(kind: type[Any], options: dict[str, Any]):
    ours = train(without_compiler(kind), options)
    theirs = train(kind, options)
    assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[0], ours[-1])
    # Nor does it matter whether PyTorch's own was used before.
    again = train(without_compiler(kind), options)
    assert torch.equal(again[-1], ours[-1])


def test_it_is_still_that_optimizer():
    kind = without_compiler(optim.Adam)
    assert issubclass(kind, optim.Adam)
    assert kind.__name__ == "Adam"
    assert optim.Adam.step is not kind.step


def test_training_does_not_import_the_compiler():
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
