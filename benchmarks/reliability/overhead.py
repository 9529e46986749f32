"""What keeping the state costs: the same training with states saved and without, in turn."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

import cae
from cae.checkpoints.state import StateFiles
from cae.training.trainer import Checkpoints

EVERY_SECONDS = 30.0  # what `cae run` does unless told


def compare_throughput(*, rounds: int, epochs: int) -> dict[str, Any]:
    """Return images per second of the autoencoder's training, saved and not, and their ratio.

    Args:
        rounds: pairs of trainings; the first of a pair changes from round to round.
        epochs: of each training.
    """
    splits = cae.make_splits(cae.load_dataset("cifar10"), cae.DataConfig())
    config = cae.load_preset("base").autoencoder.model_copy(update={"epochs": epochs})
    runtime = cae.choose_runtime()
    speeds: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        files = StateFiles(cae.RunFolder(Path(folder), "t"), "autoencoder_t", {}, {})
        saved = Checkpoints(files, None, EVERY_SECONDS, lambda: False)
        for turn in range(rounds):
            for saves in (True, False) if turn % 2 else (False, True):
                trained = cae.pretrain(
                    splits.train,
                    splits.val,
                    config,
                    runtime=runtime,
                    checkpoints=saved if saves else None,
                )
                images = len(splits.train) * trained.fit.history.epochs
                speeds[saves].append(images / trained.fit.history.seconds)
    ratios = [on / off for on, off in zip(speeds[True], speeds[False], strict=True)]
    return {
        "every_seconds": EVERY_SECONDS,
        "saved_images_per_second": speeds[True],
        "unsaved_images_per_second": speeds[False],
        "ratio": {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)},
    }
