"""The results of a study, as `cae study` writes them: estimates of each arm, and differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cae.errors import CheckpointError
from cae.report.names import name_place, spell_out
from cae.report.results.sources import read_object
from cae.wording import join

Labels = int | Literal["all"]
Line = tuple[str, str, str, str]  # encoder, treatment, pretraining, control

# The arms that the others are compared with.
CONTROLS = ("scratch", "scratch_whole_budget")
NO_PRETRAINING = "none"

SIGNIFICANT = 0.05
_ARM_WORDS = {
    "scratch": "from scratch",
    "scratch_whole_budget": "from scratch, equal computation",
    "linear_probe": "linear probe",
    "frozen": "frozen encoder",
    "fine_tuned": "fine-tuned",
    "no_augmentation": "no augmentation",
    "head_dropout": "dropout in the head",
    "all_layers": "all layers trained",
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds and its 95% interval, which a single seed does not have."""

    mean: float
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """The test accuracy (in fractions) of an arm's trials, one for each seed, and their cost.

    Attributes:
        epochs: epochs of the classifier.
        flops: floating-point operations of a trial, pretraining included. Unlike its seconds they
            do not depend on the machine.
        recalls: mean recall of each class; None if the class has no test images.
    """

    encoder: str
    pretraining: str
    arm: str
    labels: Labels
    accuracy: Interval
    epochs: int
    flops: float
    recalls: Mapping[str, float | None] = field(default_factory=dict[str, float | None])


@dataclass(frozen=True, slots=True)
class Difference:
    """How far an arm is above a control with the same seeds, in fractions of the test images.

    Attributes:
        gains: the differences by seed.
        p: p-value of the exact sign-flip test.
        p_holm: the same, corrected over the label budgets (plan "origin": over the pretrainings).
        least_p: the smallest possible `p_holm` with that many seeds and comparisons.
        over: what `p_holm` is corrected over, "labels_per_class" or "pretraining".
        comparisons: how many comparisons it is corrected for.
        precisions: the precision that the arm was trained in, by seed, if it is known.
        crossed: the seeds whose arm and control ran on different processors or in different
            precisions.
    """

    encoder: str
    pretraining: str
    labels: Labels
    treatment: str
    control: str
    gain: Interval
    gains: Mapping[int, float]
    p: float
    p_holm: float
    least_p: float
    over: str
    comparisons: int
    precisions: Mapping[int, str] = field(default_factory=dict[int, str])
    crossed: tuple[int, ...] = ()

    @property
    def line(self) -> Line:
        """What it shares with the differences of other label budgets."""
        return self.encoder, self.treatment, self.pretraining, self.control

    @property
    def is_significant(self) -> bool:
        """Whether the corrected p-value is below 0.05 and the interval excludes zero."""
        return self.p_holm < SIGNIFICANT and self.effect in ("gain", "loss")

    @property
    def has_too_few_seeds(self) -> bool:
        """Whether no difference at all could be significant with that many seeds."""
        return self.least_p >= SIGNIFICANT

    @property
    def is_one_sided(self) -> bool:
        """Whether the differences of all seeds are on the same side of zero."""
        sides = {value > 0 for value in self.gains.values() if value}
        return all(self.gains.values()) and len(sides) == 1

    @property
    def effect(self) -> Literal["gain", "loss", "none", "unknown"]:
        """On which side of zero the interval is, if on one; "unknown" for a single seed."""
        low, high = self.gain.low, self.gain.high
        if low is None or high is None:
            return "unknown"
        if low > 0:
            return "gain"
        return "loss" if high < 0 else "none"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where some trials were trained, pretraining included, and on which days.

    Attributes:
        cells: the seeds of the trials, by encoder and label budget.
    """

    place: str
    cells: Mapping[tuple[str, Labels], tuple[int, ...]]
    first_date: str
    last_date: str
    precision: str

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds with which something was trained there."""
        return tuple(sorted({seed for seeds in self.cells.values() for seed in seeds}))


@dataclass(frozen=True, slots=True)
class Pretraining:
    """A pretraining by its name, and the keys of its autoencoder's configuration."""

    encoder: str
    name: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Study:
    """All results of a study so far, for one of its plans.

    Attributes:
        data: the data set's name.
        pretrainings: the pretrainings that its arms are built on.
        machines: the machines that trained it, the earliest first.
        commands: the commands that asked for it, or for another plan in the same folder.
    """

    estimates: tuple[Estimate, ...]
    differences: tuple[Difference, ...]
    machines: tuple[Machine, ...] = ()
    commands: tuple[str, ...] = ()
    pretrainings: tuple[Pretraining, ...] = ()
    data: str | None = None

    @property
    def encoders(self) -> list[str]:
        """The encoders that were tried, in the file's order."""
        return list(dict.fromkeys(estimate.encoder for estimate in self.estimates))

    @property
    def labels(self) -> list[Labels]:
        """The label budgets in increasing order, "all" last."""
        found: set[Labels] = {estimate.labels for estimate in self.estimates}
        return sorted(found, key=rank_labels)

    @property
    def trials(self) -> int:
        """How many trials the estimates are based on."""
        return sum(estimate.accuracy.count for estimate in self.estimates)


