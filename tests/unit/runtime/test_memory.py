"""Freed memory is kept where the C library lets it."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from cae.runtime.memory import keep_freed_memory

# Twenty times eight tensors of 16 MB, freed and made again: prints the page faults after the first
# time, before freed memory is kept and then.
PROGRAM = """
import resource, torch
from cae.runtime.memory import keep_freed_memory
def use():
    [torch.ones(4_000_000) for _ in range(8)]
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
# Prints the MB that the process holds more after a tensor of 200 MB was freed.
LARGE = """
import resource, torch
from cae.runtime.memory import keep_freed_memory
keep_freed_memory()
torch.ones(1000)
def hold():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6
before = hold()
torch.ones(50_000_000)
print(hold() - before)
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
    assert before > 20 * 1_000  # a round: what it is for
    assert after < before / 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells what a process holds")
def test_what_is_large_goes_back_at_once():
    assert float(run(LARGE)) < 20


def run(program: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return finished.stdout
