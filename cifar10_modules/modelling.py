"""The origin's model functions: configure, train, save, load, and evaluate.

Each calls the package. Files lie below the working directory in the origin's layout: models/,
history/ and plots/. Images are float32 [N, H, W, C] in [0, 1], labels one-hot [N, K]. Device and
precision are the fastest that the machine has, unless the environment variables CAE_DEVICE and
CAE_PRECISION say otherwise.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cae
from _arrays import Images, Labels, Provenance, find_provenance, to_image_set, to_plain
from _files import (
    Config,
    load_config,
    load_history,
    open_folder,
    require_writable,
    save_config,
    save_history,
)
from _models import EpochLines, Model, choose_runtime, write_report
from _plots import plot_confusion_matrix, plot_histories, plot_model_metrics, show_pictures
from cae.checkpoints.weights import apply_weights
from cae.errors import CheckpointError, DataError
from cae.evaluation.metrics import evaluate_classification
from cae.models.autoencoder import Autoencoder, Encoder, make_autoencoder
from cae.models.classifier import make_classifier
from cae.report import figures
from cae.report.figures.run_plots import draw_training
from cae.run_folder import require_model_name
from cae.training.trainer import Weights
from dataset import session, set_random_seeds

__all__ = [
    "classifier_predict_evaluate",
    "create_autoencoder",
    "create_classifier",
    "load_config",
    "load_history",
    "load_saved_model",
    "plot_confusion_matrix",
    "plot_histories",
    "plot_model_metrics",
    "save_config",
    "save_history",
    "set_random_seeds",
    "train_autoencoder",
    "train_classifier",
]


def train_autoencoder(
    x_train: Images,
    x_val: Images | None,
    autoencoder_config: Config,
    autoencoder_filename: str,
    encoder_filename: str,
) -> Model:
    """Train an autoencoder, write it, and return it.

    Writes models/autoencoder_filename.json and .safetensors, the same of the encoder alone under
    encoder_filename, history/autoencoder_filename.json, and the loss curves in plots/. The weights
    of the epoch that was not chosen lie beside the model.

    Args:
        x_train: images to learn from.
        x_val: images to validate on; None: none, and `callbacks` must be off.
        autoencoder_config: the dictionary; keys left out take the origin's values.
        autoencoder_filename: a name without folder or ending.
        encoder_filename: likewise.

    Raises:
        ConfigError: a key or value that is not allowed, names that cannot be, or images of
            another shape than the configuration's `image_shape`.
        DataError: arrays of another kind.
        DivergedError: the loss became infinite or not a number.
    """
    folder = open_folder(autoencoder_filename, encoder_filename)
    for name in (autoencoder_filename, encoder_filename):
        require_model_name(name)
    config = _parse_autoencoder(autoencoder_config)
    train = to_image_set(x_train, name="x_train")
    val = None if x_val is None else to_image_set(x_val, name="x_val")
    require_writable(folder)
    trained = cae.pretrain(
        train,
        val,
        config,
        runtime=choose_runtime(),
        progress=EpochLines(takes_best=config.callbacks),
    )
    cae.save_autoencoder(
        folder,
        trained,
        config,
        about=_describe(find_provenance(x_train, x_val), train, val),
        name=autoencoder_filename,
        encoder_name=encoder_filename,
    )
    show_pictures(draw_training(folder, autoencoder_filename))
    return Model(autoencoder_filename, trained.model, config.image_shape)


def train_classifier(
    x_train: Images,
    x_val: Images | None,
    y_train: Labels,
    y_val: Labels | None,
    autoencoder_config: Config,
    classifier_config: Config,
    encoder_filename: str | None,
    classifier_filename: str,
    *,
    class_names: Sequence[str] | None = None,
) -> Model:
    """Train a classifier on a trained encoder, write it, and return it.

    Writes models/classifier_filename.json and .safetensors, history/classifier_filename.json, and
    the curves of loss and accuracy in plots/.

    Args:
        x_train: images to learn from.
        x_val: images to validate on; None: none, and `callbacks` must be off.
        y_train: one-hot labels of `x_train`.
        y_val: those of `x_val`; None as it is.
        autoencoder_config: what the encoder was built by.
        classifier_config: the dictionary; keys left out take the origin's values.
        encoder_filename: under which `train_autoencoder` wrote the encoder; None starts from an
            untrained one.
        classifier_filename: a name without folder or ending.
        class_names: to keep with the model; None for those that one of the arrays was loaded with.
            Slices of an array keep them, and copies (`x_train[order]`) do not; where they are not
            known, numbers are kept in their place, with a warning.

    Raises:
        ConfigError: a key or value that is not allowed, names that cannot be, or images of
            another shape than the configurations' `image_shape`.
        DataError: arrays of another kind.
        CheckpointError: the encoder is missing, damaged, or not one of `autoencoder_config`.
        DivergedError: the loss became infinite or not a number.
    """
    folder = open_folder(classifier_filename, encoder_filename)
    require_model_name(classifier_filename)
    autoencoder = _parse_autoencoder(autoencoder_config)
    config = _parse_classifier(classifier_config)
    provenance = find_provenance(x_train, y_train, x_val, y_val)
    if class_names is None:
        class_names = _choose_names(provenance, y_train)
    train = to_image_set(x_train, y_train, name="x_train", class_names=class_names)
    val = None
    if x_val is not None and y_val is not None:
        val = to_image_set(x_val, y_val, name="x_val", class_names=train.class_names)
    elif x_val is not None or y_val is not None:
        raise DataError("x_val and y_val: expected both, or None for both")
    require_writable(folder)
    trained = cae.finetune(
        train,
        val,
        autoencoder,
        config,
        encoder_weights=_load_encoder(encoder_filename),
        runtime=choose_runtime(),
        progress=EpochLines(takes_best=config.callbacks),
    )
    cae.save_classifier(
        folder,
        trained,
        autoencoder,
        config,
        class_names=train.class_names,
        about=_describe(provenance, train, val),
        name=classifier_filename,
    )
    show_pictures(draw_training(folder, classifier_filename))
    return Model(classifier_filename, trained.model, config.image_shape)


def classifier_predict_evaluate(
    x: Images,
    y: Labels,
    classifier: Model,
    class_names: Sequence[str],
    *,
    filename: str | None = None,
) -> NDArray[np.float32]:
    """Print the classification report, draw the confusion matrix, return predictions [N, K].

    The predictions are one-hot; `classifier.predict` gives the probabilities behind them.

    Args:
        x: images, as `Model.predict` takes them.
        y: their one-hot labels.
        classifier: trained or loaded.
        class_names: K names.
        filename: of the confusion matrix in plots/; None for NAME_confusion_matrix, with the
            classifier's name, which replaces that of an earlier call.

    Raises:
        DataError: arrays that do not fit the classifier or each other.
    """
    name = filename or f"{classifier.name}_confusion_matrix"
    path = open_folder(name).plot(name)
    images = to_image_set(x, y, name="x", class_names=class_names)
    probabilities = classifier.predict(x)
    assert images.labels is not None
    scores = evaluate_classification(probabilities, images.labels, class_names)
    print(write_report(scores))
    title = f"Confusion matrix on {len(images):,} images: {scores['accuracy']:.1%} correct"
    matrix = scores["confusion_matrix"]
    show_pictures([figures.plot_confusion_matrix(matrix, class_names, path, title=title)])
    return np.eye(len(class_names), dtype=np.float32)[probabilities.argmax(axis=1)]


def create_autoencoder(autoencoder_config: Config) -> Model:
    """Return an untrained autoencoder."""
    config = _parse_autoencoder(autoencoder_config)
    return Model("autoencoder", make_autoencoder(config), config.image_shape)


def create_classifier(
    autoencoder_config: Config,
    classifier_config: Config,
    encoder_filename: str | None = None,
    classifier_filename: str = "classifier",
    *,
    num_classes: int = 10,
) -> Model:
    """Return a classifier whose head is untrained, on a saved encoder or, for None, a fresh one.

    It is called `classifier_filename`; nothing is written.

    Raises:
        ConfigError: a key or value that is not allowed, or stages that do not fit together.
        CheckpointError: the encoder is missing, damaged, or not one of `autoencoder_config`.
    """
    config = _parse_classifier(classifier_config)
    network = make_classifier(
        _parse_autoencoder(autoencoder_config), config, num_classes=num_classes
    )
    weights = _load_encoder(encoder_filename)
    if weights is not None:
        apply_weights(network.encoder, weights, place=f"encoder {encoder_filename}")
    return Model(classifier_filename, network, config.image_shape)


def load_saved_model(filename: str) -> Model:
    """Return the autoencoder, encoder or classifier in models/filename.json, with its weights.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    saved = cae.read_model(open_folder(filename).model(filename).json)
    return Model(filename, cae.load_model(saved), saved.autoencoder_config.image_shape)


