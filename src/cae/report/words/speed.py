"""What was measured of speed: the table of rates, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from cae.report.phrases import TIMES, capitalise
from cae.wording import join

Rows = dict[tuple[str, str, str], Mapping[str, Any]]  # by contestant, task and case

_OURS = "cae"
_OURS_IN_FLOAT32 = "cae, float32"
_FLOOR = "the convolutions alone"
CASES = {
    "autoencoder step": ("autoencoder", "batch 64"),
    "classifier step": ("classifier", "batch 64"),
    "classify 1": ("inference", "batch 1"),
    "classify 64": ("inference", "batch 64"),
    "classify 1,000": ("inference", "batch 1000"),
}
_STEPS = ("autoencoder step", "classifier step")
_TASKS = {
    "autoencoder step": "steps of the autoencoder",
    "classifier step": "steps of the classifier",
    "classify 1": "classifying one image",
    "classify 64": "classifying 64 images",
    "classify 1,000": "classifying 1,000 images",
}


def make_speed_table(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the images per second of a result of `make bench`, ours first, with their ratios."""
    found = index_rows(result)
    rows: list[list[str]] = []
    for name in dict.fromkeys(name for name, _, _ in found):
        cells = [name]
        for case in CASES.values():
            row = found.get((name, *case))
            if row is None:
                cells.append("")
                continue
            rate, ratio = f"{row['rate']['median']:,.0f}", row["ours_over_this"]["median"]
            cells.append(rate if name == _OURS else f"{rate} ({TIMES} {ratio:.2f})")
        rows.append(cells)
    return {"head": ["images per second", *CASES], "rows": rows, "strong": [0]}


def tell_speed(result: Mapping[str, Any]) -> str:
    """Say how many times as fast as each peer we are, what of that is the code's, and where not."""
    found = index_rows(result)
    peers = [
        name
        for name in dict.fromkeys(name for name, _, _ in found)
        if not name.startswith(_OURS) and name != _FLOOR
    ]
    ratios = {name: _compare_steps(found, _OURS, name) for name in peers}
    told = {name: each for name, each in ratios.items() if each}
    if not told:
        return ""
    parts = [f"{join(each)} times that of {name}" for name, each in told.items()]
    sentences = [
        f"The rate of our training steps (autoencoder, classifier) is {join(parts)}: medians of "
        "the rounds' own ratios, measured in turn."
    ]
    alike = [_compare_steps(found, _OURS_IN_FLOAT32, name) for name in told]
    if tell_precision(result) and all(alike):
        parts = [f"{join(each)} ({name})" for name, each in zip(told, alike, strict=True)]
        sentences.append(
            "The peers compute in float32, as they do unless told otherwise. With ours in float32 "
            f"too (`{_OURS_IN_FLOAT32}`) the ratios are {join(parts)}."
        )
    sentences += _tell_faster_peers(found, peers)
    return " ".join(sentences)


def tell_precision(result: Mapping[str, Any]) -> str:
    """Say which row to hold the peers against, who compute in float32; "" if ours is the only."""
    if result["environment"]["precision"] == "float32":
        return ""
    return f"Peers compute in float32: for the code alone hold them against `{_OURS_IN_FLOAT32}`."


def index_rows(result: Mapping[str, Any]) -> Rows:
    """Return what was measured of each contestant by its name, the task and the case."""
    return {
        (row["contestant"], row["task"], row["case"]): row
        for row in result["rows"]
        if row["task"] != "machine"
    }


def _compare_steps(found: Rows, ours: str, peer: str) -> list[str]:
    """Return how many times as fast each training step is; [] where one was not measured."""
    ratios: list[str] = []
    for case in (CASES[step] for step in _STEPS):
        mine, other = found.get((ours, *case)), found.get((peer, *case))
        if mine is None or other is None:
            return []
        rounds = zip(mine["rounds"], other["rounds"], strict=True)
        ratios.append(f"{median(rate / theirs for rate, theirs in rounds):.1f}")
    return ratios


def _tell_faster_peers(found: Rows, peers: list[str]) -> list[str]:
    faster: dict[str, list[str]] = {}
    for name in peers:
        for words, case in CASES.items():
            row = found.get((name, *case))
            if row is not None and row["ours_over_this"]["median"] < 1:
                ratio = row["ours_over_this"]["median"]
                faster.setdefault(name, []).append(f"{_TASKS[words]} ({TIMES} {ratio:.2f})")
    return [
        f"{capitalise(name)} is faster than ours at {join(cases)}."
        for name, cases in faster.items()
    ]
