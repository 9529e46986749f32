"""The two stages in a run folder: resumed where they stopped, and not repeated when finished."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cae.checkpoints.state import StateFiles
from cae.checkpoints.weights import read_model
from cae.config import AutoencoderConfig, ClassifierConfig, RunConfig
from cae.data.images import Splits, compute_sha256
from cae.data.splits import describe_flaws, describe_splits
from cae.errors import CheckpointError, ConfigError
from cae.files import read_sealed_json, write_sealed_json
from cae.models.autoencoder import Autoencoder
from cae.models.classifier import Classifier
from cae.pipeline.requirements import require_finetunable, require_pretrainable
from cae.pipeline.stages import SILENT, finetune, pretrain
from cae.run_folder import RunFolder
from cae.runtime.device import Runtime, describe_environment
from cae.training.finished import find_autoencoder, find_classifier, identify
from cae.training.progress import Progress
from cae.training.saving import Network, Trained, save_autoencoder, save_classifier
from cae.training.trainer import Checkpoints, Weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a training in a run folder saves its state, and what may stop it.

    Attributes:
        every_seconds: the least time between two saves of the training's state.
        stop_requested: called after each step and each validation batch; once it returns true,
            training saves its state and stops.
    """

    every_seconds: float = 30.0
    stop_requested: Callable[[], bool] = lambda: False


KEEPING = Keeping()


def pretrain_into(
    folder: RunFolder,
    splits: Splits,
    config: AutoencoderConfig,
    *,
    runtime: Runtime,
    progress: Progress = SILENT,
    keeping: Keeping = KEEPING,
    fresh: bool = False,
) -> Trained[Autoencoder]:
    """Return the folder's autoencoder: loaded if it is finished there, else trained and saved.

    An interrupted training resumes from its latest saved state. On the CPU it then ends with the
    same bytes as if it had never been interrupted.

    Args:
        folder: the run's folder.
        splits: the images, from `make_splits`.
        config: the configuration of the autoencoder.
        runtime: device and precision.
        progress: receives the events of training.
        keeping: how often the state is saved, and what may stop the training.
        fresh: start over, and replace what the folder holds under the run's name.

    Raises:
        ConfigError: the folder holds a different autoencoder of that name, or the state of a
            different training.
        CheckpointError: what the folder holds is damaged, or files cannot be written.
        StoppedError: `keeping.stop_requested` returned true; the state is saved, unless the message
            says otherwise.
        CaeError: see also `cae.pretrain`.
    """
    # Checked before `fresh` removes what is there.
    require_pretrainable(config, splits.train, splits.val)
    about = describe_images(splits)

    def train(checkpoints: Checkpoints) -> Trained[Autoencoder]:
        return pretrain(
            splits.pretraining,
            splits.val,
            config,
            runtime=runtime,
            progress=progress,
            checkpoints=checkpoints,
        )

    with folder.lock():
        if fresh:
            start_over(folder, folder.autoencoder, folder.encoder)
        return _train_once(
            _Stage("autoencoder", folder, folder.autoencoder, runtime, progress, keeping),
            identity=identify(config, None, about=about),
            find=lambda: find_autoencoder(folder, config, about=about),
            train=train,
            save=lambda trained: save_autoencoder(
                folder, trained, config, about={**about, **_describe_files(splits)}
            ),
        )


def finetune_into(
    folder: RunFolder,
    splits: Splits,
    autoencoder_config: AutoencoderConfig,
    config: ClassifierConfig,
    *,
    encoder_weights: Weights | None,
    encoder_sha256: str | None,
    runtime: Runtime,
    progress: Progress = SILENT,
    keeping: Keeping = KEEPING,
    fresh: bool = False,
) -> Trained[Classifier]:
    """Return the folder's classifier: loaded if it is finished there, else trained and saved.

    Args:
        folder: the run's folder.
        splits: the images, with labels, from `make_splits`.
        autoencoder_config: the configuration of the autoencoder, from which the encoder is built.
        config: the configuration of the classifier.
        encoder_weights: the pretrained encoder's, or None for the control from scratch.
        encoder_sha256: SHA-256 of the file that these weights come from, or None. A classifier on
            another encoder counts as a different one.
        runtime: device and precision.
        progress: receives the events of training.
        keeping: how often the state is saved, and what may stop the training.
        fresh: start over, and replace what the folder holds under the run's name.

    Raises:
        CaeError: as in `pretrain_into` and `cae.finetune`.
    """
    require_finetunable(
        autoencoder_config, config, splits.labelled, splits.val, encoder_weights=encoder_weights
    )
    about = describe_labelled(splits, encoder_sha256)

    def train(checkpoints: Checkpoints) -> Trained[Classifier]:
        return finetune(
            splits.labelled,
            splits.val,
            autoencoder_config,
            config,
            encoder_weights=encoder_weights,
            runtime=runtime,
            progress=progress,
            checkpoints=checkpoints,
        )

    def save(trained: Trained[Classifier]) -> None:
        save_classifier(
            folder,
            trained,
            autoencoder_config,
            config,
            class_names=splits.train.class_names,
            about={**about, **_describe_files(splits)},
        )

    with folder.lock():
        if fresh:
            start_over(folder, folder.classifier)
        return _train_once(
            _Stage("classifier", folder, folder.classifier, runtime, progress, keeping),
            identity=identify(autoencoder_config, config, about=about),
            find=lambda: find_classifier(folder, autoencoder_config, config, about=about),
            train=train,
            save=save,
        )


