"""A PDF of the report's template, its data and its figures, the same bytes wherever it is made."""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

from cae.errors import MissingExtraError

logger = logging.getLogger(__name__)

_DOCUMENT = "paper.typ"
_EXTRA = "cifar10-classification-autoencoder[report]"


def require_typesetter() -> None:
    """Refuse to begin where Typst is not installed.

    Raises:
        MissingExtraError: naming the extra that brings it.
    """
    try:
        import typst  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise MissingExtraError(
            f"typst: not installed, and the report is typeset with it; pip install '{_EXTRA}', or "
            "make report, which installs it"
        ) from None


def typeset(folder: Path, *, date: str) -> bytes:
    """Return the PDF of the template, copied into `folder`, where its data and figures lie.

    Only the fonts that Typst brings are used, and the document is dated `date`, so that the same
    data give the same bytes everywhere.

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
    timestamp = datetime.fromisoformat(date).replace(tzinfo=UTC)
    pdf, warnings = typst.compile_with_warnings(
        folder / _DOCUMENT,
        root=folder,
        ignore_system_fonts=True,
        format="pdf",
        timestamp=timestamp,
    )
    for warning in warnings:
        logger.warning("typst: %s", warning)
    assert isinstance(pdf, bytes)
    return pdf
