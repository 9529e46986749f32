"""The summary of a study's rows: means over seeds, and differences paired by seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cae.inference import correct_holm
from cae.seeding import derive_seed
from cae.study.plan import PLANS
from cae.study.statistics import compute_least_p, compute_sign_flip_p, estimate_mean
from cae.study.trials import NO_PRETRAINING

Row = Mapping[str, Any]
Group = dict[int, Row]  # by seed

_CELL = ("plan", "encoder", "pretraining", "arm", "labels_per_class")
RECALL = "recall_"


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the summary of a table of trials, as JSON, in fractions rather than percent.

    Returns:
        plan: for each plan, which of its arms, pretrainings, budgets and so on are there.
        estimates: for each cell, the test accuracy and the macro F1 over its seeds (mean, low,
            high, bootstrap_low, bootstrap_high, count, values; the intervals are 95% intervals),
            the mean recall of each class, the epochs of the classifier, and the mean seconds and
            the operations of a trial, its pretraining included.
        differences: for each arm and each of its controls, the difference of test accuracies,
            paired by seed, with the p-value of the exact sign-flip test (p). Also that p-value
            corrected by Holm's method (p_holm) over the label budgets (plan "labels") or the
            pretrainings (plan "origin"), as corrected_over says; the number of these (comparisons);
            and the smallest possible p_holm with that many seeds and comparisons (p_holm_least).
            Also the precision of the arm's classifier, by seed (precisions), and the seeds whose
            control was trained on another processor or in another precision (crossed_seeds).
    """
    finished = [row for row in rows if row["state"] == "finished"]
    groups: dict[tuple[Any, ...], Group] = {}
    for row in finished:
        groups.setdefault(tuple(row[name] for name in _CELL), {})[row["seed"]] = row
    return {
        "plan": _describe_plans(finished),
        "estimates": [_estimate(cell, group) for cell, group in groups.items()],
        "differences": _correct(list(_compare(groups))),
    }


def _describe_plans(rows: Iterable[Row]) -> dict[str, dict[str, list[Any]]]:
    plans: dict[str, dict[str, list[Any]]] = {}
    for row in rows:
        plan = plans.setdefault(row["plan"], {name: [] for name in (*_CELL[1:], "seed")})
        for name, values in plan.items():
            if row[name] not in values:
                values.append(row[name])
    return plans


def _estimate(cell: tuple[Any, ...], group: Group) -> dict[str, Any]:
    rows = [group[seed] for seed in sorted(group)]
    recalls = [name for name in rows[0] if name.startswith(RECALL)]
    return {
        **dict(zip(_CELL, cell, strict=True)),
        "seeds": sorted(group),
        "test_accuracy": _describe_mean([row["test_accuracy"] for row in rows], cell, (0, 1)),
        "macro_f1": _describe_mean([row["macro_f1"] for row in rows], cell, (0, 1)),
        "recalls": {
            name.removeprefix(RECALL): _mean([row[name] for row in rows]) for name in recalls
        },
        "epochs": rows[0]["finetune_epochs"],
        "seconds_mean": _mean([row["pretrain_seconds"] + row["finetune_seconds"] for row in rows]),
        "flops": rows[0]["flops"],
    }


def _compare(groups: Mapping[tuple[Any, ...], Group]) -> Iterator[dict[str, Any]]:
    """Yield the difference of each cell from each of its controls, if they have common seeds."""
    for cell, group in groups.items():
        plan, encoder, pretraining, arm, labels = cell
        for control in PLANS[plan].arms[arm].controls:
            # A control from scratch is the same for every pretraining.
            same = groups.get((plan, encoder, pretraining, control, labels))
            other = same or groups.get((plan, encoder, NO_PRETRAINING, control, labels)) or Group()
            seeds = sorted(group.keys() & other.keys())
            if not seeds:
                continue
            values = [group[seed]["test_accuracy"] - other[seed]["test_accuracy"] for seed in seeds]
            yield {
                "plan": plan,
                "encoder": encoder,
                "labels_per_class": labels,
                "pretraining": pretraining,
                "treatment": arm,
                "control": control,
                "seeds": seeds,
                **_describe_mean(values, (*cell, control), (-1, 1)),
                "p": compute_sign_flip_p(values),
                "precisions": [group[seed]["environment"]["precision"] for seed in seeds],
                "crossed_seeds": [
                    seed for seed in seeds if _find_place(group[seed]) != _find_place(other[seed])
                ],
            }


def _find_place(trial: Row) -> tuple[str, str]:
    """Return the parts of a trial's environment that its scores depend on most."""
    environment = trial["environment"]
    processor = environment.get("accelerator") or environment["processor"]
    return processor, environment["precision"]


def _correct(differences: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return the differences, with p-values added that are corrected within each family."""
    families: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for difference in differences:
        over = PLANS[difference["plan"]].corrects_over
        names = ("plan", "encoder", "labels_per_class", "pretraining", "treatment", "control")
        family = tuple(difference[name] for name in names if name != over)
        families.setdefault(family, []).append(difference)
    for family in families.values():
        found = correct_holm([difference["p"] for difference in family])
        least = correct_holm([compute_least_p(difference["count"]) for difference in family])
        for difference, p, least_p in zip(family, found, least, strict=True):
            difference["p_holm"] = p
            difference["p_holm_least"] = least_p
            difference["corrected_over"] = PLANS[difference["plan"]].corrects_over
            difference["comparisons"] = len(family)
    return differences


def _describe_mean(
    values: Sequence[float], cell: Iterable[Any], within: tuple[float, float]
) -> dict[str, Any]:
    # Each interval has a random stream of its own, so that it does not depend on the other rows.
    seed = derive_seed(0, "bootstrap", *(str(name) for name in cell))
    return {**asdict(estimate_mean(values, seed=seed, within=within)), "values": list(values)}


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None
