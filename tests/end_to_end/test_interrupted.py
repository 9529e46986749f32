"""A run that is ended from outside says how to go on, and the same command does."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.processes import Command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's signals and limits")

# Long enough to be met in training, on a machine that is busy too.
RUN = (
    *("run", "--data", "digits", "--out", "out", "--device", "cpu", "--precision", "float32"),
    *("--set", "init_num_filters=2", "--set", "layers_per_block=1"),
    *("--set", "autoencoder.epochs=3", "--set", "classifier.epochs=1"),
)


def hash_models(out: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (out / "models").iterdir()
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody disturbed."""
    from cae.apps.cli import main

    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["cae", *RUN])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return folder / "out"


def read_until_training(process: subprocess.Popen[str] | Command) -> Iterator[str]:
    """Yield the lines of stderr up to the one that opens the first stage."""
    assert process.stderr is not None
    for line in process.stderr:
        yield line
        if line.startswith("autoencoder"):
            return
    pytest.fail("it ended before it trained")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        (signal.SIGKILL, -9),
    ],
)
def test_a_run_that_is_ended_in_training_goes_on_to_the_same_bytes(
    forked_cae, undisturbed: Path, number: signal.Signals, code: int
):
    process = forked_cae.start(*RUN, "--save-every", "0")
    list(read_until_training(process))
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert not (forked_cae.folder / "out" / "evaluation.json").exists()
    if number != signal.SIGKILL:
        assert err.startswith("autoencoder: stopped in epoch ")
        assert err.endswith("and saved; the same command resumes from there\n")
        assert not list(forked_cae.folder.rglob("*.cae-tmp*"))

    again = forked_cae(*RUN)
    assert again.returncode == 0, again.stderr
    assert number == signal.SIGKILL or "resumes in epoch" in again.stderr
    assert hash_models(forked_cae.folder / "out") == hash_models(undisturbed)
    assert not list(forked_cae.folder.rglob("*.cae-tmp*"))
    assert not (forked_cae.folder / "out" / "checkpoints").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_before_training_a_signal_ends_the_program_at_once(
    forked_cae, number: signal.Signals, code: int
):
    process = forked_cae.start("run", "--data", "digits", "--out", "out", "--save-every", "1e9")
    assert process.stderr is not None
    # The plan is told before anything is trained; what follows is the making of the networks.
    assert process.stderr.readline().startswith("digits on ")
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code
    assert "stopped by " in err or "stopped in epoch 1 " in err
    assert "Traceback" not in err


def test_a_second_run_in_the_same_folder_is_refused_while_the_first_lives(forked_cae):
    first = forked_cae.start(*RUN, "--set", "autoencoder.epochs=500")
    list(read_until_training(first))
    second = forked_cae(*RUN)
    assert second.returncode == 2
    assert "out: another process is working in this folder" in second.stderr
    assert first.poll() is None
    first.kill()
    first.communicate()


def test_a_full_disk_ends_the_run_with_a_message_and_room_lets_it_go_on(
    forked_cae, undisturbed: Path
):
    # No file may grow beyond 8,000 bytes: the kernel refuses the rest, as a full disk would.
    limited = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)); "
    program = limited + "os.execv(sys.argv[1], sys.argv[1:])"
    process = forked_cae.start(*RUN, through=(sys.executable, "-c", program))
    _, err = process.communicate()
    assert process.returncode == 4
    assert "cannot be written: File too large; make room for it" in err
    assert "Traceback" not in err
    assert not list(forked_cae.folder.rglob("*.cae-tmp*"))

    again = forked_cae(*RUN)
    assert again.returncode == 0, again.stderr
    assert hash_models(forked_cae.folder / "out") == hash_models(undisturbed)


def test_data_that_vanished_end_the_resumed_run_and_lose_nothing(forked_cae):
    data = forked_cae.folder / "data"
    for shade in range(40):
        path = data / ("dark" if shade < 20 else "light") / f"{shade}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (6 * shade,) * 3).save(path)
    arguments = (
        *("run", "--data", data, "--out", "out", "--preset", "base", "--save-every", "0"),
        *("--set", "init_num_filters=2", "--set", "autoencoder.epochs=500"),
    )
    process = forked_cae.start(*arguments)
    list(read_until_training(process))
    process.terminate()
    process.communicate()
    assert process.returncode == 143
    states = sorted((forked_cae.folder / "out" / "checkpoints").iterdir())

    shutil.rmtree(data)
    again = forked_cae(*arguments)
    assert again.returncode == 3
    assert str(data) in again.stderr
    assert sorted((forked_cae.folder / "out" / "checkpoints").iterdir()) == states
