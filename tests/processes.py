"""The command `cae` in a process of its own that does not have to import everything anew.

Of the shortest run on the digits imports are two thirds of its processor time. They are made once,
in a server that trains nothing; every process is forked from it as it stands then, with an
environment, a folder and standard streams of its own. What PyTorch reads of the environment when
it is imported, such as OMP_NUM_THREADS, is the server's.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

_IMPORTED = (
    *("cae.apps.cli", "cae.apps.experiment", "cae.apps.study", "cae.report.figures.run_plots"),
    # These where they are first used.
    *("sklearn.datasets", "torchmetrics.functional.image", "torch._dynamo"),
)


_started: list[BaseProcess] = []


def kill_commands() -> None:
    """Kill what a test has left running, which nobody would wait for."""
    for process in _started:
        if process.is_alive():
            process.kill()
    _started.clear()


class Command:
    """A command that is under way, as `subprocess.Popen` shows one.

    Attributes:
        stderr: what it tells, as it tells it.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        # A connection is handed to the process when it starts, and held open by nobody else.
        read, write = multiprocessing.Pipe(duplex=False)
        self.stderr = os.fdopen(os.dup(read.fileno()))
        self._stdout = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the command
        out = Connection(os.dup(self._stdout.fileno()), readable=False)
        server = multiprocessing.get_context("forkserver")  # Windows has none.
        server.set_forkserver_preload([*_IMPORTED])
        process = server.Process(
            target=_become_the_command,
            args=(list(arguments), str(folder), environment),
            kwargs={"out": out, "err": write},
        )
        self._process = process
        process.start()
        _started.append(process)
        for connection in (read, write, out):
            connection.close()

    @property
    def pid(self) -> int:
        pid = self._process.pid
        assert pid is not None
        return pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self) -> tuple[str, str]:
        """Wait for its end; return what it wrote to stdout, and what of stderr was not read yet."""
        with self.stderr, self._stdout:
            err = self.stderr.read()
            self._process.join()
            self._stdout.seek(0)
            return self._stdout.read(), err


def _become_the_command(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    *,
    out: Connection,
    err: Connection,
) -> None:
    from cae.apps.cli import main

    os.setsid()  # A signal to its group reaches the workers that it starts, and nobody else.
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for given, descriptor in ((out, 1), (err, 2)):
        os.dup2(given.fileno(), descriptor)
        given.close()
    sys.stdout = os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    warnings.simplefilter("error")
    sys.argv = ["cae", *arguments]
    main()
