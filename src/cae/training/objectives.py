"""What the two stages optimise and measure: reconstruction and classification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cae.config import AutoencoderConfig, Regularizer
from cae.data.batches import Batch
from cae.models.autoencoder import Autoencoder
from cae.models.classifier import Classifier
from cae.models.encoder import Encoder
from cae.models.masking import draw_visible

Model = TypeVar("Model", bound=nn.Module, contravariant=True)

_TOP = 5
_KERAS_EPSILON = 1e-7


@dataclass(frozen=True, slots=True)
class Measured:
    """A batch's loss (a scalar with gradient) and its metrics.

    Metrics add up: over any batches, metric m is sum(totals[m]) / sum(weights[m]).
    """

    loss: Tensor
    totals: Tensor
    weights: Tensor


class Objective(Protocol[Model]):
    """What the training loop needs to know about a stage."""

    stage: str

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, "loss" first, in the order of `Measured.totals`."""
        ...

    def measure(self, model: Model, batch: Batch) -> Measured:
        """Return the loss and the metrics of a batch, in the model's current mode."""
        ...


@dataclass(frozen=True, slots=True)
class Penalty:
    """A penalty as Keras defines it: value * sum|x|, value * sum x^2, or the sum of both."""

    kind: Regularizer
    value: float

    def __call__(self, x: Tensor) -> Tensor:
        """Return the penalty of all elements of `x`, a float32 scalar."""
        x = x.float()
        total = x.new_zeros(())
        if self.kind in ("l1", "l1_l2"):
            total = total + x.abs().sum()
        if self.kind in ("l2", "l1_l2"):
            total = total + x.square().sum()
        return self.value * total


class EncoderPenalties:
    """The penalties on the encoder that the autoencoder's configuration asks for."""

    def __init__(self, config: AutoencoderConfig) -> None:
        self.kernel = (
            Penalty(config.kernel_regularizer_type, config.kernel_regularizer_value)
            if config.kernel_regularizer
            else None
        )
        self.activity = (
            Penalty(config.activity_regularizer_type, config.activity_regularizer_value)
            if config.activity_regularizer
            else None
        )

    def make_record(self) -> list[Tensor] | None:
        """Return an empty list to collect activations in, or None if they are not needed."""
        return None if self.activity is None else []

    def measure(self, encoder: Encoder, activities: Sequence[Tensor] | None) -> Tensor | None:
        """Return the sum of the penalties, or None if there are none.

        The activity penalty is divided by the size of the batch, as Keras documents, so that its
        strength does not depend on that size.
        """
        parts: list[Tensor] = []
        if self.kernel is not None:
            parts += [self.kernel(convolution.weight) for convolution in encoder.convolutions()]
        if self.activity is not None and activities:
            parts += [self.activity(activity) / len(activity) for activity in activities]
        return torch.stack(parts).sum() if parts else None


