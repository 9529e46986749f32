"""The training loop, one for both stages, which differ only in their objective."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic

import torch
from torch import Tensor, nn

from cae.checkpoints.state import StateFiles, TrainingState
from cae.checkpoints.weights import apply_weights
from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.batches import Batches
from cae.errors import CheckpointError, DivergedError, StoppedError
from cae.runtime.device import Runtime
from cae.runtime.memory import give_back_freed_memory
from cae.seeding import derive_seed
from cae.training.history import History
from cae.training.objectives import Model, Objective
from cae.training.optim import (
    flatten_optimizer_state,
    make_learning_rates,
    restore_optimizer_state,
)
from cae.training.progress import Progress
from cae.training.step import make_step
from cae.training.sums import Sums

logger = logging.getLogger(__name__)

# Fewer are probably a mistake, such as large batches of few pictures.
_FEW_STEPS = 20

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class FitResult:
    """The result of training: the history, and the weights of the best and of the last epoch.

    Attributes:
        best_weights: those of the last epoch if nothing was validated.
        chosen: "best" or "last": which weights the model holds now.
        earlier_seconds: the part of the training's time that was spent before it was interrupted.
    """

    history: History
    best_weights: Weights = field(repr=False)
    last_weights: Weights = field(repr=False)
    chosen: str
    earlier_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where a training saves its state, and what may stop it.

    Attributes:
        files: where states are written.
        latest: the state to resume from; None: start from the beginning.
        every_seconds, stop_requested: see `cae.Keeping`.
    """

    files: StateFiles
    latest: TrainingState | None
    every_seconds: float
    stop_requested: Callable[[], bool]


