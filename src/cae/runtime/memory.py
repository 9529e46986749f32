"""The C library's memory: kept for the next step, and given back before steps of another size."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

# <malloc.h> of the GNU C library.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MOST = 2**30


@cache
def keep_freed_memory() -> bool:
    """Let this process reuse freed memory without asking the system for it anew, from now on.

    Every training step frees and allocates the same tensors. The GNU C library gives large ones
    back to the system at once, and each new page is then cleared and mapped again: 2,500 page
    faults a step, 15% of its time (benchmarks/LOG.md). Its peak is held on to, and where sizes
    differ much it is higher, for what is free is in pieces.

    Returns:
        Whether it was done: not without the GNU C library, whose way this is.
    """
    library = _find_library()
    if library is None:
        return False
    accepted = [library.mallopt(option, _MOST) for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)]
    return all(accepted)


def give_back_freed_memory() -> None:
    """Give the system what is free now, where that can be done.

    What was freed fits tensors of other sizes badly, those of another stage or of larger images:
    they are put beside it, and the process grows.
    """
    library = _find_library()
    if library is not None:
        library.malloc_trim(0)


def _find_library() -> ctypes.CDLL | None:
    """Return the GNU C library, if that is the one here."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
