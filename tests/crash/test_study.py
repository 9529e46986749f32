"""A study that is killed at any moment goes on to the figures of one that nobody disturbed."""

from __future__ import annotations

import csv
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.processes import Command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's signals")

GRID = (
    *("study", "--data", "digits", "--device", "cpu", "--precision", "float32"),
    *("--labels", "20", "--seeds", "1", "--finetune-epochs", "8", "--save-every", "0"),
    *("--arm", "scratch", "--arm", "fine_tuned", "--pretraining", "plain"),
    *("--pretrain-epochs", "2", "--set", "init_num_filters=2", "--set", "layers_per_block=1"),
)


def start(out: Path, *more: str) -> Command:
    """Start the study, in a group of its own that can be killed with all its workers."""
    environment = {name: value for name, value in os.environ.items() if name != "CAE_DATA_DIR"}
    return Command([*GRID, "--out", str(out), *more], Path.cwd(), environment)


def finish(out: Path) -> str:
    """Give the command until its end; return what it told."""
    process = start(out)
    _, err = process.communicate()
    assert process.returncode == 0, err
    return err


def read_figures(out: Path) -> list[dict[str, str]]:
    """Return the rows of the table without what a clock measured."""
    with (out / "history" / "study" / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {name: value for name, value in row.items() if not name.endswith("seconds")} for row in rows
    ]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    out = tmp_path_factory.mktemp("undisturbed")
    finish(out)
    figures = read_figures(out)
    assert len(figures) == 2
    return figures


def wait_for_states(process: Command, out: Path, *, trials: int) -> None:
    """Wait until so many trials are over and another one has saved a state."""
    while process.poll() is None:
        over = len(list(out.glob("trials/*/result.json")))
        if over >= trials and list(out.glob("trials/*/checkpoints/*.state")):
            return
        time.sleep(0.02)  # The study is to have the processor.
    pytest.fail("it ended before it could be disturbed")


@pytest.mark.parametrize(
    "trials", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)]
)
def test_a_study_killed_in_a_trial_goes_on_in_the_middle_of_it(
    undisturbed, tmp_path: Path, trials: int
):
    process = start(tmp_path)
    wait_for_states(process, tmp_path, trials=trials)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finished = {path: path.read_bytes() for path in tmp_path.glob("trials/*/result.json")}
    told = finish(tmp_path)
    assert read_figures(tmp_path) == undisturbed
    # What was finished before is not made again.
    assert all(path.read_bytes() == content for path, content in finished.items())
    assert told.count("seed") == 3 - len(finished)
    assert not list(tmp_path.rglob("*.cae-tmp*"))
    assert not list(tmp_path.glob("trials/*/checkpoints"))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_the_trial_and_the_same_command_goes_on(
    undisturbed, tmp_path: Path, number: signal.Signals, code: int
):
    process = start(tmp_path)
    wait_for_states(process, tmp_path, trials=1)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code
    assert "Traceback" not in err
    assert "and saved; the same command resumes from there" in err or "stopped by" in err
    finish(tmp_path)
    assert read_figures(tmp_path) == undisturbed


@pytest.mark.slow
def test_a_study_of_several_workers_killed_with_them_goes_on_with_one(undisturbed, tmp_path: Path):
    process = start(tmp_path, "--jobs", "2")
    wait_for_states(process, tmp_path, trials=1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finish(tmp_path)
    assert read_figures(tmp_path) == undisturbed


@pytest.mark.slow
def test_sigterm_ends_the_workers_too(tmp_path: Path):
    process = start(tmp_path, "--jobs", "2", "--set", "lr=0.001")
    wait_for_states(process, tmp_path, trials=0)
    process.terminate()
    _, err = process.communicate()  # returns once no worker holds stderr open any more
    assert process.returncode == 143
    assert "Traceback" not in err


@pytest.mark.slow
def test_two_processes_share_the_trials_of_one_folder(undisturbed, tmp_path: Path):
    first, second = start(tmp_path), start(tmp_path)
    told = [process.communicate()[1] for process in (first, second)]
    assert {first.returncode, second.returncode} == {0}, told
    finish(tmp_path)
    assert read_figures(tmp_path) == undisturbed
