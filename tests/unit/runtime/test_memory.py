"""Freed memory is kept where the C library lets it."""

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
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
    )
    before, after = map(int, finished.stdout.split())
    assert before > 10 * (40_000_000 // resource.getpagesize())  # what it is for
    assert after < before / 2
