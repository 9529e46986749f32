"""The commands that only look: at the data, a model's scores, and a model's predictions."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

import cae
from cae.apps.progress import Loading
from cae.apps.screen import answer_json, answers, tell, tell_warning
from cae.apps.settings import BUILT_IN, RUNS, find_source, is_shape, load_data, read_image_shape
from cae.apps.tables import (
    make_predictions_table,
    make_reconstruction_table,
    make_scores_table,
    make_splits_table,
)
from cae.data.layout import list_pictures
from cae.data.measured import MeasuredPictures, load_test_pictures, read_trained_on
from cae.data.pictures import PictureReader
from cae.data.sources import find_picture_folder
from cae.data.splits import describe_flaws, describe_splits, make_splits
from cae.errors import CheckpointError, ConfigError, DataError, TooFewError
from cae.report.names import name_data

_BYTES_AT_ONCE = 2**26  # of pixels to be classified

logger = logging.getLogger(__name__)


def show_data(
    source: str,
    *,
    skip_damaged: bool,
    settings: Sequence[str],
    seed: int | None,
    as_json: bool,
) -> None:
    """Show which images a run would use: source, counts per class and split, fingerprint."""
    seeds = [] if seed is None else [f"data.seed={seed}"]
    others = [each for each in settings if not is_shape(each)]
    keys = [each if each.startswith("data.") else f"data.{each}" for each in others]
    config = cae.override(cae.RunConfig(), [*seeds, *keys])
    dataset = load_data(source, read_image_shape(settings), skip_damaged=skip_damaged)
    splits = make_splits(dataset, config.data)
    about = describe_splits(splits)
    if as_json:
        flaws = describe_flaws(splits.left_out, splits.test_copies)
        answer_json({**about, **flaws, "fallback_reason": dataset.fallback_reason})
    else:
        answers.print(make_splits_table(about))


def evaluate(
    path: Path,
    *,
    source: str | None,
    skip_damaged: bool,
    everything: bool,
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Show the scores of a saved model on the test images, or on everything in a folder."""
    with Loading():
        from cae.evaluation.saved import require_measurable  # with PyTorch

        saved = cae.read_model(path)
        require_measurable(saved)
        runtime = cae.choose_runtime(device=device, precision=precision)
    source = source or find_source(saved, purpose="test it on")
    images, about, title = _load_test_images(
        source, saved, skip_damaged=skip_damaged, everything=everything
    )
    with Loading():
        scores = cae.evaluate_model(saved, images, runtime=runtime)
    if as_json:
        answer_json({"model": str(path), "kind": saved.kind, **about, **scores})
    elif saved.kind == "classifier":
        answers.print(make_scores_table(scores, title=title))
    else:
        answers.print(make_reconstruction_table(scores, title=title))


def predict(
    paths: Sequence[Path], *, model: Path | None, device: str, precision: str, as_json: bool
) -> None:
    """Show which classes a saved classifier sees in pictures."""
    with Loading() as loading:
        saved = _find_newest_classifier() if model is None else cae.read_model(model)
        runtime = cae.choose_runtime(device=device, precision=precision)
        names = _require_class_names(saved)
        files, refused = _find_files(paths)
        # The reader knows only of the files that it is given at a time.
        done = itertools.count(1)
        reader = PictureReader(
            saved.image_shape,
            on_progress=lambda _done, _of: loading.count_pictures(next(done), len(files)),
        )
        predictions = [
            _rank(path, names, row)
            for path, row in _classify(saved, files, reader=reader, runtime=runtime)
        ]
    reader.tell()
    if saved.about.get("data") == "digits":
        tell_warning(f"{saved.path} was trained on the built-in digits: it knows nothing else")
    if predictions and as_json:
        answer_json(predictions)
    elif predictions:
        answers.print(make_predictions_table(predictions))
    # At the end: what is good is answered, and what is not is the last that is read.
    try:
        reader.require_all()
    except DataError as error:
        refused.append(error)
    if refused:
        raise DataError(" | ".join(map(str, refused)))


def _find_files(paths: Sequence[Path]) -> tuple[list[Path], list[DataError]]:
    """Return the files among `paths` and the pictures in the folders, and why others have none."""
    files: list[Path] = []
    refused: list[DataError] = []
    for path in paths:
        try:
            files += list_pictures(path) if path.is_dir() else [path]
        except DataError as error:
            refused.append(error)
        except OSError:  # Its name is too long, say: whoever reads it says so.
            files.append(path)
    return files, refused


