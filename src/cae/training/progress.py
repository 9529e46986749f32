"""What training tells whoever watches: an interface, and one that watches in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """Receives the events of training; the command line draws them, tests record them."""

    def stage_started(
        self, stage: str, *, epochs: int, images_per_epoch: int, images_done: int
    ) -> None:
        """Tell that a stage ("autoencoder", "classifier") starts.

        `images_done` of its images were trained on before, where it goes on from a saved state.
        """
        ...

    def images_done(self, count: int) -> None:
        """Tell that `count` more images were trained on."""
        ...

    def epoch_ended(self, epoch: int, record: Mapping[str, float]) -> None:
        """Tell that epoch `epoch` (from 1) ended, with the values that went into the history."""
        ...

    def stage_ended(self) -> None:
        """Tell that the stage ended, by its last epoch or early."""
        ...

    def stage_skipped(self, stage: str) -> None:
        """Tell that the stage is not trained: it was before, and its model is there."""
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
