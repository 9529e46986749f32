"""How commands fail: one message, the agreed exit code, a traceback only when it is asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import typer

from cae.apps.failures import failures_told, stop_on_sigterm
from cae.errors import CaeError, CheckpointError, ConfigError, DataError, DivergedError

SUBCLASSES = (ConfigError, DataError, CheckpointError, DivergedError)


def fail(error: BaseException, *, debug: bool = False) -> int:
    with pytest.raises(typer.Exit) as stopped, failures_told(debug=debug):
        raise error
    return stopped.value.exit_code


@pytest.mark.parametrize("kind", [CaeError, *SUBCLASSES])
def test_an_error_of_ours_is_its_message_and_its_exit_code(
    kind: type[CaeError], capsys: pytest.CaptureFixture[str]
):
    assert fail(kind("x.json: [wrong]")) == kind.exit_code
    assert capsys.readouterr().err == "error: x.json: [wrong]\n"


def test_each_kind_of_error_has_an_exit_code_of_its_own():
    codes = [kind.exit_code for kind in SUBCLASSES]
    assert len({0, 1, *codes}) == len(codes) + 2


def test_a_file_system_that_refuses_is_told_by_path_and_reason(
    capsys: pytest.CaptureFixture[str],
):
    assert fail(PermissionError(13, "Permission denied", "runs/x")) == 1
    assert capsys.readouterr().err == "error: runs/x: Permission denied\n"
    assert fail(OSError(28, "No space left on device")) == 1
    assert capsys.readouterr().err == "error: No space left on device\n"


def test_an_unexpected_error_is_short_and_tells_how_to_see_more(
    capsys: pytest.CaptureFixture[str],
):
    assert fail(KeyError("split")) == 1
    err = capsys.readouterr().err
    assert err == "error: unexpected KeyError: 'split'; use --debug for the traceback\n"


def test_debug_shows_the_traceback_before_the_message(capsys: pytest.CaptureFixture[str]):
    assert fail(DataError("bad"), debug=True) == 3
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("\nerror: bad\n")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    ],
)
def test_too_little_memory_has_a_remedy(capsys: pytest.CaptureFixture[str], error: Exception):
    assert fail(error) == 1
    assert "batch_size" in capsys.readouterr().err


def test_ctrl_c_is_130_without_a_traceback(capsys: pytest.CaptureFixture[str]):
    assert fail(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C\n"


def test_an_exit_asked_for_is_left_alone(capsys: pytest.CaptureFixture[str]):
    assert fail(typer.Exit(7)) == 7
    with pytest.raises(typer.BadParameter), failures_told(debug=False):
        raise typer.BadParameter("no")
    assert capsys.readouterr().err == ""


def test_a_reader_that_is_gone_is_no_reason_to_complain():
    code = """
import sys, typer
from cae.apps.failures import failures_told
try:
    with failures_told(debug=False):
        print("x" * 100_000)
except typer.Exit as stop:
    sys.exit(stop.exit_code)
"""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run(
            [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)
    assert result.stderr == b""
    assert result.returncode == 1


def test_sigterm_cleans_up_and_is_143(capsys: pytest.CaptureFixture[str], untouched_process: None):
    stop_on_sigterm()
    cleaned: list[str] = []

    def work() -> None:
        with failures_told(debug=False):
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                cleaned.append("temporary file")

    with pytest.raises(SystemExit) as stopped:
        work()
    assert cleaned
    assert stopped.value.code == 143
    assert capsys.readouterr().err == "stopped by SIGTERM\n"
