"""Pickles of plain values, read as descriptions: nothing in them is imported, called or built.

Python's own unpickler is not used, not even with a list of allowed names. A hundred bytes can make
it hash a tuple that never ends, take gigabytes for a memo of one entry, or overflow the C stack;
`tests/attacks/test_pickles.py` has examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, cast

from cae.errors import DataError

_STOP = ord(".")


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the pickle refers to; it is never looked up."""

    module: str
    name: str


@dataclass(slots=True)
class Call:
    """A call that the pickle asks for, and the state that it wants set; neither is carried out."""

    function: object
    arguments: object
    state: object = None


def read_pickle(data: bytes, *, allowed: frozenset[Name]) -> object:
    """Return what the pickle `data` describes: values, with `Call` where code would run.

    Only the instructions of the published files are followed: dicts with text keys, lists, tuples,
    text (which comes as bytes), numbers, and the names in `allowed`. Time and memory are bounded by
    the size of `data`.

    Raises:
        DataError: the pickle asks for anything else.
        ValueError, IndexError, KeyError, TypeError: it is damaged.
    """
    return _Reader(data, allowed).read()


class _Reader:
    """A stack of values and the marks in it.

    The files number their values but never refer to these numbers, so the numbers are skipped.
    """

    def __init__(self, data: bytes, allowed: frozenset[Name]) -> None:
        self._data, self._allowed = data, allowed
        self._place = 0
        self._stack: list[object] = []
        self._marks: list[int] = []

    def read(self) -> object:
        steps, data = self._steps, self._data
        while (code := data[self._place]) != _STOP:
            step = steps.get(code)
            if step is None:
                raise DataError(
                    f"the pickle asks for instruction {chr(code)!r} at byte {self._place}, which "
                    "no CIFAR-10 file needs; it may be an attack, do not use this file"
                )
            self._place += 1
            step(self)
        return self._stack.pop()

    def _take(self, count: int) -> bytes:
        end = self._place + count
        if end > len(self._data):
            raise ValueError(f"it ends {end - len(self._data):,} bytes too early")
        taken = self._data[self._place : end]
        self._place = end
        return taken

    def _pass_over(self, count: int) -> None:
        self._place += count

    def _take_number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self._take(size), "little", signed=signed)

    def _take_line(self) -> str:
        end = self._data.index(b"\n", self._place)
        line = self._take(end - self._place).decode("ascii")
        self._place += 1
        return line

    def _pop_to_mark(self) -> list[object]:
        mark = self._marks.pop()
        values = self._stack[mark:]
        del self._stack[mark:]
        return values

    def _check_protocol(self) -> None:
        if self._take_number(1) != 2:
            raise ValueError("its protocol is not 2")

    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _push_text(self, length_bytes: int) -> None:
        self._stack.append(self._take(self._take_number(length_bytes)))

    def _push_number(self, size: int) -> None:
        self._stack.append(self._take_number(size, signed=size == 4))

    def _append(self) -> None:
        values = self._pop_to_mark()
        cast("list[object]", self._require_top(list)).extend(values)

    def _set_items(self) -> None:
        values = self._pop_to_mark()
        target = cast("dict[bytes, object]", self._require_top(dict))
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, bytes):  # Hashing a tuple of tuples can take for ever.
                raise TypeError(f"a {type(key).__name__} is a key")
            target[key] = value

    def _require_top(self, kind: type) -> object:
        top = self._stack[-1]
        if type(top) is not kind:
            raise TypeError(f"a {type(top).__name__} is where a {kind.__name__} must be")
        return top

    def _push_tuple(self, size: int) -> None:
        if size > len(self._stack):
            raise IndexError("its stack is empty")
        values = tuple(self._stack[-size:])
        self._stack[-size:] = [values]

    def _push_name(self) -> None:
        name = Name(self._take_line(), self._take_line())
        if name not in self._allowed:
            raise DataError(
                f"the pickle asks for {name.module}.{name.name}, which no CIFAR-10 file needs; it "
                "may be an attack, do not use this file"
            )
        self._stack.append(name)

    def _describe_call(self) -> None:
        arguments = self._stack.pop()
        self._stack[-1] = Call(self._stack[-1], arguments)

    def _describe_state(self) -> None:
        state = self._stack.pop()
        cast("Call", self._require_top(Call)).state = state

    # In the order in which the published files need them.
    _steps: ClassVar[dict[int, Callable[[_Reader], None]]] = {
        ord("U"): lambda self: self._push_text(1),
        ord("K"): lambda self: self._push_number(1),
        ord("r"): lambda self: self._pass_over(4),
        ord("q"): lambda self: self._pass_over(1),
        ord("("): _mark,
        ord("e"): _append,
        ord("c"): _push_name,
        ord("N"): lambda self: self._stack.append(None),
        ord("]"): lambda self: self._stack.append([]),
        ord("}"): lambda self: self._stack.append({}),
        ord("R"): _describe_call,
        ord("b"): _describe_state,
        ord("M"): lambda self: self._push_number(2),
        ord("J"): lambda self: self._push_number(4),
        ord("t"): lambda self: self._stack.append(tuple(self._pop_to_mark())),
        0x85: lambda self: self._push_tuple(1),
        0x86: lambda self: self._push_tuple(2),
        0x87: lambda self: self._push_tuple(3),
        0x89: lambda self: self._stack.append(False),
        ord("T"): lambda self: self._push_text(4),
        ord("u"): _set_items,
        0x80: _check_protocol,
    }
