"""The composition root: pretrain, finetune, evaluate, and the whole run made of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import Tensor

from cae.checkpoints.weights import (
    apply_weights,
)
from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    RunConfig,
    dump,
    find_ineffective_keys,
)
from cae.data.augment import make_augmentation
from cae.data.batches import Batches
from cae.data.images import Dataset, ImageSet
from cae.data.splits import describe_splits, find_thinned_classes, make_splits
from cae.errors import ConfigError, DataError
from cae.evaluation.metrics import evaluate_classification, evaluate_reconstruction
from cae.evaluation.predict import encode, predict_probabilities, reconstruct
from cae.evaluation.samples import (
    MistakeSamples,
    ReconstructionSamples,
    collect_mistakes,
    collect_reconstructions,
)
from cae.files import write_json
from cae.models.autoencoder import Autoencoder, make_autoencoder
from cae.models.blocks import count_parameters
from cae.models.classifier import Classifier, make_classifier
from cae.run_folder import RunFolder
from cae.runtime.device import Runtime, describe_environment
from cae.training.objectives import (
    ClassificationObjective,
    ReconstructionObjective,
    compute_balanced_weights,
)
from cae.training.progress import Progress, SilentProgress
from cae.training.saving import Trained, save_autoencoder, save_classifier
from cae.training.trainer import FitResult, Weights, fit

logger = logging.getLogger(__name__)

_VALIDATION_BATCH_SIZE = 250
# The whole of CIFAR-10 in bfloat16 at the origin's 8x8x128, or half of it in float32.
_MOST_FEATURE_BYTES = 2**30
_SILENT = SilentProgress()


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """What a run found.

    Attributes:
        folder: where everything lies.
        evaluation: the content of evaluation.json.
        reconstructions: some test images beside their reconstructions.
        mistakes: the test images on which the classifier was most surely wrong.
    """

    folder: RunFolder
    evaluation: Mapping[str, Any]
    reconstructions: ReconstructionSamples
    mistakes: MistakeSamples


def pretrain(
    train: ImageSet,
    val: ImageSet,
    config: AutoencoderConfig,
    *,
    runtime: Runtime,
    progress: Progress = _SILENT,
) -> Trained[Autoencoder]:
    """Train an autoencoder on the images of `train`; labels are not looked at.

    Raises:
        ConfigError: `config.image_shape` is not the images' shape.
        DataError: there is only one image, and batch norm needs two.
        DivergedError: the loss became infinite or not a number.
    """
    _prepare(config, train, val, section="autoencoder")
    model = make_autoencoder(config)
    result = fit(
        model,
        ReconstructionObjective(config),
        train=Batches(
            train, runtime=runtime, batch_size=config.batch_size, shuffle_seed=config.seed
        ),
        val=Batches(val, runtime=runtime, batch_size=_VALIDATION_BATCH_SIZE),
        config=config,
        runtime=runtime,
        progress=progress,
    )
    return Trained(model, result)


def finetune(
    train: ImageSet,
    val: ImageSet,
    autoencoder_config: AutoencoderConfig,
    config: ClassifierConfig,
    *,
    encoder_weights: Weights | None,
    runtime: Runtime,
    progress: Progress = _SILENT,
) -> Trained[Classifier]:
    """Train a classifier on the labelled images of `train`, standing on a pretrained encoder.

    Args:
        train: labelled images to learn from.
        val: labelled images of the same classes to validate on.
        autoencoder_config: what the encoder is built by.
        config: of the classifier.
        encoder_weights: the pretrained encoder's; None starts it from its random initial weights,
            which is the control from scratch (with `freeze_encoder` off).
        runtime: device and precision.
        progress: told what happens.

    Raises:
        ConfigError: the configurations do not fit together or not these images.
        DataError: labels are missing, the two sets differ in their classes, or there is only one
            image, and batch norm needs two.
        CheckpointError: `encoder_weights` do not fit the encoder.
        DivergedError: the loss became infinite or not a number.
    """
    _prepare(config, train, val, section="classifier")
    if train.labels is None or val.labels is None:
        raise DataError(f"{train.name}: training a classifier needs labels")
    if train.class_names != val.class_names:
        raise DataError(
            f"{val.name}: its classes {list(val.class_names)} are not those of {train.name}, "
            f"{list(train.class_names)}"
        )
    num_classes = len(train.class_names)
    augmentation = make_augmentation(config)
    model = make_classifier(autoencoder_config, config, num_classes=num_classes)
    if encoder_weights is not None:
        apply_weights(model.encoder, encoder_weights, place="encoder weights")
    balanced = compute_balanced_weights(runtime.tensor(train.labels), num_classes=num_classes)
    objective = ClassificationObjective(
        autoencoder_config,
        class_weights=balanced if config.class_weights else None,
        weighted_metrics=config.weighted_metrics or (),
        metric_weights=balanced,
    )
    result = fit(
        model,
        objective,
        train=Batches(
            train,
            runtime=runtime,
            batch_size=config.batch_size,
            shuffle_seed=config.seed,
            augmentation=augmentation,
            features=_encode_ahead(model, train, runtime) if augmentation is None else None,
        ),
        val=Batches(
            val,
            runtime=runtime,
            batch_size=_VALIDATION_BATCH_SIZE,
            features=_encode_ahead(model, val, runtime),
        ),
        config=config,
        runtime=runtime,
        progress=progress,
    )
    return Trained(model, result)


def run(
    config: RunConfig,
    dataset: Dataset,
    *,
    out: Path,
    name: str,
    runtime: Runtime,
    progress: Progress = _SILENT,
) -> RunResult:
    """Run the whole experiment and write its models, histories and evaluation under `out`.

    Args:
        config: what decides the result.
        dataset: from `load_dataset`.
        out: folder of the run; made if missing, files of the same names are replaced.
        name: ends the names of the models: `autoencoder_NAME`, `encoder_NAME`, `classifier_NAME`.
        runtime: device and precision.
        progress: told what happens.

    Raises:
        ConfigError: `out` cannot be written.
        CaeError: see also `pretrain` and `finetune`.
    """
    started = time.perf_counter()
    folder = RunFolder(out, name)
    splits = make_splits(dataset, config.data)
    # What will be refused is refused before anything is written or dropped.
    for section, stage in (("autoencoder", config.autoencoder), ("classifier", config.classifier)):
        _require_fitting(stage, splits.train, splits.val, section=section)
    folder.make()
    # While it trains, the folder must not look like that of a finished run.
    folder.evaluation.unlink(missing_ok=True)
    write_json(folder.configuration, describe_run(config, source=splits.source, name=name))
    write_json(
        folder.environment,
        {"date": datetime.now(UTC).date().isoformat(), **describe_environment(runtime)},
    )
    about = describe_splits(splits)

    pretrained = pretrain(
        splits.train, splits.val, config.autoencoder, runtime=runtime, progress=progress
    )
    save_autoencoder(folder, pretrained, config.autoencoder, about=about)
    finetuned = finetune(
        splits.train,
        splits.val,
        config.autoencoder,
        config.classifier,
        encoder_weights=pretrained.model.encoder.state_dict(),
        runtime=runtime,
        progress=progress,
    )
    save_classifier(
        folder,
        finetuned,
        config.autoencoder,
        config.classifier,
        class_names=splits.train.class_names,
        about=about,
    )

    # From here on the test images are read, once; nothing is chosen any more.
    evaluating = time.perf_counter()
    reconstructions = reconstruct(pretrained.model, splits.test, runtime=runtime)
    probabilities = predict_probabilities(finetuned.model, splits.test, runtime=runtime)
    assert splits.test.labels is not None
    evaluation = {
        "name": name,
        **about,
        "fallback_reason": dataset.fallback_reason,
        "thinned_classes": list(find_thinned_classes(dataset, config.data)),
        "seeds": {section: values["seed"] for section, values in dump(config).items()},
        "parameters": count_parameters(finetuned.model),
        "test": {
            "classifier": evaluate_classification(
                probabilities, splits.test.labels, splits.test.class_names
            ),
            "autoencoder": evaluate_reconstruction(splits.test.images, reconstructions),
        },
        "validation": {
            "classifier": _read_chosen_epoch(finetuned.fit),
            "autoencoder": _read_chosen_epoch(pretrained.fit),
        },
        "seconds": {
            "pretrain": round(pretrained.fit.history.seconds, 1),
            "finetune": round(finetuned.fit.history.seconds, 1),
            "evaluate": round(time.perf_counter() - evaluating, 1),
            "total": round(time.perf_counter() - started, 1),
        },
    }
    write_json(folder.evaluation, evaluation)
    return RunResult(
        folder=folder,
        evaluation=evaluation,
        reconstructions=collect_reconstructions(splits.test, reconstructions),
        mistakes=collect_mistakes(splits.test, probabilities),
    )


def describe_run(config: RunConfig, *, source: str, name: str) -> dict[str, Any]:
    """Return what decides a run's result, as run.json holds it: equal for equal runs."""
    return {"name": name, "data": source, "config": dump(config)}


