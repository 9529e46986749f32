"""The origin's own comparison, finished: autoencoders under one head, and balanced classes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from cae.report.paper_tables import write_estimate
from cae.report.phrases import (
    count_noun,
    write_count,
    write_p,
    write_percent,
    write_points,
)
from cae.report.study_results import Difference, Estimate, Study, name_arm
from cae.report.study_sentences import tell_direction, tell_effect, tell_interval, tell_least_p

_CONTROL, _PRETRAINED = "scratch", "frozen"
_CHANGES = {
    "no_augmentation": "without augmentation",
    "head_dropout": "with dropout",
    "all_layers": "with all its layers trained",
}


def make_regularisations_table(study: Study, *, thinned: Sequence[str]) -> dict[str, Any]:
    """Return each arm's test accuracy, and below one another what it was held against.

    The highest accuracy comes first.

    Args:
        study: of the plan "origin".
        thinned: the classes whose recalls have a column; none: there is no such column.

    Returns:
        Also `left`, the places of the columns of words.
    """
    rows: list[list[str]] = []
    for estimate in sorted(study.estimates, key=lambda each: -each.accuracy.mean):
        begin = [name_arm(estimate.arm, estimate.pretraining), write_estimate(estimate.accuracy)]
        if thinned:
            recalls = (estimate.recalls.get(name) for name in thinned)
            begin.append(" / ".join("" if of is None else f"{of:.2f}" for of in recalls))
        mine = [
            row
            for row in study.differences
            if (row.treatment, row.pretraining) == (estimate.arm, estimate.pretraining)
        ]
        rows += [
            [*(begin if place == 0 else [""] * len(begin)), *_write_difference(row)]
            for place, row in enumerate(mine)
        ] or [[*begin, "", "", ""]]
    head = ["arm", "accuracy"]
    head += [f"recall of {' / '.join(thinned)}"] if thinned else []
    left = [0, len(head)]
    head += ["against", "points (95% interval)", "p, Holm"]
    return {"head": head, "rows": rows, "strong": [], "left": left}


def tell_regularisations(study: Study, *, thinned: Sequence[str]) -> str:
    """Say how the frozen encoders stand beside the control, and what was changed on top of them.

    Of each change it is said what it does to the accuracy and to the recall of the classes
    `thinned`.
    """
    frozen = [
        row for row in study.differences if (row.treatment, row.control) == (_PRETRAINED, _CONTROL)
    ]
    sentences = _tell_frozen(frozen) if frozen else []
    best = max(study.estimates, key=lambda each: each.accuracy.mean)
    sentences.append(
        f"Highest stands {name_arm(best.arm, best.pretraining)} "
        f"({write_percent(best.accuracy.mean)})."
    )
    return " ".join([*sentences, *_tell_changes(study, thinned)])


def _tell_frozen(rows: Sequence[Difference]) -> list[str]:
    """Say how many of the frozen encoders do better than the control and how many worse."""
    intro = f"Of {count_noun(len(rows), 'frozen encoder')}, each of an autoencoder of its own,"
    effects = [row.effect for row in rows]
    if "unknown" in effects:  # There is but one seed.
        gains = sorted(row.gain.mean for row in rows)
        above = sum(gain > 0 for gain in gains)
        return [
            f"{intro} {_write_number(above)} {'lie' if above > 1 else 'lies'} above training from "
            f"scratch in the one seed there is ({write_points(gains[0])} to "
            f"{write_points(gains[-1])} points)."
        ]
    better, worse = effects.count("gain"), effects.count("loss")
    told = [
        f"{intro} {_write_number(better)} {'does' if better < 2 else 'do'} better than training "
        f"from scratch and {_write_number(worse)} {'does' if worse < 2 else 'do'} worse, as the "
        "intervals have it."
    ]
    if not any(row.is_significant for row in rows):
        told.append("Corrected for the number of comparisons none of this is significant.")
        smallest = min(row.p_holm for row in rows)
        told += tell_least_p(rows) or [f"The smallest p is {write_p(smallest)}."]
    return told


def _name_change(arm: str) -> str:
    """Return what an arm does otherwise than the origin's classifier ("with class weights")."""
    return _CHANGES.get(arm, f"with {name_arm(arm)}")


def _tell_changes(study: Study, thinned: Sequence[str]) -> list[str]:
    """Say what the origin's classifier reaches on an encoder, and what each change does to it."""
    changes: dict[str, list[Difference]] = {}
    for row in study.differences:
        if row.control == _PRETRAINED:
            changes.setdefault(row.pretraining, []).append(row)
    found = {(each.arm, each.pretraining): each for each in study.estimates}
    noun = "thinned class" if len(thinned) == 1 else "thinned classes"
    sentences: list[str] = []
    for pretraining, rows in changes.items():
        base = found[_PRETRAINED, pretraining]
        recall = _write_recall(base, thinned, f" and finds the {noun} in {{}} of cases")
        told = [
            f"{_name_change(row.treatment)} it {_tell_change(row)}"
            + _write_recall(found[row.treatment, pretraining], thinned, " and finds them in {}")
            for row in rows
        ]
        sentences.append(
            f"After {pretraining.replace('_', ' ')} the origin's classifier reaches "
            f"{write_percent(base.accuracy.mean)}{recall}: {'; '.join(told)}."
        )
    return sentences


def _tell_change(row: Difference) -> str:
    """Return what a change does; that there is but one seed is said of the encoders before."""
    return tell_direction(row) if row.effect == "unknown" else tell_effect(row)


def _write_recall(estimate: Estimate, thinned: Sequence[str], words: str) -> str:
    """Return words with the mean recall of the thinned classes; "" where there are none."""
    recalls = [estimate.recalls.get(name) for name in thinned]
    known = [recall for recall in recalls if recall is not None]
    return words.format(write_percent(fmean(known))) if known else ""


def _write_number(count: int) -> str:
    return write_count(count) if count else "none"


def _write_difference(row: Difference) -> list[str]:
    interval = "" if row.gain.low is None else f" ({tell_interval(row.gain)})"
    points = f"{write_points(row.gain.mean)}{interval}"
    return [name_arm(row.control), points, f"{row.p_holm:.3f}"]
