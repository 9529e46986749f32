"""What the report's tests share: a look at what was drawn, a whole run, and a study's results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image

from cae.config import RunConfig, dump
from cae.files import write_json, write_sealed_json
from cae.report.fonts import find_fonts
from cae.report.results.sources import Run, read_run
from cae.run_folder import RunFolder

NAMES = ("cat", "bird", "deer", "truck")
LAYERS = {
    "autoencoder": [
        ("encoder.noise", "GaussianNoise(stddev=0.0)", 0),
        ("encoder.blocks.0.units.0.conv", "Conv2d(3, 8, kernel_size=(3, 3), padding=(1, 1))", 224),
        ("encoder.blocks.0.units.0.norm", "BatchNorm2d(8, eps=0.001)", 32),
        ("encoder.blocks.0.pool", "MaxPool2d(kernel_size=2, stride=2, padding=0)", 0),
        (
            "encoder.blocks.1.units.0.conv",
            "Conv2d(8, 16, kernel_size=(3, 3), padding=(1, 1))",
            1168,
        ),
        ("decoder.blocks.0.0.conv", "Conv2d(16, 16, kernel_size=(3, 3), padding=(1, 1))", 2320),
        ("decoder.blocks.1.0.conv", "Conv2d(16, 8, kernel_size=(3, 3), padding=(1, 1))", 1160),
        ("decoder.output", "Conv2d(8, 3, kernel_size=(3, 3), padding=(1, 1))", 219),
    ],
    "classifier": [
        ("encoder.blocks.0.units.0.conv", "Conv2d(3, 8, kernel_size=(3, 3), padding=(1, 1))", 224),
        ("head.conv.conv", "Conv2d(16, 16, kernel_size=(3, 3), padding=(1, 1))", 2320),
        ("head.pool", "MaxPool2d(kernel_size=2, stride=2, padding=0)", 0),
        ("head.output", "Linear(in_features=1024, out_features=4, bias=True)", 4100),
    ],
}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that has been saved, in order."""
    figures: list[Figure] = []
    save = Figure.savefig

    def record(figure: Figure, *arguments: Any, **options: Any) -> None:
        save(figure, *arguments, **options)
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", record)
    return figures


@pytest.fixture
def read_texts(drawn: list[Figure]) -> Callable[[], list[str]]:
    """A function that returns the texts of the last saved figure."""

    def read() -> list[str]:
        texts = drawn[-1].findobj(Text)
        return [text.get_text() for text in texts if text.get_visible() and text.get_text()]

    return read


