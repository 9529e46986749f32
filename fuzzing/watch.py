"""What counts as a finding: an error that is not documented, too much time or memory."""

from __future__ import annotations

import gc
import resource
import signal
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cae.errors import CaeError
from cae.wording import show

SECONDS_ALLOWED = 2.0  # of processor time for one input; most take less than a hundredth of that
MIB_ALLOWED = 512  # by which one input may raise the process's peak memory
CHARACTERS_ALLOWED = 5_000  # in an error's message
_SECONDS_UNTIL_STOPPED = 20
_CHARACTERS_KEPT = 2_000


class TooSlow(BaseException):
    """An input ran so long that it was stopped."""


@dataclass(frozen=True)
class Finding:
    """One input that did what none should."""

    what: str
    value: str  # the input, as Python writes it, shortened


@dataclass
class Watch:
    """Calls a target with inputs, counts them, and keeps what is found."""

    call: Callable[[Any], object]
    error: type[CaeError]
    inputs: int = 0
    refused: int = 0
    slowest_seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list[Finding])

    def try_input(self, value: Any) -> None:
        """Give the target one input and judge what comes of it."""
        self.inputs += 1
        # A pass through all that Hypothesis remembers takes seconds, and is no input's fault.
        gc.disable()
        before, started = _peak_mib(), time.process_time()
        try:
            with _stopped_after(_SECONDS_UNTIL_STOPPED):
                self.call(value)
        except self.error as error:
            self.refused += 1
            self._judge_message(str(error), value)
        except TooSlow:
            self._find(f"stopped after {_SECONDS_UNTIL_STOPPED} s", value)
        except Exception as error:  # noqa: BLE001 - any other error is what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            self._find(f"{type(error).__name__}: {error} ({place.name}, {place.line})", value)
        seconds, mib = time.process_time() - started, _peak_mib() - before
        gc.enable()
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        if seconds > SECONDS_ALLOWED:
            self._find(f"took {seconds:.1f} s", value)
        if mib > MIB_ALLOWED:
            self._find(f"took {mib:.0f} MiB", value)

    def _judge_message(self, message: str, value: Any) -> None:
        if len(message) > CHARACTERS_ALLOWED:
            self._find(f"a message of {len(message):,} characters", value)

    def _find(self, what: str, value: Any) -> None:
        try:
            text = repr(value)
        except ValueError:  # an integer that Python will not write
            text = show(value)
        self.findings.append(Finding(what[:500], text[:_CHARACTERS_KEPT]))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _stopped_after(seconds: int) -> Generator[None]:
    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
