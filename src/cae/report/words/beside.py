"""What stands beside a run: peers on the same task, and other runs on the same test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cae.report.phrases import capitalise, write_count, write_points, write_range, write_size
from cae.report.results.seeds import Group
from cae.report.words.recipe import is_of_preset
from cae.report.words.run_sentences import tell_against
from cae.wording import join

# What the presets are for that a run beside another one may have.
_PRESETS = {
    "base": "the recipe of the system that this one follows",
    "quick": "a recipe for ten minutes",
    "optimal": "the best recipe",
    "sharp": "made for reconstruction",
}


def tell_peers(group: Group, peers: Sequence[Mapping[str, Any]]) -> str:
    """Say what range the peers on the same task span, and how many lie below this run."""
    figures = [peer["figure"]["test_accuracy"] for peer in peers]
    below = sum(tell_against(group.accuracy, figure) == "above" for figure in figures)
    count = len(figures)
    told = {0: "none", count: "all"}.get(below, write_count(below))
    return (
        f"Peers on this task report {write_range(min(figures), max(figures))}; {told} of their "
        f"{write_count(count)} figures {'lies' if below <= 1 else 'lie'} below ours."
    )


def tell_beside(group: Group, others: Sequence[Group]) -> str:
    """Say how far other runs lie from this one, on the same test images; "" if there are none."""
    if not others:
        return ""
    places = [_tell_place(group, other) for other in others]
    known = [
        each
        for each in others
        if each.name in _PRESETS and is_of_preset(each.first, named=each.name)
    ]
    what = [f"`{each.name}` is {_PRESETS[each.name]}" for each in known]
    return " ".join(
        [f"Against `{group.name}`, {join(places)}.", *([f"{capitalise(join(what))}."] * bool(what))]
    )


def _tell_place(group: Group, other: Group) -> str:
    gain = other.accuracy.mean - group.accuracy.mean
    gap = write_points(gain)
    if gap == "0.0":
        return f"`{other.name}` is level"
    return f"`{other.name}` scores {write_size(gain)} points {'more' if gap[0] == '+' else 'less'}"