def fit(
    model: Model,
    objective: Objective[Model],
    *,
    train: Batches,
    val: Batches | None,
    config: AutoencoderConfig | ClassifierConfig,
    runtime: Runtime,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> FitResult:
    """Train `model` in place on `train`, watching `val` if there is one; return what happened.

    With `config.callbacks` the weights with the lowest validation loss are restored at the end, and
    `config.early_stopping` can end training: once the validation loss has not fallen by more than
    `early_stopping_delta` below its best for `early_stopping_patience` epochs. Without callbacks
    the model ends with its last weights.

    With `checkpoints`, training saves its state and can resume from one. On the CPU it then ends
    with the same bytes as if it had never stopped.

    Raises:
        DivergedError: a loss or a weight is not finite; losses are checked when an epoch ends,
            weights before a state is saved and at the end.
        StoppedError: training was asked to stop; its state is saved, unless the message says
            otherwise.
        CheckpointError: the state to resume from does not fit.
    """
    steps = config.epochs * len(train)
    if steps < _FEW_STEPS:
        logger.warning(
            "the %s takes only %d steps in all; more epochs than %d, or a batch_size below %d, may "
            "do better",
            *(objective.stage, steps, config.epochs, config.batch_size),
        )
    runtime.place(model)
    training = _Training(model, objective, train, val, config, runtime, progress, checkpoints)
    devices = [runtime.device] if runtime.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        training.run()
    model.zero_grad(set_to_none=True)  # Gradients are as large as the weights.
    last_weights = copy_weights(model)
    training.require_finite_weights(last_weights)
    best_weights = last_weights if val is None else training.best_weights
    chosen = "best" if config.callbacks else "last"
    if chosen == "best":
        model.load_state_dict(best_weights, strict=True)
    return FitResult(training.history, best_weights, last_weights, chosen, training.earlier_seconds)


def evaluate_objective(
    model: Model,
    objective: Objective[Model],
    batches: Batches,
    *,
    runtime: Runtime,
    after_batch: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Return the objective's metrics over all batches, with the model in evaluation mode."""
    model.eval()
    sums = Sums(objective.metrics, device=runtime.device)
    with torch.no_grad(), runtime.autocast():
        for batch in batches.epoch(0):
            measured = objective.measure(model, batch)
            sums.add(measured.totals, measured.weights)
            after_batch()
    return sums.read()


def copy_weights(model: nn.Module) -> Weights:
    """Return the model's state, running statistics included, as copies on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


class _Training(Generic[Model]):
    """An unfinished training. Its state is always saved between two optimizer steps."""

    def __init__(
        self,
        model: Model,
        objective: Objective[Model],
        train: Batches,
        val: Batches | None,
        config: AutoencoderConfig | ClassifierConfig,
        runtime: Runtime,
        progress: Progress,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.history = History()
        self.best_weights: Weights = {}
        self.earlier_seconds = 0.0
        self._is_saved = checkpoints is not None and checkpoints.latest is not None
        self._model, self._objective, self._config = model, objective, config
        self._train, self._val = train, val
        self._runtime, self._progress, self._checkpoints = runtime, progress, checkpoints
        self._step = make_step(model, objective, config, runtime=runtime)
        self._rates = make_learning_rates(config, steps=config.epochs * len(train))
        # Where it stands: the current epoch, how many of its batches are done, what they measured,
        # and when the epoch would have started if it had never been interrupted.
        self._epoch, self._batch = 1, 0
        self._sums: Sums = self._make_sums()
        self._epoch_started = self._saved_at = time.perf_counter()

    def run(self) -> None:
        """Train to the end, from the latest saved state if there is one."""
        if self._checkpoints is not None and self._checkpoints.latest is not None:
            self._restore(self._checkpoints.latest)
        images = self._train.num_images
        self._progress.stage_started(
            self._objective.stage,
            epochs=self._config.epochs,
            images_per_epoch=images,
            images_done=(self._epoch - 1) * images + self._train.count_images(batches=self._batch),
        )
        while self._epoch <= self._config.epochs and not _should_stop(self.history, self._config):
            self._run_epoch()
            self._keep()
        self._progress.stage_ended()

    def _run_epoch(self) -> None:
        if self._batch == 0:
            # Dropout and noise draw from torch's own state. Seeded here, they too are a function
            # of (seed, epoch).
            seed = derive_seed(self._config.seed, self._objective.stage, "noise", self._epoch)
            torch.manual_seed(seed)
            if self._train.begins_a_size(self._epoch):
                give_back_freed_memory()
            self._epoch_started = time.perf_counter()
        self._model.train()
        first_step = (self._epoch - 1) * len(self._train)
        for batch in self._train.epoch(self._epoch, first=self._batch):
            rate = self._rates[first_step + self._batch]
            measured = self._step(batch, lr=rate, epoch=self._epoch)
            self._sums.add(measured.totals, measured.weights)
            self._batch += 1
            self._progress.images_done(len(batch))
            self._keep()
        trained = self._sums.read()
        training_seconds = time.perf_counter() - self._epoch_started
        record = {
            **trained,
            **self._validate(),
            "lr": self._rates[first_step + len(self._train) - 1],
            "seconds": round(time.perf_counter() - self._epoch_started, 4),
            "images_per_second": round(self._train.num_images / training_seconds, 2),
        }
        self._require_finite(record)
        self.history.append(record)
        self._progress.epoch_ended(self._epoch, record)
        if self._val is not None and self.history.best_epoch == self._epoch:
            self.best_weights = copy_weights(self._model)
        self._epoch, self._batch, self._sums = self._epoch + 1, 0, self._make_sums()

    def _validate(self) -> dict[str, float]:
        if self._val is None:
            return {}
        validated = evaluate_objective(
            self._model,
            self._objective,
            self._val,
            runtime=self._runtime,
            after_batch=self._stop_if_asked,
        )
        return {f"val_{name}": value for name, value in validated.items()}

    def _make_sums(self) -> Sums:
        return Sums(self._objective.metrics, device=self._runtime.device)

    def _keep(self) -> None:
        """Stop if asked to, and save the state if it is time to."""
        self._stop_if_asked()
        if self._checkpoints is None:
            return
        if time.perf_counter() - self._saved_at >= self._checkpoints.every_seconds:
            try:
                self._save(self._checkpoints)
            except CheckpointError as error:  # The training in memory is worth more than the file.
                logger.warning("training continues, but its state is not saved: %s", error)
            self._saved_at = time.perf_counter()

    def _stop_if_asked(self) -> None:
        if self._checkpoints is not None and self._checkpoints.stop_requested():
            epoch = min(self._epoch, self._config.epochs)
            stopped = f"{self._objective.stage}: stopped in epoch {epoch} of {self._config.epochs}"
            try:
                self._save(self._checkpoints)
            except CheckpointError as error:
                before = "the state before it" if self._is_saved else "the beginning"
                raise StoppedError(
                    f"{stopped}, but not saved: {error}; the same command resumes from {before}"
                ) from error
            raise StoppedError(f"{stopped}, and saved; the same command resumes from there")

    def _save(self, checkpoints: Checkpoints) -> None:
        model, sums = copy_weights(self._model), self._sums.copy()
        self.require_finite_weights({**model, "loss": sums})
        tensors = {
            **_prefix("model", model),
            **_prefix("best", self.best_weights),
            **_prefix("optimizer", flatten_optimizer_state(self._step.optimizer)),
            "sums": sums,
            "random.cpu": torch.get_rng_state(),
        }
        if self._runtime.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self._runtime.device)
        facts = {
            "epoch": self._epoch,
            "batch": self._batch,
            "seconds": time.perf_counter() - self._epoch_started if self._batch else 0.0,
            "history": self.history.metrics,
        }
        step = (self._epoch - 1) * len(self._train) + self._batch
        checkpoints.files.write(TrainingState(step, facts, tensors))
        self._is_saved = True

    def _restore(self, state: TrainingState) -> None:
        tensors, facts = state.tensors, state.facts
        try:
            self.history.metrics.update(facts["history"])
            self._epoch, self._batch = facts["epoch"], facts["batch"]
            self._epoch_started = time.perf_counter() - facts["seconds"]
            self.earlier_seconds = facts["seconds"] + self.history.seconds
            if self._val is not None:  # Earlier versions saved best weights without it, too.
                self.best_weights = _select("best", tensors)
            apply_weights(self._model, _select("model", tensors), place="its tensors")
            restore_optimizer_state(self._step.optimizer, _select("optimizer", tensors))
            self._sums.restore(tensors["sums"])
            torch.set_rng_state(tensors["random.cpu"])
            if self._runtime.device.type == "cuda" and "random.cuda" in tensors:
                torch.cuda.set_rng_state(tensors["random.cuda"], self._runtime.device)
        except (LookupError, TypeError, ValueError, RuntimeError, CheckpointError) as error:
            raise CheckpointError(
                f"{self._objective.stage}: the saved state is not from this version of the "
                f"program ({error}); --fresh starts over"
            ) from error

    def _require_finite(self, record: Mapping[str, float]) -> None:
        for name, value in record.items():
            if not math.isfinite(value):
                raise self._describe_divergence(f"{name} is {value}")

    def require_finite_weights(self, weights: Weights) -> None:
        """Refuse weights that are not finite: no loss is measured after the last step."""
        if not all(bool(value.isfinite().all()) for value in weights.values()):
            raise self._describe_divergence("the loss or a weight is not finite")

    def _describe_divergence(self, what: str) -> DivergedError:
        kept = "the state before it is kept; " if self._is_saved else ""
        epoch = min(self._epoch, self._config.epochs)
        return DivergedError(
            f"{self._objective.stage}: {what} in epoch {epoch}; training diverged: {kept}"
            f"lower lr (now {self._config.lr}), or use --precision float32"
        )


def _should_stop(history: History, config: AutoencoderConfig | ClassifierConfig) -> bool:
    """Return whether training should stop early, given the validation losses so far."""
    if not (config.callbacks and config.early_stopping):
        return False
    best, waited = math.inf, 0
    for loss in history.metrics.get("val_loss", ()):
        if loss < best - config.early_stopping_delta:
            best, waited = loss, 0
        else:
            waited += 1
    return waited >= max(config.early_stopping_patience, 1)


def _prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Weights:
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def _select(prefix: str, tensors: Mapping[str, Tensor]) -> Weights:
    start = f"{prefix}."
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}
