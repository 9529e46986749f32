"""What the attacks share: a process of bounded time and memory, the command line, a tiny model."""

from __future__ import annotations

import hashlib
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cae.apps.cli import main
from cae.checkpoints.weights import write_model
from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.cifar10_files import PYTHON, BatchFile, Version
from cae.files import read_sealed_json, write_sealed_json
from cae.models.classifier import make_classifier
from cae.run_folder import ModelFiles

AUTOENCODER = AutoencoderConfig(
    image_shape=(8, 8, 3), conv_blocks=1, layers_per_block=1, init_num_filters=1
)
CLASSIFIER = ClassifierConfig(image_shape=(8, 8, 3), global_pooling="average", dense=False)

_BOUNDS = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
"""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


Call = Callable[..., Answer]


def read_status(name: str) -> float:
    """Return a figure of this process's memory in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(name)


@contextmanager
def stay_bounded(*, mib: float, seconds: float = 5) -> Generator[None]:
    """Check that the block takes little more memory than is taken now, and little time.

    The peak that the system tells is of the whole life of a process: it is set back first.
    """
    started = time.process_time()
    if not Path("/proc/self/clear_refs").exists():
        yield
    else:
        Path("/proc/self/clear_refs").write_text("5")
        before = read_status("VmRSS")
        yield
        assert read_status("VmHWM") - before < mib
    assert time.process_time() - started < seconds


@pytest.fixture(scope="session")
def bounded() -> Callable[..., AbstractContextManager[None]]:
    """A context manager that checks what its block takes of memory and time."""
    return stay_bounded


@pytest.fixture
def run_bounded() -> Call:
    """Return a function that runs Python code with 1 GiB and some seconds; 124 is out of time."""

    def run(code: str, *arguments: str | Path, seconds: float = 20) -> Answer:
        command = [sys.executable, "-c", _BOUNDS + code, *map(str, arguments)]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return Answer(124, "", "")
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def call_cae(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Call]:
    """A function that runs `cae` in this process, in an empty folder, without a terminal."""
    monkeypatch.chdir(tmp_path)
    logger, handler = logging.getLogger("cae"), signal.getsignal(signal.SIGTERM)
    handlers, propagate = logger.handlers, logger.propagate

    def call(*arguments: str | Path) -> Answer:
        monkeypatch.setattr("sys.argv", ["cae", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        assert isinstance(stopped.value.code, int | None)
        return Answer(stopped.value.code or 0, out, err)

    yield call
    logger.handlers, logger.propagate = handlers, propagate
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def tiny_model(tmp_path: Path) -> ModelFiles:
    """A saved classifier of images [8, 8, 3], never trained."""
    files = ModelFiles(tmp_path / "models", "classifier_tiny")
    write_model(
        files,
        make_classifier(AUTOENCODER, CLASSIFIER, num_classes=2),
        autoencoder_config=AUTOENCODER,
        classifier_config=CLASSIFIER,
        class_names=("cat", "dog"),
        about={"data": "cifar10"},
    )
    return files


@pytest.fixture(scope="session")
def alter() -> Callable[..., None]:
    """A function that changes values of a sealed JSON file and seals it again, as anybody can."""

    def change(path: Path, **values: object) -> None:
        write_sealed_json(path, read_sealed_json(path) | values)

    return change


@pytest.fixture
def snapshot(tmp_path: Path) -> Callable[[], dict[str, bytes | None]]:
    """A function that reads everything below the test's folder."""

    def read() -> dict[str, bytes | None]:
        return {
            str(path.relative_to(tmp_path)): path.read_bytes() if path.is_file() else None
            for path in tmp_path.rglob("*")
        }

    return read


def trust(**contents: bytes) -> Version:
    """Return a version of CIFAR-10 whose checksums are those of `contents`: MD5 stops nothing."""
    files = [
        BatchFile(name, hashlib.md5(data, usedforsecurity=False).hexdigest(), count=7)
        for name, data in contents.items()
    ]
    return replace(PYTHON, train=tuple(files[:-1]), test=files[-1])


@pytest.fixture(scope="session")
def make_trusting_version() -> Callable[..., Version]:
    return trust
