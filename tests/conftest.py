"""What every test runs under: one thread, empty caches, no network, and CIFAR-10 where given."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.processes import kill_commands

# Read when torch is first imported. The tests' arrays are small, and several processes share
# the machine: more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Read when the command's screens are made: what is told must not depend on who runs the tests.
for _name in ("COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(_name, None)

# A verdict is a function of the code: the same examples every time, and no time limit on a
# machine that may be busy.
settings.register_profile("cae", derandomize=True, deadline=None)
settings.load_profile("cae")


@pytest.fixture(scope="session", autouse=True)
def isolated_environment(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[None]:
    """Keep the user's caches and the network out of the tests and of the processes they start."""
    with pytest.MonkeyPatch.context() as patch:
        # Matplotlib's list of fonts takes seconds to make: it alone is kept from run to run.
        cache = getattr(pytestconfig, "cache", None)  # None where pytest is to keep nothing
        fonts = tmp_path_factory.mktemp("fonts") if cache is None else cache.mkdir("matplotlib")
        patch.setenv("MPLCONFIGDIR", str(fonts))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        # Nothing listens on the discard port: a download fails at once instead of starting.
        for variable in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(variable, "http://127.0.0.1:9")
            patch.setenv(variable.upper(), "http://127.0.0.1:9")
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="session", autouse=True)
def heeded_signals() -> None:
    """Let signals come through where they are ignored, as under nohup, here and in children."""
    for name, usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)  # Windows has no SIGHUP.
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """End the commands that a test which failed has left behind."""
    yield
    kill_commands()


@pytest.fixture(scope="session")
def cifar10_folder() -> Path:
    """The folder of real CIFAR-10 that CAE_DATA_DIR names; without it the test is skipped."""
    folder = os.environ.get("CAE_DATA_DIR")
    if not folder:
        pytest.skip("needs real CIFAR-10: set CAE_DATA_DIR to the folder that holds it")
    return Path(folder)
