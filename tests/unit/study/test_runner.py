"""A study runs what is not finished, and neither a failure nor another process ends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import cae
from cae.errors import CheckpointError, ConfigError, StoppedError
from cae.files import read_json, read_sealed_json
from cae.run_folder import StudyFolder
from cae.study.results import read_rows
from cae.study.runner import ALONE, Outcome, SilentStudy, Workers, make_waves, run_study
from cae.study.training import run_trial


class Record(SilentStudy):
    """Remembers what happened."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.outcomes: list[Outcome] = []

    def study_started(self, trials, *, finished: int) -> None:
        self.events.append(("study", len(trials), finished))

    def trial_started(self, trial) -> None:
        self.events.append(("begin", trial.key))

    def trial_ended(self, trial, outcome) -> None:
        assert trial.key == outcome.key
        self.events.append(("end", trial.key))
        self.outcomes.append(outcome)


@pytest.fixture
def study(dataset, folder, float32):
    def carry_out(cells, *, out: StudyFolder = folder, progress=None, **options):
        return run_study(
            cells,
            dataset,
            out,
            runtime=float32,
            command="cae study",
            progress=progress,
            **options,
        )

    return carry_out


def read_figures(folder: StudyFolder) -> list[dict]:
    """Return the rows without what a clock measured."""
    return [
        {name: value for name, value in row.items() if not name.endswith("seconds")}
        for row in read_rows(folder)
    ]


def test_all_trials_of_a_grid_are_made_pretrainings_first(study, folder, make_cells):
    cells = make_cells(2)
    record = Record()
    outcomes = study(cells, progress=record)
    assert [outcome.state for outcome in outcomes] == ["finished"] * 6
    assert record.events[0] == ("study", 6, 0)
    ended = [event[1] for event in record.events if event[0] == "end"]
    # Seed by seed, and in it the pretraining first.
    expected = [
        key
        for seed in (0, 1)
        for key in (
            cells[2 * seed + 1].trial.pretraining.key,
            cells[2 * seed].trial.key,
            cells[2 * seed + 1].trial.key,
        )
    ]
    assert ended == expected
    rows = read_rows(folder)
    assert [(row["arm"], row["seed"], row["state"]) for row in rows] == [
        ("scratch", 0, "finished"),
        ("scratch", 1, "finished"),
        ("fine_tuned", 0, "finished"),
        ("fine_tuned", 1, "finished"),
    ]
    assert folder.table.exists()
    assert read_json(folder.summary)["estimates"]


def test_what_is_finished_is_not_made_again(study, make_cells):
    study(make_cells(1))
    record = Record()
    outcomes = study(make_cells(2), progress=record)
    assert len(outcomes) == 3
    assert record.events[0] == ("study", 3, 3)
    assert study(make_cells(2)) == []


def test_weights_that_a_kill_left_of_finished_trials_are_removed(
    study, folder, make_cells, monkeypatch
):
    cells = make_cells(1)
    with monkeypatch.context() as patch:
        patch.setattr("cae.study.training._tidy", lambda trial, folder: None)
        study(cells)
    pretraining = cells[1].trial.pretraining
    assert len(list(folder.root.rglob("*.safetensors"))) > 1
    # Another process is at work on one of them: its own affair.
    busy = folder.trial(cells[0].trial.key).root.resolve() / ".lock"
    with FileLock(busy, is_singleton=False):
        study(cells)
    assert {path.parent.parent.name for path in folder.root.rglob("*.safetensors")} == {
        pretraining.key,
        cells[0].trial.key,
    }
    study(cells)
    (left,) = folder.root.rglob("*.safetensors")
    assert left.name.startswith("encoder")
    assert left.parent.parent.name == pretraining.key


def test_a_trial_that_fails_does_not_end_the_study_and_is_tried_again(
    study, folder, make_cells, make_trial
):
    (good, tuned), bad = make_cells(1), make_trial(image_shape=(16, 16, 3))
    cells = [replace(good, trial=bad), tuned]
    record = Record()
    outcomes = {outcome.key: outcome for outcome in study(cells, progress=record)}
    assert outcomes[bad.key].state == "failed"
    assert "image_shape" in (outcomes[bad.key].error or "")
    assert outcomes[tuned.trial.key].state == "finished"
    row = next(row for row in read_rows(folder) if row["key"] == bad.key)
    assert row["state"] == "failed"
    assert "image_shape" in row["error"]
    assert "image_shape" in folder.table.read_text()
    assert [outcome.key for outcome in study(cells)] == [bad.key]


def test_a_failure_is_forgotten_once_the_trial_is_finished(
    study, folder, make_cells, monkeypatch: pytest.MonkeyPatch
):
    cells = make_cells(1)

    def fail(*_: object, **__: object) -> None:
        raise MemoryError("too large")

    with monkeypatch.context() as patch:
        patch.setattr("cae.study.runner.run_trial", fail)
        outcomes = study(cells)
    assert {outcome.state for outcome in outcomes} == {"failed"}
    assert folder.failure(cells[0].trial.key).exists()
    assert {row["error"] for row in read_rows(folder)} == {
        "MemoryError: too large",
        "its pretraining failed: MemoryError: too large",
    }
    assert {outcome.state for outcome in study(cells)} == {"finished"}
    assert not folder.failure(cells[0].trial.key).exists()
    assert {row["state"] for row in read_rows(folder)} == {"finished"}


