"""Runs that differ in their seed alone, told as one: means, and an interval that says of what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from cae.inference import compute_student_interval
from cae.report.names import name_place
from cae.report.results.sources import Run


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A test accuracy with its interval of 95%, in fractions.

    Attributes:
        seeds: of one run the interval is that of its test images (Wilson's), of several that of
            the mean over their seeds (Student's).
        images: the ends of the first run's interval over the test images, whatever the seeds say.
    """

    mean: float
    low: float
    high: float
    seeds: int
    images: tuple[float, float]

    @property
    def lowest(self) -> float:
        """Where the interval begins that covers seeds and test images, each by itself."""
        return min(self.low, self.images[0])

    @property
    def highest(self) -> float:
        """Where that interval ends."""
        return max(self.high, self.images[1])


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one recipe and different seeds, the first to be told of first."""

    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        return self.runs[0].name

    @property
    def first(self) -> Run:
        return self.runs[0]

    @property
    def accuracy(self) -> Accuracy:
        values = [run.scores["accuracy"] for run in self.runs]
        low, high = self.first.scores["accuracy_interval"]
        images = float(low), float(high)
        if len(values) == 1:
            return Accuracy(values[0], *images, 1, images)
        of_seeds = compute_student_interval(values, within=(0.0, 1.0))
        return Accuracy(fmean(values), *of_seeds, len(values), images)

    def mean(self, read: Callable[[Run], float | None]) -> float | None:
        """Return the mean over the runs of what `read` reads, None where a run has none."""
        values = [read(run) for run in self.runs]
        known = [value for value in values if value is not None]
        return fmean(known) if len(known) == len(values) else None

    def recall(self, class_name: str) -> float | None:
        """Return the mean recall of a class, None where it has no test images."""
        return self.mean(lambda run: run.scores["per_class"][class_name]["recall"])

    @property
    def by_place(self) -> list[Group]:
        """The runs of each machine, precision and version of PyTorch, the first run's first."""
        places: dict[str, list[Run]] = {}
        for run in self.runs:
            places.setdefault(name_place(run.environment), []).append(run)
        return [Group(tuple(runs)) for runs in places.values()]

    @property
    def minutes(self) -> float:
        """Mean wall time, evaluation included, of the runs that were made where the first was."""
        return fmean(run.evaluation["seconds"]["total"] for run in self.by_place[0].runs) / 60


def group_runs(runs: Sequence[Run]) -> list[Group]:
    """Return the runs in groups of one recipe on the same data; a seed stands once in each."""
    groups: list[list[Run]] = []
    for run in runs:
        for group in groups:
            first = group[0]
            is_same = run.recipe == first.recipe and (
                run.evaluation["data"] == first.evaluation["data"]
            )
            if is_same and run.seed not in {other.seed for other in group}:
                group.append(run)
                break
        else:
            groups.append([run])
    return [Group(tuple(group)) for group in groups]
