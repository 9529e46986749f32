"""Runs that differ only in their seed, reported as one: name, means, and intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from statistics import fmean

from cae.inference import compute_student_interval
from cae.report.names import name_place
from cae.report.results.sources import Run


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A test accuracy with its 95% interval, in fractions.

    Attributes:
        seeds: how many there are. For one run the interval is over its test images (Wilson's), for
            several it is that of the mean over their seeds (Student's).
        images: the ends of the first run's interval over the test images, in either case.
    """

    mean: float
    low: float
    high: float
    seeds: int
    images: tuple[float, float]

    @property
    def lowest(self) -> float:
        """The lower end of the interval that covers both: over seeds, and over test images."""
        return min(self.low, self.images[0])

    @property
    def highest(self) -> float:
        """The upper end of that interval."""
        return max(self.high, self.images[1])


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one recipe with different seeds; the first one is reported first.

    Attributes:
        name: the first run's name, with its folder if another group's first run has the same name.
    """

    runs: tuple[Run, ...]
    name: str

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
        """Return the mean over the runs of what `read` returns; None if it is None for any."""
        values = [read(run) for run in self.runs]
        known = [value for value in values if value is not None]
        return fmean(known) if len(known) == len(values) else None

    def recall(self, class_name: str) -> float | None:
        """Return the mean recall of a class; None if it has no test images."""
        return self.mean(lambda run: run.scores["per_class"][class_name]["recall"])

    @property
    def by_place(self) -> list[Group]:
        """The runs by machine, precision and version of PyTorch, beginning with the first run's."""
        places: dict[str, list[Run]] = {}
        for run in self.runs:
            places.setdefault(name_place(run.environment), []).append(run)
        return [Group(tuple(runs), self.name) for runs in places.values()]

    @property
    def minutes(self) -> float:
        """Mean wall time, evaluation included, of the runs made in the same place as the first."""
        return fmean(run.evaluation["seconds"]["total"] for run in self.by_place[0].runs) / 60


def group_runs(runs: Sequence[Run]) -> list[Group]:
    """Return the runs in groups with one recipe and data; each seed is in a group only once."""
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
    names = _name_apart([group[0] for group in groups])
    return [Group(tuple(group), name) for group, name in zip(groups, names, strict=True)]


def _name_apart(runs: Sequence[Run]) -> list[str]:
    """Return the name of each run, followed by its folder if the name is not unique.

    Of the folders' paths, as they were given, only as much is shown as tells them apart: where they
    are on a machine should not be published, and the same command gives the same report anywhere.
    """
    alike: dict[str, list[Path]] = {}
    for run in runs:
        alike.setdefault(run.name, []).append(run.folder.root)
    return [_name_with_folder(run, alike[run.name]) for run in runs]


def _name_with_folder(run: Run, folders: Sequence[Path]) -> str:
    root = run.folder.root.parts
    all_parts = [folder.parts for folder in folders]
    shared = sum(
        1 for _ in takewhile(lambda same: len({*same}) == 1, zip(*all_parts, strict=False))
    )
    others = [parts[shared:] for parts in all_parts if parts != root]
    if not others or len(root) == shared:  # nothing to tell apart, or the folder of the others
        return run.name
    tails = (root[-count:] for count in range(1, len(root) - shared + 1))
    differing = (tail for tail in tails if all(other[-len(tail) :] != tail for other in others))
    tail = next(differing, root[shared:])  # "run" beside "deep/run" is shown whole
    # Backticks enclose the names in the report's sentences and tables.
    return f"{run.name} ({Path(*tail).as_posix().replace('`', chr(39))})"
