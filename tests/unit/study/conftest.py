"""A small data set, and trials of the smallest networks on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig
from cae.data.images import Dataset, ImageSet
from cae.run_folder import StudyFolder
from cae.study.trials import Cell, Trial

SHAPE = (8, 8, 3)
BOTH: dict[str, Any] = {"image_shape": SHAPE, "batch_size": 8, "epochs": 2}
NETWORK: dict[str, Any] = {**BOTH, "init_num_filters": 2}


@pytest.fixture(scope="session")
def dataset(make_images: Callable[..., ImageSet]) -> Dataset:
    train, test = make_images(60, classes=4, seed=1), make_images(12, classes=4, seed=2)
    return Dataset(train, test, ("bird", "deer"), source="noise")


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


def draw_pretraining(*, seed: int = 0, **changes: Any) -> Trial:
    config = AutoencoderConfig.model_validate({**NETWORK, "seed": seed, **changes})
    return Trial(source="noise", data=DataConfig(), autoencoder=config, flops=4e9)


def draw_trial(
    *, seed: int = 0, labels: int | None = None, pretraining: Trial | None = None, **changes: Any
) -> Trial:
    return Trial(
        source="noise",
        data=DataConfig(labels_per_class=labels, labelled_seed=None if labels is None else seed),
        autoencoder=AutoencoderConfig.model_validate({**NETWORK, "seed": seed}),
        classifier=ClassifierConfig.model_validate(
            {**BOTH, "freeze_encoder": False, "seed": seed, **changes}
        ),
        pretraining=pretraining,
        flops=1e9,
    )


@pytest.fixture(scope="session")
def make_pretraining():
    """A function that returns a pretraining of the smallest network."""
    return draw_pretraining


@pytest.fixture(scope="session")
def make_trial():
    """A function that returns a classifier's trial, of the smallest network."""
    return draw_trial


@pytest.fixture(scope="session")
def make_cells():
    """A function that returns the cells of so many seeds: from scratch, and fine-tuned."""

    def make(seeds: int = 2, labels: int | None = None, **changes: Any) -> list[Cell]:
        cells: list[Cell] = []
        for seed in range(seeds):
            scratch = draw_trial(seed=seed, labels=labels, **changes)
            before = draw_pretraining(seed=seed)
            tuned = draw_trial(seed=seed, labels=labels, pretraining=before, **changes)
            cells.append(Cell("labels", "origin", "none", "scratch", labels, seed, scratch))
            cells.append(Cell("labels", "origin", "plain", "fine_tuned", labels, seed, tuned))
        return cells

    return make
