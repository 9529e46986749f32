"""Let every call that writes fail once, in turn, and see that nothing is torn and nothing lost.

A small run is repeated in one process. In each round one call fails: the opening of a file to
write, a write (half of it is done), the flush to the disk, the renaming, the removal, the making
of a folder. The run then ends in an error of the package or goes on without; the same run after it
must end with the result of an undisturbed one.
"""

from __future__ import annotations

import builtins
import errno
import io
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

import cae
from benchmarks.reliability.trial import find_torn, read_result

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES}
# Calls that change the disk, by module and name.
_CALLS = (
    *((os, name) for name in ("fsync", "replace", "unlink", "mkdir", "rmdir", "chmod")),
    (os, "open"),
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Saboteur:
    """Counts the calls that write, and lets one of them fail."""

    failing: int | None
    code: int
    calls: list[str] = field(default_factory=list[str])
    failed: str | None = None

    def meet(self, name: str, path: object) -> None:
        """Count a call; raise if it is the one."""
        self.calls.append(name)
        if len(self.calls) == self.failing:
            self.failed = name
            raise OSError(self.code, os.strerror(self.code), str(path))

    @contextmanager
    def at_work(self) -> Generator[None]:
        """Stand between the program and the disk for the block."""
        with ExitStack() as stack:
            for module, name in _CALLS:
                stack.enter_context(mock.patch.object(module, name, self._wrap(module, name)))
            opened = builtins.open
            for module in (builtins, io):
                stack.enter_context(mock.patch.object(module, "open", self._wrap_open(opened)))
            yield

    def _wrap(self, module: Any, name: str) -> Callable[..., Any]:
        call = getattr(module, name)

        def act(path: Any, *arguments: Any, **keywords: Any) -> Any:
            if name != "open" or (arguments and arguments[0] & _WRITES):
                self.meet(name, path)
            return call(path, *arguments, **keywords)

        return act

    def _wrap_open(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def act(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
            if not set(mode) & set("wax+"):
                return call(file, mode, *arguments, **keywords)
            self.meet("open", file)
            opened = call(file, mode, *arguments, **keywords)
            return _Failing(opened, self) if "b" in mode else opened

        return act


class _Failing:
    """A file whose writes may fail after half of their bytes."""

    def __init__(self, file: Any, saboteur: Saboteur) -> None:
        self._file, self._saboteur = file, saboteur

    def write(self, data: Any) -> int:
        try:
            self._saboteur.meet("write", self._file.name)
        except OSError:
            self._file.write(memoryview(data)[: len(data) // 2])
            raise
        return self._file.write(data)

    def writelines(self, parts: Iterable[Any]) -> None:
        for part in parts:
            self.write(part)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Failing:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@dataclass
class Tally:
    """What failed, how the runs ended, and what went wrong."""

    cases: int = 0
    failed: Counter[str] = field(default_factory=Counter[str])
    ended: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "cases": self.cases,
            "failed_calls": dict(self.failed),
            "ended": dict(self.ended),
            "problems": self.problems,
        }


def fail_every_call(
    *,
    draws: bool,
    names: tuple[str, ...] = tuple(ERRORS),
    stride: int = 1,
    only: str | None = None,
) -> Tally:
    """Let each writing call of a run fail once with each of the errors; return what happened.

    Args:
        draws: whether the run draws its plots, which takes most of its time.
        names: of the errors.
        stride: let only every so many-th call fail.
        only: let only calls of this name fail.
    """
    tally = Tally()
    logging.getLogger("cae").setLevel(logging.ERROR)  # What goes on says so each time.
    with tempfile.TemporaryDirectory() as folder:
        counting = Saboteur(None, 0)
        with counting.at_work():
            _run(Path(folder) / "whole", draws=draws)
        expected = read_result(Path(folder) / "whole")
        numbered = enumerate(counting.calls, start=1)
        failing = [call for call, kind in numbered if only in (None, kind)]
        for name in names:
            for call in failing[::stride]:
                out = Path(folder) / f"{name}-{call}"
                _fail_once(out, tally, call, name, draws=draws)
                problem = _find_difference(out, expected, draws=draws)
                if problem:
                    tally.problems.append(f"call {call} failing with {name}: {problem}")
    return tally


def _fail_once(out: Path, tally: Tally, call: int, name: str, *, draws: bool) -> None:
    saboteur = Saboteur(call, ERRORS[name])
    try:
        with saboteur.at_work():
            _run(out, draws=draws)
        ended = "went on"
    except cae.CaeError as error:
        ended = type(error).__name__
    except Exception as error:  # noqa: BLE001 - any other is what we look for
        ended = type(error).__name__
        tally.problems.append(f"call {call} ({saboteur.failed}), {name}: {error!r}")
    tally.cases += 1
    tally.failed[str(saboteur.failed)] += 1
    tally.ended[ended] += 1
    tally.problems += [f"call {call} failing with {name}: {torn}" for torn in find_torn(out)]


def _find_difference(out: Path, expected: dict[str, Any], *, draws: bool) -> str | None:
    """Run again, undisturbed, and return what is wrong with the result."""
    try:
        _run(out, draws=draws)
    except Exception as error:  # noqa: BLE001 - nothing may be in the way any more
        return f"the run after it failed: {error!r}"
    return None if read_result(out) == expected else "the run after it has another result"


def _run(out: Path, *, draws: bool) -> None:
    config = cae.RunConfig.model_validate(
        {
            "autoencoder": {**_SMALL, "init_num_filters": 2, "gaussian_noise_input": True},
            "classifier": {**_SMALL, "dropout": True},
        }
    )
    runtime = cae.Runtime(torch.device("cpu"), "float32")
    # A state after every fifth of a second would depend on the clock; after every step it does not.
    keeping = cae.Keeping(every_seconds=0)
    result = cae.run(config, _DATASET, out=out, name="t", runtime=runtime, keeping=keeping)
    if draws:
        cae.draw_run(result.folder, result.evaluation, result.reconstructions, result.mistakes)


_SMALL = {"image_shape": (8, 8, 3), "batch_size": 16, "epochs": 2, "callbacks": True}


def _draw_images(count: int, *, seed: int) -> cae.ImageSet:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 3, 8, 8), dtype=np.uint8)
    labels = random.permutation(np.arange(count, dtype=np.int64) % 4)
    return cae.ImageSet(pixels, labels, ("bird", "cat", "deer", "dog"), "noise")


_DATASET = cae.Dataset(
    _draw_images(60, seed=1), _draw_images(12, seed=2), ("bird", "deer"), source="noise"
)
