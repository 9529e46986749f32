"""Bad input: one clear message, the agreed exit code, no traceback, nothing half-written."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path


def make_copy(folder: Path, content: bytes) -> Path:
    """Write a copy of CIFAR-10 whose first batch file is `content`."""
    batches = folder / "data" / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    (batches / "data_batch_1").write_bytes(content)
    return folder / "data"


class Hostile:
    """Leaves a file behind if it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def refuse(cae, *arguments: str | Path, code: int, words: str) -> None:
    """Check that the command fails as it should, and that no file came or changed."""
    before = {path: path.stat().st_mtime_ns for path in cae.folder.rglob("*")}
    result = cae(*arguments)
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert {path: path.stat().st_mtime_ns for path in cae.folder.rglob("*")} == before


def test_a_folder_that_is_not_there(cae):
    refuse(cae, "run", "--data", "nowhere", code=3, words="'nowhere': no such file or folder")


def test_a_truncated_batch(cae, cifar10_folder: Path):
    data = cae.folder / "data" / "cifar-10-batches-py"
    shutil.copytree(next(cifar10_folder.rglob("test_batch")).parent, data)
    batch = data / "data_batch_2"
    batch.chmod(0o644)
    with batch.open("r+b") as file:
        file.truncate(1_000_000)
    refuse(cae, "run", "--data", data, code=3, words="data_batch_2: 1,000,000 bytes")


def test_a_wrong_md5(cae):
    data = make_copy(cae.folder, b"not what it says")
    refuse(cae, "run", "--data", data, code=3, words="c99cafc152244af753f735de768cd75f")


def test_a_pickle_that_tries_to_run_code(cae):
    trace = cae.folder / "it ran"
    data = make_copy(cae.folder, pickle.dumps(Hostile(trace), protocol=2))
    refuse(cae, "run", "--data", data, code=3, words="data_batch_1")
    assert not trace.exists()
    assert pickle.loads(pickle.dumps(Hostile(trace))) is None  # unpickled, it would have
    assert trace.exists()


def test_a_configuration_with_a_typo(forked_cae):
    arguments = ("run", "--data", "digits", "--set", "epoch=3")
    refuse(forked_cae, *arguments, code=2, words="unknown key 'epoch'; did you mean 'epochs'?")


def test_an_image_that_is_not_an_image(forked_cae, tiny_model: Path):
    (forked_cae.folder / "no.png").write_text("I am no image")
    refuse(
        forked_cae, "predict", "no.png", "--model", tiny_model, code=3, words="no.png: not an image"
    )


def test_a_folder_that_cannot_be_written(forked_cae):
    (forked_cae.folder / "file").touch()
    result = forked_cae("pretrain", "--data", "digits", "--out", "file/inside")
    assert result.returncode == 2
    assert "error: file/inside: cannot be written: Not a directory" in result.stderr
    assert "Traceback" not in result.stderr
