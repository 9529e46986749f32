"""How a contestant is timed: a warm-up that is not counted, then steps by the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable

Step = Callable[[], object]


def time_steps(step: Step, *, steps: int, warmup: int = 5) -> float:
    """Return the seconds that one of `steps` steps takes, after `warmup` uncounted ones."""
    for _ in range(warmup):
        step()
    _wait_for_device()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    _wait_for_device()
    return (time.perf_counter() - started) / steps


def time_best(step: Step, *, repeats: int, warmup: int = 2) -> float:
    """Return the seconds of the fastest of `repeats` steps: for a limit of the machine."""
    return min(time_steps(step, steps=1, warmup=warmup if n == 0 else 0) for n in range(repeats))


def _wait_for_device() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
