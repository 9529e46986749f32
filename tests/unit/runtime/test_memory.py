"""Freed memory is kept where the C library lets it."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys

import pytest

from cae.runtime.memory import keep_freed_memory

# Twenty times a tensor of 40 MB, freed and made again: prints the page faults after the first.
# By default the C library may come to keep smaller ones by itself.
PROGRAM = """
import resource, torch
from cae.runtime.memory import keep_freed_memory
if {kept}:
    keep_freed_memory()
def use():
    torch.ones(10_000_000)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def count_faults(*, kept: bool) -> int:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(kept=kept)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(finished.stdout)


def test_it_says_whether_it_could_be_done_and_may_be_asked_again():
    possible = platform.libc_ver()[0] == "glibc"
    assert keep_freed_memory() is possible
    assert keep_freed_memory() is possible


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can")
def test_memory_used_again_is_not_asked_for_again():
    pages = 40_000_000 // resource.getpagesize()
    before = count_faults(kept=False)
    assert before > 10 * pages  # what it is for
    assert count_faults(kept=True) < before / 2
