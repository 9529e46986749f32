"""The mistreatment of runs mistreats them: its small editions find nothing, and would find more."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator

import pytest

from benchmarks.reliability import faults
from benchmarks.reliability.damage import damage, damage_finished_run, damage_states
from benchmarks.reliability.faults import fail_every_call
from benchmarks.reliability.kills import kill_again_and_again


@pytest.fixture(autouse=True)
def untouched_logger() -> Iterator[None]:
    """Take back that the mistreatment keeps the package's warnings to itself."""
    logger = logging.getLogger("cae")
    level = logger.level
    yield
    logger.setLevel(level)


def test_calls_that_fail_lose_nothing():
    tally = fail_every_call(draws=False, names=("ENOSPC",), stride=47)
    assert tally.cases > 5
    assert tally.problems == []
    assert len(tally.failed) > 2


@pytest.mark.parametrize("kind", ["mkdir", "open", "write", "fsync", "replace", "unlink", "rmdir"])
def test_every_kind_of_call_is_made_to_fail(kind: str):
    tally = fail_every_call(draws=False, names=("ENOSPC",), only=kind, stride=1000)
    assert tally.cases == 1
    assert tally.failed == {kind: 1}


def test_a_file_written_carelessly_would_be_found(monkeypatch):
    def write_carelessly(path, data) -> None:
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.write(data)

    monkeypatch.setattr("cae.files.write_bytes", write_carelessly)
    tally = fail_every_call(draws=False, names=("EIO",), only="write", stride=17)
    assert any("not valid JSON" in problem for problem in tally.problems)


def test_damage_is_done():
    draw, data = random.Random(1), bytes(range(200))
    assert {len(damage(data, draw, kind="cut")) for _ in range(50)} <= set(range(200))
    for _ in range(50):
        flipped = damage(data, draw, kind="bit")
        assert sum((a ^ b).bit_count() for a, b in zip(flipped, data, strict=True)) == 1


@pytest.mark.slow
def test_damaged_files_become_no_result():
    assert damage_states(cases=50, resumed=2, seed=1).problems == []
    assert damage_finished_run(cases_each=2, seed=1).problems == []


@pytest.mark.slow
def test_killed_runs_end_with_the_same_result():
    tally = kill_again_and_again(kills=5, seed=1)
    assert sum(tally.kills.values()) == sum(tally.during.values()) == 5
    assert tally.problems == []


@pytest.mark.slow
def test_calls_that_fail_in_plots_lose_nothing():
    assert fail_every_call(draws=True, names=("EACCES",), stride=23).problems == []
    assert set(faults.ERRORS) == {"ENOSPC", "EIO", "EACCES"}
