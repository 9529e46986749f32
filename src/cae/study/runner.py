"""Runs the trials of a grid, one by one or several at once; finished ones are not repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import torch

from cae.data.images import Dataset
from cae.errors import CaeError, CheckpointError, ConfigError, OccupiedError, StoppedError
from cae.files import write_sealed_json
from cae.pipeline.kept import KEEPING, Keeping
from cae.run_folder import StudyFolder
from cae.runtime.device import Runtime
from cae.study.results import enter_grid, write_results
from cae.study.training import is_finished, run_trial, tidy_up
from cae.study.trials import Cell, Trial
from cae.training.progress import Progress, SilentProgress

logger = logging.getLogger(__name__)

_UNFIT_BACKENDS = {
    "threading": "training draws from the one random state that the threads of a process share",
    "multiprocessing": "a forked process has lost the threads that PyTorch computes with",
}

State = Literal["finished", "failed", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended here.

    Attributes:
        key: the trial's key.
        state: "elsewhere": another process is working on it, or on its pretraining.
        error: why it failed.
        val_accuracy: validation accuracy, if a classifier was finished.
    """

    key: str
    state: State
    error: str | None = None
    val_accuracy: float | None = None


class StudyProgress(Progress, Protocol):
    """Receives the events of a study, and those of each training while one runs at a time."""

    def study_started(self, trials: Sequence[Trial], *, finished: int) -> None:
        """Report which trials are to be run, and how many were finished before."""
        ...

    def trial_started(self, trial: Trial) -> None:
        """Report that a trial begins; called only if one runs at a time."""
        ...

    def trial_ended(self, trial: Trial, outcome: Outcome) -> None:
        """Report how a trial ended."""
        ...


@dataclass(frozen=True, slots=True)
class Workers:
    """How many trials run at once, and by what.

    Attributes:
        jobs: how many trials run at once; the threads are divided among them.
        backend: joblib's name of the backend that runs them, if there is more than one job.

    Raises:
        ConfigError: the backend has no processes that can train on their own.
    """

    jobs: int = 1
    backend: str = "loky"

    def __post_init__(self) -> None:
        if self.jobs > 1 and self.backend in _UNFIT_BACKENDS:
            raise ConfigError(
                f"--backend {self.backend}: {_UNFIT_BACKENDS[self.backend]}; use one with "
                "processes of its own, such as loky"
            )


ALONE = Workers()


class SilentStudy(SilentProgress):
    """A study that nobody watches."""

    def study_started(self, trials: Sequence[Trial], *, finished: int) -> None:
        """Ignore the event."""

    def trial_started(self, trial: Trial) -> None:
        """Ignore the event."""

    def trial_ended(self, trial: Trial, outcome: Outcome) -> None:
        """Ignore the event."""


def run_study(
    cells: Sequence[Cell],
    dataset: Dataset,
    folder: StudyFolder,
    *,
    runtime: Runtime,
    command: str,
    progress: StudyProgress | None = None,
    keeping: Keeping = KEEPING,
    workers: Workers = ALONE,
) -> list[Outcome]:
    """Run the trials of a grid that are not finished yet, and write the results of all trials.

    A trial that fails does not end the study: its error is written to its folder and to the table,
    and the next call tries it again. Trials that another process is working on are left to it.

    Args:
        cells: from `make_grid`.
        dataset: the data set that they were made for.
        folder: the study's folder; it may hold other trials, which the results then include.
        runtime: device and precision.
        command: the command that asked for it, for readers of the results.
        progress: receives the events of the study.
        keeping: how often a training's state is saved, and what may stop it.
        workers: how many trials run at once, and by what.

    Returns:
        The outcomes of the trials that were not finished before.

    Raises:
        ConfigError: the folder cannot be written, or holds other trials in the same cells.
        CheckpointError: what the folder holds is damaged.
        StoppedError: a training was asked to stop; the same call resumes it.
    """
    progress = progress or SilentStudy()
    folder.make()
    enter_grid(folder, cells, command=command)
    tidy_up(_list_trials(cells), folder)
    waves = list(make_waves(cells, folder, at_once=workers.jobs > 1))
    trials = [trial for wave in waves for trial in wave]
    progress.study_started(trials, finished=len(_list_trials(cells)) - len(trials))
    outcomes: dict[str, Outcome] = {}
    write_results(folder)
    for wave in waves:
        ready = list(_leave_out_orphans(wave, folder, outcomes, progress))
        for trial, outcome in _run_wave(
            ready, dataset, folder, runtime, progress, keeping, workers
        ):
            outcomes[trial.key] = outcome
            progress.trial_ended(trial, outcome)
            write_results(folder)
    return [_look_again(trial, outcomes[trial.key], folder) for trial in trials]


