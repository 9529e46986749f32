"""The command line called in this process, and a finished run for it to look at."""

from __future__ import annotations

import logging
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import cae
from cae.apps.cli import main

# The smallest network and the shortest training that go through every step.
TINY = ("init_num_filters=2", "layers_per_block=1", "conv_blocks=2", "epochs=1")


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture(autouse=True)
def untouched_process() -> Iterator[None]:
    """Take back what a command sets up for the whole process."""
    logger, handler = logging.getLogger("cae"), signal.getsignal(signal.SIGTERM)
    handlers, propagate = logger.handlers, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def call_cae(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Return a function that runs `cae` with arguments, in an empty folder, without a terminal."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Answer:
        monkeypatch.setattr("sys.argv", ["cae", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        assert isinstance(stopped.value.code, int | None)
        return Answer(stopped.value.code or 0, out, err)

    return call


@pytest.fixture
def train_tiny(call_cae: Call) -> Call:
    """Return a function that gives a training command the smallest work there is."""

    def call(command: str, *arguments: str | Path, data: str = "digits") -> Answer:
        exact = ("--device", "cpu", "--precision", "float32")
        # A study is told its epochs by options of its own.
        settings = [each for each in TINY if command != "study" or not each.startswith("epochs")]
        options = [word for setting in settings for word in ("--set", setting)]
        return call_cae(command, "--data", data, *exact, *options, *arguments)

    return call


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run named `digits` on the digits, as `train_tiny` would make it."""
    out = tmp_path_factory.mktemp("run") / "digits-digits"
    config = cae.override(cae.load_preset("digits"), TINY)
    runtime = cae.choose_runtime(device="cpu", precision="float32")
    result = cae.run(config, cae.load_dataset("digits"), out=out, name="digits", runtime=runtime)
    cae.draw_run(result.folder, result.evaluation, result.reconstructions, result.mistakes)
    return out


@pytest.fixture
def ready_pictures(run_once: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs take their pictures from that run: to draw them takes as long as the rest."""

    def copy(folder: cae.RunFolder, *_: object) -> list[Path]:
        for drawn, place in zip(cae.RunFolder(run_once, "digits").plots, folder.plots, strict=True):
            shutil.copy(drawn, place)
        return folder.plots

    monkeypatch.setattr("cae.draw_run", copy, raising=False)


@pytest.fixture
def finished_run(run_once: Path, tmp_path: Path) -> Path:
    """A copy of that run where `cae` looks for it."""
    return shutil.copytree(run_once, tmp_path / "runs" / "digits-digits")


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """Return a function that reads all files below a folder."""

    def read(folder: Path) -> dict[str, bytes]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return read