def _classify(
    saved: cae.SavedModel, files: Sequence[Path], *, reader: PictureReader, runtime: cae.Runtime
) -> Iterator[tuple[Path, list[float]]]:
    """Yield the files that can be used with their probabilities, some in memory at a time."""
    from cae.evaluation.predict import predict_probabilities  # with PyTorch

    model = cae.load_predictor(saved).model
    at_once = max(1, _BYTES_AT_ONCE // math.prod(saved.image_shape))
    for start in range(0, len(files), at_once):
        some = files[start : start + at_once]
        images, usable = reader.read(some)
        if usable:
            pictures = cae.ImageSet(images, None, ("unknown",), "pictures")
            pictures = pictures.select(np.array(usable, dtype=np.int64))
            rows = predict_probabilities(model, pictures, runtime=runtime).tolist()
            yield from zip((some[place] for place in usable), rows, strict=True)


def _rank(path: Path, names: Sequence[str], row: Sequence[float]) -> dict[str, Any]:
    ranked = sorted(zip(names, row, strict=True), key=lambda pair: -pair[1])
    best, probability = ranked[0]
    return {
        "path": str(path),
        "class": best,
        "probability": probability,
        "probabilities": dict(ranked),
    }


def _load_test_images(
    source: str, saved: cae.SavedModel, *, skip_damaged: bool, everything: bool
) -> tuple[cae.ImageSet, dict[str, Any], str]:
    """Return the images to measure a model on, facts about them, and the title of the scores."""
    folder = find_picture_folder(source)
    if folder is None:
        if everything and source in ("auto", *BUILT_IN):
            _refuse_all_of(source)
        # What is neither pictures nor CIFAR-10 is refused here, with what is wrong with it.
        dataset = load_data(source, saved.image_shape)
        if everything:
            _refuse_all_of(source)
        title = _title_test(dataset.source, len(dataset.test))
        return dataset.test, {"data": dataset.source}, title
    try:
        with Loading() as loading:
            found = load_test_pictures(
                folder,
                image_shape=saved.image_shape,
                everything=everything,
                trained_on=read_trained_on(saved.about),
                skip_damaged=skip_damaged,
                on_pictures=loading.count_pictures,
            )
    except TooFewError as error:
        raise DataError(f"{error}; to measure all pictures, add --all") from None
    _tell_test_pictures(saved, found)
    title = _title_test(found.source, len(found.images))
    if everything:
        title = f"{found.data_set or found.source}, all {found.labelled:,} labelled pictures"
    flaws = describe_flaws(found.left_out, found.test_copies)
    return found.images, {"data": found.source, **flaws}, title


def _title_test(data: str, count: int) -> str:
    return f"{name_data(data)} test set, {count:,} images"


def _refuse_all_of(source: str) -> NoReturn:
    raise ConfigError(
        f"--all: {source} has test images of its own; --all is for folders of your own pictures, "
        "leave it out"
    )


def _tell_test_pictures(saved: cae.SavedModel, found: MeasuredPictures) -> None:
    """Say which of a user's own pictures are measured, and whether they may have been seen."""
    name, trained_on = found.data_set or found.source, saved.about.get("data")
    test, labelled = found.tested, found.labelled
    which = f"{test:,} of the" if test < labelled else "all"
    tell(f"{name}: {which} {labelled:,} labelled pictures are for testing")
    if trained_on == name:
        if learnt_from := len(found.images) - test:
            tell_warning(
                f"{learnt_from:,} of the {labelled:,} pictures measured are training or validation "
                f"pictures of {saved.path}, and make the scores look better than they are; without "
                f"--all, only the {test:,} for testing are measured"
            )
    else:
        tell_warning(
            f"{saved.path} was trained on {trained_on}, not on {name}; if the two share "
            "pictures, it may be tested on some that it was trained on"
        )


def _require_class_names(saved: cae.SavedModel) -> tuple[str, ...]:
    if saved.class_names is None:
        raise CheckpointError(
            f"{saved.path}: {saved.kind} models have no classes; give a classifier_NAME.json"
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
            logger.warning("skipping a model that cannot be used: %s", error)
            continue
        if saved.kind == "classifier":
            tell(f"model: {path}")
            return saved
    raise CheckpointError(
        "no classifier in models/ or runs/*/models/ below this folder; train one with cae run, or "
        "name one: --model PATH/classifier_NAME.json"
    )
