"""A small data set, and a run that is stopped after any number of steps and gone on with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

import cae
from cae.checkpoints.state import TrainingState, _unpack
from cae.files import read_sealed_json

SHAPE = (8, 8, 3)
# What a clock measured is no part of the result.
TIMES = {"seconds", "images_per_second"}


def draw_images(count: int, *, seed: int) -> cae.ImageSet:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 3, 8, 8), dtype=np.uint8)
    labels = random.permutation(np.arange(count, dtype=np.int64) % 4)
    return cae.ImageSet(pixels, labels, ("bird", "cat", "deer", "dog"), "noise")


def make_config(autoencoder: dict[str, Any], classifier: dict[str, Any]) -> cae.RunConfig:
    both = {"image_shape": SHAPE, "batch_size": 8, "epochs": 3}
    return cae.RunConfig.model_validate(
        {
            "autoencoder": {**both, "init_num_filters": 2, **autoencoder},
            "classifier": {**both, **classifier},
        }
    )


@dataclass
class Countdown:
    """Asks for a stop once so many steps were taken; each step asks once."""

    steps: int
    asked: int = field(default=0)

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self.steps


@dataclass(frozen=True)
class Experiment:
    """Runs on noise, under a configuration of its own."""

    dataset: cae.Dataset

    def run(
        self,
        config: cae.RunConfig,
        out: Path,
        *,
        steps: int | None = None,
        every: float = 1e9,
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> bool:
        """Run or go on, at most so many steps; return whether it ended."""
        try:
            self.run_or_raise(config, out, steps=steps, every=every, precision=precision)
        except cae.StoppedError:
            return False
        return True

    def run_or_raise(
        self,
        config: cae.RunConfig,
        out: Path,
        *,
        steps: int | None = None,
        every: float = 1e9,
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        """Run or go on; raise StoppedError after so many steps."""
        stop = Countdown(steps) if steps is not None else (lambda: False)
        cae.run(
            config,
            self.dataset,
            out=out,
            name="t",
            runtime=cae.Runtime(torch.device("cpu"), precision),
            keeping=cae.Keeping(every, stop),
        )


def read_result(out: Path) -> dict[str, Any]:
    """Return all that a run says: weights by checksum, and every figure that no clock measured."""
    found: dict[str, Any] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((out / "models").iterdir())
    }
    for path in sorted((out / "history").iterdir()):
        history = read_sealed_json(path)
        history.pop("seconds")
        metrics = history.pop("metrics")
        found[f"history {path.name}"] = (
            history,
            {key: metrics[key] for key in metrics if key not in TIMES},
        )
    evaluation = read_sealed_json(out / "evaluation.json")
    evaluation.pop("seconds")
    return {**found, "evaluation": evaluation}


@pytest.fixture(scope="session")
def experiment() -> Experiment:
    train, test = draw_images(60, seed=1), draw_images(12, seed=2)
    return Experiment(cae.Dataset(train, test, ("bird", "deer"), source="noise"))


@pytest.fixture(scope="session")
def config_of():
    return make_config


def read_state(out: Path, model: str) -> TrainingState:
    """Return the latest state of a model's training, whatever training it is of."""
    path = cae.RunFolder(out, "t").find_states(model)[0]
    about, state = _unpack(path)
    assert about.keys() == {"identity", "conditions"}
    return state


@pytest.fixture(scope="session")
def state_of():
    return read_state


@pytest.fixture(scope="session")
def result_of():
    return read_result
