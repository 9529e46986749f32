"""The whole experiment: both stages in one folder, then their scores on the test images."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from cae.checkpoints.weights import read_model
from cae.config import RunConfig, dump, parse_section
from cae.data.images import Dataset, ImageSet, Splits
from cae.data.splits import (
    describe_flaws,
    describe_splits,
    find_thinned_classes,
    make_splits,
)
from cae.differences import describe_differences
from cae.errors import CheckpointError, ConfigError
from cae.evaluation.masked import evaluate_autoencoder
from cae.evaluation.metrics import evaluate_classification
from cae.evaluation.predict import predict_probabilities, reconstruct
from cae.evaluation.samples import (
    MistakeSamples,
    ReconstructionSamples,
    collect_mistakes,
    collect_reconstructions,
)
from cae.files import read_sealed_json, remove, write_sealed_json
from cae.models.autoencoder import Autoencoder
from cae.models.blocks import count_parameters
from cae.models.classifier import Classifier
from cae.pipeline.kept import (
    KEEPING,
    Keeping,
    finetune_into,
    pretrain_into,
    require_no_other_training,
    start_over,
)
from cae.pipeline.requirements import require_finetunable, require_pretrainable
from cae.pipeline.stages import SILENT
from cae.run_folder import RunFolder
from cae.runtime.device import Runtime
from cae.training.progress import Progress
from cae.training.saving import Trained
from cae.training.trainer import FitResult


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """The results of a run.

    Attributes:
        folder: the folder that everything was written to.
        evaluation: the content of evaluation.json.
        reconstructions: some test images and their reconstructions.
        mistakes: the wrongly classified test images with the most confident predictions.
    """

    folder: RunFolder
    evaluation: Mapping[str, Any]
    reconstructions: ReconstructionSamples
    mistakes: MistakeSamples


def run(
    config: RunConfig,
    dataset: Dataset,
    *,
    out: str | Path,
    name: str,
    runtime: Runtime,
    progress: Progress = SILENT,
    keeping: Keeping = KEEPING,
    fresh: bool = False,
) -> RunResult:
    """Run the whole experiment and write its models, histories and evaluation under `out`.

    If the folder holds the same run, unfinished, that run is resumed, and stages that are finished
    are not repeated.

    Args:
        config: everything that decides the result.
        dataset: from `load_dataset`.
        out: folder of the run; made if missing.
        name: name of the run. The names of its models end with it: `autoencoder_NAME`,
            `encoder_NAME`, `classifier_NAME`.
        runtime: device and precision.
        progress: receives the events of training.
        keeping: how often the state is saved, and what may stop the training.
        fresh: start over, and replace what the folder holds under that name.

    Raises:
        ConfigError: `out` cannot be written, or it holds another run.
        OccupiedError: (a ConfigError) another process is working in `out`.
        CheckpointError: what the folder holds is damaged, or files cannot be written.
        StoppedError: `keeping.stop_requested` returned true; the state is saved, unless the message
            says otherwise.
        CaeError: see also `pretrain` and `finetune`.
    """
    started = time.perf_counter()
    folder = RunFolder(out, name)
    splits = make_splits(dataset, config.data)
    # Refuse what cannot work before anything is written or removed.
    require_pretrainable(config.autoencoder, splits.train, splits.val)
    require_finetunable(config.autoencoder, config.classifier, splits.labelled, splits.val)
    about = describe_splits(splits)
    description = describe_run(config, source=splits.source, name=name)
    with folder.lock():
        if fresh:
            _require_same_name(folder)
            start_over(folder, folder.autoencoder, folder.encoder, folder.classifier)
            remove(folder.environment)
        else:
            require_same_run(folder, description)
            require_no_other_training(folder, config, splits, runtime)
        # While it trains, the folder must not look like that of a finished run.
        folder.drop_evaluation()
        write_sealed_json(folder.configuration, description)
        pretrained = pretrain_into(
            folder,
            splits,
            config.autoencoder,
            runtime=runtime,
            progress=progress,
            keeping=keeping,
        )
        finetuned = finetune_into(
            folder,
            splits,
            config.autoencoder,
            config.classifier,
            encoder_weights=pretrained.model.encoder.state_dict(),
            encoder_sha256=read_model(folder.model(folder.encoder).json).weights_sha256,
            runtime=runtime,
            progress=progress,
            keeping=keeping,
        )
        facts = {
            "name": name,
            **about,
            **describe_flaws(splits.left_out, splits.test_copies),
            "fallback_reason": dataset.fallback_reason,
            "thinned_classes": list(find_thinned_classes(dataset, config.data)),
            "seeds": {section: values["seed"] for section, values in dump(config).items()},
            "parameters": count_parameters(finetuned.model),
        }
        # From here on the test images are read, once, and nothing is chosen any more.
        return _evaluate(
            folder, facts, pretrained, finetuned, splits, runtime=runtime, started=started
        )


def describe_run(config: RunConfig, *, source: str, name: str) -> dict[str, Any]:
    """Return what decides a run's result, as in run.json; it is equal for equal runs."""
    return {"name": name, "data": source, "config": dump(config)}


