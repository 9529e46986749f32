"""A finished run in the folder of the one asked for: shown if it is the same and whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cae.apps.settings import Plan
from cae.apps.tables import make_results_table
from cae.errors import CheckpointError
from cae.files import read_sealed_json


def read_finished_run(plan: Plan) -> Mapping[str, Any] | None:
    """Return the evaluation of the very run that is planned, if the folder holds it whole.

    Without all of its plots a run counts as not yet evaluated: they are drawn with the evaluation.

    Raises:
        ConfigError: the folder holds a run of another configuration.
        CheckpointError: it holds a finished run that is damaged.
    """
    folder = plan.folder
    if not folder.evaluation.exists():
        return None
    from cae.pipeline.run import describe_run, require_same_run  # with PyTorch, as a plan has it
    from cae.report.run_plots import find_damaged_plots
    from cae.training.finished import require_whole_run

    description = describe_run(plan.config, source=plan.dataset.source, name=folder.name)
    try:
        evaluation = read_sealed_json(folder.evaluation)
        _require_complete(evaluation, folder.evaluation)
        for path in (folder.configuration, folder.environment):
            read_sealed_json(path)
    except CheckpointError as error:
        raise CheckpointError(f"{error}; give another --out, or --fresh to run again") from None
    require_same_run(folder, description)
    require_whole_run(folder)
    if find_damaged_plots(folder):
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
