"""The progress of a download or a training: a bar on a terminal, else lines at start and end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.status import Status
from rich.text import Text

from cae.apps.screen import notes, tell, write_duration

# The validation figures that say how a stage goes; what is missing in a record is left out.
_SHOWN_METRICS = {
    "loss": "loss {:#.4g}",
    "val_loss": "val loss {:#.4g}",
    "val_accuracy": "val accuracy {:.1%}",
}
_PICTURES_AT_ONCE = 16  # between two counts


class TrainingProgress:
    """Shows the progress of training: a `cae.training.progress.Progress` for a `with` block.

    On a terminal there is a bar with the epoch, images per second, the time left for the whole
    stage, and the last epoch's figures. Elsewhere each stage writes a line when it starts and one
    when it ends.
    """

    def __init__(self, console: Console = notes) -> None:
        self._console = console
        self._bar: _StageBar | None = None
        self._waiting: Status | None = None
        self._stage = ""
        self._epoch = self._epochs_before = 0
        self._started = 0.0
        self._is_training = False
        self._record: Mapping[str, float] = {}

    def __enter__(self) -> Self:
        self._wait("preparing")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()

    def is_training(self) -> bool:
        """Whether a stage is under way."""
        return self._is_training

    def stage_started(
        self, stage: str, *, epochs: int, images_per_epoch: int, images_done: int
    ) -> None:
        """Start the stage's bar, or say that it starts."""
        self._clear()
        self._is_training = True
        self._stage, self._record = stage, {}
        self._epoch = self._epochs_before = images_done // images_per_epoch
        self._started = time.perf_counter()
        if 0 < images_done < epochs * images_per_epoch:
            words = f"resumes in epoch {min(self._epoch + 1, epochs)}"
            tell(Text.assemble((f"{stage:<13}", "bold"), words), console=self._console)
        if self._console.is_terminal:
            self._bar = _StageBar(
                self._console, stage, epochs=epochs, images=images_per_epoch, done=images_done
            )
            self._bar.start()
        else:
            words = f"{stage:<13}{_count_epochs(epochs)} of {images_per_epoch:,} images"
            tell(words, console=self._console)

    def images_done(self, count: int) -> None:
        """Move the bar."""
        if self._bar:
            self._bar.move(count)

    def epoch_ended(self, epoch: int, record: Mapping[str, float]) -> None:
        """Show the epoch's figures."""
        self._epoch, self._record = epoch, record
        if self._bar:
            self._bar.show_epoch(epoch, _write_figures(record))

    def stage_ended(self) -> None:
        """Put one line in the place of the bar."""
        self._is_training = False
        self._clear()
        duration = write_duration(time.perf_counter() - self._started)
        figures = _write_figures(self._record)
        now = self._epoch - self._epochs_before
        if now == 0:  # It was stopped after its last epoch.
            words = "is already trained"
            tell(Text.assemble((f"{self._stage:<13}", "bold"), words), console=self._console)
            self._wait("saving and measuring")
            return
        share = f", {now} of them in this session," if self._epochs_before else ""
        words = f"{_count_epochs(self._epoch)}{share} in {duration}  {figures}"
        tell(Text.assemble((f"{self._stage:<13}", "bold"), words), console=self._console)
        self._wait("saving and measuring")

    def stage_skipped(self, stage: str) -> None:
        """Say that the stage's model is there already."""
        self._clear()
        tell(Text.assemble((f"{stage:<13}", "bold"), "is complete already"), console=self._console)
        self._wait("measuring")

    def _wait(self, words: str) -> None:
        """Show a sign of life while nothing is trained."""
        if self._console.is_terminal:
            self._waiting = self._console.status(words)
            self._waiting.start()

    def _clear(self) -> None:
        if self._bar:
            self._bar.stop()
        if self._waiting:
            self._waiting.stop()
        self._bar = self._waiting = None


class Loading:
    """A sign of life while libraries and data load; called with bytes, it shows a download.

    Told of pictures it counts them, on a terminal.
    """

    def __init__(self, console: Console = notes) -> None:
        self._console = console
        self._waiting: Status | None = None
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._is_announced = False

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._waiting = self._console.status("loading")
            self._waiting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()

    def __call__(self, done: int, total: int | None) -> None:
        """Show that `done` of `total` bytes are here."""
        if not self._is_announced:
            self._is_announced = True
            self._clear()
            if self._console.is_terminal:
                self._bar = _make_download_bar(self._console)
                self._task = self._bar.add_task("downloading CIFAR-10", total=total)
                self._bar.start()
            else:
                size = "" if total is None else f", {total / 1e6:.0f} MB"
                tell(f"downloading CIFAR-10{size}", console=self._console)
        if self._bar:
            self._bar.update(self._task, completed=done, total=total)

    def count_pictures(self, done: int, total: int) -> None:
        """Show that `done` of `total` pictures are read."""
        if self._waiting and done % _PICTURES_AT_ONCE == 0:
            self._waiting.update(f"reading pictures: {done:,} of {total:,}")

    def _clear(self) -> None:
        if self._waiting:
            self._waiting.stop()
        if self._bar:
            self._bar.stop()
        self._waiting = self._bar = None


class _StageBar(Progress):
    """The bar of one stage, and below it the metrics of the last epoch."""

    def __init__(
        self, console: Console, stage: str, *, epochs: int, images: int, done: int
    ) -> None:
        self._figures = ""  # Rich draws once while it is set up.
        super().__init__(
            TextColumn("[bold]{task.description:<13}"),
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=None),
            _Rate(),
            _TimeLeft(compact=True),
            console=console,
            transient=True,
            expand=True,
        )
        self._epochs = epochs
        epoch = min(done // images + 1, epochs)
        self._task = self.add_task(
            stage, total=epochs * images, completed=done, epoch=epoch, epochs=epochs
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar and the line under it."""
        yield self.make_tasks_table(self.tasks)
        if self._figures:
            yield Padding(Text(self._figures, style="dim"), (0, 0, 0, 14))

    def move(self, images: int) -> None:
        """Move by so many images."""
        self.advance(self._task, images)

    def show_epoch(self, epoch: int, figures: str) -> None:
        """Show the figures of `epoch` and that the next one goes on."""
        self._figures = figures
        self.update(self._task, epoch=min(epoch + 1, self._epochs))


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f} images/s", style="cyan")


class _TimeLeft(TimeRemainingColumn):
    def render(self, task: Task) -> Text:
        return super().render(task).append(" left")


def _make_download_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        _TimeLeft(compact=True),
        console=console,
        transient=True,
        expand=True,
    )


def _count_epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def _write_figures(record: Mapping[str, float]) -> str:
    return " · ".join(
        words.format(record[name]) for name, words in _SHOWN_METRICS.items() if name in record
    )
