"""A model as the origin's users hold it: asked with NHWC arrays, told of line by line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cae
from _arrays import Images, to_image_set
from cae.checkpoints.weights import describe_layers
from cae.errors import ConfigError, DataError
from cae.evaluation.predict import encode, predict_probabilities, reconstruct
from cae.models.autoencoder import Autoencoder, Encoder
from cae.models.blocks import count_parameters
from cae.models.classifier import Classifier
from cae.training.history import History
from cae.training.progress import SilentProgress

_TIMES = ("lr", "seconds", "images_per_second")
_DEVICE, _PRECISION = "CAE_DEVICE", "CAE_PRECISION"


def choose_runtime() -> cae.Runtime:
    """Return the runtime that the environment asks for; what it leaves open is the fastest.

    CAE_DEVICE and CAE_PRECISION take what `cae run --device` and `--precision` take.

    Raises:
        ConfigError: the device is not on this machine, or one of the two is unknown.
    """
    device, precision = (os.environ.get(name) or "auto" for name in (_DEVICE, _PRECISION))
    try:
        return cae.choose_runtime(device=device, precision=precision)
    except ConfigError as error:
        raise ConfigError(f"environment variables {_DEVICE} and {_PRECISION}: {error}") from None


class Model:
    """An autoencoder, an encoder alone, or a classifier.

    Attributes:
        name: what its files are called.
        network: the PyTorch module.
        image_shape: [height, width, channels] of the images it takes.
    """

    def __init__(
        self,
        name: str,
        network: Autoencoder | Encoder | Classifier,
        image_shape: tuple[int, int, int],
    ) -> None:
        self.name = name
        self.network = network
        self.image_shape = image_shape

    def predict(
        self,
        x: Images,
        batch_size: int | None = None,  # noqa: ARG002 - Keras's arguments
        verbose: int = 0,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """Return what the model makes of images.

        That is reconstructions [N, H, W, C] in [0, 1] of an autoencoder, encodings [N, h, w, D] of
        an encoder, and class probabilities [N, K] of a classifier.

        An autoencoder that learned with a mask gives the images back with some patches hidden, and
        filled in where what it predicts of them is a picture.

        Args:
            x: images [N, H, W, C], floats in [0, 1].
            batch_size: has no influence; nor has `verbose`. Keras's calls have them.
            verbose: see there.

        Raises:
            DataError: `x` is something else, or not of the model's image shape.
        """
        images = to_image_set(x, name="x")
        if images.image_shape != self.image_shape:
            raise DataError(
                f"x: images of shape {list(images.image_shape)} (height, width, channels), but "
                f"{self.name} takes {list(self.image_shape)}"
            )
        runtime = choose_runtime()
        if isinstance(self.network, Classifier):
            return predict_probabilities(self.network, images, runtime=runtime)
        if isinstance(self.network, Encoder):
            encodings = encode(self.network, images, runtime=runtime)
            return encodings.float().cpu().permute(0, 2, 3, 1).contiguous().numpy()
        reconstructions = reconstruct(self.network, images, runtime=runtime)
        return np.ascontiguousarray(reconstructions.transpose(0, 2, 3, 1))

    def summary(self) -> None:
        """Print the layers and their parameters, counted as Keras counts them."""
        for layer in describe_layers(self.network):
            if layer["parameters"]:
                kind = layer["layer"].partition("(")[0]
                print(f"{layer['name']:<32}{kind:<14}{layer['parameters']:>10,}")
        print(f"{'parameters':<46}{count_parameters(self.network):>10,}")

    def __repr__(self) -> str:
        kind = type(self.network).__name__.lower()
        return f"<{kind} {self.name!r} of {count_parameters(self.network):,} parameters>"


class EpochLines(SilentProgress):
    """Tells training in one printed line per epoch, and at its end which weights are taken.

    Args:
        takes_best: whether they are those of the lowest validation loss (`callbacks`).
    """

    def __init__(self, *, takes_best: bool) -> None:
        self._takes_best = takes_best
        self._epochs = 0
        self._history = History()

    def stage_started(
        self, stage: str, *, epochs: int, images_per_epoch: int, images_done: int
    ) -> None:
        """Print what is trained on how much."""
        self._epochs = epochs
        length = "1 epoch" if epochs == 1 else f"{epochs} epochs"
        before = f", {images_done:,} of them before" if images_done else ""
        print(f"{stage}: {length} of {images_per_epoch:,} images{before}", flush=True)

    def epoch_ended(self, epoch: int, record: Mapping[str, float]) -> None:
        """Print the epoch's figures."""
        self._history.append(record)
        figures = ", ".join(
            f"{key} {value:.4f}" for key, value in record.items() if key not in _TIMES
        )
        number = f"{epoch:>{len(str(self._epochs))}}/{self._epochs}"
        print(f"epoch {number}: {figures} ({record['seconds']:.1f} s)", flush=True)

    def stage_ended(self) -> None:
        """Print after how many epochs it ended, and whose weights are taken."""
        done = self._history.epochs
        length = f"{done}" if done == self._epochs else f"{done} of {self._epochs}"
        taken = (
            f"those of epoch {self._history.best_epoch}, whose val_loss is lowest"
            if self._takes_best
            else "the last ones"
        )
        unit = "epoch" if self._epochs == 1 else "epochs"
        print(f"trained {length} {unit}; the weights are {taken}", flush=True)


def write_report(scores: Mapping[str, Any]) -> str:
    """Return the classification report of `evaluate_classification`'s scores as lines of text."""

    def write(value: float | None) -> str:
        return f"{'-' if value is None else format(value, '.3f'):>11}"

    width = max(len(name) for name in [*scores["per_class"], "accuracy"])
    lines = [f"{'':{width}}{'precision':>11}{'recall':>11}{'f1':>11}{'images':>11}"]
    for name, of in scores["per_class"].items():
        figures = "".join(write(of[key]) for key in ("precision", "recall", "f1"))
        lines.append(f"{name:{width}}{figures}{of['support']:>11,}")
    low, high = scores["accuracy_interval"]
    lines += [
        "",
        f"{'accuracy':{width}}{write(scores['accuracy'])}  (95% interval {low:.3f} to {high:.3f})",
        f"{'macro F1':{width}}{write(scores['macro_f1'])}",
        f"{'loss':{width}}{write(scores['loss'])}",
    ]
    return "\n".join(lines)
