"""Keras 3 with the same layers, on the backend that the variable KERAS_BACKEND names."""

# The checks run without the extra that brings Keras.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from benchmarks.timing import Step
from benchmarks.workload import BATCH_SIZE, make_labels, make_pixels
from cae.errors import MissingExtraError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    import keras
    from keras import layers
except ImportError as error:
    raise MissingExtraError(
        f"{error}; the peers of the benchmark are in the extra: pip install "
        "'cifar10-classification-autoencoder[bench]', or `make bench`"
    ) from error


def add_units(x: Any, *filters: int) -> Any:
    """Return `x` after 3x3 convolution, ReLU and batch norm with each of these `filters`."""
    for count in filters:
        x = layers.Conv2D(count, 3, padding="same", activation="relu")(x)
        x = layers.BatchNormalization()(x)
    return x


def make_encoder() -> Any:
    """Return the origin's encoder: [N, 32, 32, 3] to [N, 8, 8, 128]."""
    images = x = layers.Input((32, 32, 3))
    for filters, pool in ((32, True), (64, True), (128, False)):
        x = add_units(x, filters, filters)
        if pool:
            x = layers.MaxPooling2D()(x)
        x = layers.Dropout(0.2)(x)
    return keras.Model(images, x)


def make_autoencoder() -> Any:
    """Return the origin's autoencoder, compiled."""
    images = layers.Input((32, 32, 3))
    x = add_units(make_encoder()(images), 128, 128)
    x = layers.UpSampling2D()(add_units(x, 64, 64))
    x = layers.UpSampling2D()(add_units(x, 32, 32))
    x = layers.Conv2D(3, 3, padding="same", activation="sigmoid")(x)
    model = keras.Model(images, x)
    model.compile(optimizer=keras.optimizers.Adam(0.001), loss="mean_squared_error")
    return model


def make_classifier(*, augmented: bool) -> Any:
    """Return the origin's classifier on a frozen encoder, compiled.

    Args:
        augmented: whether Keras's layers for the origin's augmentation come first.
    """
    images = x = layers.Input((32, 32, 3))
    if augmented:
        for layer in (
            layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
            layers.RandomRotation(40 / 360, fill_mode="nearest"),
            layers.RandomZoom(0.1, 0.1, fill_mode="nearest"),
            layers.RandomFlip("horizontal"),
        ):
            x = layer(x)
    encoder = make_encoder()
    encoder.trainable = False
    x = layers.MaxPooling2D()(add_units(encoder(x, training=False), 128))
    x = layers.Flatten()(x)
    for width in (128, 64):
        x = layers.BatchNormalization()(layers.Dense(width, activation="relu")(x))
    x = layers.Dense(10, activation="softmax")(x)
    model = keras.Model(images, x)
    model.compile(optimizer=keras.optimizers.Adam(0.001), loss="categorical_crossentropy")
    return model


def time_autoencoder_fit(*, steps: int) -> float:
    """Return the seconds of a step while `fit` trains the autoencoder."""
    x = _make_images()
    return _time_fit(make_autoencoder(), x, x, steps=steps)


def time_classifier_fit(*, steps: int) -> float:
    """Return the seconds of a step while `fit` trains the classifier with its augmentation."""
    labels = np.eye(10, dtype=np.float32)[make_labels()]
    return _time_fit(make_classifier(augmented=True), _make_images(), labels, steps=steps)


def make_predictor(batch_size: int) -> Step:
    """Return the classification of `batch_size` images."""
    model = make_classifier(augmented=False)
    images = _make_images()[:batch_size]
    return lambda: model.predict_on_batch(images)


class _Clock(keras.callbacks.Callback):
    """Notes when each batch ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note the time."""
        del batch, logs
        self.ends.append(time.perf_counter())


def _time_fit(model: Any, x: Any, y: Any, *, steps: int, warmup: int = 5) -> float:
    clock, count = _Clock(), BATCH_SIZE * (steps + warmup)
    while len(clock.ends) < steps + warmup:  # Once, unless there are more steps than batches.
        model.fit(x[:count], y[:count], batch_size=BATCH_SIZE, verbose=0, callbacks=[clock])
    return (clock.ends[warmup + steps - 1] - clock.ends[warmup - 1]) / steps


def _make_images() -> Any:
    return make_pixels().transpose(0, 2, 3, 1).astype(np.float32) / 255
