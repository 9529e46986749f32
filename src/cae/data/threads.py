"""A function applied to several files at a time, with its results in the order of the files."""

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
# How many files are handed to the threads before the first result is waited for.
_AT_ONCE = 1024
# Size of the mean file from which threads pay off: for smaller ones, too much of the work is
# Python's own.
_BYTES_WORTH_THREADS = 16 * 2**10


def map_files(
    function: Callable[[int], _Answer], paths: Sequence[Path]
) -> Generator[_Answer, None, None]:
    """Yield what `function` returns for every index into `paths`, in their order.

    Threads share the work if the files are large enough. That helps if `function` releases
    Python's lock, as Pillow does to decode and resize. If the generator is closed early, it waits
    only for calls that have begun. Meanwhile warnings are ignored in all threads.
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
    """Ignores warnings for as long as any thread is inside.

    What Pillow warns of (mostly odd metadata) changes no pixel. All threads share one filter of
    warnings: if each set and restored it on its own, one could restore what another had set.
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
    except (OSError, ValueError):  # What is wrong with it is reported when it is read.
        return 0
