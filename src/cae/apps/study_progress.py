"""The progress of a study: two bars on a terminal, and a line for each trial that ended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from cae.apps.screen import notes, tell, write_duration
from cae.study.runner import Outcome
from cae.study.trials import Trial


class Ledger:
    """What is done of a study, weighed by its computation, so that long trials count as such.

    What a trial takes beside its training (images are encoded and measured) is much the same for
    all, and is counted by trials: else a short one would make the others seem hours long.

    Args:
        flops: floating-point operations of all trials that are to be made.
        trials: how many there are.
    """

    def __init__(self, flops: float = 0.0, trials: int = 0) -> None:
        self.total = flops
        self._ended = self._earlier = 0.0
        self._size = self._share = 0.0
        self._left, self._finished = trials, 0
        self._started = self._trial_started = time.perf_counter()
        self._training_since: float | None = None
        self._trained = self._trained_before = 0.0  # seconds; the latter in trials that are over
        self._beside = 0.0  # seconds, in the trials that were finished

    @property
    def done(self) -> float:
        """Operations done, those of earlier sessions on the trial under way included."""
        return self._ended + self._size * self._share

    def begin(self, flops: float) -> None:
        """Begin a trial of so many operations."""
        self._size, self._share = flops, 0.0

    def resume(self, share: float) -> None:
        """Count that share of the trial as done before this session."""
        self._earlier += self._size * (share - self._share)
        self._share = share

    def train(self) -> None:
        """Note that training begins."""
        self._training_since = time.perf_counter()

    def move(self, share: float) -> None:
        """Note that so large a share of the trial is done."""
        self._share = share

    def rest(self) -> None:
        """Note that what follows is not training."""
        self._trained, self._training_since = self._measure_training(), None

    def end(self, flops: float, *, by_now: bool) -> None:
        """Note that a trial of so many operations is over; else it failed or is left out."""
        self.rest()
        self._left -= 1
        self._ended += flops
        if by_now:
            self._finished += 1
            self._beside += self._measure_beside()
        else:  # What nobody computed says nothing of the speed.
            self._earlier += flops - self._size * self._share
        self._size = self._share = 0.0
        self._trained_before, self._trial_started = self._trained, time.perf_counter()

    def estimate_seconds_left(self) -> float | None:
        """Return the seconds left at the speed so far, or None before there is one."""
        now = self.done - self._earlier
        if now <= 0:
            return None
        left, trained = self.total - self.done, self._measure_training()
        if trained == 0:  # Several run at once, and only their ends are told.
            return left / now * (time.perf_counter() - self._started)
        spent = self._measure_beside()
        each = self._beside / self._finished if self._finished else spent
        return left / now * trained + max(self._left * each - spent, 0.0)

    def _measure_training(self) -> float:
        since = self._training_since
        return self._trained + (0.0 if since is None else time.perf_counter() - since)

    def _measure_beside(self) -> float:
        """Return the seconds of the trial under way that were not training."""
        trained = self._measure_training() - self._trained_before
        return time.perf_counter() - self._trial_started - trained


class StudyScreen:
    """Shows the progress of a study: a `cae.study.runner.StudyProgress` for a `with` block.

    Args:
        names: what to call each trial, by key.
        console: to draw on.
    """

    def __init__(self, names: Mapping[str, str], console: Console = notes) -> None:
        self._names, self._console = names, console
        self._ledger = Ledger()
        self._bars = _make_bars(console)
        self._study = self._trial = TaskID(0)
        self._count = self._number = 0
        self._images = self._images_done = 0
        self._is_training = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars.live.is_started:
            self._bars.stop()

    def is_training(self) -> bool:
        """Whether a stage is under way in this process."""
        return self._is_training

    def study_started(self, trials: Sequence[Trial], *, finished: int) -> None:
        """Show how much there is to do."""
        self._count, self._number = len(trials) + finished, finished
        self._ledger = Ledger(sum(trial.flops for trial in trials), len(trials))
        self._study = self._bars.add_task("study", total=self._ledger.total, words="")
        self._trial = self._bars.add_task("", total=1.0, words="", visible=False)
        if self._console.is_terminal and trials:
            self._bars.start()
        self._show()

    def trial_started(self, trial: Trial) -> None:
        """Show the trial's bar."""
        self._ledger.begin(trial.flops)
        name = self._names[trial.key]
        self._bars.reset(self._trial, description=name, total=1.0, words="", visible=True)

    def stage_started(
        self, stage: str, *, epochs: int, images_per_epoch: int, images_done: int
    ) -> None:
        """Show how much of the trial was done before."""
        self._is_training = True
        self._images, self._images_done = epochs * images_per_epoch, images_done
        self._ledger.resume(images_done / self._images)
        self._ledger.train()
        self._bars.update(self._trial, words=stage)
        self._show()

    def images_done(self, count: int) -> None:
        """Move both bars."""
        self._images_done += count
        self._ledger.move(self._images_done / self._images)
        self._show()

    def epoch_ended(self, epoch: int, record: Mapping[str, float]) -> None:
        """Show how many epochs are over, and the loss of the last."""
        self._bars.update(self._trial, words=f"epoch {epoch} done, loss {record['loss']:#.4g}")

    def stage_ended(self) -> None:
        """Note that what follows is not training."""
        self._is_training = False
        self._ledger.rest()
        self._bars.update(self._trial, words="measuring")

    def stage_skipped(self, stage: str) -> None:
        """Count the training as done before: what was left is to measure it."""
        self._ledger.resume(1.0)
        self._bars.update(self._trial, words=f"{stage} is already trained")

    def trial_ended(self, trial: Trial, outcome: Outcome) -> None:
        """Write a line on the trial."""
        self._is_training = False
        self._number += 1
        self._ledger.end(trial.flops, by_now=outcome.state == "finished")
        self._bars.update(self._trial, visible=False)
        self._show()
        number = f"[{self._number:>{len(str(self._count))}}/{self._count}] "
        line = Text.assemble((number, "dim"), f"{self._names[trial.key]}: ", _describe(outcome))
        left = self._ledger.estimate_seconds_left()
        if left and not self._console.is_terminal:
            line.append(f"; about {write_duration(left)} left")
        tell(line, console=self._console)

    def _show(self) -> None:
        left = self._ledger.estimate_seconds_left()
        words = f"{self._number}/{self._count} trials"
        if left:
            words += f", about {write_duration(left)} left"
        self._bars.update(self._study, completed=self._ledger.done, words=words)
        if self._images:
            self._bars.update(self._trial, completed=self._images_done / self._images)


def _describe(outcome: Outcome) -> str | tuple[str, str]:
    if outcome.state == "failed":
        return f"failed: {outcome.error}", "bold red"
    if outcome.state == "elsewhere":
        return "another process is working on it"
    if outcome.val_accuracy is None:
        return "done"
    return f"{outcome.val_accuracy:.1%} of the validation images"


def _make_bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[words]}", markup=False),
        console=console,
        transient=True,
        expand=True,
    )
