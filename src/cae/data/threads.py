"""A function applied to many files at once, its answers in the files' order."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

_Answer = TypeVar("_Answer")

_MOST_THREADS = 8
# How many files are handed out before the first of them is waited for.
_AT_ONCE = 1024
# Of the mean file: Python's part in reading smaller ones is too large for threads to gain by them.
_BYTES_WORTH_THREADS = 16 * 2**10


def map_files(
    function: Callable[[int], _Answer], paths: Sequence[Path]
) -> Generator[_Answer, None, None]:
    """Yield what `function` returns of every place in `paths`, in their order.

    Threads share the work where the files are large enough; that gains where `function` lets go of
    Python's lock, as Pillow does to decode and resize. Closed in the middle, it waits only for
    what was begun. Warnings are ignored meanwhile, in all threads.
    """
    threads = ThreadPoolExecutor(_count_threads(), "pictures")
    try:
        with _no_warnings:
            for first in range(0, len(paths), _AT_ONCE):
                places = range(first, min(first + _AT_ONCE, len(paths)))
                sizes = [_find_size(paths[place]) for place in places]
                is_worth_it = sum(sizes) >= _BYTES_WORTH_THREADS * len(places)
                yield from (threads.map if is_worth_it else map)(function, places)
    finally:
        threads.shutdown(cancel_futures=True)


class _Silence:
    """Ignores warnings for as long as any thread is within.

    What Pillow warns of (odd metadata, mostly) changes no pixel. The filter of warnings is one for
    all threads: of several that set and restore it by themselves, one would restore another's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._filter = warnings.catch_warnings(action="ignore")

    def __enter__(self) -> None:
        with self._lock:
            if self._within == 0:
                self._filter = warnings.catch_warnings(action="ignore")
                self._filter.__enter__()
            self._within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0:
                self._filter.__exit__(None, None, None)


_no_warnings = _Silence()


def _count_threads() -> int:
    """Return how many threads read: one for each core, or as many as PyTorch is allowed."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no such call.
        cores = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, _MOST_THREADS, max(int(asked), 1) if asked.isdecimal() else cores)


def _find_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # What is the matter with it is told when it is read.
        return 0
