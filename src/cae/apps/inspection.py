"""The commands that look at what is there: the data, a model's scores, a model's answers."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cae
from cae.apps.progress import Loading
from cae.apps.screen import answer_json, answers, tell, tell_warning
from cae.apps.settings import BUILT_IN, RUNS, find_source, is_shape, load_data
from cae.apps.tables import (
    make_predictions_table,
    make_reconstruction_table,
    make_scores_table,
    make_splits_table,
)
from cae.data.pictures import load_pictures
from cae.errors import CheckpointError
from cae.report.names import name_data

logger = logging.getLogger(__name__)


def show_data(source: str, *, settings: Sequence[str], seed: int | None, as_json: bool) -> None:
    """Show which images a run would use: source, counts per class and split, fingerprint."""
    seeds = [] if seed is None else [f"data.seed={seed}"]
    keys = [s if s.startswith("data.") or is_shape(s) else f"data.{s}" for s in settings]
    config = cae.override(cae.RunConfig(), [*seeds, *keys])
    dataset = load_data(source, config.autoencoder.image_shape)
    from cae.data.splits import describe_splits

    about = describe_splits(cae.make_splits(dataset, config.data))
    if as_json:
        answer_json({**about, "fallback_reason": dataset.fallback_reason})
    else:
        answers.print(make_splits_table(about))


def evaluate(path: Path, *, source: str | None, device: str, precision: str, as_json: bool) -> None:
    """Show the scores of a saved model on the test images."""
    with Loading():
        saved = cae.read_model(path)
        runtime = cae.choose_runtime(device=device, precision=precision)
    source = source or find_source(saved, purpose="test it on")
    dataset = load_data(source, saved.image_shape)
    if dataset.source not in BUILT_IN:
        _tell_test_pictures(saved, dataset)
    with Loading():
        scores = cae.evaluate_model(saved, dataset.test, runtime=runtime)
    if as_json:
        answer_json({"model": str(path), "kind": saved.kind, "data": dataset.source, **scores})
    elif saved.kind == "classifier":
        answers.print(make_scores_table(scores, title=_name_test_set(dataset)))
    else:
        answers.print(make_reconstruction_table(scores, title=_name_test_set(dataset)))


def predict(
    paths: Sequence[Path], *, model: Path | None, device: str, precision: str, as_json: bool
) -> None:
    """Show which classes a saved classifier sees in pictures."""
    with Loading():
        saved = _find_newest_classifier() if model is None else cae.read_model(model)
        runtime = cae.choose_runtime(device=device, precision=precision)
        names = _require_class_names(saved)
        shape = saved.image_shape
        images = load_pictures(paths, image_shape=shape, class_names=names)
        probabilities = cae.classify(saved, images, runtime=runtime)
    if saved.about.get("data") == "digits":
        tell_warning(f"{saved.path} was trained on the built-in digits: it knows nothing else")
    predictions: list[dict[str, Any]] = []
    for path, row in zip(paths, probabilities.tolist(), strict=True):
        ranked = sorted(zip(names, row, strict=True), key=lambda pair: -pair[1])
        best, probability = ranked[0]
        predictions.append(
            {
                "path": str(path),
                "class": best,
                "probability": probability,
                "probabilities": dict(ranked),
            }
        )
    if as_json:
        answer_json(predictions)
    else:
        answers.print(make_predictions_table(predictions))


def _tell_test_pictures(saved: cae.SavedModel, dataset: cae.Dataset) -> None:
    """Say which of a user's own pictures are measured, and whether they may have been seen."""
    test, labelled = len(dataset.test), len(dataset.test) + len(dataset.train)
    tell(f"{dataset.source}: {test:,} of the {labelled:,} labelled pictures are for testing")
    trained_on = saved.about.get("data")
    if trained_on != dataset.source:
        tell_warning(
            f"{saved.path} was trained on {trained_on}, not on {dataset.source}; where the two "
            "share pictures, it may have learnt from those that it is tested on"
        )


def _name_test_set(dataset: cae.Dataset) -> str:
    return f"{name_data(dataset.source)} test set, {len(dataset.test):,} images"


def _require_class_names(saved: cae.SavedModel) -> tuple[str, ...]:
    if saved.class_names is None:
        raise CheckpointError(
            f"{saved.path}: {saved.kind} models know no classes; give a classifier_NAME.json"
        )
    return saved.class_names


def _read_age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:  # A link to nothing comes first: whoever reads it says so.
        return -math.inf


def _find_newest_classifier() -> cae.SavedModel:
    found = [*Path("models").glob("*.json"), *RUNS.glob("*/models/*.json")]
    for path in sorted(found, key=_read_age):
        try:
            saved = cae.read_model(path)
        except CheckpointError as error:
            logger.warning("passing by a model that cannot be used: %s", error)
            continue
        if saved.kind == "classifier":
            tell(f"model: {path}")
            return saved
    raise CheckpointError(
        "no classifier in models/ or runs/*/models/ below this folder; train one with cae run, or "
        "name one: --model PATH/classifier_NAME.json"
    )