def test_without_its_pretraining_a_trial_is_not_tried(
    study, make_cells, make_trial, make_pretraining
):
    bad = make_pretraining(image_shape=(16, 16, 3))
    (_, tuned) = make_cells(1)
    trial = make_trial(pretraining=bad)
    record = Record()
    outcomes = study([replace(tuned, trial=trial)], progress=record)
    assert [outcome.state for outcome in outcomes] == ["failed", "failed"]
    assert (outcomes[1].error or "").startswith("its pretraining failed: ")
    assert ("begin", trial.key) not in record.events


def test_what_another_process_is_at_work_on_is_left_to_it(study, folder, make_cells):
    scratch, tuned = make_cells(1)
    run = folder.trial(tuned.trial.pretraining.key)
    run.make()
    # A lock of its own, as another process would hold it.
    with FileLock(run.root.resolve() / ".lock", is_singleton=False):
        outcomes = {outcome.key: outcome.state for outcome in study([scratch, tuned])}
    assert outcomes == {
        scratch.trial.key: "finished",
        tuned.trial.pretraining.key: "elsewhere",
        tuned.trial.key: "elsewhere",
    }
    assert [row["arm"] for row in read_rows(folder)] == ["scratch"]
    assert {outcome.state for outcome in study([scratch, tuned])} == {"finished"}


def test_what_another_process_finished_meanwhile_waits_no_more(
    study, dataset, folder, float32, make_cells
):
    first, second = (cell for cell in make_cells(2) if cell.arm == "scratch")

    class Meanwhile(SilentStudy):
        """At the end of the second trial the other process has come to the end of the first."""

        def trial_ended(self, trial, outcome) -> None:
            if trial.key == second.trial.key:
                lock.release()
                run_trial(
                    first.trial,
                    dataset,
                    folder,
                    runtime=float32,
                    progress=SilentStudy(),
                    keeping=cae.Keeping(1e9),
                )

    run = folder.trial(first.trial.key)
    run.make()
    lock = FileLock(run.root.resolve() / ".lock", is_singleton=False)
    lock.acquire()
    outcomes = study([first, second], progress=Meanwhile())
    assert [outcome.state for outcome in outcomes] == ["finished", "finished"]
    assert len(read_rows(folder)) == 2


@pytest.mark.parametrize("steps", [3, 9, 25])
def test_a_study_that_was_stopped_goes_on_to_the_same_figures(
    study, folder, make_cells, tmp_path: Path, steps: int
):
    cells = make_cells(1)
    sittings = 0
    while True:
        asked = iter(range(10**9))
        keeping = cae.Keeping(1e9, lambda: next(asked) >= steps)  # noqa: B023 - used at once
        sittings += 1
        try:
            study(cells, keeping=keeping)
            break
        except StoppedError:
            assert sittings < 100
    assert sittings > 1
    other = StudyFolder(tmp_path / "undisturbed")
    study(cells, out=other)
    assert read_figures(folder) == read_figures(other)


@pytest.mark.slow
def test_several_workers_find_what_one_finds(study, folder, make_cells, tmp_path: Path):
    cells = make_cells(2)
    other = StudyFolder(tmp_path / "workers")
    record = Record()
    outcomes = study(cells, out=other, workers=Workers(2), progress=record)
    assert {outcome.state for outcome in outcomes} == {"finished"}
    assert len(record.outcomes) == 6
    study(cells)
    assert read_figures(other) == read_figures(folder)


@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
def test_workers_that_cannot_train_on_their_own_are_refused(backend: str):
    with pytest.raises(ConfigError, match=f"--backend {backend}"):
        Workers(2, backend)
    assert Workers(1, backend).jobs == 1


def test_an_unknown_backend_is_told(study, make_cells):
    with pytest.raises(ConfigError, match="--backend lokey"):
        study(make_cells(1), workers=Workers(2, "lokey"))


def test_with_several_workers_all_pretrainings_come_first_the_longest_at_the_head(
    folder, make_cells
):
    cells = make_cells(3)
    first, second = make_waves(cells, folder, at_once=True)
    assert {trial.classifier is None for trial in first} == {True}
    assert {trial.classifier is None for trial in second} == {False}
    longer = replace(cells[0], trial=replace(cells[0].trial, flops=9e9))
    *_, last = make_waves([*cells[1:], longer], folder, at_once=True)
    assert last[0].key == longer.trial.key


def test_a_shared_trial_is_made_once(study, make_cells):
    cells = make_cells(1)
    again = [replace(cell, arm="scratch_whole_budget", pretraining="none") for cell in cells[:1]]
    assert len(study([*cells, *again])) == 3


def test_a_damaged_result_ends_the_study_before_anything_is_trained(study, folder, make_cells):
    cells = make_cells(1)
    study(cells)
    folder.result(cells[0].trial.key).write_text("{}")
    with pytest.raises(CheckpointError, match=r"result\.json"):
        study(cells)


def test_a_result_is_what_the_outcome_tells(study, folder, make_cells):
    outcomes = study(make_cells(1))
    told = {outcome.key: outcome.val_accuracy for outcome in outcomes}
    for key, accuracy in told.items():
        result = read_sealed_json(folder.result(key))
        assert accuracy == result["validation"].get("accuracy")
    assert ALONE.jobs == 1
