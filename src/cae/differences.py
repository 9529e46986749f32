"""The differences between two nested JSON values, in words."""

from __future__ import annotations

from typing import cast

_MOST_TOLD = 5


def describe_differences(there: object, now: object) -> str:
    """Return "a.b is 1 there and 2 now, ..." for the leaves that differ; "" if none does.

    Args:
        there: the value in a file.
        now: the value that was asked for.
    """
    old, new = _flatten(there), _flatten(now)
    differences = [
        f"{key.removeprefix('config.')} is {old.get(key)!r} there and {new.get(key)!r} now"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    more = len(differences) - _MOST_TOLD
    return ", ".join(differences[:_MOST_TOLD]) + (f", and {more} more" if more > 0 else "")


def _flatten(value: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, object] = {}
    for key, inner in cast("dict[str, object]", value).items():
        flat |= _flatten(inner, f"{prefix}.{key}" if prefix else key)
    return flat
