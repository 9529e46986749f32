"""The predictions and scores of a model that is loaded from its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae.checkpoints.weights import SavedModel, load_model, read_model
from cae.data.images import ImageSet
from cae.errors import CheckpointError, DataError
from cae.evaluation.masked import evaluate_autoencoder
from cae.evaluation.metrics import evaluate_classification
from cae.evaluation.predict import Predictor, predict_probabilities, reconstruct
from cae.models.autoencoder import Autoencoder
from cae.models.classifier import Classifier
from cae.runtime.device import Runtime
from cae.wording import show


def evaluate_model(
    saved: SavedModel | str | Path, images: ImageSet, *, runtime: Runtime
) -> dict[str, Any]:
    """Return the scores of a saved model on a set of images, as plain JSON values.

    Args:
        saved: what `read_model` returned, or the path of the model's JSON file. A classifier gets
            the scores of `cae.evaluation.metrics.evaluate_classification`, an autoencoder those of
            `cae.evaluation.masked.evaluate_autoencoder`.
        images: of the model's image shape; for a classifier, labelled with some or all of its
            classes, whose names may be in any order.
        runtime: device and precision.

    Raises:
        CheckpointError: the model cannot be loaded, or is an encoder alone.
        DataError: the images do not have the model's shape, or, for a classifier, lack labels or
            have classes that it does not know.
    """
    saved = _read(saved)
    require_measurable(saved)
    _require_shape(images, saved.image_shape)
    model = load_model(saved)
    if isinstance(model, Autoencoder):
        reconstructions = reconstruct(model, images, runtime=runtime)
        return evaluate_autoencoder(model, images, reconstructions, runtime=runtime)
    assert isinstance(model, Classifier)
    if images.labels is None:
        raise DataError(f"{images.name}: a classifier cannot be scored on images without labels")
    names = saved.class_names or ()
    unknown = [name for name in images.class_names if name not in names]
    if unknown:
        raise DataError(
            f"{images.name}: {saved.path.name} does not know class {show(unknown[0])}, only "
            f"{show(list(names))}; evaluate it on pictures of these classes, in folders of these "
            "names"
        )
    # By name, because the images may lack some of the classes.
    places = np.array([names.index(name) for name in images.class_names])
    probabilities = predict_probabilities(model, images, runtime=runtime)
    return evaluate_classification(probabilities, places[images.labels], names)


def require_measurable(saved: SavedModel) -> None:
    """Refuse a model that `evaluate_model` has no scores for, before any images are read for it.

    Raises:
        CheckpointError: the model is an encoder alone.
    """
    if saved.kind == "encoder":
        raise CheckpointError(
            f"{saved.path}: an encoder alone cannot be evaluated; give its autoencoder or a "
            "classifier"
        )


def classify(
    saved: SavedModel | str | Path, images: ImageSet, *, runtime: Runtime
) -> NDArray[np.float32]:
    """Return a saved classifier's probabilities [N, K] for images, labelled or not.

    Columns are in the order of the model's `class_names`.

    Args:
        saved: what `read_model` returned, or the path of the model's JSON file.
        images: of the model's image shape, such as `load_pictures` returns.
        runtime: device and precision.

    Raises:
        CheckpointError: the model is not a classifier, or cannot be loaded.
        DataError: the images do not have the model's shape.
    """
    saved = _read(saved)
    _require_shape(images, saved.image_shape)
    return predict_probabilities(_load_classifier(saved), images, runtime=runtime)


def load_predictor(saved: SavedModel | str | Path) -> Predictor:
    """Return a saved classifier as one PyTorch module that predicts what `classify` does.

    It takes images [N, C, H, W] of the model's shape, float32 in [0, 1] (pixels divided by 255),
    and returns probabilities [N, K], float32, in the order of the model's `class_names`. It is on
    the CPU and in evaluation mode, and its weights take no gradient: it is meant to be moved,
    called, compiled or exported (`torch.export`), not to be trained.

    Args:
        saved: what `read_model` returned, or the path of the model's JSON file.

    Raises:
        CheckpointError: the model is not a classifier, or cannot be loaded.
    """
    predictor = Predictor(_load_classifier(_read(saved)))
    return predictor.eval().requires_grad_(requires_grad=False)


def _load_classifier(saved: SavedModel) -> Classifier:
    model = load_model(saved)
    if not isinstance(model, Classifier):
        raise CheckpointError(
            f"{saved.path}: {saved.kind} models do not classify; name a classifier's JSON file"
        )
    return model


def _read(saved: object) -> SavedModel:
    if isinstance(saved, SavedModel):
        return saved
    if not isinstance(saved, str | Path):
        raise TypeError(
            f"a {type(saved).__name__} is not a saved model: give the path of a model's JSON file, "
            "or what read_model returned for it; to save a trained model, use run or "
            "save_classifier"
        )
    return read_model(saved)


def _require_shape(images: ImageSet, shape: tuple[int, int, int]) -> None:
    if images.image_shape != shape:
        raise DataError(
            f"{images.name}: images of shape {list(images.image_shape)} (height, width, channels), "
            f"but the model was made for {list(shape)}"
        )
