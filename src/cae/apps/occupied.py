"""A finished run in the folder that was asked for: shown if it is the same run and whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cae.apps.screen import tell_warning
from cae.apps.settings import Plan
from cae.apps.tables import make_results_table
from cae.errors import CheckpointError
from cae.files import read_sealed_json


def read_finished_run(plan: Plan) -> Mapping[str, Any] | None:
    """Return the evaluation of the run that is planned, if the folder holds that run whole.

    If its scores or plots are missing or damaged, or belong to other models, it counts as not yet
    evaluated: measuring again takes seconds. If a model's JSON is missing, which is how a user
    asks for that model to be trained again, it counts as unfinished.

    Raises:
        ConfigError: the folder holds a run of another configuration.
        CheckpointError: a model, a history or what is told of the run is damaged.
    """
    folder = plan.folder
    models = (folder.autoencoder, folder.encoder, folder.classifier)
    needed = (folder.evaluation, *(folder.model(name).json for name in models))
    if not all(path.exists() for path in needed):
        return None
    # With PyTorch, as a plan has it.
    from cae.pipeline.run import describe_run, read_checksums, require_same_run
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
    if evaluation.get("weights_sha256") not in (None, read_checksums(folder)):
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