def _prepare(
    config: AutoencoderConfig | ClassifierConfig, train: ImageSet, val: ImageSet, *, section: str
) -> None:
    _require_fitting(config, train, val, section=section)
    for sentence in find_ineffective_keys(config):
        logger.warning("%s: %s", section, sentence)


def _require_fitting(
    config: AutoencoderConfig | ClassifierConfig, train: ImageSet, val: ImageSet, *, section: str
) -> None:
    for part in (train, val):
        if part.image_shape != config.image_shape:
            raise ConfigError(
                f"{section}.image_shape is {list(config.image_shape)}, but the images of "
                f"{part.name} are {list(part.image_shape)} (height, width, channels); set "
                f"image_shape={list(part.image_shape)}"
            )
    if len(train) == 1 and config.batch_norm:
        raise DataError(f"{train.name}: 1 image to train on; batch_norm needs at least 2")


def _encode_ahead(model: Classifier, images: ImageSet, runtime: Runtime) -> Tensor | None:
    """Return the encodings of images that are the same in every epoch, if the encoder is too.

    None if the encoder is trained, or if the encodings would take too much memory.
    """
    if not model.freeze_encoder:
        return None
    height, width = model.encoder.feature_size
    numbers = len(images) * model.encoder.num_features * height * width
    bytes_each = 2 if runtime.precision == "bfloat16" else 4
    if numbers * bytes_each > _MOST_FEATURE_BYTES:
        return None
    return encode(model.encoder, images, runtime=runtime)


def _read_chosen_epoch(result: FitResult) -> dict[str, float]:
    """Return the validation metrics of the epoch whose weights were chosen."""
    history = result.history
    epoch = history.best_epoch if result.chosen == "best" else history.epochs
    return {
        name.removeprefix("val_"): values[epoch - 1]
        for name, values in history.metrics.items()
        if name.startswith("val_")
    }
