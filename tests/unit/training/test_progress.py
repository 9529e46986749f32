"""Progress that nobody watches takes every event and does nothing."""

from __future__ import annotations

import inspect

from cae.training.progress import Progress, SilentProgress


def list_events(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_silence_has_exactly_the_events_of_the_interface():
    assert list_events(SilentProgress) == list_events(Progress)


def test_silence_says_nothing(capsys):
    progress: Progress = SilentProgress()
    progress.stage_started("autoencoder", epochs=2, images_per_epoch=10, images_done=0)
    progress.images_done(5)
    progress.epoch_ended(1, {"loss": 0.5})
    progress.stage_ended()
    progress.stage_skipped("classifier")
    assert capsys.readouterr() == ("", "")
