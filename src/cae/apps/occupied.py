"""What lies in the folder of a run already: a finished run to show, models to keep unless told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import cae
from cae.apps.settings import Plan
from cae.errors import CheckpointError, ConfigError
from cae.files import read_json

_MOST_DIFFERENCES_TOLD = 5


def read_finished_run(plan: Plan) -> Mapping[str, Any] | None:
    """Return the evaluation of the very run that is planned, if the folder holds it.

    Raises:
        ConfigError: the folder holds a finished run of another configuration.
        CheckpointError: it holds a finished run that cannot be read.
    """
    folder = plan.folder
    if not folder.evaluation.exists():
        return None
    try:
        evaluation, stored = read_json(folder.evaluation), read_json(folder.configuration)
        if not isinstance(evaluation, dict) or "test" not in evaluation:
            raise CheckpointError(f"{folder.evaluation}: not the evaluation of a run")
    except CheckpointError as error:
        raise CheckpointError(f"{error}; give another --out, or --fresh to run again") from None
    there, now = _flatten(stored), _flatten(_describe_plan(plan))
    differences = [
        f"{key.removeprefix('config.')} is {there.get(key)!r} there and {now.get(key)!r} now"
        for key in sorted(there.keys() | now.keys())
        if there.get(key) != now.get(key)
    ]
    if differences:
        more = len(differences) - _MOST_DIFFERENCES_TOLD
        raise ConfigError(
            f"{folder.root}: holds another finished run: "
            f"{', '.join(differences[:_MOST_DIFFERENCES_TOLD])}"
            f"{f', and {more} more' if more > 0 else ''}; give another --out to keep it, or "
            "--fresh to replace it"
        )
    _require_whole_models(folder)
    # Why these images stand in for CIFAR-10, if they do, is a matter of today.
    reason = plan.dataset.fallback_reason
    return {**cast("dict[str, Any]", evaluation), "fallback_reason": reason}


def require_room(plan: Plan) -> None:
    """Refuse to replace models that another command wrote; a run broken off starts over them.

    Raises:
        ConfigError: naming a model that is there.
    """
    folder = plan.folder
    try:
        if read_json(folder.configuration) == _describe_plan(plan):
            return
    except CheckpointError:
        pass  # There is no run; are there models?
    for name in (folder.autoencoder, folder.encoder, folder.classifier):
        refuse_to_replace(folder.model(name).json)


def refuse_to_replace(path: Path) -> None:
    """Refuse to write a model over the one at `path`.

    Raises:
        ConfigError: there is one.
    """
    if path.exists():
        raise ConfigError(
            f"{path}: there is a model already; give another --out or --name to keep it, or "
            "--fresh to replace it"
        )


def drop_evaluation(folder: cae.RunFolder) -> None:
    """Drop the figures of a run whose model is now replaced; those of another run stay."""
    try:
        evaluation = read_json(folder.evaluation)
    except CheckpointError:
        return
    if isinstance(evaluation, dict) and evaluation.get("name") == folder.name:  # pyright: ignore[reportUnknownMemberType]
        folder.evaluation.unlink(missing_ok=True)


def _require_whole_models(folder: cae.RunFolder) -> None:
    """Refuse to show a run whose models are missing or damaged as complete."""
    for name in (folder.autoencoder, folder.encoder, folder.classifier):
        try:
            cae.load_model(cae.read_model(folder.model(name).json))
        except CheckpointError as error:
            raise CheckpointError(
                f"{folder.root}: its figures are there, but not all of its models: {error}; "
                "--fresh runs it again"
            ) from None


def _describe_plan(plan: Plan) -> dict[str, Any]:
    from cae.pipeline import describe_run  # With PyTorch, which a plan has brought in.

    return describe_run(plan.config, source=plan.dataset.source, name=plan.folder.name)


def _flatten(value: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, object] = {}
    for key, inner in cast("dict[str, object]", value).items():
        flat |= _flatten(inner, f"{prefix}.{key}" if prefix else key)
    return flat
