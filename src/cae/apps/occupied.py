"""A finished run in the folder that was asked for: shown if it is the same run and whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cae
from cae.apps.screen import tell_warning
from cae.apps.settings import Plan
from cae.apps.tables import make_results_table
from cae.errors import CheckpointError
from cae.files import read_sealed_json


def read_finished_run(plan: Plan) -> Mapping[str, Any] | None:
    """Return the evaluation of the run that is planned, if the folder holds that run whole.

    If its scores or plots are missing or damaged, or belong to other models, it counts as not yet
    evaluated: measuring again takes seconds.

    Raises:
        ConfigError: the folder holds a run of another configuration.
        CheckpointError: a model, a history or what is told of the run is damaged.
    """
    folder = plan.folder
    if not folder.evaluation.exists():
        return None
    from cae.pipeline.run import describe_run, require_same_run  # with PyTorch, as a plan has it
    from cae.report.figures.run_plots import find_damaged_plots
    from cae.training.finished import require_whole_run

    description = describe_run(plan.config, source=plan.dataset.source, name=folder.name)
    require_same_run(folder, description)
    require_whole_run(folder)
    if folder.environment.exists():
        try:
            read_sealed_json(folder.environment)
        except CheckpointError as error:
            raise CheckpointError(f"{error}; or remove it") from None
    try:
        evaluation = read_sealed_json(folder.evaluation)
        _require_complete(evaluation, folder.evaluation)
    except CheckpointError as error:
        tell_warning(f"{error}; measuring the models again")
        return None
    if not folder.configuration.exists() or find_damaged_plots(folder):
        return None
    if evaluation.get("weights_sha256") not in (None, _read_checksums(folder)):
        return None
    # Why these images stand in for CIFAR-10, if they do, is a matter of today.
    reason = plan.dataset.fallback_reason
    return {**evaluation, "fallback_reason": reason}


def _require_complete(evaluation: Mapping[str, Any], path: Path) -> None:
    """Refuse, sealed or not, what the table of results could not be made of."""
    try:
        make_results_table(evaluation)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise CheckpointError(f"{path}: not the evaluation of a run") from None


def _read_checksums(folder: cae.RunFolder) -> dict[str, str]:
    models = {"autoencoder": folder.autoencoder, "classifier": folder.classifier}
    return {
        kind: cae.read_model(folder.model(name).json).weights_sha256
        for kind, name in models.items()
    }
