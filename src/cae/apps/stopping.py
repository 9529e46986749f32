"""Ctrl-C and SIGTERM while something trains: the step is finished and saved before the end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from cae.apps.failures import HUNG_UP, INTERRUPTED, TERMINATED
from cae.errors import StoppedError

_EXIT_CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
if hasattr(signal, "SIGHUP"):  # The terminal was closed. Windows has no such signal.
    _EXIT_CODES[signal.SIGHUP] = HUNG_UP


class StopRequest:
    """Within its `with` block, a first signal in training is a request; any other acts at once.

    Called, it answers whether a stop was asked for. The `StoppedError` that training then raises
    leaves the block with the exit code of the signal.
    """

    def __init__(self, *, is_training: Callable[[], bool]) -> None:
        self._is_training = is_training
        self._received: signal.Signals | None = None
        self._handlers: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Return whether training should stop."""
        return self._received is not None

    def __enter__(self) -> Self:
        for number in _EXIT_CODES:
            # What is ignored, under nohup or in the background of a script, stays ignored.
            if signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._handlers.items():
            # Whoever ends the program may have set another one, so as not to be disturbed.
            if signal.getsignal(number) == self._receive:
                signal.signal(number, handler)
        if isinstance(error, StoppedError) and self._received is not None:
            error.exit_code = _EXIT_CODES[self._received]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        received = signal.Signals(number)
        if self._received is None and self._is_training():
            self._received = received
            return
        handler = self._handlers[received]
        if callable(handler):
            handler(number, frame)
        else:  # The default: the end of the program, but by way of the cleaning up.
            raise SystemExit(_EXIT_CODES[received])