def make_waves(
    cells: Iterable[Cell], folder: StudyFolder, *, at_once: bool
) -> Iterator[list[Trial]]:
    """Yield the unfinished trials in waves, each of which needs only trials of earlier waves.

    If trials run one at a time, the seeds follow one another. If they run at once (`at_once`), all
    pretrainings come before all classifiers, the longest first, to keep all workers busy.
    """
    groups: dict[int, dict[str, Trial]] = {}
    for cell in cells:
        if not is_finished(cell.trial, folder):
            groups.setdefault(0 if at_once else cell.seed, {})[cell.trial.key] = cell.trial
    for trials in groups.values():
        needed = {
            trial.pretraining.key: trial.pretraining
            for trial in trials.values()
            if trial.pretraining is not None and not is_finished(trial.pretraining, folder)
        }
        for wave in (needed, trials):
            if wave:
                order = sorted(wave.values(), key=lambda trial: -trial.flops)
                yield order if at_once else list(wave.values())


def _run_wave(
    wave: Sequence[Trial],
    dataset: Dataset,
    folder: StudyFolder,
    runtime: Runtime,
    progress: StudyProgress,
    keeping: Keeping,
    workers: Workers,
) -> Iterator[tuple[Trial, Outcome]]:
    """Run trials that do not depend on one another; yield each with its outcome."""
    if workers.jobs == 1:
        for trial in wave:
            progress.trial_started(trial)
            yield trial, attempt(trial, dataset, folder, runtime, progress, keeping)
        return
    import joblib

    threads = max(1, torch.get_num_threads() // workers.jobs)
    # Sets variables that libraries read when a worker starts; other backends inherit the parent's.
    limits = {"inner_max_num_threads": threads} if workers.backend == "loky" else {}
    try:
        configured = joblib.parallel_config(workers.backend, n_jobs=workers.jobs, **limits)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"--backend {workers.backend}: {error}") from None
    with configured:
        keeping = Keeping(keeping.every_seconds)  # A request to stop does not reach a worker.
        # joblib has no type annotations.
        call = cast("Callable[..., Any]", joblib.delayed)(attempt_apart)
        calls = (call(trial, dataset, folder, runtime, keeping, threads) for trial in wave)
        parallel = cast("Callable[..., Any]", joblib.Parallel(return_as="generator_unordered"))
        outcomes: Iterable[Outcome] = parallel(calls)
        trials = {trial.key: trial for trial in wave}
        try:
            for outcome in outcomes:
                yield trials[outcome.key], outcome
        except BrokenExecutor as error:
            raise CaeError(
                f"a worker ended before its trial did, perhaps for lack of memory ({error}); use "
                "fewer --jobs: the same command resumes from there"
            ) from error


def attempt_apart(
    trial: Trial,
    dataset: Dataset,
    folder: StudyFolder,
    runtime: Runtime,
    keeping: Keeping,
    threads: int,
) -> Outcome:
    """Run a trial in a process of its own, without reporting progress."""
    torch.set_num_threads(threads)
    return attempt(trial, dataset, folder, runtime, SilentProgress(), keeping)


def attempt(
    trial: Trial,
    dataset: Dataset,
    folder: StudyFolder,
    runtime: Runtime,
    progress: Progress,
    keeping: Keeping,
) -> Outcome:
    """Run a trial; return how it ended, and write the reason to its folder if it failed."""
    try:
        result = run_trial(
            trial, dataset, folder, runtime=runtime, progress=progress, keeping=keeping
        )
    except OccupiedError:
        return Outcome(trial.key, "elsewhere")
    except StoppedError:
        raise
    except Exception as error:  # One failed trial must not end the study.
        words = str(error) if isinstance(error, CaeError) else f"{type(error).__name__}: {error}"
        logger.debug("trial %s failed", trial.key, exc_info=True)
        _write_failure(folder, trial, words)
        return Outcome(trial.key, "failed", words)
    accuracy = result["validation"].get("accuracy")
    return Outcome(trial.key, "finished", val_accuracy=accuracy)


def _write_failure(folder: StudyFolder, trial: Trial, words: str) -> None:
    try:
        write_sealed_json(folder.failure(trial.key), {"key": trial.key, "error": words})
    except CheckpointError as error:  # The failure is reported at the end in any case.
        logger.warning("%s", error)


def _leave_out_orphans(
    wave: Sequence[Trial],
    folder: StudyFolder,
    outcomes: dict[str, Outcome],
    progress: StudyProgress,
) -> Iterator[Trial]:
    """Yield the trials whose pretraining is there, whoever made it; report the others as ended."""
    for trial in wave:
        if trial.pretraining is None or is_finished(trial.pretraining, folder):
            yield trial
            continue
        before = outcomes[trial.pretraining.key]
        error = None if before.error is None else f"its pretraining failed: {before.error}"
        outcomes[trial.key] = Outcome(trial.key, before.state, error)
        progress.trial_ended(trial, outcomes[trial.key])


def _look_again(trial: Trial, outcome: Outcome, folder: StudyFolder) -> Outcome:
    """Return the outcome, or "finished" if another process has finished the trial meanwhile."""
    if outcome.state == "elsewhere" and is_finished(trial, folder):
        return Outcome(trial.key, "finished")
    return outcome


def _list_trials(cells: Iterable[Cell]) -> list[Trial]:
    """Return all trials of a grid once each, pretrainings included."""
    trials = [cell.trial for cell in cells]
    before = [trial.pretraining for trial in trials if trial.pretraining is not None]
    return list({trial.key: trial for trial in (*before, *trials)}.values())