def binary_crossentropy(x: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy of pixels taken as probabilities, clipped as in Keras."""
    with torch.autocast(x.device.type, enabled=False):  # CUDA's autocast refuses this function
        return F.binary_cross_entropy(x.clamp(_KERAS_EPSILON, 1 - _KERAS_EPSILON), target)


_RECONSTRUCTION_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean_squared_error": F.mse_loss,
    "mean_absolute_error": F.l1_loss,
    "binary_crossentropy": binary_crossentropy,
    "huber": F.huber_loss,
}


def compute_balanced_weights(labels: Tensor, *, num_classes: int) -> Tensor:
    """Return float32 [K] weights with which all classes add up to the same sum.

    They are those that scikit-learn calls "balanced".

    A class's weight is N / (classes present * its count); one without images gets 0.
    """
    counts = torch.bincount(labels, minlength=num_classes)
    present = (counts > 0).sum()
    return torch.where(counts > 0, len(labels) / (present * counts.clamp(min=1)), 0.0).float()


def compute_log_priors(labels: Tensor, *, num_classes: int) -> Tensor:
    """Return float32 [K], the logarithms of the classes' shares.

    A class without images counts as having one. If they are added to the logits in training, the
    logits alone come to treat all classes as equally likely (Menon et al., arXiv 2007.07314).
    """
    counts = torch.bincount(labels, minlength=num_classes).clamp(min=1)
    return (counts / len(labels)).log().float()


class ReconstructionObjective:
    """Reconstruct the clean images, or their hidden patches; `mse` is measured with any loss.

    With a mask, loss and `mse` are those of the configured target in the hidden patches alone. In
    training these patches are drawn anew for every batch; otherwise they are always the same.
    """

    stage = "autoencoder"

    def __init__(self, config: AutoencoderConfig) -> None:
        self.metrics = ("loss", "mse")
        self._config = config
        self._loss = _RECONSTRUCTION_LOSSES[config.loss]
        self._penalties = EncoderPenalties(config)

    def measure(self, model: Autoencoder, batch: Batch) -> Measured:
        """Return the loss with its penalties, and the metrics."""
        activities = self._penalties.make_record()
        images = batch.images
        if self._config.mask_ratio > 0:
            visible = self._draw_visible(model, images)
            predicted, wanted, hidden = model.compare_hidden(images, visible, activities)
            share = hidden.mean()  # A mean over all divided by this is one over the hidden places.
            loss = self._loss(predicted, wanted) / share
            with torch.no_grad():
                error = F.mse_loss(predicted, wanted) / share
        else:
            height, width = images.shape[2:]
            predicted = model.decode(model.encode(images, activities), (height, width))
            loss = self._loss(predicted, images)
            with torch.no_grad():
                error = F.mse_loss(predicted, images)
        penalty = self._penalties.measure(model.encoder, activities)
        if penalty is not None:
            loss = loss + penalty
        totals = torch.stack((loss.detach(), error)) * len(batch)
        return Measured(loss, totals, torch.full_like(totals, len(batch)))

    def _draw_visible(self, model: Autoencoder, images: Tensor) -> Tensor:
        if model.training:
            return draw_visible(self._config, images)
        return model.draw_fixed_mask(images)


class ClassificationObjective:
    """Categorical cross-entropy and accuracy.

    Args:
        config: the configuration of the autoencoder that the encoder comes from; its penalties act
            while the encoder is trained.
        class_weights: float32 [K], or None for no weighting of the training loss.
        log_priors: float32 [K], added to the logits in training; None: nothing is added.
        label_smoothing: share of each label that is spread evenly over all classes, in training.
        weighted_metrics: names of metrics to measure a second time with `metric_weights`.
        metric_weights: float32 [K], the class weights of the weighted metrics.
    """

    stage = "classifier"

    def __init__(
        self,
        config: AutoencoderConfig,
        *,
        class_weights: Tensor | None = None,
        log_priors: Tensor | None = None,
        label_smoothing: float = 0.0,
        weighted_metrics: Sequence[str] = (),
        metric_weights: Tensor | None = None,
    ) -> None:
        weighted = tuple(f"weighted_{name}" for name in weighted_metrics)
        self.metrics = ("loss", "accuracy", *weighted)
        self._class_weights = class_weights
        self._log_priors, self._label_smoothing = log_priors, label_smoothing
        self._weighted = tuple(weighted_metrics)
        self._metric_weights = metric_weights
        self._penalties = EncoderPenalties(config)

    def measure(self, model: Classifier, batch: Batch) -> Measured:
        """Return the loss (weighted in training if so configured) and the metrics."""
        labels = cast("Tensor", batch.labels)
        activities = None if model.freeze_encoder else self._penalties.make_record()
        features = batch.features
        if features is None:
            features = model.encode(batch.images, activities)
        logits = model.head(features)
        # Weights and the like act in training only, so that validation losses are comparable
        # between runs.
        if model.training:
            losses, loss = self._measure_training_loss(logits, labels)
        else:
            losses = F.cross_entropy(logits, labels, reduction="none")
            loss = losses.mean()
        if not model.freeze_encoder:
            penalty = self._penalties.measure(model.encoder, activities)
            if penalty is not None:
                loss = loss + penalty
        with torch.no_grad():
            count = torch.full_like(loss, len(batch))
            correct = (logits.argmax(dim=1) == labels).float()
            totals, weights = [loss.detach() * count, correct.sum()], [count, count]
            if self._weighted and self._metric_weights is not None:
                each = self._metric_weights[labels]
                for name in self._weighted:
                    totals.append((self._per_image(name, logits, labels, losses) * each).sum())
                    weights.append(each.sum())
        return Measured(loss, torch.stack(totals), torch.stack(weights))

    def _measure_training_loss(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return each image's loss [B], and their mean."""
        if self._log_priors is not None:
            logits = logits + self._log_priors
        losses = F.cross_entropy(
            logits, labels, reduction="none", label_smoothing=self._label_smoothing
        )
        if self._class_weights is None:
            return losses, losses.mean()
        # As in Keras, class weights scale each image's loss and the mean is over images.
        return losses, (losses * self._class_weights[labels]).mean()

    @staticmethod
    def _per_image(name: str, logits: Tensor, labels: Tensor, losses: Tensor) -> Tensor:
        if name == "categorical_crossentropy":
            return losses
        best = logits.topk(min(_TOP, logits.shape[1]) if name == "top_5_accuracy" else 1).indices
        return (best == labels[:, None]).any(dim=1).float()
