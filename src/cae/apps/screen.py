"""What reaches the user: answers on stdout, everything else on stderr, both fit for a pipe."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

# Neither interprets `[...]` in what it prints: shapes, paths and messages stay as they are.
answers = Console(markup=False, highlight=False, emoji=False)
notes = Console(stderr=True, markup=False, highlight=False, emoji=False)


def set_up_streams() -> None:
    """Let anything be printed anywhere, and show the package's warnings."""
    # A file name or a sign that the terminal's encoding lacks is no reason to fail.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    logger = logging.getLogger("cae")
    logger.handlers = [_WarningHandler(logging.WARNING)]
    logger.propagate = False


def tell(text: str | Text, *, style: str = "", console: Console = notes) -> None:
    """Write a remark to stderr, or to another console."""
    # Without a terminal nothing is broken into lines: whoever reads it may search it.
    console.print(text, style=style, soft_wrap=not console.is_terminal)


def tell_warning(message: str) -> None:
    """Write a warning to stderr."""
    tell(Text.assemble(("warning: ", "bold yellow"), message))


def tell_error(message: str) -> None:
    """Write the one message that a failed command ends with to stderr."""
    tell(Text.assemble(("error: ", "bold red"), message))


def tell_loudly(message: str, *, title: str) -> None:
    """Write what must not be overlooked to stderr, in a frame."""
    notes.print(
        Panel(Text(message), title=Text(title), style="bold yellow", padding=(1, 2)), width=100
    )


def answer_json(value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Write one JSON value to stdout, and nothing else."""
    print(json.dumps(value, indent=2, allow_nan=False))


def write_duration(seconds: float) -> str:
    """Return a duration as people say it: "0.4 s", "12 s", "3:07 min", "1:02:03 h"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02} h"
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"


class _WarningHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        tell_warning(record.getMessage())
