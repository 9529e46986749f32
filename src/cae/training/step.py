"""The optimizer step: operation by operation, or with adam and adamw on a GPU as a CUDA graph."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import fields
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.batches import Batch
from cae.runtime.device import Runtime
from cae.training.objectives import Measured, Model, Objective
from cae.training.optim import CAPTURABLE, Optimizer, make_optimizer, set_learning_rate

logger = logging.getLogger(__name__)

# What libraries set up in their first calls must not become part of the graph.
_STEPS_BEFORE_CAPTURE = 3


class Step(Protocol):
    """Takes optimizer steps."""

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that takes them."""
        ...

    def __call__(self, batch: Batch, *, lr: float, epoch: int = 1) -> Measured:
        """Take a step on `batch` at the learning rate `lr`; return what was measured before it.

        The tensors returned are only valid until the next step.
        """
        ...


def make_step(
    model: Model,
    objective: Objective[Model],
    config: AutoencoderConfig | ClassifierConfig,
    *,
    runtime: Runtime,
) -> Step:
    """Return the fastest way to take the model's optimizer steps on this device.

    A batch of 64 small images keeps a GPU busy for less time than Python needs to tell it what to
    do; a CUDA graph tells it once. On a CPU, or if the optimizer's steps cannot be in a graph, they
    are taken one operation at a time.
    """
    capturable = runtime.device.type == "cuda" and config.optimizer in CAPTURABLE
    optimizer = make_optimizer(model, config, precision=runtime.precision, capturable=capturable)
    step = PlainStep(model, objective, optimizer, runtime=runtime)
    return (
        GraphStep(step, batch_size=config.batch_size, device=runtime.device) if capturable else step
    )


class PlainStep:
    """The step, one operation after the other: forward, backward, optimizer."""

    def __init__(
        self,
        model: Model,
        objective: Objective[Model],
        optimizer: Optimizer,
        *,
        runtime: Runtime,
    ) -> None:
        self._measure = partial(objective.measure, model)
        self.optimizer = optimizer
        self._runtime = runtime

    def __call__(self, batch: Batch, *, lr: float, epoch: int = 1) -> Measured:
        """Take a step; see `Step`."""
        self.set_learning_rate(lr, epoch=epoch)
        return self.take(batch)

    def set_learning_rate(self, lr: float, *, epoch: int = 1) -> None:
        """Set the learning rate `lr`, and the epoch's number, for the next steps."""
        set_learning_rate(self.optimizer, lr, epoch=epoch)

    def take(self, batch: Batch) -> Measured:
        """Take a step at the learning rate that was set; nothing in it waits for the device."""
        with self._runtime.autocast():
            measured = self._measure(batch)
        self.optimizer.zero_grad(set_to_none=True)
        measured.loss.backward()
        self.optimizer.step()
        return measured


class GraphStep:
    """The same step as one CUDA graph, for batches of the usual size.

    The first steps are taken plainly, then one is recorded. From then on each batch is copied to
    where the recorded step reads it, and the recording is replayed. Random numbers are drawn anew
    at each replay, from the generator's current seed. For a batch of another size, the last of an
    epoch, the step is taken plainly; if the images' size changes, a step is recorded anew.
    """

    def __init__(self, step: PlainStep, *, batch_size: int, device: torch.device) -> None:
        self._step = step
        self._batch_size = batch_size
        self._stream = torch.cuda.Stream(device)
        self._taken = 0
        self._recording: tuple[torch.cuda.CUDAGraph, Batch, Measured] | None = None

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer of the plain step."""
        return self._step.optimizer

    def __call__(self, batch: Batch, *, lr: float, epoch: int = 1) -> Measured:
        """Take a step; see `Step`."""
        self._step.set_learning_rate(lr, epoch=epoch)
        with torch.cuda.device(self._stream.device):
            return self._take(batch)

    def _take(self, batch: Batch) -> Measured:
        if len(batch) != self._batch_size or self._taken < _STEPS_BEFORE_CAPTURE:
            return self._take_plainly(batch)
        if self._recording is not None and self._recording[1].images.shape != batch.images.shape:
            self._recording = None  # Low resolution is over.
        if self._recording is None:
            self._recording = self._record(batch)
        if self._recording is None:
            self._batch_size = 0  # From now on no batch has the usual size: none is recorded.
            return self._take_plainly(batch)
        graph, kept, measured = self._recording
        for place, new in zip(_list_tensors(kept), _list_tensors(batch), strict=True):
            place.copy_(new)
        graph.replay()
        return measured

    def _take_plainly(self, batch: Batch) -> Measured:
        # On the stream of the capture, because gradients accumulate on the stream they began on.
        self._taken += 1
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            measured = self._step.take(batch)
        torch.cuda.current_stream().wait_stream(self._stream)
        return measured

    def _record(self, batch: Batch) -> tuple[torch.cuda.CUDAGraph, Batch, Measured] | None:
        kept = Batch(*(None if value is None else value.clone() for value in _list_values(batch)))  # pyright: ignore[reportArgumentType]
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                measured = self._step.take(kept)
        except RuntimeError as error:
            torch.cuda.set_stream(stream)  # torch leaves its own set if the capture cannot be ended
            cause = error.__context__ or error
            logger.warning("training without a CUDA graph, more slowly: %s", cause)
            return None
        return graph, kept, measured


def _list_values(batch: Batch) -> list[Tensor | None]:
    return [getattr(batch, field.name) for field in fields(batch)]


def _list_tensors(batch: Batch) -> Iterable[Tensor]:
    return (value for value in _list_values(batch) if value is not None)
