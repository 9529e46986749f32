"""Output to the user: answers on stdout, everything else on stderr, both fit for a pipe."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.panel import Panel
from rich.segment import Segment
from rich.text import Text

# Control characters are shown by the pictures that Unicode has of them; the later ones, and what
# turns the direction of writing or breaks lines, by the sign for "no such character".
_DIRECTIONS = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_HARMLESS: dict[int, int] = {
    **{code: 0x2400 + code for code in range(0x20)},
    0x7F: 0x2421,
    **dict.fromkeys((*range(0x80, 0xA0), 0x2028, 0x2029, *_DIRECTIONS), 0xFFFD),
}
_HARMLESS_LINES = {code: sign for code, sign in _HARMLESS.items() if chr(code) not in "\t\n"}


class SafeConsole(Console):
    """A console that shows control characters of names and messages instead of obeying them.

    A file, class or key may be named by anybody; its name must not move the cursor, change the
    window's title or hide what comes after it. Rich's own styles are added after this.
    """

    def __init__(self, **options: Any) -> None:
        # `[...]` is not interpreted either: shapes, paths and messages stay as they are.
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what `renderable` is made of, every text in it harmless."""
        for segment in super().render(renderable, options):
            text = segment.text.translate(_HARMLESS_LINES)
            yield (
                segment if segment.control or text == segment.text else segment._replace(text=text)
            )


answers = SafeConsole()
notes = SafeConsole(stderr=True)


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
    # What Pillow logs of a damaged picture would stand beside our own message of it.
    logging.getLogger("PIL").addHandler(logging.NullHandler())


def tell(text: str | Text, *, style: str = "", console: Console = notes) -> None:
    """Write a message to stderr, or to another console."""
    # Without a terminal nothing is broken into lines: whoever reads it may search it.
    console.print(text, style=style, soft_wrap=not console.is_terminal)


def tell_warning(message: str) -> None:
    """Write a warning to stderr, in one line."""
    tell(Text.assemble(("warning: ", "bold yellow"), message.translate(_HARMLESS)))


def tell_error(message: str) -> None:
    """Write the one message that a failed command ends with to stderr, in one line."""
    tell(Text.assemble(("error: ", "bold red"), message.translate(_HARMLESS)))


def tell_loudly(message: str, *, title: str) -> None:
    """Write a message that must not be overlooked to stderr, in a frame."""
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
