"""A step is forward, backward, optimizer; as a CUDA graph it is the same step."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch

from cae.data.batches import Batch, Batches
from cae.models.autoencoder import make_autoencoder
from cae.runtime.device import Runtime
from cae.training.objectives import ReconstructionObjective
from cae.training.optim import make_optimizer
from cae.training.step import GraphStep, PlainStep, make_step

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def make_plain_step(config, runtime) -> tuple[torch.nn.Module, PlainStep]:
    model = make_autoencoder(config)
    runtime.place(model)
    optimizer = make_optimizer(model, config)
    return model, PlainStep(model, ReconstructionObjective(config), optimizer, runtime=runtime)


def draw_batch(count: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 3, 8, 8, generator=generator)
    return Batch(images.contiguous(memory_format=torch.channels_last), None)


def test_a_step_moves_the_weights_by_the_rate_along_the_gradient(autoencoder_config, float32):
    config = autoencoder_config(optimizer="sgd", lr=99.0, dropout=False)
    model, step = make_plain_step(config, float32)
    reference = make_autoencoder(config)
    batch = draw_batch(4)
    loss = torch.nn.functional.mse_loss(reference(batch.images), batch.images)
    gradients = torch.autograd.grad(loss, list(reference.parameters()))

    measured = step(batch, lr=0.5)

    assert measured.totals[0].item() / 4 == pytest.approx(loss.item(), rel=1e-6)
    for weight, before, gradient in zip(
        model.parameters(), reference.parameters(), gradients, strict=True
    ):
        torch.testing.assert_close(weight, before - 0.5 * gradient, rtol=1e-4, atol=1e-7)


def test_a_step_forgets_the_gradients_of_the_step_before(autoencoder_config, float32):
    config = autoencoder_config(optimizer="sgd", dropout=False)
    model, step = make_plain_step(config, float32)
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    for _ in range(2):
        step(draw_batch(4), lr=0.0)
    gradients = [parameter.grad for parameter in model.parameters()]
    step(draw_batch(4), lr=0.0)
    for parameter, before, gradient in zip(model.parameters(), weights, gradients, strict=True):
        assert torch.equal(parameter, before)
        assert parameter.grad is not None
        assert gradient is not None
        torch.testing.assert_close(parameter.grad, gradient)


def test_on_a_cpu_steps_are_taken_plainly(autoencoder_config, float32):
    config = autoencoder_config()
    model = make_autoencoder(config)
    step = make_step(model, ReconstructionObjective(config), config, runtime=float32)
    assert type(step) is PlainStep


@needs_gpu
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_graph_takes_the_same_steps(autoencoder_config, make_images, optimizer):
    config = autoencoder_config(optimizer=optimizer, dropout=False)
    runtime = Runtime(torch.device("cuda"), "float32")
    batches = Batches(make_images(18), runtime=runtime, batch_size=4, shuffle_seed=0)
    plain_model, plain = make_plain_step(config, runtime)
    model = make_autoencoder(config)
    runtime.place(model)
    step = make_step(model, ReconstructionObjective(config), config, runtime=runtime)
    assert type(step) is GraphStep
    for epoch in (1, 2, 3):
        for number, batch in enumerate(batches.epoch(epoch)):
            lr = 1e-5 * (epoch + number)
            found = step(batch, lr=lr).totals.clone()
            torch.testing.assert_close(found, plain(batch, lr=lr).totals, rtol=1e-4, atol=1e-6)
    for found, expected in zip(model.parameters(), plain_model.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-4)


@needs_gpu
def test_a_graph_draws_new_dropout_at_each_step_and_repeats_with_the_seed(autoencoder_config):
    config = autoencoder_config(dropout_value=0.5)
    runtime = Runtime(torch.device("cuda"), "float32")
    batch = Batch(draw_batch(4).images.to("cuda"), None)

    def train() -> list[float]:
        model = make_autoencoder(config)
        runtime.place(model)
        step = make_step(model, ReconstructionObjective(config), config, runtime=runtime)
        torch.manual_seed(0)
        return [step(batch, lr=0.0).totals[0].item() for _ in range(8)]

    first = train()
    assert len(set(first)) == 8
    assert train() == first


class PretendedStream:
    """A GPU's stream where there is no GPU: all that was asked of it is done."""

    device = torch.device("cpu")

    def wait_stream(self, other) -> None:
        """Return at once."""


def test_where_a_step_cannot_be_recorded_all_are_taken_plainly(
    autoencoder_config, float32, monkeypatch, caplog
):
    stream = PretendedStream()
    tried: list[Any] = []
    restored: list[Any] = []

    def refuse(graph, *, stream):
        tried.append(stream)
        raise RuntimeError("operation not permitted when stream is capturing")

    pretended = {
        "CUDAGraph": object,
        "Stream": lambda device: stream,
        "current_stream": lambda: stream,
        "device": nullcontext,
        "graph": refuse,
        "set_stream": restored.append,
        "stream": nullcontext,
    }
    for name, value in pretended.items():
        monkeypatch.setattr(torch.cuda, name, value)
    config = autoencoder_config(dropout=False)
    plain_model, plain = make_plain_step(config, float32)
    model, recorded = make_plain_step(config, float32)
    step = GraphStep(recorded, batch_size=4, device=float32.device)
    for _ in range(6):
        totals = step(draw_batch(4), lr=0.01).totals
        assert torch.equal(totals, plain(draw_batch(4), lr=0.01).totals)
    for found, expected in zip(model.parameters(), plain_model.parameters(), strict=True):
        assert torch.equal(found, expected)
    assert tried == restored == [stream]
    assert caplog.messages == [
        "training without a CUDA graph, more slowly: "
        "operation not permitted when stream is capturing"
    ]
