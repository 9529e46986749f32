"""What all trials of a study have in common, for one of another recipe not to join them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cae.config import dump
from cae.differences import describe_differences
from cae.study.plan import PLANS
from cae.study.trials import Cell, write_budget

Recipe = Mapping[str, Mapping[str, Any]]

# How long a classifier trains, which depends on how many labels there are.
_LENGTH = ("epochs", "batch_size", "low_resolution_epochs", "low_resolution_side")


def describe_shared_recipe(cells: Iterable[Cell]) -> dict[str, dict[str, Any]]:
    """Return the recipe of trials, whatever their seeds, as JSON by what it is of.

    That is the network and the classifier of each plan and encoder, but for what an arm changes of
    it, each pretraining, and how long each arm trains at each label budget.
    """
    parts: dict[str, dict[str, Any]] = {}
    for cell in cells:
        where, trial = f"{cell.plan}/{cell.encoder}", cell.trial
        assert trial.classifier is not None
        classifier = dump(trial.classifier)
        own = {"seed", *_LENGTH, *PLANS[cell.plan].arms[cell.arm].changes}
        # What one arm changes is told by the others.
        shared = parts.setdefault(f"{where}/classifier", {})
        shared |= {key: value for key, value in classifier.items() if key not in own}
        parts[f"{where}/{cell.arm}/{write_budget(cell.labels_per_class)}"] = {
            key: classifier[key] for key in _LENGTH
        }
        configs = {"network": trial.autoencoder}
        if trial.pretraining is not None:
            configs[cell.pretraining] = trial.pretraining.autoencoder
        for name, config in configs.items():
            parts[f"{where}/{name}"] = {
                key: value for key, value in dump(config).items() if key != "seed"
            }
    return parts


def tell_other_recipe(there: Recipe, now: Recipe) -> str:
    """Return in which keys that both have two recipes differ; "" if in none.

    One version of this package may have keys that another has not, and one grid arms.
    """
    ours, theirs = (
        {
            part: {key: of[part][key] for key in there[part].keys() & now[part].keys()}
            for part in there.keys() & now.keys()
        }
        for of in (there, now)
    )
    return describe_differences(ours, theirs)
