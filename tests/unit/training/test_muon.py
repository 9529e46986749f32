"""Muon steps along the orthogonalised momentum, and keeps the filters' norm."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn, optim
from torch.utils._python_dispatch import TorchDispatchMode

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.models.classifier import make_classifier
from cae.runtime.device import Runtime
from cae.training.muon import FilterMuon, Together
from cae.training.objectives import ClassificationObjective
from cae.training.optim import (
    flatten_optimizer_state,
    make_optimizer,
    restore_optimizer_state,
    set_learning_rate,
)
from cae.training.step import make_step


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def orthogonalise(matrix: np.ndarray) -> np.ndarray:
    """Three steps of the quintic Newton-Schulz iteration, on the singular values."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    values = values / np.sqrt((values**2).sum())
    for _ in range(3):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return left @ np.diag(values) @ right


@pytest.mark.parametrize(("precision", "error"), [("bfloat16", 2e-3), ("float32", 1e-6)])
def test_steps_follow_the_rule(precision, error):
    weight = nn.Parameter(draw(4, 3, 3, 3))
    muon = FilterMuon([weight], lr=0.1, precision=precision)
    expected, momentum = weight.detach().double().numpy().reshape(4, -1), np.zeros((4, 27))
    for step in range(3):
        weight.grad = draw(4, 3, 3, 3, seed=step + 1)
        gradient = weight.grad.double().numpy().reshape(4, -1)
        muon.step()
        momentum = 0.6 * momentum + 0.4 * gradient
        along = orthogonalise(0.4 * gradient + 0.6 * momentum)
        expected = expected * 2 / np.linalg.norm(expected) - 0.1 * along
        found = weight.detach().double().numpy().reshape(4, -1)
        np.testing.assert_allclose(found, expected, atol=error)


def test_the_layout_in_memory_makes_no_difference():
    paths = []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = nn.Parameter(draw(4, 3, 3, 3).contiguous(memory_format=layout))
        muon = FilterMuon([weight], lr=0.1)
        for step in range(2):
            weight.grad = draw(4, 3, 3, 3, seed=step + 1)
            muon.step()
        paths.append(weight.detach())
    torch.testing.assert_close(*paths, atol=2e-3, rtol=0)


def test_the_gradient_is_left_as_it_is():
    weight = nn.Parameter(draw(4, 3, 3, 3))
    muon = FilterMuon([weight], lr=0.1, precision="float32")
    weight.grad = draw(4, 3, 3, 3, seed=1)
    muon.step()
    assert torch.equal(weight.grad, draw(4, 3, 3, 3, seed=1))


class Recorder(TorchDispatchMode):
    """Notes the types of all tensors that operations return."""

    def __init__(self):
        super().__init__()
        self.types = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.types.add(result.dtype)
        return result


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_computes_in_the_precision_of_the_runtime_alone(precision):
    model, config = make_model()
    runtime = Runtime(torch.device("cpu"), precision)
    optimizer = make_step(
        model, ClassificationObjective(AutoencoderConfig()), config, runtime=runtime
    ).optimizer
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    with Recorder() as recorder:
        optimizer.step()
    assert (torch.bfloat16 in recorder.types) == (precision == "bfloat16")


def test_gradients_are_forgotten():
    weight = nn.Parameter(draw(4, 3, 3, 3))
    muon = FilterMuon([weight], lr=0.1)
    weight.grad = draw(4, 3, 3, 3, seed=1)
    muon.step()
    muon.zero_grad()
    assert weight.grad is None
    before = weight.detach().clone()
    muon.step()
    assert torch.equal(weight, before)


def make_model(**keys):
    autoencoder = AutoencoderConfig(
        encoder="whitened", image_shape=(16, 16, 3), filters_per_block=(4, 4, 4), dropout=False
    )
    values = {
        "image_shape": (16, 16, 3),
        "optimizer": "muon",
        "lr": 0.24,
        "head": "linear",
        "batch_norm": False,
        "global_pooling": "max",
        "freeze_encoder": False,
    }
    config = ClassifierConfig.model_validate(values | keys)
    model = make_classifier(autoencoder, config, num_classes=3)
    model.encoder.begin_from(draw(4, 3, 16, 16).sigmoid())
    return model, config


def test_each_kind_of_weight_has_its_optimizer_and_rate():
    model, config = make_model()
    optimizer = make_optimizer(model, config)
    assert isinstance(optimizer, Together)
    filters, rest = optimizer.parts
    assert isinstance(filters, FilterMuon)
    assert isinstance(rest, optim.SGD)
    assert len(filters.param_groups[0]["params"]) == 6
    set_learning_rate(optimizer, 0.12)
    rates = {round(group["lr"], 6): group for group in rest.param_groups}
    # The stem's bias and six batch norms'; the output layer's weight and bias.
    assert [(rate, len(group["params"])) for rate, group in sorted(rates.items())] == [
        (0.01, 2),
        (10.0, 7),
    ]
    assert rates[0.01]["weight_decay"] == 0.2
    assert rates[10.0]["weight_decay"] == 0


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_the_rate_falls_with_each_block_below_the_head(kind):
    model, config = make_model(optimizer=kind, layer_decay=0.5)
    optimizer = make_optimizer(model, config)
    set_learning_rate(optimizer, 1.0)
    names = {id(value): name for name, value in model.named_parameters()}
    if kind == "adamw":
        rates = {
            names[id(value)]: group["lr"]
            for group in optimizer.param_groups
            for value in group["params"]
        }
        assert rates["head.output.weight"] == 1
        assert rates["encoder.blocks.2.convs.0.weight"] == 0.5
        assert rates["encoder.blocks.0.convs.1.weight"] == 0.125
        assert rates["encoder.stem.bias"] == 0.0625
    else:
        assert isinstance(optimizer, Together)
        filters = [part for part in optimizer.parts if isinstance(part, FilterMuon)]
        assert [part.param_groups[0]["lr"] for part in filters] == [0.125, 0.25, 0.5]


def test_the_encoder_stays_in_the_epochs_that_leave_it():
    model, config = make_model(freeze_encoder_epochs=2)
    optimizer = make_optimizer(model, config)
    for epoch, moves in ((1, False), (2, False), (3, True)):
        set_learning_rate(optimizer, 0.1, epoch=epoch)
        rates = {group["lr"] for group in optimizer.param_groups if group["first_epoch"] > 1}
        assert all((rate > 0) is moves for rate in rates)
        assert rates
    head = [group for group in optimizer.param_groups if group["first_epoch"] == 1]
    assert [len(group["params"]) for group in head] == [2]


def test_a_restored_optimizer_goes_on_as_the_one_it_was_copied_from():
    first, config = make_model()
    second, _ = make_model()
    optimizers = [make_optimizer(model, config) for model in (first, second)]

    def step(model, optimizer, seed: int) -> None:
        set_learning_rate(optimizer, 0.1)
        for index, value in enumerate(model.parameters()):
            value.grad = draw(*value.shape, seed=seed + index)
        optimizer.step()

    step(first, optimizers[0], 1)
    second.load_state_dict(first.state_dict())
    restore_optimizer_state(optimizers[1], flatten_optimizer_state(optimizers[0]))
    for model, optimizer in zip((first, second), optimizers, strict=True):
        step(model, optimizer, 100)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
