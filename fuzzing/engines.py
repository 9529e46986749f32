"""How inputs are made: structured by Hypothesis, damaged by chance, or led by coverage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

import hypothesis
from hypothesis import HealthCheck

from fuzzing.mutations import mutate, repair_checksums
from fuzzing.targets import Target
from fuzzing.watch import Finding, Watch


@dataclass(frozen=True)
class Row:
    """What was tried on one target and what came of it."""

    target: str
    engine: str
    inputs: int
    refused: int
    findings: list[Finding] = field(default_factory=list[Finding])
    seconds: float = 0.0
    slowest_ms: float = 0.0


def try_target(target: Target, *, inputs: int, seed: int) -> Row:
    """Give `target` this many inputs, a function of `seed`: structured ones or damaged bytes."""
    watch, started = Watch(target.call, target.error), time.perf_counter()
    if target.strategy is not None:
        _structure(target, watch, inputs=inputs, seed=seed)
        engine = "structured"
    else:
        _damage(target, watch, inputs=inputs, seed=seed)
        engine = "damaged"
    return make_row(target.name, engine, watch, seconds=time.perf_counter() - started)


def make_row(target: str, engine: str, watch: Watch, *, seconds: float) -> Row:
    """Return what `watch` has seen."""
    return Row(
        target=target,
        engine=engine,
        inputs=watch.inputs,
        refused=watch.refused,
        findings=watch.findings,
        seconds=round(seconds, 1),
        slowest_ms=round(1000 * watch.slowest_seconds, 1),
    )


def _structure(target: Target, watch: Watch, *, inputs: int, seed: int) -> None:
    assert target.strategy is not None

    # Hypothesis ends early where it has seen every input it can think of: another seed goes on.
    while watch.inputs < inputs:
        seed, left = seed + 1, inputs - watch.inputs

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=left,
            database=None,
            deadline=None,
            derandomize=False,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @hypothesis.given(target.strategy)
        def try_all(value: object) -> None:
            if watch.inputs < inputs:
                watch.try_input(value)

        try_all()


def _damage(target: Target, watch: Watch, *, inputs: int, seed: int) -> None:
    random = Random(f"{seed} {target.name}")
    for _ in range(inputs):
        data = mutate(random, target.seeds)
        watch.try_input(repair_checksums(data) if random.random() < 0.7 else data)


def follow_coverage(target: Target, *, inputs: int, seed: int) -> Row:
    """Give `target` this many inputs that libFuzzer makes, in a process of its own.

    Raises:
        RuntimeError: the process broke down, as the target's C code may make it; what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "fuzzing.coverage", target.name, str(inputs), str(seed)]
        done = subprocess.run(
            [*command, str(result)], check=False, capture_output=True, text=True, env=os.environ
        )
        if not result.exists():
            raise RuntimeError(f"{target.name}: exit code {done.returncode}\n{done.stderr[-3000:]}")
        content = json.loads(result.read_text())
    return Row(**content | {"findings": [Finding(**each) for each in content["findings"]]})


def describe_row(row: Row) -> dict[str, object]:
    """Return the row as plain JSON values."""
    return asdict(row)
