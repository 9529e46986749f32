"""Freed memory of the C library: kept for the next step, given back before other sizes follow."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

# <malloc.h> of the GNU C library.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MOST = 2**30


@cache
def keep_freed_memory() -> bool:
    """From now on, let this process keep freed memory and reuse it, not ask the system for more.

    Every training step frees and allocates the same tensors. The GNU C library gives large ones
    back to the system at once, and each new page is then cleared and mapped again: 2,500 page
    faults a step, 15% of its time (benchmarks/LOG.md). The process then holds on to its peak
    memory, and the peak is higher if sizes differ much, because the free memory is in pieces.

    Returns:
        Whether it was done; only the GNU C library can do it.
    """
    library = _find_library()
    if library is None:
        return False
    accepted = [library.mallopt(option, _MOST) for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)]
    return all(accepted)


def give_back_freed_memory() -> None:
    """Give the memory that is free now back to the system, if the C library can do that.

    Freed memory does not fit tensors of other sizes well, such as those of another stage or of
    larger images: they would be placed beside it, and the process would grow.
    """
    library = _find_library()
    if library is not None:
        library.malloc_trim(0)


def _find_library() -> ctypes.CDLL | None:
    """Return the GNU C library, or None if the system has another one."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
