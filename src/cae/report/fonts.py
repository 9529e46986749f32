"""Fonts of this machine for characters that the fonts of the figures and the report lack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font, StyleFlags

# It comes with Matplotlib, so that it is on every machine, and has the letters of many scripts.
_SHIPPED = "DejaVu Sans"
_WEIGHTS = (400, 700)
_REGULAR = ("regular", "book", "roman", "normal")
REMEDY = "install a font that has them: those of Noto do, such as Noto Sans CJK"


@lru_cache(maxsize=64)
def find_fonts(signs: frozenset[str], *, outlined: bool) -> tuple[Path, ...]:
    """Return the files of a few fonts that together have all of `signs` that any font here has.

    Each font in turn is the one that has most of what the fonts before it lack. If several have
    equally many, a regular one without serifs is taken, and then the first by file name.

    Args:
        signs: single characters.
        outlined: take only fonts whose characters are outlines, which is all that Matplotlib can
            draw. Many emoji fonts hold coloured pictures.
    """
    has: dict[Path, frozenset[str]] = {}
    ranks: dict[Path, tuple[bool, bool, str]] = {}
    # Matplotlib's own list of fonts is a cached file, which lacks fonts installed since.
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
    """Return the families to draw `words` in: `family`, and others for the characters it lacks.

    Afterwards Matplotlib knows these families.
    """
    own = FT2Font(font_manager.findfont(FontProperties(family=[family])))
    lacking = frozenset(sign for sign in words if is_drawn(sign) and not _has(own, sign))
    return [family, *_add_families(find_fonts(lacking, outlined=True) if lacking else ())]


def is_drawn(sign: str) -> bool:
    """Return whether a font may lack this character: it is neither ASCII nor white space."""
    return not sign.isascii() and not sign.isspace()


def _add_families(paths: Iterable[Path]) -> list[str]:
    """Make the font files known to Matplotlib, and return their family names.

    Each becomes a family of its own, for headings too: the bold face of its real family may be
    missing, which Matplotlib would warn of, or have fewer characters.
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
