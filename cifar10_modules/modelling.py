"""The origin's model functions: configure, train, save, load, and evaluate.

Each calls the package. Files lie below the working directory in the origin's layout: models/,
history/ and plots/. Images are float32 [N, H, W, C] in [0, 1], labels one-hot [N, K].
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cae
from _arrays import Images, Labels, find_provenance, to_image_set
from _models import EpochLines, Model, write_report
from _plots import (
    load_history,
    open_folder,
    plot_confusion_matrix,
    plot_histories,
    plot_model_metrics,
    save_history,
    show_pictures,
)
from cae.checkpoints.weights import apply_weights
from cae.errors import CheckpointError, ConfigError
from cae.evaluation.metrics import evaluate_classification
from cae.files import write_json
from cae.models.autoencoder import Autoencoder, Encoder, make_autoencoder
from cae.models.classifier import make_classifier
from cae.presets import read_config_file
from cae.report.run_plots import draw_training
from cae.training.trainer import Weights
from cae.wording import suggest
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

Config = Mapping[str, Any]

_SHIPPED_CONFIG = re.compile(r"(autoencoder|classifier)_config_(\w+)\.json")


def load_config(filename: str) -> dict[str, Any]:
    """Return the configuration in a file, as a dictionary to change at will.

    Args:
        filename: of the JSON file, from the working directory. Where there is none and the name
            is that of a configuration that ships with the package, such as
            autoencoder_config_base.json, it is that one.

    Raises:
        ConfigError: there is no such file, or it is not a JSON object.
    """
    path = Path(filename)
    shipped = _SHIPPED_CONFIG.fullmatch(filename)
    if not shipped or path.exists():
        return read_config_file(path)
    section, preset = shipped.groups()
    if preset not in cae.preset_names():
        names = [f"{section}_config_{name}.json" for name in cae.preset_names()]
        raise ConfigError(f"{filename}: no such file, nor ships one{suggest(filename, names)}")
    config = getattr(cae.load_preset(preset), section)
    # Only the keys that stand in the file: a seed that nobody chose must not be one.
    return dict(sorted(config.model_dump(mode="json", exclude_unset=True).items()))


def save_config(config: Config, filename: str) -> None:
    """Write a configuration as JSON; `filename` is taken from the working directory.

    Raises:
        ConfigError: it holds a value that JSON does not have.
    """
    try:
        write_json(Path(filename), dict(config))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{filename}: the configuration cannot be saved: {error}") from None


def train_autoencoder(
    x_train: Images,
    x_val: Images,
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
        x_val: images to validate on.
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
    config = _parse_autoencoder(autoencoder_config)
    train, val = to_image_set(x_train, name="x_train"), to_image_set(x_val, name="x_val")
    trained = cae.pretrain(train, val, config, runtime=cae.choose_runtime(), progress=EpochLines())
    cae.save_autoencoder(
        folder,
        trained,
        config,
        about=_describe(x_train, train, val),
        name=autoencoder_filename,
        encoder_name=encoder_filename,
    )
    show_pictures(draw_training(folder, autoencoder_filename))
    return Model(autoencoder_filename, trained.model, config.image_shape)


def train_classifier(
    x_train: Images,
    x_val: Images,
    y_train: Labels,
    y_val: Labels,
    autoencoder_config: Config,
    classifier_config: Config,
    encoder_filename: str | None,
    classifier_filename: str,
    class_names: Sequence[str] | None = None,
) -> Model:
    """Train a classifier on a trained encoder, write it, and return it.

    Writes models/classifier_filename.json and .safetensors, history/classifier_filename.json, and
    the curves of loss and accuracy in plots/.

    Args:
        x_train: images to learn from.
        x_val: images to validate on.
        y_train: their one-hot labels.
        y_val: likewise.
        autoencoder_config: what the encoder was built by.
        classifier_config: the dictionary; keys left out take the origin's values.
        encoder_filename: under which `train_autoencoder` wrote the encoder; None starts from an
            untrained one.
        classifier_filename: a name without folder or ending.
        class_names: to keep with the model; None for those that `load_and_norm` gave with
            `x_train`, or numbers where it was not made by it.

    Raises:
        ConfigError: a key or value that is not allowed, names that cannot be, or images of
            another shape than the configurations' `image_shape`.
        DataError: arrays of another kind.
        CheckpointError: the encoder is missing, damaged, or not one of `autoencoder_config`.
        DivergedError: the loss became infinite or not a number.
    """
    folder = open_folder(classifier_filename, encoder_filename)
    autoencoder = _parse_autoencoder(autoencoder_config)
    config = _parse_classifier(classifier_config)
    if class_names is None:
        class_names = find_provenance(x_train).class_names
    train = to_image_set(x_train, y_train, name="x_train", class_names=class_names)
    val = to_image_set(x_val, y_val, name="x_val", class_names=train.class_names)
    trained = cae.finetune(
        train,
        val,
        autoencoder,
        config,
        encoder_weights=_load_encoder(encoder_filename),
        runtime=cae.choose_runtime(),
        progress=EpochLines(),
    )
    cae.save_classifier(
        folder,
        trained,
        autoencoder,
        config,
        class_names=train.class_names,
        about=_describe(x_train, train, val),
        name=classifier_filename,
    )
    show_pictures(draw_training(folder, classifier_filename))
    return Model(classifier_filename, trained.model, config.image_shape)


def classifier_predict_evaluate(
    x: Images, y: Labels, classifier: Model, class_names: Sequence[str]
) -> NDArray[np.float32]:
    """Print the classification report, draw the confusion matrix, return the probabilities [N, K].

    The confusion matrix goes into plots/, under the classifier's name. The predicted classes are
    `y_pred.argmax(axis=1)`.

    Raises:
        DataError: arrays that do not fit the classifier or each other.
    """
    images = to_image_set(x, y, name="x", class_names=class_names)
    probabilities = classifier.predict(x)
    assert images.labels is not None
    print(write_report(evaluate_classification(probabilities, images.labels, class_names)))
    plot_confusion_matrix(y, probabilities, class_names, f"{classifier.name}_confusion_matrix")
    return probabilities


def create_autoencoder(autoencoder_config: Config) -> Model:
    """Return an untrained autoencoder."""
    config = _parse_autoencoder(autoencoder_config)
    return Model("autoencoder", make_autoencoder(config), config.image_shape)


def create_classifier(
    autoencoder_config: Config,
    classifier_config: Config,
    encoder_filename: str | None = None,
    num_classes: int = 10,
) -> Model:
    """Return a classifier whose head is untrained, on a saved encoder or, for None, a fresh one.

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
    return Model("classifier", network, config.image_shape)


def load_saved_model(filename: str) -> Model:
    """Return the autoencoder or classifier in models/filename.json, with its weights.

    Raises:
        CheckpointError: it is missing, damaged, or an encoder, which alone predicts nothing.
    """
    saved = cae.read_model(open_folder(filename).model(filename).json)
    network = cae.load_model(saved)
    if isinstance(network, Encoder):
        raise CheckpointError(
            f"{saved.path}: an encoder alone predicts nothing; load its autoencoder, or build on "
            "it by create_classifier"
        )
    return Model(filename, network, saved.autoencoder_config.image_shape)


def _parse_autoencoder(config: Config) -> cae.AutoencoderConfig:
    return cae.parse_autoencoder_config(
        {"seed": session.seed, **config}, place="autoencoder_config"
    )


def _parse_classifier(config: Config) -> cae.ClassifierConfig:
    return cae.parse_classifier_config({"seed": session.seed, **config}, place="classifier_config")


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


def _describe(x_train: Images, train: cae.ImageSet, val: cae.ImageSet) -> dict[str, Any]:
    """Return what a model was trained on, for readers of its files."""
    return {
        "data": find_provenance(x_train).source,
        "images": {"train": len(train), "validation": len(val)},
    }
