"""The training loop, the only one: what differs between the stages is their objective."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.batches import Batches
from cae.errors import DivergedError
from cae.runtime.device import Runtime
from cae.seeding import derive_seed
from cae.training.history import History
from cae.training.objectives import Model, Objective
from cae.training.optim import make_learning_rates
from cae.training.progress import Progress
from cae.training.step import make_step

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class FitResult:
    """What training leaves: the history, and the weights of the best and of the last epoch.

    Attributes:
        chosen: "best" or "last": which of them the model holds now.
    """

    history: History
    best_weights: Weights
    last_weights: Weights
    chosen: str


def fit(
    model: Model,
    objective: Objective[Model],
    *,
    train: Batches,
    val: Batches,
    config: AutoencoderConfig | ClassifierConfig,
    runtime: Runtime,
    progress: Progress,
) -> FitResult:
    """Train `model` in place on `train`, watching `val`; return what happened.

    With `config.callbacks` the weights of the lowest validation loss are restored at the end, and
    `config.early_stopping` can end training: once the validation loss has not fallen by more than
    `early_stopping_delta` below its best for `early_stopping_patience` epochs. Without callbacks
    the model ends with its last weights.

    Raises:
        DivergedError: a loss is not finite at the end of an epoch.
    """
    runtime.place(model)
    step = make_step(model, objective, config, runtime=runtime)
    rates = make_learning_rates(config, steps=config.epochs * len(train))
    history, stopping = History(), _EarlyStopping(config)
    best_weights: Weights = {}
    progress.stage_started(objective.stage, epochs=config.epochs, images_per_epoch=train.num_images)
    devices = [runtime.device] if runtime.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        for epoch in range(1, config.epochs + 1):
            # Dropout and noise draw from torch's own state; seeded here, they too are a function
            # of (seed, epoch), and nothing needs saving to go on from the end of an epoch.
            torch.manual_seed(derive_seed(config.seed, objective.stage, "noise", epoch))
            started = time.perf_counter()
            model.train()
            sums = _Sums(objective.metrics)
            rates_of_epoch = rates[(epoch - 1) * len(train) : epoch * len(train)]
            for batch, lr in zip(train.epoch(epoch), rates_of_epoch, strict=True):
                measured = step(batch, lr=lr)
                sums.add(measured.totals, measured.weights)
                progress.images_done(len(batch))
            trained = sums.read()
            training_seconds = time.perf_counter() - started
            validated = evaluate_objective(model, objective, val, runtime=runtime)
            record = {
                **trained,
                **{f"val_{name}": value for name, value in validated.items()},
                "lr": rates_of_epoch[-1],
                "seconds": round(time.perf_counter() - started, 4),
                "images_per_second": round(train.num_images / training_seconds, 2),
            }
            _require_finite(record, stage=objective.stage, epoch=epoch, config=config)
            history.append(record)
            progress.epoch_ended(epoch, record)
            if history.best_epoch == epoch:
                best_weights = copy_weights(model)
            if stopping.update(record["val_loss"]):
                break
    progress.stage_ended()
    last_weights = copy_weights(model)
    if config.callbacks:
        model.load_state_dict(best_weights, strict=True)
    return FitResult(history, best_weights, last_weights, "best" if config.callbacks else "last")


def evaluate_objective(
    model: Model, objective: Objective[Model], batches: Batches, *, runtime: Runtime
) -> dict[str, float]:
    """Return the objective's metrics over all batches, the model in evaluation mode."""
    model.eval()
    sums = _Sums(objective.metrics)
    with torch.no_grad(), runtime.autocast():
        for batch in batches.epoch(0):
            measured = objective.measure(model, batch)
            sums.add(measured.totals, measured.weights)
    return sums.read()


def copy_weights(model: nn.Module) -> Weights:
    """Return the model's state, running statistics included, as copies on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


class _Sums:
    """Metrics added up on the device and read once."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._totals: Tensor | None = None
        self._weights: Tensor | None = None

    def add(self, totals: Tensor, weights: Tensor) -> None:
        # float64: half a million float32 additions would drift in the fourth digit.
        totals, weights = totals.double(), weights.double()
        self._totals = totals if self._totals is None else self._totals + totals
        self._weights = weights if self._weights is None else self._weights + weights

    def read(self) -> dict[str, float]:
        assert self._totals is not None and self._weights is not None
        values = (self._totals / self._weights).unbind()
        return {name: value.item() for name, value in zip(self._names, values, strict=True)}


class _EarlyStopping:
    def __init__(self, config: AutoencoderConfig | ClassifierConfig) -> None:
        self._active = config.callbacks and config.early_stopping
        self._delta = config.early_stopping_delta
        self._patience = config.early_stopping_patience
        self._best = math.inf
        self._waited = 0

    def update(self, loss: float) -> bool:
        """Return whether to stop after an epoch with this validation loss."""
        if loss < self._best - self._delta:
            self._best, self._waited = loss, 0
        else:
            self._waited += 1
        return self._active and self._waited >= max(self._patience, 1)


def _require_finite(
    record: dict[str, float],
    *,
    stage: str,
    epoch: int,
    config: AutoencoderConfig | ClassifierConfig,
) -> None:
    for name, value in record.items():
        if not math.isfinite(value):
            raise DivergedError(
                f"{stage}: {name} is {value} after epoch {epoch}; training diverged: lower lr "
                f"(now {config.lr}), or use --precision float32"
            )
