"""The PDF made of the report's template, data and figures, with the same bytes everywhere."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import cast

from cae.errors import MissingExtraError
from cae.report.fonts import REMEDY, find_fonts, is_drawn
from cae.wording import join

logger = logging.getLogger(__name__)

_DOCUMENT = "paper.typ"
_EXTRA = "cifar10-classification-autoencoder[report]"
_MOST_TOLD = 10
# Unicode guarantees that this never becomes a character, so no font has it.
_NO_CHARACTER = "\U0010ffff"
_GLYPH = re.compile(rb'xlink:href="(#[^"]+)"')


def require_typesetter() -> None:
    """Refuse to begin if Typst is not installed.

    Raises:
        MissingExtraError: naming the extra that installs it.
    """
    try:
        import typst  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise MissingExtraError(
            f"typst: not installed, and the report is typeset with it; pip install '{_EXTRA}', or "
            "make report, which installs it"
        ) from None


def typeset(folder: Path, *, date: str) -> bytes:
    """Return the PDF of the template, which is copied into `folder`, to its data and figures.

    Only Typst's own fonts are used, and the document is dated `date`, so that the same data give
    the same bytes everywhere. Characters that those fonts lack are set in fonts of this machine; a
    warning names those that no font has.

    Args:
        folder: holds `data.json` and the files that it names.
        date: the day of the results, as YYYY-MM-DD.

    Raises:
        MissingExtraError: Typst is not installed.
    """
    require_typesetter()
    import typst

    with as_file(files("cae.report").joinpath("template")) as template:
        for path in sorted(template.iterdir()):
            if path.suffix in (".typ", ".bib"):
                shutil.copyfile(path, folder / path.name)
    fonts = _provide_fonts(folder)
    timestamp = datetime.fromisoformat(date).replace(tzinfo=UTC)
    pdf, warnings = typst.compile_with_warnings(
        folder / _DOCUMENT,
        root=folder,
        font_paths=fonts,
        ignore_system_fonts=True,
        format="pdf",
        timestamp=timestamp,
    )
    for warning in warnings:
        logger.warning("typst: %s", warning)
    assert isinstance(pdf, bytes)
    return pdf


def _provide_fonts(folder: Path) -> list[Path]:
    """Copy fonts with the characters that Typst's own lack into `folder`; return their folders."""
    texts = [
        path.read_text(encoding="utf-8") for path in (*folder.glob("*.json"), *folder.glob("*.svg"))
    ]
    signs = {sign for text in texts for sign in text if is_drawn(sign)}
    lacking = find_lacking(signs, folder)
    if not lacking:
        return []
    fonts = folder / "fonts"
    fonts.mkdir()
    # Numbered, because fonts from two folders may have the same name.
    for place, path in enumerate(find_fonts(frozenset(lacking), outlined=False)):
        shutil.copyfile(path, fonts / f"{place}-{path.name}")
    if lacking := find_lacking(lacking, folder, fonts=[fonts]):
        told = [repr(sign) for sign in lacking[:_MOST_TOLD]]
        if more := len(lacking) - len(told):
            told.append(f"{more:,} more")
        logger.warning(
            "the report shows boxes for characters that no font here has: %s; %s, and make the "
            "report again",
            join(told),
            REMEDY,
        )
    return [fonts]


def find_lacking(signs: Iterable[str], folder: Path, *, fonts: Sequence[Path] = ()) -> list[str]:
    """Return the characters, in order, for which Typst can draw only a box.

    Typst does not report them. They are found in what it draws: all boxes are the same glyph.

    Args:
        signs: single characters.
        folder: where a temporary file may be left.
        fonts: folders of fonts to use besides Typst's own.
    """
    import typst

    ordered = sorted(signs)
    if not ordered:
        return []
    source = folder / "signs.typ"
    text = "\n".join(f'#page(text("\\u{{{ord(sign):x}}}"))' for sign in (_NO_CHARACTER, *ordered))
    source.write_text(f'#set text(font: "Libertinus Serif")\n{text}\n', encoding="ascii")
    pages = typst.compile(
        source, root=folder, font_paths=[*fonts], ignore_system_fonts=True, format="svg"
    )
    assert isinstance(pages, list)
    box, *drawn = (set(_GLYPH.findall(page)) for page in cast("list[bytes]", pages))
    return [sign for sign, glyphs in zip(ordered, drawn, strict=True) if glyphs & box]
