"""Numbers and lists as the report writes them."""

from __future__ import annotations

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"

_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def write_percent(fraction: float, digits: int = 1) -> str:
    """Return a fraction as "73.0%"."""
    return f"{100 * fraction:.{digits}f}%"


def write_range(low: float, high: float) -> str:
    """Return an interval of fractions as "72.1% to 73.9%"."""
    return f"{write_percent(low)} to {write_percent(high)}"


def write_points(fraction: float, digits: int = 1) -> str:
    """Return a difference of fractions in points of a percent, with its sign: "+3.1"."""
    text = f"{100 * fraction:+.{digits}f}"
    # A difference that rounds to zero has no sign.
    return text.replace("-", MINUS) if float(text) else text[1:]


def write_size(fraction: float) -> str:
    """Return how large a difference of fractions is, in points and without its sign: "3.1"."""
    return f"{100 * abs(fraction):.1f}"


def write_p(p: float) -> str:
    """Return a p-value with two significant digits: "0.25", "0.047"."""
    return f"{p:.2f}" if p >= 0.0995 else f"{p:.2g}"


def write_count(count: int) -> str:
    """Return a number from zero to ten as a word, a larger one in digits."""
    return _SMALL[count] if count < len(_SMALL) else f"{count:,}"


def write_share(fraction: float) -> str:
    """Return a share of a set in words: "half", or "22%"."""
    words = {0.5: "half", 1.0: "all"}
    return words.get(fraction, f"{100 * fraction:g}%")


def count_noun(count: int, noun: str) -> str:
    """Return "one seed", "three seeds"."""
    return f"{write_count(count)} {noun}{'' if count == 1 else 's'}"


def write_cores(threads: int) -> str:
    """Return "1 core", "2 cores"."""
    return f"{threads} {'core' if threads == 1 else 'cores'}"


def capitalise(sentence: str) -> str:
    """Return `sentence` with its first letter in upper case and the others unchanged."""
    return sentence[:1].upper() + sentence[1:]
