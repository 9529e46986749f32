"""Fonts of this machine for signs that those of the figures and of the report do not have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font, StyleFlags

# It comes with Matplotlib, so that it is everywhere, and has the letters of many scripts.
_SHIPPED = "DejaVu Sans"
_WEIGHTS = (400, 700)
_REGULAR = ("regular", "book", "roman", "normal")
REMEDY = "install a font that has them: those of Noto do, such as Noto Sans CJK"


@lru_cache(maxsize=64)
def find_fonts(signs: frozenset[str], *, outlined: bool) -> tuple[Path, ...]:
    """Return the files of a few fonts that have as many of `signs` as any font here has.

    That is: each font in turn has the most of what those before it lack; of several that have as
    many it is a regular one without serifs, and then the first by its file's name.

    Args:
        signs: single characters.
        outlined: only fonts whose signs are drawn as outlines, which is all that Matplotlib can
            draw. Many fonts of emoji hold coloured pictures.
    """
    has: dict[Path, frozenset[str]] = {}
    ranks: dict[Path, tuple[bool, bool, str]] = {}
    # Matplotlib's own list of fonts is a file from an earlier day, which lacks what came since.
    for path in map(
        Path, sorted({font_manager.findfont(_SHIPPED), *font_manager.findSystemFonts()})
    ):
        try:
            font = FT2Font(path)
            found = frozenset(sign for sign in signs if _has(font, sign, outlined=outlined))
        except (OSError, RuntimeError):  # damaged, or of a kind that FreeType cannot read
            continue
        words = f"{font.family_name} {font.style_name}".lower()
        # "Last resort" fonts have a box for everything.
        if found and "lastresort" not in words.replace(" ", ""):
            is_regular = any(word in words for word in _REGULAR) and not (
                font.style_flags & (StyleFlags.BOLD | StyleFlags.ITALIC)
            )
            has[path] = found
            ranks[path] = (not is_regular, "sans" not in words, path.name)
    chosen: list[Path] = []
    missing = signs
    while has:
        best = min(has, key=lambda path: (-len(has[path] & missing), ranks[path]))
        if not has[best] & missing:
            break
        chosen.append(best)
        missing -= has.pop(best)
    return tuple(chosen)


def name_families(words: str, family: str) -> list[str]:
    """Return the families to draw `words` in: `family`, and others that have what it lacks.

    Matplotlib knows of them afterwards.
    """
    own = FT2Font(font_manager.findfont(FontProperties(family=[family])))
    lacking = frozenset(sign for sign in words if is_drawn(sign) and not _has(own, sign))
    return [family, *_add_families(find_fonts(lacking, outlined=True) if lacking else ())]


def is_drawn(sign: str) -> bool:
    """Whether a character is one that fonts have to have, none of ASCII's and no white space."""
    return not sign.isascii() and not sign.isspace()


def _add_families(paths: Iterable[Path]) -> list[str]:
    """Return what Matplotlib calls each of these files from now on.

    Each is a family of its own, for headings too: the bold face of the family that it belongs to
    may be missing, which Matplotlib would warn of, or have fewer signs.
    """
    known = {entry.name for entry in fontManager.ttflist}
    names: list[str] = []
    for path in paths:
        entry = font_manager.ttfFontProperty(FT2Font(path))
        name = f"{entry.name} of {path.name}"
        if name not in known:
            fontManager.ttflist += [replace(entry, name=name, weight=each) for each in _WEIGHTS]
        names.append(name)
    return names


def _has(font: FT2Font, sign: str, *, outlined: bool = False) -> bool:
    if not font.get_char_index(ord(sign)):
        return False
    if not outlined:
        return True
    if not font.scalable:
        return False
    font.set_size(10, 72)
    return font.load_char(ord(sign)).width > 0
