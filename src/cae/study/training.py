"""One trial in its own run folder: trained or resumed, measured, and written with a checksum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cae.checkpoints.weights import load_model, read_model
from cae.config import AutoencoderConfig, dump
from cae.data.batches import EVALUATION_BATCH_SIZE, Batches
from cae.data.images import Dataset, ImageSet, Splits
from cae.data.splits import describe_flaws, draw_splits
from cae.errors import OccupiedError
from cae.evaluation.metrics import evaluate_classification
from cae.evaluation.predict import predict_probabilities
from cae.files import read_sealed_json, remove, write_sealed_json
from cae.models.autoencoder import Autoencoder
from cae.models.classifier import Classifier
from cae.pipeline.kept import Keeping, finetune_into, pretrain_into
from cae.run_folder import RunFolder, StudyFolder
from cae.runtime.device import Runtime, describe_environment
from cae.study.trials import Trial
from cae.training.history import History
from cae.training.objectives import ReconstructionObjective
from cae.training.progress import Progress
from cae.training.saving import Trained
from cae.training.trainer import evaluate_objective

# What a classifier's result repeats from that of its pretraining. If encoders are not kept, another
# machine trains one anew for later trials, which is not the one that this classifier is built on.
_OF_PRETRAINING = ("epochs", "seconds", "flops", "date", "environment")


def is_finished(trial: Trial, folder: StudyFolder) -> bool:
    """Return whether the trial is finished; a pretraining also needs its encoder to be there.

    Raises:
        CheckpointError: its result is damaged.
    """
    path = folder.result(trial.key)
    if not path.exists():
        return False
    read_sealed_json(path)
    run = folder.trial(trial.key)
    return trial.classifier is not None or run.model(run.encoder).json.exists()


def run_trial(
    trial: Trial,
    dataset: Dataset,
    folder: StudyFolder,
    *,
    runtime: Runtime,
    progress: Progress,
    keeping: Keeping,
) -> dict[str, Any]:
    """Carry out a trial, or resume it; write its result and return it.

    If another process has finished it meanwhile, that result is returned.

    Validation images are used during training only if the configuration chooses by them
    (`callbacks`), otherwise once after it. A classifier reads the test images once, after training.
    Of a classifier only the scores are kept, of a pretraining its encoder too.

    Args:
        trial: the trial.
        dataset: the data set that it uses.
        folder: the study's folder; it must hold the trial's pretraining, finished.
        runtime: device and precision.
        progress: receives the events of training.
        keeping: how often the state is saved, and what may stop the training.

    Raises:
        OccupiedError: another process is working on it.
        StoppedError: `keeping.stop_requested` returned true; the state is saved, unless the message
            says otherwise.
        CaeError: see also `cae.pretrain_into` and `cae.finetune_into`.
    """
    with folder.trial(trial.key).lock():
        if is_finished(trial, folder):  # by another process, since this one looked
            return read_sealed_json(folder.result(trial.key))
        splits = draw_splits(dataset, trial.data)
        train = _pretrain if trial.classifier is None else _finetune
        result = {
            "key": trial.key,
            **_describe(trial),
            **describe_flaws(splits.left_out, splits.test_copies),
            **train(trial, splits, folder, runtime, progress, keeping),
            "date": datetime.now(UTC).date().isoformat(),
            "environment": describe_environment(runtime),
        }
        write_sealed_json(folder.result(trial.key), result)
        remove(folder.failure(trial.key))
        _tidy(trial, folder)
        return result


def _pretrain(
    trial: Trial,
    splits: Splits,
    folder: StudyFolder,
    runtime: Runtime,
    progress: Progress,
    keeping: Keeping,
) -> dict[str, Any]:
    """Train a pretraining, or resume it; return its part of the result."""
    config = trial.autoencoder
    trained = pretrain_into(
        folder.trial(trial.key),
        _take_needed(splits, callbacks=config.callbacks),
        config,
        runtime=runtime,
        progress=progress,
        keeping=keeping,
    )
    assert splits.val is not None
    measured = _measure_reconstruction(trained.model, config, splits.val, runtime)
    return {**_describe_training(trained), "validation": measured}


def _finetune(
    trial: Trial,
    splits: Splits,
    folder: StudyFolder,
    runtime: Runtime,
    progress: Progress,
    keeping: Keeping,
) -> dict[str, Any]:
    """Train a classifier, or resume it; return its part of the result."""
    assert trial.classifier is not None
    encoder = checksum = pretraining = None
    if trial.pretraining is not None:
        run = folder.trial(trial.pretraining.key)
        saved = read_model(run.model(run.encoder).json)
        encoder, checksum = load_model(saved), saved.weights_sha256
        before = read_sealed_json(folder.result(trial.pretraining.key))
        pretraining = {name: before[name] for name in _OF_PRETRAINING} | {
            "encoder_sha256": checksum
        }
    trained = finetune_into(
        folder.trial(trial.key),
        _take_needed(splits, callbacks=trial.classifier.callbacks),
        trial.autoencoder,
        trial.classifier,
        encoder_weights=None if encoder is None else encoder.state_dict(),
        encoder_sha256=checksum,
        runtime=runtime,
        progress=progress,
        keeping=keeping,
    )
    assert splits.val is not None
    # From here on the test images are read, once, and nothing is chosen any more.
    return {
        **_describe_training(trained),
        "pretraining": pretraining,
        "validation": _measure_classification(trained.model, splits.val, runtime),
        "test": _measure_classification(trained.model, splits.test, runtime),
    }


def _take_needed(splits: Splits, *, callbacks: bool) -> Splits:
    return splits if callbacks else replace(splits, val=None)


def _describe(trial: Trial) -> dict[str, Any]:
    before = trial.pretraining
    return {
        "data": trial.source,
        "config": {
            "data": dump(trial.data),
            "autoencoder": dump(trial.autoencoder),
            "classifier": None if trial.classifier is None else dump(trial.classifier),
        },
        "seed": trial.autoencoder.seed,
        "pretraining_key": None if before is None else before.key,
        "flops": trial.flops,
    }


def _describe_training(
    trained: Trained[Autoencoder] | Trained[Classifier],
) -> Mapping[str, Any]:
    history: History = trained.fit.history
    return {
        "epochs": history.epochs,
        "best_epoch": history.best_epoch,
        "weights": trained.fit.chosen,
        "seconds": round(history.seconds, 3),
    }


def _measure_classification(
    model: Classifier, images: ImageSet, runtime: Runtime
) -> dict[str, Any]:
    assert images.labels is not None
    probabilities = predict_probabilities(model, images, runtime=runtime)
    return evaluate_classification(probabilities, images.labels, images.class_names)


def _measure_reconstruction(
    model: Autoencoder, config: AutoencoderConfig, images: ImageSet, runtime: Runtime
) -> dict[str, float]:
    """Return the loss and the error of what the autoencoder was trained to predict."""
    runtime.place(model)
    batches = Batches(images, runtime=runtime, batch_size=EVALUATION_BATCH_SIZE)
    return evaluate_objective(model, ReconstructionObjective(config), batches, runtime=runtime)


def tidy_up(trials: Iterable[Trial], folder: StudyFolder) -> None:
    """Remove the weights of finished trials that a killed process could not remove."""
    for trial in trials:
        run = folder.trial(trial.key)
        if run.model(_name_model(trial, run)).json.exists() and is_finished(trial, folder):
            with suppress(OccupiedError), run.lock():
                _tidy(trial, folder)


def _tidy(trial: Trial, folder: StudyFolder) -> None:
    """Remove all weights of a finished trial except a pretraining's encoder."""
    run = folder.trial(trial.key)
    run.drop_weights(_name_model(trial, run))


def _name_model(trial: Trial, run: RunFolder) -> str:
    """Return the name of the model that a trial trains but does not keep."""
    return run.autoencoder if trial.classifier is None else run.classifier