def require_same_run(folder: RunFolder, description: Mapping[str, Any]) -> None:
    """Refuse a folder that holds a run other than the one described, finished or not.

    Raises:
        ConfigError: the folder holds another run; the message says what differs.
        CheckpointError: the folder's run.json is damaged.
    """
    if not folder.configuration.exists():
        return
    try:
        there = read_sealed_json(folder.configuration)
    except CheckpointError as error:
        raise CheckpointError(f"{error}; or remove it and give the same command again") from None
    differences = describe_differences(_complete(there), dict(description))
    if differences:
        raise ConfigError(
            f"{folder.root}: holds another run: {differences}; give another --out to keep it, or "
            "--fresh to replace it"
        )


def read_checksums(folder: RunFolder) -> dict[str, str]:
    """Return the SHA-256 of the weights of the run's autoencoder and classifier, by these names.

    Raises:
        CheckpointError: one of the two models is missing or damaged.
    """
    models = {"autoencoder": folder.autoencoder, "classifier": folder.classifier}
    return {
        kind: read_model(folder.model(name).json).weights_sha256 for kind, name in models.items()
    }


def _complete(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description, with keys that it lacks, added by later versions, at defaults."""
    try:
        config = cast("dict[str, Any]", description["config"])
        return {**description, "config": dump(parse_section(RunConfig, config, place="run.json"))}
    except (ConfigError, KeyError, TypeError, ValueError):
        return dict(description)  # It will differ, and be shown unchanged.


def _require_same_name(folder: RunFolder) -> None:
    """Refuse to replace a run that has another name than the one to be replaced."""
    try:
        name = read_sealed_json(folder.configuration).get("name")
    except CheckpointError:
        return
    if name != folder.name:
        raise ConfigError(
            f"{folder.root}: holds the run {name!r}, but --fresh replaces only a run of the same "
            "name; give another --out"
        )


def _evaluate(
    folder: RunFolder,
    facts: Mapping[str, Any],
    pretrained: Trained[Autoencoder],
    finetuned: Trained[Classifier],
    splits: Splits,
    *,
    runtime: Runtime,
    started: float,
) -> RunResult:
    """Evaluate both models on the test images, write the evaluation, and return the results."""
    test = splits.test
    evaluating = time.perf_counter()
    reconstructions = reconstruct(pretrained.model, test, runtime=runtime)
    probabilities = predict_probabilities(finetuned.model, test, runtime=runtime)
    assert test.labels is not None
    tested = {
        "classifier": evaluate_classification(probabilities, test.labels, test.class_names),
        "autoencoder": evaluate_autoencoder(
            pretrained.model, test, reconstructions, runtime=runtime
        ),
    }
    validated = None
    if splits.val is not None:
        validated = {
            "classifier": {
                **_read_chosen_epoch(finetuned.fit),
                **_evaluate_predictions(finetuned.model, splits.val, runtime),
            },
            "autoencoder": _read_chosen_epoch(pretrained.fit),
        }
    evaluated = time.perf_counter()
    stages = {"pretrain": pretrained.fit, "finetune": finetuned.fit}
    evaluation = {
        **facts,
        "test": tested,
        "validation": validated,
        "weights_sha256": read_checksums(folder),
        "seconds": {
            **{stage: round(fit.history.seconds, 1) for stage, fit in stages.items()},
            "evaluate": round(evaluated - evaluating, 1),
            # Training before an interruption counts; other time spent before it does not.
            "total": round(
                evaluated - started + sum(fit.earlier_seconds for fit in stages.values()), 1
            ),
        },
    }
    write_sealed_json(folder.evaluation, evaluation)
    return RunResult(
        folder=folder,
        evaluation=evaluation,
        reconstructions=collect_reconstructions(test, reconstructions),
        mistakes=collect_mistakes(test, probabilities),
    )


def _evaluate_predictions(model: Classifier, val: ImageSet, runtime: Runtime) -> dict[str, float]:
    """Return the accuracy on `val` of what `predict_probabilities` predicts.

    Training measures bare logits; nothing is returned if the predictions are the same.
    """
    bare = model.test_time_augmentation == "none" and model.log_priors is None
    if bare or val.labels is None:
        return {}
    probabilities = predict_probabilities(model, val, runtime=runtime)
    scores = evaluate_classification(probabilities, val.labels, val.class_names)
    recalls = [of["recall"] for of in scores["per_class"].values() if of["recall"] is not None]
    return {
        "accuracy_as_predicted": scores["accuracy"],
        "balanced_accuracy_as_predicted": fmean(recalls),
    }


def _read_chosen_epoch(result: FitResult) -> dict[str, float]:
    """Return the validation metrics of the epoch whose weights were chosen."""
    history = result.history
    epoch = history.best_epoch if result.chosen == "best" else history.epochs
    return {
        name.removeprefix("val_"): values[epoch - 1]
        for name, values in history.metrics.items()
        if name.startswith("val_")
    }