def _parse_autoencoder(config: Config) -> cae.AutoencoderConfig:
    values = {"seed": session.seed, **to_plain(config)}
    return cae.parse_autoencoder_config(values, place="autoencoder_config")


def _parse_classifier(config: Config) -> cae.ClassifierConfig:
    values = {"seed": session.seed, **to_plain(config)}
    return cae.parse_classifier_config(values, place="classifier_config")


def _load_encoder(filename: str | None) -> Weights | None:
    """Return the weights of models/filename.json, an encoder or an autoencoder."""
    if filename is None:
        return None
    saved = cae.read_model(open_folder(filename).model(filename).json)
    network = cae.load_model(saved)
    if isinstance(network, Autoencoder):
        network = network.encoder
    if not isinstance(network, Encoder):
        raise CheckpointError(f"{saved.path}: is a {saved.kind}; name a trained encoder")
    return network.state_dict()


def _choose_names(provenance: Provenance, y_train: Labels) -> tuple[str, ...] | None:
    """Return the names that the labels were loaded with; None, with a warning, if not known."""
    names = provenance.class_names
    if y_train.ndim != 2:  # These are no labels, which is told elsewhere.
        return None
    if names is not None and y_train.shape[1] == len(names):
        return names
    warnings.warn(
        "the names of the classes are not known, for the arrays are neither those that load_data "
        "returns nor slices of them: the model keeps numbers in their place; give class_names=",
        stacklevel=3,
    )
    return None


def _describe(
    provenance: Provenance, train: cae.ImageSet, val: cae.ImageSet | None
) -> dict[str, Any]:
    """Return what a model was trained on, for readers of its files."""
    return {
        "data": provenance.source,
        "images": {"train": len(train), "validation": 0 if val is None else len(val)},
    }