def read_study(folder: Path, *, plan: str = "labels") -> Study | None:
    """Return the results in `folder` for a plan, or None if there are none.

    Args:
        folder: the folder of summary.json.
        plan: "labels", or "origin" for the comparison of the origin's regularisations.

    Raises:
        CheckpointError: the results are damaged, or not those of a study.
    """
    path = folder / "summary.json"
    if not path.exists():
        return None
    content = read_object(path)
    try:
        estimates = tuple(map(_parse_estimate, _select(content["estimates"], plan)))
        differences = tuple(map(_parse_difference, _select(content.get("differences", ()), plan)))
        conditions = content.get("conditions", {})
        machines = _parse_machines(_select(conditions.get("machines", ()), plan))
        commands = tuple(map(str, conditions.get("commands", ())))
        pretrainings = tuple(
            Pretraining(str(row["encoder"]), str(row["pretraining"]), dict(row["autoencoder"]))
            for row in _select(conditions.get("pretrainings", ()), plan)
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"{path}: not a study's results: {reason}; make them again with cae study"
        ) from None
    if not estimates:
        return None
    return Study(estimates, differences, machines, commands, pretrainings, conditions.get("data"))


def name_arm(arm: str, pretraining: str = NO_PRETRAINING) -> str:
    """Return the report's name for an arm and its pretraining ("fine-tuned, masked")."""
    words = _ARM_WORDS.get(arm, spell_out(arm))
    if pretraining == NO_PRETRAINING or arm in CONTROLS:
        return words
    return f"{words}, {spell_out(pretraining)}"


def name_pretraining(pretraining: str) -> str:
    """Return the report's name for a pretraining ("masked pixels pretraining")."""
    return f"{spell_out(pretraining)} pretraining"


def name_labels(labels: Labels) -> str:
    """Return the report's name for a label budget."""
    return "all labels" if labels == "all" else f"{labels:,} labels per class"


def name_control(control: str) -> str:
    """Return the report's name for a control ("training from scratch with equal computation")."""
    return {
        "scratch": "training from scratch",
        "scratch_whole_budget": "training from scratch with equal computation",
    }.get(control, f"the arm {name_arm(control)}")


def name_budgets(budgets: Mapping[Labels, str]) -> str:
    """Return label budgets, each followed by some words, as one list.

    For example "10 (+3.0), 50 (+2.1) and all (+0.1) labels per class".
    """
    told = join([f"{_write_number(labels)} {words}".strip() for labels, words in budgets.items()])
    if [*budgets] == ["all"]:
        return f"all labels {budgets['all']}".strip()
    return f"{told} labels per class"


def _write_number(labels: Labels) -> str:
    return "all" if labels == "all" else f"{labels:,}"


def rank_labels(labels: Labels) -> float:
    """Return a key that sorts label budgets, "all" last."""
    return float("inf") if labels == "all" else float(labels)


def _select(rows: Iterable[Mapping[str, Any]], plan: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row.get("plan", "labels") == plan]


def _parse_estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate(
        str(row["encoder"]),
        str(row["pretraining"] or NO_PRETRAINING),
        str(row["arm"]),
        _parse_labels(row["labels_per_class"]),
        _parse_interval(row["test_accuracy"]),
        int(row["epochs"]),
        float(row["flops"]),
        {
            str(name): None if recall is None else float(recall)
            for name, recall in row.get("recalls", {}).items()
        },
    )


def _parse_difference(row: Mapping[str, Any]) -> Difference:
    return Difference(
        str(row["encoder"]),
        str(row["pretraining"] or NO_PRETRAINING),
        _parse_labels(row["labels_per_class"]),
        str(row["treatment"]),
        str(row["control"]),
        _parse_interval(row),
        {int(seed): float(value) for seed, value in zip(row["seeds"], row["values"], strict=True)},
        float(row["p"]),
        float(row["p_holm"]),
        float(row["p_holm_least"]),
        str(row["corrected_over"]),
        int(row["comparisons"]),
        {
            int(seed): str(precision)
            for seed, precision in zip(row["seeds"], row.get("precisions", ()), strict=False)
        },
        tuple(map(int, row.get("crossed_seeds", ()))),
    )


def _parse_machines(rows: Iterable[Mapping[str, Any]]) -> tuple[Machine, ...]:
    """Return the machines; environments with the same name in the report are one."""
    machines: dict[str, Machine] = {}
    for row in rows:
        place = name_place(row["environment"])
        cells: dict[tuple[str, Labels], tuple[int, ...]] = {
            (str(cell["encoder"]), _parse_labels(cell["labels_per_class"])): tuple(cell["seeds"])
            for cell in row["cells"]
        }
        dates = [str(row["first_date"]), str(row["last_date"])]
        if (other := machines.get(place)) is not None:
            for cell, seeds in other.cells.items():
                cells[cell] = tuple(sorted({*seeds, *cells.get(cell, ())}))
            dates += [other.first_date, other.last_date]
        precision = str(row["environment"]["precision"])
        machines[place] = Machine(place, cells, min(dates), max(dates), precision)
    return tuple(machines.values())


def _parse_labels(value: object) -> Labels:
    if value == "all":
        return "all"
    if isinstance(value, int) and value > 0:
        return value
    raise ValueError(f"labels_per_class {value!r} is neither a number of labels nor 'all'")


def _parse_interval(row: Mapping[str, Any]) -> Interval:
    low, high = (None if row[key] is None else float(row[key]) for key in ("low", "high"))
    return Interval(float(row["mean"]), low, high, int(row["count"]))
