"""The events that training reports: an interface that receives them, and one that ignores them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """Receives the events of training; the command line draws them, tests record them."""

    def stage_started(
        self, stage: str, *, epochs: int, images_per_epoch: int, images_done: int
    ) -> None:
        """Report that a stage ("autoencoder", "classifier") starts.

        If it resumes from a saved state, `images_done` of its images were trained on before.
        """
        ...

    def images_done(self, count: int) -> None:
        """Report that `count` more images were trained on."""
        ...

    def epoch_ended(self, epoch: int, record: Mapping[str, float]) -> None:
        """Report that epoch `epoch` (from 1) ended, with the values that the history received."""
        ...

    def stage_ended(self) -> None:
        """Report that the stage ended, after its last epoch or early."""
        ...

    def stage_skipped(self, stage: str) -> None:
        """Report that the stage is not trained, because its finished model is there."""
        ...


class SilentProgress:
    """Progress that nobody watches."""

    def stage_started(
        self, stage: str, *, epochs: int, images_per_epoch: int, images_done: int
    ) -> None:
        """Ignore the event."""

    def images_done(self, count: int) -> None:
        """Ignore the event."""

    def epoch_ended(self, epoch: int, record: Mapping[str, float]) -> None:
        """Ignore the event."""

    def stage_ended(self) -> None:
        """Ignore the event."""

    def stage_skipped(self, stage: str) -> None:
        """Ignore the event."""