def start_over(folder: RunFolder, *models: str) -> None:
    """Remove these models, except their chosen weights, their states and the run's evaluation."""
    _drop_evaluation(folder)
    for model in models:
        folder.drop_model(model)


def describe_images(splits: Splits) -> dict[str, Any]:
    """Return what a stage is trained on: the splits, and a checksum of their images."""
    return {**describe_splits(splits), "images_sha256": splits.images_sha256}


def describe_labelled(splits: Splits, encoder_sha256: str | None) -> dict[str, Any]:
    """Return what a classifier is trained on: images, encoder, and which labels, if not all."""
    about = {**describe_images(splits), "encoder_sha256": encoder_sha256}
    if len(splits.labelled) < len(splits.train):
        about["labelled_sha256"] = compute_sha256(splits.labelled)
    return about


def _describe_files(splits: Splits) -> dict[str, Any]:
    """Return facts about the files of a user's own pictures; they do not identify a model."""
    known = {"pictures_sha256": dict(splits.pictures_sha256)} if splits.pictures_sha256 else {}
    return {**describe_flaws(splits.left_out, splits.test_copies), **known}


def require_no_other_training(
    folder: RunFolder, config: RunConfig, splits: Splits, runtime: Runtime
) -> None:
    """Refuse a folder with other models under these names now, not after hours of training.

    Raises:
        ConfigError: the folder holds a different autoencoder or classifier, finished or not.
        CheckpointError: a file of a finished model is missing or damaged.
    """
    about, conditions = describe_images(splits), describe_environment(runtime)
    identity = identify(config.autoencoder, None, about=about)
    states = StateFiles(folder, folder.autoencoder, identity, conditions)
    pretrained = None
    if not states.require_same():
        pretrained = find_autoencoder(folder, config.autoencoder, about=about)
    if pretrained is None:
        _require_no_classifier(folder)
        return
    encoder = read_model(folder.model(folder.encoder).json).weights_sha256
    about = describe_labelled(splits, encoder)
    identity = identify(config.autoencoder, config.classifier, about=about)
    if not StateFiles(folder, folder.classifier, identity, conditions).require_same():
        find_classifier(folder, config.autoencoder, config.classifier, about=about)


def _require_no_classifier(folder: RunFolder) -> None:
    there = [folder.model(folder.classifier).json, *folder.find_states(folder.classifier)]
    for path in there:
        if path.exists():
            raise ConfigError(
                f"{path}: there is already a classifier, but not its autoencoder; give another "
                "--out to keep it, remove it, or give --fresh to start over"
            )


@dataclass(frozen=True, slots=True)
class _Stage:
    name: str
    folder: RunFolder
    model: str
    runtime: Runtime
    progress: Progress
    keeping: Keeping


def _train_once(
    stage: _Stage,
    *,
    identity: Mapping[str, Any],
    find: Callable[[], Trained[Network] | None],
    train: Callable[[Checkpoints], Trained[Network]],
    save: Callable[[Trained[Network]], None],
) -> Trained[Network]:
    """Return the finished training if there is one; else resume it, or begin it."""
    folder, keeping = stage.folder, stage.keeping
    states = StateFiles(folder, stage.model, identity, describe_environment(stage.runtime))
    latest = states.read()
    if latest is None:
        finished = find()
        if finished is not None:
            stage.progress.stage_skipped(stage.name)
            return finished
    _write_environment(folder, stage.runtime)
    trained = train(Checkpoints(states, latest, keeping.every_seconds, keeping.stop_requested))
    _drop_evaluation(folder)
    save(trained)
    states.drop()  # Only when everything is written: until then they are all there is.
    return trained


def _drop_evaluation(folder: RunFolder) -> None:
    """Remove the evaluation of this run, whose model is replaced; that of another run stays."""
    try:
        evaluation = read_sealed_json(folder.evaluation)
    except CheckpointError:
        return
    if evaluation.get("name") == folder.name:
        folder.drop_evaluation()


def _write_environment(folder: RunFolder, runtime: Runtime) -> None:
    """Write date and conditions, or add them to those of earlier work in the folder."""
    now = {"date": datetime.now(UTC).date().isoformat(), **describe_environment(runtime)}
    first = _read_first_environment(folder)
    if first is not None:
        continued = first.pop("continued", [])
        if now not in (first, *continued):
            continued = [*continued, now]
        now = {**first, "continued": continued} if continued else first
    write_sealed_json(folder.environment, now)


def _read_first_environment(folder: RunFolder) -> dict[str, Any] | None:
    """Return the conditions recorded so far; None if there are none, or they are damaged."""
    if not folder.environment.exists():
        return None
    try:
        return read_sealed_json(folder.environment)
    except CheckpointError as error:  # No reason to refuse to resume a training.
        logger.warning("%s; recording only the conditions of today", error)
        return None
