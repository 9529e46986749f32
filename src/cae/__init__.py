"""Classify images with an autoencoder first: pretrain without labels, then classify, then measure."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cae.checkpoints.weights import SavedModel, load_model, read_model, read_weights
    from cae.config import (
        AutoencoderConfig,
        ClassifierConfig,
        DataConfig,
        RunConfig,
        load_preset,
        override,
        parse_autoencoder_config,
        parse_classifier_config,
        preset_names,
    )
    from cae.data.images import Dataset, ImageSet, Splits
    from cae.data.sources import load_dataset
    from cae.data.splits import make_splits
    from cae.errors import (
        CaeError,
        CheckpointError,
        ConfigError,
        DataError,
        DivergedError,
        MissingExtraError,
    )
    from cae.pipeline import (
        RunResult,
        Trained,
        classify,
        evaluate_model,
        finetune,
        pretrain,
        run,
        save_autoencoder,
        save_classifier,
    )
    from cae.report.run_plots import draw_run
    from cae.run_folder import RunFolder
    from cae.runtime.device import Runtime, choose_runtime

_HOMES = {
    "cae.checkpoints.weights": ("SavedModel", "load_model", "read_model", "read_weights"),
    "cae.config": (
        "AutoencoderConfig",
        "ClassifierConfig",
        "DataConfig",
        "RunConfig",
        "load_preset",
        "override",
        "parse_autoencoder_config",
        "parse_classifier_config",
        "preset_names",
    ),
    "cae.data.images": ("Dataset", "ImageSet", "Splits"),
    "cae.data.sources": ("load_dataset",),
    "cae.data.splits": ("make_splits",),
    "cae.errors": (
        "CaeError",
        "CheckpointError",
        "ConfigError",
        "DataError",
        "DivergedError",
        "MissingExtraError",
    ),
    "cae.pipeline": (
        "RunResult",
        "Trained",
        "classify",
        "evaluate_model",
        "finetune",
        "pretrain",
        "run",
        "save_autoencoder",
        "save_classifier",
    ),
    "cae.report.run_plots": ("draw_run",),
    "cae.run_folder": ("RunFolder",),
    "cae.runtime.device": ("Runtime", "choose_runtime"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [  # noqa: PLE0604 - the names are literals above
    *sorted(_HOME_OF),
]


def __getattr__(name: str) -> Any:
    # Imported on first use: `import cae` and `cae --help` must not wait seconds for PyTorch.
    if name not in _HOME_OF:
        raise AttributeError(f"module 'cae' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
