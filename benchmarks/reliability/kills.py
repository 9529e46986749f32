"""Kill a run at random moments until it is through, and compare what it then says.

Each sitting is a process of its own: `cae run`, ended by SIGKILL after a random time, or by
SIGTERM or SIGINT, which let it finish its step. Then the same command again.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reliability.trial import find_torn, make_command, read_result

# How a sitting that was told to end may end: killed, or by the exit code of the signal.
_EXIT_CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
_STAGES = ("autoencoder", "classifier")


@dataclass
class Tally:
    """What was done and what went wrong."""

    kills: Counter[str] = field(default_factory=Counter[str])
    during: Counter[str] = field(default_factory=Counter[str])
    runs: int = 0
    problems: list[str] = field(default_factory=list[str])

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "kills": sum(self.kills.values()),
            "by_signal": dict(self.kills),
            "during": dict(self.during),
            "runs_completed": self.runs,
            "problems": self.problems,
        }


def run_to_the_end(out: Path) -> str:
    """Run undisturbed; return what was written to stderr."""
    process = subprocess.run(
        make_command(out, save_every=30), capture_output=True, text=True, check=False
    )
    if process.returncode:
        sys.exit(f"the undisturbed run failed:\n{process.stderr}")
    return process.stderr


def sit(out: Path, *, number: signal.Signals, wait: float, save_every: float) -> tuple[int, str]:
    """Start the run, end it `wait` seconds after its first stage has begun; return code, stderr."""
    with subprocess.Popen(
        make_command(out, save_every=save_every),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said: list[str] = []
        timer: threading.Timer | None = None
        for line in process.stderr:
            said.append(line)
            if timer is None and line.startswith(_STAGES):
                timer = threading.Timer(wait, process.send_signal, (number,))
                timer.start()
        if timer is not None:
            timer.cancel()
    return process.returncode, "".join(said)


def kill_again_and_again(*, kills: int, seed: int) -> Tally:
    """Kill runs so many times in all, and compare every one that gets through."""
    # Where this program ignores Ctrl-C, as in the background of a script, its children would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    draw, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run_to_the_end(Path(folder) / "whole")
        expected = read_result(Path(folder) / "whole")
        # Some seconds of it are start and end; a few kills should fall into every run.
        longest = (time.perf_counter() - started) / 3
        while sum(tally.kills.values()) < kills:
            out = Path(folder) / f"run-{tally.runs}"
            _kill_until_through(out, draw, tally, longest=longest)
            tally.runs += 1
            if read_result(out) != expected:
                tally.problems.append(f"run {tally.runs}: another result")
    return tally


def _kill_until_through(out: Path, draw: random.Random, tally: Tally, *, longest: float) -> None:
    while True:
        number = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        code, said = sit(
            out,
            number=number,
            wait=draw.uniform(0, longest),
            # Every step, so that many a kill falls into the writing of a state, or now and then.
            save_every=draw.choice((0, 0.2)),
        )
        if code == 0:
            return
        tally.kills[number.name] += 1
        over = (out / "evaluation.json").exists()
        tally.during["the end" if over else _find_stage(said)] += 1
        # Once Python takes itself down, signals do what they do without it.
        expected = {_EXIT_CODES[number], -number} if over else {_EXIT_CODES[number]}
        if code not in expected or "Traceback" in said:
            tally.problems.append(f"{number.name}: exit code {code}: {said}")
        tally.problems += find_torn(out)


def _find_stage(said: str) -> str:
    """Return what was under way: a stage, or what comes after both."""
    lines = [line.replace(":", " ").split(maxsplit=1) for line in said.splitlines()]
    stages = [(words[0], words[1]) for words in lines if words[0] in _STAGES]
    stage, last = stages[-1]
    over = "complete already" in last or " loss " in last
    return "evaluation" if stage == "classifier" and over else stage
