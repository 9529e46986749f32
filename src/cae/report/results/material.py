"""Everything that a report is made of, gathered from its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cae.errors import ConfigError
from cae.report.results.control import Control, read_control
from cae.report.results.seeds import Group, group_runs
from cae.report.results.sources import (
    Run,
    Training,
    read_peers,
    read_run,
    read_speed,
    read_training,
)
from cae.report.results.study_results import Study, read_study
from cae.run_folder import StudyFolder


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that the report is made of."""

    groups: tuple[Group, ...]
    training: Training
    controls: tuple[Control | None, ...]  # of each group's recipe
    study: Study | None
    regularisations: Study | None
    speed: dict[str, Any] | None
    peers: dict[str, Any]
    command: str

    @property
    def control(self) -> Control | None:
        """What the report's own recipe reaches from scratch, if that was measured."""
        return self.controls[0]


def gather(
    run: Path,
    *,
    beside: Sequence[Path] = (),
    study: Path | None = None,
    benchmarks: Path | None = None,
    command: str = "cae report",
) -> Material:
    """Read everything that the report is made of; see `make_report`."""
    first = read_run(run)
    # Each folder once, however often and by whichever path it is named.
    folders: dict[Path, Path] = {}
    for folder in (run, *beside):
        folders.setdefault(folder.resolve(), folder)
    others = [read_run(folder) for folder in [*folders.values()][1:]]
    for other in others:
        _require_same_data(first, other.folder.root, other.evaluation["data"])
    results = first.folder.study if study is None else find_results(study)
    found, regularisations = read_study(results), read_study(results, plan="origin")
    if study is not None and found is None and regularisations is None:
        raise ConfigError(
            f"{study}: holds no study's summary.json; leave --study out, or make one with cae study"
        )
    for each in (found, regularisations):
        if each is not None and each.data is not None:
            _require_same_data(first, results, each.data)
    benchmarks = benchmarks or first.folder.benchmarks
    groups = tuple(group_runs([first, *others]))
    return Material(
        groups,
        read_training(first),
        tuple(read_control(benchmarks, group.first) for group in groups),
        found,
        regularisations,
        read_speed(benchmarks, first.environment),
        read_peers(),
        command,
    )


def find_results(study: Path) -> Path:
    """Return the folder of a study's results, given that folder or the study's own."""
    within = StudyFolder(study).results
    return within if within.is_dir() else study


def _require_same_data(run: Run, other: Path, data: str) -> None:
    ours = run.evaluation["data"]
    if data != ours:
        raise ConfigError(
            f"{other}: is of the data {data}, but {run.folder.root} of {ours}; a report compares "
            "figures of the same images: leave it out, or name another one"
        )


def find_latest_date(material: Material) -> str:
    """Return the day (YYYY-MM-DD) of the newest of all results in the report."""
    dates = [run.environment["date"] for group in material.groups for run in group.runs]
    for study in (material.study, material.regularisations):
        dates += [] if study is None else [each.last_date for each in study.machines]
    dates += [date for control in material.controls if control for date in control.dates]
    return max([*dates, *([] if material.speed is None else [material.speed["date"]])])
