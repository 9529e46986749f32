"""The plots of one run: which there are, and what each shows of which data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from cae.evaluation.samples import MistakeSamples, ReconstructionSamples
from cae.report.figures import (
    plot_confident_mistakes,
    plot_confusion_matrix,
    plot_history,
    plot_per_class_recall,
    plot_reconstructions,
)
from cae.report.names import Reconstructions, name_data, name_reconstructions
from cae.run_folder import CURVES, RunFolder
from cae.training.history import read_history

_TITLES: dict[Reconstructions, str] = {
    "reconstruction": "and their reconstructions",
    "filled in": "with hidden patches filled in",
    "seen": "and what was seen of them",
}


def draw_run(
    folder: RunFolder,
    evaluation: Mapping[str, Any],
    reconstructions: ReconstructionSamples,
    mistakes: MistakeSamples,
) -> list[Path]:
    """Draw all plots of a finished run into its folder; return the paths of the PNGs.

    Args:
        folder: the run's folder; its histories are read.
        evaluation: the content of its evaluation.json.
        reconstructions: test images and their reconstructions.
        mistakes: the wrongly classified test images with the most confident predictions.

    Raises:
        CheckpointError: a history of the run is missing or damaged.
    """
    test_set = f"the {name_data(evaluation['data'])} test set"
    scores = evaluation["test"]["classifier"]
    kind = name_reconstructions(evaluation["test"]["autoencoder"])
    return [
        *draw_training(folder, folder.autoencoder),
        plot_reconstructions(
            reconstructions.originals,
            reconstructions.reconstructions,
            folder.plot(f"reconstructions_{folder.name}"),
            title=f"Images of {test_set} {_TITLES[kind]}",
            kind=kind,
        ),
        *draw_training(folder, folder.classifier),
        plot_confusion_matrix(
            scores["confusion_matrix"],
            list(scores["per_class"]),
            folder.plot(f"confusion_matrix_{folder.name}"),
            title=f"Confusion matrix on {test_set}: {scores['accuracy']:.1%} correct",
        ),
        plot_per_class_recall(
            scores["per_class"],
            folder.plot(f"per_class_recall_{folder.name}"),
            title=f"Recall of each class on {test_set}",
            highlighted=evaluation["thinned_classes"],
        ),
        plot_confident_mistakes(
            mistakes.images,
            mistakes.true_names,
            mistakes.predicted_names,
            mistakes.probabilities,
            folder.plot(f"confident_mistakes_{folder.name}"),
            title=f"The most confident mistakes on {test_set}",
        ),
    ]


def find_damaged_plots(folder: RunFolder) -> list[Path]:
    """Return which of the plots that `draw_run` draws are missing or damaged."""
    return [path for path in folder.plots if not _is_whole(path)]


def draw_training(folder: RunFolder, model: str) -> list[Path]:
    """Draw the training curves of the model called `model` from its history; return their paths.

    Raises:
        CheckpointError: the history is missing or damaged.
    """
    history = read_history(folder.history(model))
    stage, data = history["stage"], name_data(history["data"])
    return [
        plot_history(
            history["metrics"],
            folder.plot(f"{model}_{metric}"),
            metric=metric,
            title=f"{stage.capitalize()} {metric} on {data} ({model})",
        )
        for metric in CURVES[stage]
    ]


def _is_whole(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            picture.verify()  # A PNG holds a checksum of each of its parts.
    except (OSError, SyntaxError, ValueError):
        return False
    return True
