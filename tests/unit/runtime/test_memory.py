"""Freed memory is kept where the C library lets it, but for large tensors where that is asked."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cae.runtime.memory import keep_freed_memory

# Twenty times a tensor of 40 MB, freed and made again: prints the page faults after the first,
# before freed memory is kept and then. By default the C library may come to keep smaller ones by
# itself.
PROGRAM = """
import resource, torch
from cae.runtime.memory import keep_freed_memory
def use():
    torch.ones(10_000_000)
def count():
    use()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        use()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(count())
keep_freed_memory()
print(count())
"""
# Prints the MB that the process holds more once some tensors were freed: one of 200 MB, before,
# while and after large ones are given back, and in all of these eight of 12 MB.
LARGE = """
import resource, torch
from cae.runtime.memory import (
    give_back_freed_memory, giving_back_large_tensors, keep_freed_memory,
)
def hold():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6
def measure(count, elements):
    give_back_freed_memory()
    before = hold()
    tensors = [torch.ones(elements) for _ in range(count)]
    del tensors
    print(hold() - before)
keep_freed_memory()
torch.ones(1000)
measure(1, 50_000_000)
measure(8, 3_000_000)
try:
    with giving_back_large_tensors():
        measure(1, 50_000_000)
        measure(8, 3_000_000)
        raise KeyError  # also ends it
except KeyError:
    pass
measure(1, 50_000_000)
measure(8, 3_000_000)
"""
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def has_huge_pages() -> bool:
    """Return whether memory comes in pages of 2 MiB, of which few make a tensor."""
    return HUGE_PAGES.exists() and "[always]" in HUGE_PAGES.read_text()


def test_it_says_whether_it_could_be_done_and_may_be_asked_again():
    possible = platform.libc_ver()[0] == "glibc"
    assert keep_freed_memory() is possible
    assert keep_freed_memory() is possible


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can")
@pytest.mark.skipif(has_huge_pages(), reason="page faults are no measure of huge pages")
def test_memory_used_again_is_not_asked_for_again():
    before, after = map(int, run(PROGRAM).split())
    assert before > 10 * (40_000_000 // resource.getpagesize())  # what it is for
    assert after < before / 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can")
def test_large_tensors_go_back_where_that_is_asked_and_smaller_ones_stay():
    held = [float(line) for line in run(LARGE).split()]
    large, small = held[0::2], held[1::2]
    assert [megabytes > 150 for megabytes in large] == [True, False, True]
    assert all(megabytes > 80 for megabytes in small)


def run(program: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return finished.stdout