@pytest.fixture
def pictures() -> NDArray[np.uint8]:
    """Seven random pictures [7, 8, 8, 3], no two pixels of which are likely to be equal."""
    return np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def install_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that makes the files that it is given all fonts of the machine.

    There is none until it is called, but for those that Matplotlib and Typst bring.
    """
    # What is added to Matplotlib's fonts is forgotten again.
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [*font_manager.fontManager.ttflist])

    def install(*paths: Path) -> None:
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [*map(str, paths)])
        find_fonts.cache_clear()

    install()
    yield install
    find_fonts.cache_clear()


def write_run(
    root: Path,
    *,
    name: str = "mine",
    data: str = "cifar10",
    seed: int = 42,
    right: int = 73,
    lr: float = 0.001,
    validates: bool = True,
    epochs: int = 6,
) -> RunFolder:
    """Write what the report reads of a run: of 4 classes with 100 test images each.

    Args:
        root: the run's folder.
        name: the run's name.
        data: the name of the data.
        seed: of all stages.
        right: how many of each class's images are named correctly.
        lr: the classifier's learning rate.
        validates: whether images were set aside for validation.
        epochs: of both stages, at least two; the second one is the best.
    """
    folder = RunFolder(root, name)
    config = dump(RunConfig())
    for section in config.values():
        section["seed"] = seed
    config["classifier"]["lr"] = lr
    matrix = np.full((4, 4), (100 - right) // 3)
    np.fill_diagonal(matrix, 100 - 3 * ((100 - right) // 3))
    accuracy = float(matrix.trace() / matrix.sum())
    thinned = list(NAMES[1:])
    split = {
        "fingerprint": "abcdef0123456789",
        "train": {"images": 250, "classes": {"cat": 100, **dict.fromkeys(thinned, 50)}},
        "validation": {"images": 50, "classes": {"cat": 20, **dict.fromkeys(thinned, 10)}},
        "test": {"images": 400, "classes": dict.fromkeys(NAMES, 100)},
    }
    if not validates:
        del split["validation"]
    write_sealed_json(folder.configuration, {"name": name, "data": data, "config": config})
    write_sealed_json(
        folder.evaluation,
        {
            "name": name,
            "data": data,
            "split": split,
            "thinned_classes": thinned,
            "seeds": dict.fromkeys(("data", "autoencoder", "classifier"), seed),
            "parameters": 708842,
            "test": {
                "classifier": {
                    "accuracy": accuracy,
                    "accuracy_interval": [accuracy - 0.01, accuracy + 0.01],
                    "macro_f1": 0.66,
                    "count": 400,
                    "per_class": {
                        each: {"recall": float(matrix[place, place] / 100), "support": 100}
                        for place, each in enumerate(NAMES)
                    },
                    "confusion_matrix": matrix.tolist(),
                },
                "autoencoder": {"mse": 0.0022, "psnr": 26.6, "ssim": 0.912, "count": 400},
            },
            "seconds": {"pretrain": 60.0, "finetune": 120.0, "evaluate": 6.0, "total": 186.0},
        },
    )
    write_sealed_json(
        folder.environment,
        {
            "date": "2026-11-23",
            "processor": "AMD EPYC",
            "threads": 2,
            "device": "cpu",
            "accelerator": None,
            "precision": "bfloat16",
            "packages": {"torch": "2.13.0+cpu"},
        },
    )
    later = epochs - 2
    curve = {"loss": [0.5, 0.25, *[0.2] * later], "accuracy": [0.4, 0.5, *[0.6] * later]}
    if validates:
        curve |= {
            "val_loss": [0.4, 0.3, *[0.35] * later],
            "val_accuracy": [0.5, 0.6, *[0.55] * later],
        }
    for stage, model in (("autoencoder", folder.autoencoder), ("classifier", folder.classifier)):
        write_sealed_json(
            folder.history(model),
            {"name": model, "stage": stage, "data": data, "seconds": 1.0, "metrics": curve},
        )
        layers = [
            {"name": layer, "layer": text, "parameters": parameters}
            for layer, text, parameters in LAYERS[stage]
        ]
        write_sealed_json(
            folder.model(model).json, {"architecture": layers, "about": {"weights": "last"}}
        )
    page = np.full((300, 900, 3), 255, np.uint8)
    page[100:260, 60:860] = (10, 90, 200)
    path = folder.plot(f"reconstructions_{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(page).save(path)
    return folder


def correct(p_values: Mapping[Any, float], name: Any) -> float:
    """Return a p-value corrected by Holm's method: by Bonferroni's in the worst set that holds it.

    That is what Holm's method is by its definition as a closed test.
    """
    others = [p for other, p in p_values.items() if other != name]
    return max(
        min(1.0, (size + 1) * min([p_values[name], *chosen]))
        for size in range(len(others) + 1)
        for chosen in combinations(others, size)
    )


def make_summary(
    *,
    encoders: tuple[str, ...] = ("origin",),
    budgets: tuple[int | str, ...] = (100, 400, "all"),
    gains: dict[str, float] | None = None,
    seeds: int = 8,
) -> dict[str, Any]:
    """Return a made-up study: `gains` (fractions, by pretraining) of fine-tuning over the control.

    A gain's interval reaches one point to each side, its seeds half a point. There are `seeds` of
    them, with all labels three. The p-values are as low as so many seeds and budgets allow.
    """
    gains = {"plain": -0.02, "masked": 0.03} if gains is None else gains
    estimates: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    counts = {budget: 3 if budget == "all" else seeds for budget in budgets}
    least = {budget: 2.0 ** (1 - count) for budget, count in counts.items()}

    def estimate(encoder: str, pretraining: str, arm: str, budget: int | str, mean: float) -> None:
        count = counts[budget]
        estimates.append(
            {
                "encoder": encoder,
                "pretraining": pretraining,
                "arm": arm,
                "labels_per_class": budget,
                "seeds": list(range(count)),
                "test_accuracy": {
                    "mean": mean,
                    "low": mean - 0.006,
                    "high": mean + 0.006,
                    "count": count,
                    "values": [mean] * count,
                },
                "epochs": 349 if arm == "scratch_whole_budget" else 60,
                "flops": 4e13 if arm == "scratch" else 1e14,
            }
        )

    for encoder in encoders:
        for place, budget in enumerate(budgets):
            base = 0.5 + 0.12 * place
            estimate(encoder, "none", "scratch", budget, base - 0.01)
            estimate(encoder, "none", "scratch_whole_budget", budget, base)
            for pretraining, gain in gains.items():
                estimate(encoder, pretraining, "fine_tuned", budget, base + gain)
                for control, of in (("scratch", gain + 0.01), ("scratch_whole_budget", gain)):
                    differences.append(
                        {
                            "encoder": encoder,
                            "labels_per_class": budget,
                            "pretraining": pretraining,
                            "treatment": "fine_tuned",
                            "control": control,
                            "mean": of,
                            "low": of - 0.01,
                            "high": of + 0.01,
                            "count": counts[budget],
                            "seeds": list(range(counts[budget])),
                            "values": [of + 0.005 * (-1) ** n for n in range(counts[budget])],
                            "p": least[budget],
                            "p_holm": correct(least, budget),
                            "p_holm_least": correct(least, budget),
                            "corrected_over": "labels_per_class",
                            "comparisons": len(budgets),
                        }
                    )
            estimate(encoder, "masked", "linear_probe", budget, base - 0.09)
    return {
        "conditions": {
            "commands": ["cae study"],
            "machines": [
                {
                    "plan": "labels",
                    "cells": [
                        {
                            "encoder": encoder,
                            "labels_per_class": budget,
                            "seeds": list(range(counts[budget])),
                        }
                        for encoder in encoders
                        for budget in budgets
                    ],
                    "first_date": "2026-11-24",
                    "last_date": "2026-11-25",
                    "environment": {
                        "processor": "a processor",
                        "threads": 1,
                        "precision": "bfloat16",
                        "packages": {"torch": "2.13.0+cpu"},
                    },
                }
            ],
            "pretrainings": [
                {
                    "plan": "labels",
                    "encoder": encoder,
                    "pretraining": name,
                    "autoencoder": {
                        "epochs": 6,
                        "image_shape": [32, 32, 3],
                        "loss": "mean_squared_error",
                        "gaussian_noise_input": name == "denoising",
                        "gaussian_noise_stddev": 0.1,
                        "mask_ratio": 0 if name in ("plain", "denoising") else 0.6,
                        "mask_patch_size": 8,
                        "mask_input": name != "unhidden",
                        "target": "gradient_histograms"
                        if name in ("masked", "unhidden")
                        else "pixels",
                    },
                }
                for encoder in encoders
                for name in gains
            ],
        },
        "plan": {},
        "estimates": estimates,
        "differences": differences,
    }


@pytest.fixture
def run_folder(tmp_path: Path) -> RunFolder:
    """A finished run in a folder of its own."""
    return write_run(tmp_path / "run")


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """A function that writes a run with the options of `write_run` and reads it.

    It has a folder of its own, unless `root` names one.
    """
    count = 0

    def make(*, root: Path | None = None, **options: Any) -> Run:
        nonlocal count
        count += 1
        return read_run(write_run(root or tmp_path / f"run-{count}", **options).root)

    return make


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a study with the options of `make_summary`; it returns the folder."""

    def make(**options: Any) -> Path:
        folder = tmp_path / "study"
        write_json(folder / "summary.json", make_summary(**options))
        return folder

    return make


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    """A made-up study's results."""
    write_json(tmp_path / "study" / "summary.json", make_summary())
    return tmp_path / "study"


@pytest.fixture
def write_control() -> Callable[..., None]:
    """A function that writes the result of `python -m benchmarks.control`: `_write_control`."""
    return _write_control


def _write_control(
    path: Path, run: Run, pairs: Sequence[tuple[float, float]] = ((0.9, 0.8),)
) -> None:
    """Write what was measured of a run's recipe: accuracies with and without, seed by seed."""

    def write(accuracy: float) -> dict[str, Any]:
        return {
            "accuracy": accuracy,
            "accuracy_interval": [accuracy - 0.03, accuracy + 0.04],
            "environment": run.environment,
        }

    ways = ("autoencoder_first", "from_scratch")
    write_json(
        path,
        {
            "command": "python -m benchmarks.control --seeds 1",
            "recipe": run.recipe,
            "data": run.evaluation["data"],
            "split": run.evaluation["split"]["fingerprint"],
            "computation": {
                way: {"epochs": epochs, "operations": 1e12}
                for way, epochs in zip(ways, (24, 25), strict=True)
            },
            "pairs": [
                {"seed": seed, **dict(zip(ways, map(write, pair), strict=True))}
                for seed, pair in enumerate(pairs, start=1)
            ],
        },
    )
