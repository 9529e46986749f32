"""The command `cae` as a user starts it: in a process of its own, in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from cae.checkpoints.weights import write_model
from cae.config import AutoencoderConfig, ClassifierConfig
from cae.models.classifier import make_classifier
from cae.run_folder import ModelFiles
from tests.processes import Command

CAE = Path(sysconfig.get_path("scripts")) / "cae"

# The smallest network and the shortest training that go through every step.
TINY = ("init_num_filters=4", "layers_per_block=1", "epochs=1")


@dataclass(frozen=True)
class Cae:
    """Runs commands in `folder`, as on a machine that CIFAR-10 has never come to.

    Attributes:
        forked: begin in a process that has imported everything already (`tests/processes.py`).
    """

    folder: Path
    forked: bool = False

    def start(
        self, *arguments: str | Path, through: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen[str] | Command:
        """Start the command, or a program that becomes it."""
        words = [str(argument) for argument in arguments]
        inherited = {name: value for name, value in os.environ.items() if name != "CAE_DATA_DIR"}
        everything = inherited | {"PYTHONWARNINGS": "error"} | environment
        if self.forked and not through:
            return Command(words, self.folder, everything)
        return subprocess.Popen(
            [*through, CAE, *words],
            cwd=self.folder,
            env=everything,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self, *arguments: str | Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, through=(), **environment)
        out, err = process.communicate()
        assert process.returncode is not None
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture
def cae(tmp_path: Path) -> Cae:
    return Cae(tmp_path)


@pytest.fixture
def forked_cae(tmp_path: Path) -> Cae:
    return Cae(tmp_path, forked=True)


@pytest.fixture(scope="session")
def tiny_options() -> list[str]:
    return [word for setting in TINY for word in ("--set", setting)]


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    """A saved classifier of images [32, 32, 3] that was never trained."""
    autoencoder, head = AutoencoderConfig(init_num_filters=2), ClassifierConfig()
    files = ModelFiles(tmp_path / "models", "classifier_tiny")
    write_model(
        files,
        make_classifier(autoencoder, head, num_classes=2),
        autoencoder_config=autoencoder,
        classifier_config=head,
        class_names=("cat", "dog"),
        about={},
    )
    return files.json
