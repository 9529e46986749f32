"""A study as tables: its trials and how long they take, and its results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cae.apps.screen import write_duration
from cae.study.trials import NO_PRETRAINING, Cell, Trial


@dataclass(frozen=True, slots=True)
class Planned:
    """A trial of a grid, and about how long it takes.

    Attributes:
        trial: the trial.
        name: its name, without the seed.
        seconds: how long this machine would need for it.
        is_finished: whether it is finished.
    """

    trial: Trial
    name: str
    seconds: float
    is_finished: bool

    @property
    def epochs(self) -> int:
        """How long it trains."""
        return (self.trial.classifier or self.trial.autoencoder).epochs

    def describe(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "key": self.trial.key,
            "name": self.name,
            "seed": self.trial.autoencoder.seed,
            "epochs": self.epochs,
            "flops": self.trial.flops,
            "seconds": round(self.seconds, 1),
            "finished": self.is_finished,
        }


def name_trials(cells: Iterable[Cell]) -> dict[str, str]:
    """Return what people call each trial of a grid, by key: pretrainings first."""
    names: dict[str, str] = {}
    for cell in cells:
        seed = f"seed {cell.seed}"
        if cell.trial.pretraining is not None:
            names[cell.trial.pretraining.key] = f"pretraining {cell.pretraining}, {seed}"
        names[cell.trial.key] = f"{name_cell(cell.describe())}, {seed}"
    return names


def name_cell(cell: Mapping[str, Any]) -> str:
    """Return "fine_tuned after masked, 100 labels per class" for a row or cell of results."""
    arm = name_arm(cell["arm"], cell["pretraining"])
    return f"{arm}, {name_budget(cell['labels_per_class'])}"


def name_arm(arm: str, pretraining: str) -> str:
    """Return "fine_tuned after masked", or "scratch"."""
    return arm if pretraining == NO_PRETRAINING else f"{arm} after {pretraining}"


def name_budget(labels: int | str) -> str:
    """Return "100 labels per class" or "all labels"."""
    return "all labels" if labels == "all" else f"{labels} label{'s' * (labels != 1)} per class"


def make_grid_table(planned: Sequence[Planned], *, jobs: int) -> RenderableType:
    """Return the trials of a grid, the seeds of each in one row, with the time that is left."""
    table = _make_table("trials, labels of each class", "left", "epochs", "one takes", "in all")
    groups: dict[str, list[Planned]] = {}
    for each in planned:
        groups.setdefault(each.name.rpartition(", seed ")[0], []).append(each)
    for name, group in groups.items():
        left = [each for each in group if not each.is_finished]
        table.add_row(
            name.removesuffix(" per class"),
            f"{len(left)} of {len(group)}",
            str(group[0].epochs),
            write_duration(group[0].seconds),
            write_duration(sum(each.seconds for each in left)) if left else "",
        )
    left = [each for each in planned if not each.is_finished]
    words = f"  {len(planned)} trial{'s' * (len(planned) != 1)}, {len(left)} of them left"
    if left:
        words += f": about {write_duration(sum(each.seconds for each in left))}"
    told = "estimated from a few training steps on this machine"
    if jobs > 1:
        told += f"; --jobs {jobs} is faster where one trial leaves cores idle"
    return Group(table, Text(words, style="bold"), Text(f"  ({told})\n", style="dim"))


def make_study_table(summary: Mapping[str, Any]) -> RenderableType:
    """Return the estimates and the differences of a study (the content of summary.json)."""
    parts: list[RenderableType] = []
    for grid in dict.fromkeys(map(_name_grid, summary["estimates"])):
        estimates = [each for each in summary["estimates"] if _name_grid(each) == grid]
        differences = [each for each in summary["differences"] if _name_grid(each) == grid]
        parts.append(Text(f"\n  {grid}", style="bold"))
        parts.append(_make_accuracies(estimates))
        if differences:
            parts.append(_make_differences(differences))
    if not parts:
        return Text("  No trial is finished yet.")
    return Group(*parts)


def _make_accuracies(estimates: Sequence[Mapping[str, Any]]) -> Table:
    table = _make_table("test accuracy", "mean", "95% interval", "seeds", "time each")
    for each in estimates:
        of = each["test_accuracy"]
        table.add_row(
            name_arm(each["arm"], each["pretraining"]),
            f"{of['mean']:.1%}",
            "" if of["low"] is None else f"{of['low']:.1%} to {of['high']:.1%}",
            str(of["count"]),
            write_duration(each["seconds_mean"]),
        )
    return table


def _make_differences(differences: Sequence[Mapping[str, Any]]) -> Table:
    table = _make_table("paired difference", "points", "95% interval", "p, Holm")
    for each in differences:
        low, high = each["low"], each["high"]
        table.add_row(
            f"{name_arm(each['treatment'], each['pretraining'])}\n  less {each['control']}",
            f"{100 * each['mean']:+.1f}",
            "" if low is None else f"{100 * low:+.1f} to {100 * high:+.1f}",
            f"{each['p_holm']:.3f}",
        )
    return table


def _make_table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE, header_style="dim")
    table.add_column(first)
    for column in others:
        table.add_column(column, justify="right")
    return table


def _name_grid(cell: Mapping[str, Any]) -> str:
    """Return what the rows of one table have in common."""
    budget = name_budget(cell["labels_per_class"])
    encoder = "the origin's" if cell["encoder"] == "origin" else "the optimal"
    return f"{budget}, {encoder} encoder, plan {cell['plan']}"
