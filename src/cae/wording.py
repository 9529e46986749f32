"""Values and names in messages: kept short, however large or many they are."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Sequence

_MOST_SHOWN = 100


def show(value: object) -> str:
    """Return the `repr` of `value`, shortened if it is long or deep."""
    text = _SHORT.repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message: the known name nearest to `name`, or all of them."""
    names = sorted(known)
    # Comparing takes time in proportion to the product of the lengths.
    matches = difflib.get_close_matches(name[:_MOST_SHOWN], names, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else f"; available: {', '.join(names)}"


def join(words: Sequence[str]) -> str:
    """Return a list as people say it: "bird, deer and truck"."""
    *first, last = words or ("",)
    return f"{', '.join(first)} and {last}" if first else last


class _ShortRepr(reprlib.Repr):
    """`repr` of bounded length and depth, which also takes integers too large for Python's own."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = _MOST_SHOWN
        self.maxlist = self.maxtuple = self.maxdict = 10

    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002 - the base's signature
        bits = x.bit_length()
        return repr(x) if bits <= 256 else f"an integer of {bits:,} bits"


_SHORT = _ShortRepr()
