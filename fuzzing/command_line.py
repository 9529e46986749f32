"""The command line, called in this process in a folder where nothing can be trained."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import signal
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from PIL import Image

from cae.apps.cli import main
from cae.errors import CaeError
from cae.run_folder import ModelFiles

CODES = {0, 2, 3, 4}  # of those documented, the ones that arguments alone can lead to


@dataclass
class CommandLine:
    """Runs `cae` with the words given; raises CaeError where it ended as a mistake should.

    The only data set within reach is a damaged one, so that nothing is trained.
    """

    folder: Path
    model: ModelFiles
    before: set[Path] = field(init=False)

    def __post_init__(self) -> None:
        shutil.copytree(self.model.folder, self.folder / "models")
        batches = self.folder / "damaged" / "cifar-10-batches-py"
        batches.mkdir(parents=True)
        (batches / "data_batch_1").write_bytes(b"damaged")
        (self.folder / "bad.json").write_text('{"format": 1, "kind": "classifier"}')
        (self.folder / "text.txt").write_text("no picture")
        (self.folder / "folder").mkdir()
        os.mkfifo(self.folder / "pipe")
        Image.new("RGB", (5, 9)).save(self.folder / "picture.png")
        self.before = set(self.folder.rglob("*"))

    def __call__(self, words: Sequence[str]) -> None:
        with self._inside() as err:
            code = _run([*words, *([] if words[0] == "predict" else ["--data", "nowhere"])])
        said = err.getvalue()
        assert "Traceback" not in said or "--debug" in words, said
        assert "error: unexpected " not in said, said
        assert code in CODES, f"exit code {code}: {said}"
        assert set(self.folder.rglob("*")) == self.before, "a file came or went"
        if code:
            assert said.splitlines()[-1].startswith("error: "), said
            raise CaeError(said)

    @contextlib.contextmanager
    def _inside(self) -> Generator[io.StringIO]:
        """Enter the folder, catch what is printed, and take back what a command sets up."""
        logger, handler = logging.getLogger("cae"), signal.getsignal(signal.SIGTERM)
        handlers, propagate = logger.handlers, logger.propagate
        surroundings = {"CAE_DATA_DIR": str(self.folder / "damaged"), "HOME": str(self.folder)}
        out, err = io.StringIO(), io.StringIO()
        try:
            with (
                contextlib.chdir(self.folder),
                patch.dict(os.environ, surroundings),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                yield err
        finally:
            logger.handlers, logger.propagate = handlers, propagate
            signal.signal(signal.SIGTERM, handler)


def _run(words: Sequence[str]) -> int:
    with patch.object(sys, "argv", ["cae", *words]):
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code
        else:
            raise AssertionError("a command has not exited")
    assert isinstance(code, int | None), code
    return code or 0
