"""Files are read by several threads, in order, and whoever stops that waits for little."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from cae.data import threads
from cae.data.threads import map_files

Write = Callable[..., list[Path]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes files of a size, and returns their paths."""

    def write(count: int, *, size: int = 2**14) -> list[Path]:
        paths = [tmp_path / str(place) for place in range(count)]
        for path in paths:
            path.write_bytes(bytes(size))
        return paths

    return write


@pytest.fixture(autouse=True)
def three_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_count_threads", lambda: 3)


def name_thread(_: int) -> str:
    time.sleep(0.002)
    return threading.current_thread().name


def test_answers_come_in_the_order_of_the_files(write: Write, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threads, "_AT_ONCE", 4)

    def answer(place: int) -> int:
        time.sleep(0.02 if place % 4 == 0 else 0)  # The first of each four takes longest.
        return place

    assert list(map_files(answer, write(10))) == list(range(10))
    assert list(map_files(answer, [])) == []


def test_threads_read_what_is_large_enough_for_them(write: Write):
    here = threading.current_thread().name
    assert set(map_files(name_thread, write(20, size=1000))) == {here}
    names = set(map_files(name_thread, write(20)))
    assert len(names) == 3
    assert here not in names
    # Of a file that is not there nothing is known, and what reads it tells.
    assert list(map_files(name_thread, [Path("gone"), Path("\0")])) == [here, here]


@pytest.mark.parametrize("leave", [True, False], ids=["closed", "failed"])
def test_whoever_stops_waits_for_nothing_that_was_not_begun(write: Write, *, leave: bool):
    begun: list[int] = []

    def answer(place: int) -> int:
        begun.append(place)
        time.sleep(0.01)
        if place == 0 and not leave:
            raise ValueError("the first")
        return place

    with closing(map_files(answer, write(500))) as answers:
        if leave:
            assert next(answers) == 0
        else:
            with pytest.raises(ValueError, match="the first"):
                next(answers)
    assert len(begun) < 100
    assert not [each for each in threading.enumerate() if each.name.startswith("pictures")]


def test_an_interrupt_while_files_are_handed_out_waits_for_little(
    write: Write, monkeypatch: pytest.MonkeyPatch
):
    submit, begun = ThreadPoolExecutor.submit, []

    def interrupt(*arguments, **options):
        if len(begun) > 2:
            raise KeyboardInterrupt
        return submit(*arguments, **options)

    def answer(place: int) -> None:
        begun.append(place)
        time.sleep(0.02)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(map_files(answer, write(500)))
    assert len(begun) < 10


def test_warnings_are_as_before_however_many_are_at_it(write: Write):
    paths, before = write(20), list(warnings.filters)

    def warn(place: int) -> int:
        time.sleep(0.001 * (place % 3))
        warnings.warn("odd metadata", stacklevel=2)
        return place

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: list(map_files(warn, paths)), range(12)))
    assert found == [list(range(20))] * 12
    assert warnings.filters == before


@pytest.mark.parametrize(
    ("asked", "count"), [("1", 1), ("2", 2), ("0", 1), ("", 3), ("64", 3), ("many", 3)]
)
def test_no_more_threads_read_than_there_are_cores_or_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: str, count: int
):
    monkeypatch.undo()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert threads._count_threads() == count
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads._count_threads() == 1
