"""What all trials of a study have in common, so that one of another recipe cannot join them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cae.config import dump
from cae.differences import describe_differences
from cae.study.plan import PLANS
from cae.study.trials import Cell

Recipe = Mapping[str, Mapping[str, Any]]

# Keys that say how long a classifier trains, which depends on the number of labels.
_LENGTH = ("epochs", "batch_size", "low_resolution_epochs", "low_resolution_side")


def describe_shared_recipe(cells: Iterable[Cell]) -> dict[str, dict[str, Any]]:
    """Return the recipe that trials share, apart from their seeds, as JSON by its parts.

    The parts are the network and the classifier of each plan and encoder, without the keys that
    arms change; each pretraining; and how long each arm trains at each label budget.
    """
    found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for cell in cells:
        trial = cell.trial
        assert trial.classifier is not None
        config = {"autoencoder": dump(trial.autoencoder), "classifier": dump(trial.classifier)}
        if trial.pretraining is not None:
            config["pretraining"] = dump(trial.pretraining.autoencoder)
        found.append((cell.describe(), config))
    return recover_shared_recipe(found)


def recover_shared_recipe(
    cells: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """Return what `describe_shared_recipe` does, for cells as they are in a grid's file.

    Args:
        cells: each with its trial's configuration, as in its result: `autoencoder` and
            `classifier`; `pretraining` too, if that is known.
    """
    parts: dict[str, dict[str, Any]] = {}
    for cell, config in cells:
        where, arm = f"{cell['plan']}/{cell['encoder']}", cell["arm"]
        classifier = config["classifier"]
        # Keys that this arm changes are taken from the other arms.
        own = {*_LENGTH, *PLANS[cell["plan"]].arms[arm].changes}
        parts.setdefault(f"{where}/classifier", {}).update(_leave_out(classifier, own))
        parts[f"{where}/{arm}/{cell['labels_per_class']}"] = {
            key: classifier[key] for key in _LENGTH if key in classifier
        }
        parts[f"{where}/network"] = _leave_out(config["autoencoder"])
        if "pretraining" in config:
            parts[f"{where}/{cell['pretraining']}"] = _leave_out(config["pretraining"])
    return parts


def _leave_out(config: Mapping[str, Any], keys: Iterable[str] = ()) -> dict[str, Any]:
    left_out = {"seed", *keys}
    return {key: value for key, value in config.items() if key not in left_out}


def tell_other_recipe(there: Recipe, now: Recipe) -> str:
    """Return how two recipes differ in the keys that both have; "" if they do not.

    Versions of this package may differ in their keys, and grids in their arms.
    """
    ours, theirs = (
        {
            part: {key: of[part][key] for key in there[part].keys() & now[part].keys()}
            for part in there.keys() & now.keys()
        }
        for of in (there, now)
    )
    return describe_differences(ours, theirs)
