"""A small share of `make fuzz`, and that the harness finds what it is there to find."""

from __future__ import annotations

import mmap
import time
from pathlib import Path
from random import Random

import pytest

from cae.errors import DataError
from fuzzing.engines import try_target
from fuzzing.mutations import mutate, repair_checksums
from fuzzing.targets import Target, make_targets
from fuzzing.watch import Watch

INPUTS = 150
NAMES = (
    "configurations", "--set", "configuration files", "model JSON, altered", "model JSON, damaged",
    "histories", "weights", "training states", "archives", "pickles", "binary batches", "pictures",
    "command lines",
)  # fmt: skip


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    return {target.name: target for target in make_targets(tmp_path_factory.mktemp("fuzz"))}


def test_every_target_is_tried_and_the_shares_make_a_whole(targets):
    assert tuple(targets) == NAMES
    assert sum(target.share for target in targets.values()) == 100


@pytest.mark.parametrize("name", NAMES)
def test_no_input_is_answered_by_anything_but_the_documented_error(name, targets):
    inputs = 40 if name == "command lines" else INPUTS
    row = try_target(targets[name], inputs=inputs, seed=0)
    assert row.findings == []
    assert row.inputs == inputs
    assert row.refused > 0


@pytest.mark.parametrize("name", NAMES)
def test_what_the_inputs_are_made_from_is_valid(name, targets):
    for seed in targets[name].seeds:
        if name not in ("archives", "configuration files"):
            targets[name].call(seed)
    if name == "archives":  # A batch of the right name and another content.
        for seed in targets[name].seeds:
            with pytest.raises(DataError, match=r"expected MD5|claims"):
                targets[name].call(seed)


def test_the_same_seed_makes_the_same_inputs_and_another_seed_others(targets):
    seeds = targets["pictures"].seeds

    def make(seed: int) -> list[bytes]:
        random = Random(seed)
        return [mutate(random, seeds) for _ in range(200)]

    assert make(1) == make(1)
    assert len(set(make(1)) & set(make(2))) < 20


def test_checksums_are_repaired_so_that_damage_goes_deeper(targets):
    pictures, archives = targets["pictures"].seeds, targets["archives"].seeds
    png = next(each for each in pictures if each.startswith(b"\x89PNG"))
    tar = next(each for each in archives if each[257:262] == b"ustar")
    assert repair_checksums(png) == png
    changed = bytearray(png)
    changed[20] ^= 1  # in the width
    with pytest.raises(DataError, match=r"cannot be read as an image|not an image"):
        targets["pictures"].call(bytes(changed))
    repaired = repair_checksums(bytes(changed))
    assert [n for n in range(len(png)) if repaired[n] != changed[n]] != []
    renamed = tar.replace(b"readme.html", b"readyou.txt")
    with pytest.raises(DataError, match="not a readable archive"):
        targets["archives"].call(renamed)
    with pytest.raises(DataError, match="expected MD5"):
        targets["archives"].call(repair_checksums(renamed))


def watch(call) -> Watch:
    watching = Watch(call, DataError)
    watching.try_input(b"input")
    return watching


def test_another_error_than_the_documented_one_is_a_finding():
    def call(_: bytes) -> None:
        raise KeyError("x")

    (finding,) = watch(call).findings
    assert finding.what.startswith("KeyError: 'x' (call, ")
    assert finding.value == "b'input'"


def test_the_documented_error_is_none():
    def call(_: bytes) -> None:
        raise DataError("no")

    watching = watch(call)
    assert (watching.findings, watching.inputs, watching.refused) == ([], 1, 1)


def test_an_endless_message_is_a_finding():
    def call(_: bytes) -> None:
        raise DataError("x" * 10_000)

    (finding,) = watch(call).findings
    assert finding.what == "a message of 10,000 characters"


def test_time_is_a_finding(monkeypatch):
    monkeypatch.setattr("fuzzing.watch.SECONDS_ALLOWED", 0.01)

    def call(_: bytes) -> None:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    (finding,) = watch(call).findings
    assert finding.what.startswith("took 0.")


def test_what_does_not_end_is_stopped_and_a_finding(monkeypatch):
    monkeypatch.setattr("fuzzing.watch._SECONDS_UNTIL_STOPPED", 1)

    def call(_: bytes) -> None:
        time.sleep(60)

    (finding,) = watch(call).findings
    assert finding.what == "stopped after 1 s"


def test_memory_is_a_finding(monkeypatch):
    monkeypatch.setattr("fuzzing.watch.MIB_ALLOWED", 1)
    kept: list[mmap.mmap] = []

    def call(_: bytes) -> None:
        # The peak is the process's: more than all that was ever taken is needed to raise it.
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        now = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
        kept.append(mmap.mmap(-1, 1024 * (peak - now + 8 * 1024)))
        for page in range(0, len(kept[-1]), mmap.PAGESIZE):
            kept[-1][page] = 1

    found = watch(call).findings
    assert any("MiB" in finding.what for finding in found)
