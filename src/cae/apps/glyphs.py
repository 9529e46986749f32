"""Characters that no font of the plots has: reported once, instead of Matplotlib's warnings."""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from cae.apps.screen import tell_warning

_MISSING = re.compile(r"Glyph (\d+) .*missing from")
_MOST_TOLD = 5


@contextmanager
def missing_glyphs_told(names: Sequence[str] = ()) -> Generator[None]:
    """Say at the end of the block which `names` the plots drawn in it cannot show.

    Other warnings go their way.
    """
    missing: set[str] = set()
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.filterwarnings("always", message=_MISSING.pattern)
            yield
    finally:
        for warning in caught:
            found = _MISSING.match(str(warning.message))
            if found:
                missing.add(chr(int(found[1])))
            else:
                warnings.showwarning(
                    warning.message, warning.category, warning.filename, warning.lineno
                )
    if not missing:
        return
    from cae.report.fonts import REMEDY  # with Matplotlib, which is there by now

    unreadable = [name for name in names if missing & set(name)] or sorted(missing)
    told = [repr(name) for name in unreadable[:_MOST_TOLD]]
    if more := len(unreadable) - len(told):
        told.append(f"and {more:,} more")
    tell_warning(
        f"the plots show boxes for characters that no font here has: in {', '.join(told)}; results "
        f"and files still contain them; {REMEDY}"
    )
