"""Finished trainings: found in their run folder, and taken for finished only if they are whole."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from cae.checkpoints.weights import SavedModel, load_model, read_model, read_weights
from cae.config import AutoencoderConfig, ClassifierConfig, dump
from cae.data.splits import drop_labelled
from cae.differences import describe_differences
from cae.errors import CheckpointError, ConfigError
from cae.files import compute_sha256
from cae.models.autoencoder import Autoencoder
from cae.models.classifier import Classifier
from cae.run_folder import ModelFiles, RunFolder
from cae.training.history import History, read_history
from cae.training.saving import Trained
from cae.training.trainer import FitResult, Weights, copy_weights
from cae.wording import join


def identify(
    autoencoder_config: AutoencoderConfig,
    classifier_config: ClassifierConfig | None,
    *,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Return, as JSON values, what decides the result of a training: equal for equal trainings.

    Args:
        autoencoder_config: of the autoencoder, or of the one that the classifier's encoder is from.
        classifier_config: of the classifier; None for an autoencoder.
        about: what it is trained on, as passed to `save_autoencoder`.
    """
    config = {"autoencoder": dump(autoencoder_config)}
    if classifier_config is None:
        return {"config": config, **drop_labelled(about)}
    config["classifier"] = dump(classifier_config)
    return {"config": config, **about}


def find_autoencoder(
    folder: RunFolder, config: AutoencoderConfig, *, about: Mapping[str, Any]
) -> Trained[Autoencoder] | None:
    """Return the folder's finished autoencoder, or None if there is none.

    Args:
        folder: the run's folder.
        config: the configuration that it must have been trained with.
        about: what it must have been trained on, as passed to `save_autoencoder`.

    Raises:
        ConfigError: the folder holds a different one.
        CheckpointError: one of its files is missing or damaged.
    """
    return _find(folder, folder.autoencoder, identify(config, None, about=about))


def find_classifier(
    folder: RunFolder,
    autoencoder_config: AutoencoderConfig,
    config: ClassifierConfig,
    *,
    about: Mapping[str, Any],
) -> Trained[Classifier] | None:
    """Return the folder's finished classifier, or None if there is none; see `find_autoencoder`."""
    return _find(folder, folder.classifier, identify(autoencoder_config, config, about=about))


def require_whole_run(folder: RunFolder) -> None:
    """Refuse a run if a model, a history or any weights of it are missing or damaged.

    Raises:
        CheckpointError: naming the file.
    """
    for name in (folder.autoencoder, folder.classifier):
        _read(folder, name)


def _find(folder: RunFolder, name: str, identity: Mapping[str, Any]) -> Trained[Any] | None:
    return _read(folder, name, identity) if folder.model(name).json.exists() else None


def _read(folder: RunFolder, name: str, identity: Mapping[str, Any] | None = None) -> Trained[Any]:
    """Return the finished training of the model `name`; refuse one with another identity."""
    files = folder.model(name)
    with _remedy_told(folder, files):
        saved = read_model(files.json)
        if identity is not None:
            _require_same(saved, identity)
        if name == folder.autoencoder:  # The encoder is only written together with it.
            load_model(read_model(folder.model(folder.encoder).json))
        model = load_model(saved)
        return Trained(model, _read_fit(folder, files, saved, copy_weights(model)))


def _require_same(saved: SavedModel, identity: Mapping[str, Any]) -> None:
    kept = {key: saved.about.get(key) for key in identity if key != "config"}
    found = identify(saved.autoencoder_config, saved.classifier_config, about=kept)
    differences = describe_differences(found, identity)
    if differences:
        raise ConfigError(
            f"{saved.path}: there is already another model: {differences}; give another --out or "
            "--name to keep it, or --fresh to replace it"
        )


def _read_fit(folder: RunFolder, files: ModelFiles, saved: SavedModel, model: Weights) -> FitResult:
    history = History(read_history(folder.history(files.name))["metrics"])
    chosen = str(saved.about.get("weights"))
    checksum = saved.about.get("other_weights_sha256")
    best = last = model
    # Where nothing was validated there are no others: earlier versions wrote the same ones twice.
    if history.is_validated:
        other = files.other_weights("last" if chosen == "best" else "best")
        weights = read_weights(other)
        if checksum not in (None, compute_sha256(other)):
            raise CheckpointError(f"{other}: changed or damaged since it was written")
        best, last = (model, weights) if chosen == "best" else (weights, model)
    return FitResult(history, best, last, chosen, earlier_seconds=history.seconds)


@contextmanager
def _remedy_told(folder: RunFolder, files: ModelFiles) -> Generator[None]:
    try:
        yield
    except CheckpointError as error:
        # A classifier is worth nothing without the autoencoder that it was trained after.
        above = folder.model(folder.classifier)
        lost = [files, above] if files != above and above.json.exists() else [files]
        paths, names = join([str(each.json) for each in lost]), join([each.name for each in lost])
        raise CheckpointError(
            f"{files.name} is there, but not all of its files are intact: {error}; restore them, "
            f"or remove {paths} to train {names} again (--fresh: the whole command)"
        ) from None
