"""Cut and change the files of a run, and see that no damage becomes a result.

The states of a stopped training: the latest damaged one gives way to the one before it, and where
the training is gone on with, the result is that of an undisturbed one. The files of a finished
run: the command that shows it says what is damaged, or makes it again.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import random
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.reliability.trial import find_torn, make_command, read_result
from cae.apps.cli import main as run_cae
from cae.apps.stopping import StopRequest
from cae.checkpoints.state import StateFiles
from cae.run_folder import RunFolder

# Everything else that a run consists of is looked at by the command that shows it.
_KINDS = ("cut", "bit")


@dataclass
class Tally:
    """How many files were damaged, what came of it, and what went wrong."""

    cases: Counter[str] = field(default_factory=Counter[str])
    ended: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {"cases": dict(self.cases), "ended": dict(self.ended), "problems": self.problems}


def damage(data: bytes, draw: random.Random, *, kind: str) -> bytes:
    """Return `data` cut at a random byte, or with one random bit flipped."""
    place = draw.randrange(len(data))
    if kind == "cut":
        return data[:place]
    flipped = bytearray(data)
    flipped[place] ^= 1 << draw.randrange(8)
    return bytes(flipped)


def damage_states(*, cases: int, resumed: int, seed: int) -> Tally:
    """Damage the latest state of a stopped training so many times, and go on `resumed` times."""
    draw, tally = random.Random(seed), Tally()
    logging.getLogger("cae").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        whole, stopped = Path(folder) / "whole", Path(folder) / "stopped"
        _call(make_command(whole, save_every=30))
        expected = read_result(whole)
        _stop_midway(stopped)
        model = "autoencoder_digits"
        latest, before = RunFolder(stopped, "digits").find_states(model)
        intact = latest.read_bytes()
        earlier = int(before.stem.rpartition("-")[2])
        for case in range(cases):
            kind = _KINDS[case % 2]
            latest.write_bytes(damage(intact, draw, kind=kind))
            found = _read_state(stopped, model)
            tally.cases[f"{kind}, read"] += 1
            tally.ended[f"step {found}"] += 1
            if found != earlier:
                tally.problems.append(f"case {case} ({kind}): went on from {found}")
        for case in range(resumed):
            kind = _KINDS[case % 2]
            out = Path(folder) / f"resumed-{case}"
            shutil.copytree(stopped, out)
            (out / latest.relative_to(stopped)).write_bytes(damage(intact, draw, kind=kind))
            code, said = _call(make_command(out, save_every=30))
            tally.cases[f"{kind}, gone on with"] += 1
            tally.ended[f"exit code {code}"] += 1
            if code != 0 or read_result(out) != expected:
                tally.problems.append(f"gone on after case {case} ({kind}): {code}: {said}")
    return tally


def damage_finished_run(*, cases_each: int, seed: int) -> Tally:
    """Damage each file of a finished run so many times in each way, and ask for the run again."""
    draw, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "whole"
        _call(make_command(out, save_every=30))
        expected = read_result(out)
        evaluation = (out / "evaluation.json").read_bytes()
        for path in sorted(path for path in out.rglob("*") if path.is_file()):
            intact = path.read_bytes()
            for case in range(2 * cases_each):
                kind = _KINDS[case % 2]
                path.write_bytes(damage(intact, draw, kind=kind))
                code, said = _call(make_command(out, save_every=30))
                ending = "whole again" if code == 0 else f"exit code {code}"
                tally.cases[kind] += 1
                tally.ended[ending] += 1
                told = code == 4 and path.name in said
                if not (told if code else read_result(out) == expected and not find_torn(out)):
                    tally.problems.append(f"{path.name}, case {case} ({kind}): {code}: {said}")
                path.write_bytes(intact)
                (out / "evaluation.json").write_bytes(evaluation)
    return tally


def _stop_midway(out: Path) -> None:
    """Stop the run in its first stage, with two states on the disk."""
    asked = itertools.count()

    def stop_after_100_steps(_: StopRequest) -> bool:
        return next(asked) == 100

    with mock.patch.object(StopRequest, "__call__", stop_after_100_steps):
        code, said = _call(make_command(out, save_every=0))
    assert code == 130, said


def _read_state(out: Path, model: str) -> int | None:
    states = StateFiles(RunFolder(out, "digits"), model, {}, {})
    with mock.patch.object(StateFiles, "_require_same"), mock.patch.object(StateFiles, "_compare"):
        state = states.read()
    return None if state is None else state.step


def _call(command: list[str]) -> tuple[int, str]:
    """Run the command in this process; return its exit code and what it wrote to stderr."""
    said = io.StringIO()
    with (
        mock.patch("sys.argv", command),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(said),
    ):
        try:
            run_cae()
        except SystemExit as end:
            return int(end.code or 0), said.getvalue()
    raise AssertionError("the command line ends by an exit code")
