"""What training leaves on disk: models, the weights that were not chosen, histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import nn

from cae.checkpoints.weights import write_model, write_weights
from cae.config import AutoencoderConfig, ClassifierConfig, dump
from cae.files import compute_sha256, remove
from cae.models.autoencoder import Autoencoder
from cae.models.classifier import Classifier
from cae.run_folder import ModelFiles, RunFolder
from cae.training.history import write_history
from cae.training.trainer import FitResult

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Trained(Generic[Network]):
    """A trained model, which holds the chosen weights, and the history of its training."""

    model: Network
    fit: FitResult


def save_autoencoder(
    folder: RunFolder,
    trained: Trained[Autoencoder],
    config: AutoencoderConfig,
    *,
    about: Mapping[str, Any],
    name: str | None = None,
    encoder_name: str | None = None,
) -> None:
    """Write the autoencoder, its encoder in a file of its own, and the training history.

    Args:
        folder: the run's folder.
        trained: what `pretrain` returned.
        config: the configuration of the autoencoder.
        about: what it was trained on, for readers of the files.
        name: name of the model; None: `folder.autoencoder`.
        encoder_name: name of the encoder; None: `folder.encoder`.
    """
    model_files = folder.model(name or folder.autoencoder)
    encoder_files = folder.model(encoder_name or folder.encoder)
    # The model's own file is written last: if it is whole, so is the rest.
    rest = _write_rest(
        folder, model_files, trained.fit, stage="autoencoder", config=config, about=about
    )
    details = {**about, **rest}
    write_model(encoder_files, trained.model.encoder, autoencoder_config=config, about=details)
    write_model(model_files, trained.model, autoencoder_config=config, about=details)
    _drop_stale_weights(model_files, trained.fit)


def save_classifier(
    folder: RunFolder,
    trained: Trained[Classifier],
    autoencoder_config: AutoencoderConfig,
    config: ClassifierConfig,
    *,
    class_names: tuple[str, ...],
    about: Mapping[str, Any],
    name: str | None = None,
) -> None:
    """Write the classifier, its encoder included, and the training history.

    Args:
        folder: the run's folder.
        trained: what `finetune` returned.
        autoencoder_config: the configuration of the autoencoder, from which the encoder is built.
        config: the configuration of the classifier.
        class_names: the class names, in the order of the labels.
        about: what it was trained on, for readers of the files.
        name: name of the model; None: `folder.classifier`.
    """
    files = folder.model(name or folder.classifier)
    rest = _write_rest(folder, files, trained.fit, stage="classifier", config=config, about=about)
    write_model(
        files,
        trained.model,
        autoencoder_config=autoencoder_config,
        classifier_config=config,
        class_names=class_names,
        about={**about, **rest},
    )
    _drop_stale_weights(files, trained.fit)


def _write_rest(
    folder: RunFolder,
    files: ModelFiles,
    result: FitResult,
    *,
    stage: str,
    config: AutoencoderConfig | ClassifierConfig,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the weights that were not chosen, and the history; return facts for the model's JSON.

    Without validation there is no best epoch to choose, and there are only the last weights.
    """
    aside = None
    if result.history.is_validated:
        best, last = result.best_weights, result.last_weights
        which, weights = ("last", last) if result.chosen == "best" else ("best", best)
        write_weights(files.other_weights(which), weights)
        aside = compute_sha256(files.other_weights(which))
    write_history(
        folder.history(files.name),
        result.history,
        about={
            "name": files.name,
            "stage": stage,
            **about,
            "seed": config.seed,
            "config": dump(config),
        },
    )
    return {
        "weights": result.chosen,
        "epochs": result.history.epochs,
        "best_epoch": result.history.best_epoch,
        "other_weights_sha256": aside,
    }


def _drop_stale_weights(files: ModelFiles, result: FitResult) -> None:
    """Remove other weights that an earlier training under this name may have left.

    The chosen weights are the model's own, so a file of other weights by that name is not of this
    training.
    """
    for which in (result.chosen,) if result.history.is_validated else ("best", "last"):
        remove(files.other_weights(which))
