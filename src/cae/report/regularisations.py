"""The origin's own comparison, finished: autoencoders under one head, and balanced classes."""

from __future__ import annotations

from typing import Any

from cae.report.phrases import (
    capitalise,
    count_noun,
    write_count,
    write_p,
    write_percent,
    write_points,
)
from cae.report.study_results import Difference, Study, name_arm
from cae.report.study_sentences import tell_effect, tell_interval, tell_least_p

_CONTROL, _PRETRAINED = "scratch", "frozen"


def make_regularisations_table(study: Study) -> dict[str, Any]:
    """Return each arm's test accuracy, and below one another what it was held against.

    The highest accuracy comes first.
    """
    rows: list[list[str]] = []
    for estimate in sorted(study.estimates, key=lambda each: -each.accuracy.mean):
        accuracy = estimate.accuracy
        interval = (
            ""
            if accuracy.low is None or accuracy.high is None
            else f" ({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f})"
        )
        begin = [
            name_arm(estimate.arm, estimate.pretraining),
            f"{100 * accuracy.mean:.1f}{interval}",
            str(accuracy.count),
        ]
        mine = [
            row
            for row in study.differences
            if (row.treatment, row.pretraining) == (estimate.arm, estimate.pretraining)
        ]
        rows += [
            [*(begin if place == 0 else ("", "", "")), *_write_difference(row)]
            for place, row in enumerate(mine)
        ] or [[*begin, "", "", ""]]
    head = ["arm", "accuracy", "seeds", "against", "points (95% interval)", "p, Holm"]
    return {"head": head, "rows": rows, "strong": []}


def tell_regularisations(study: Study) -> str:
    """Say how the frozen encoders stand beside the control, and what balancing classes did."""
    frozen = [
        row for row in study.differences if (row.treatment, row.control) == (_PRETRAINED, _CONTROL)
    ]
    sentences: list[str] = []
    if frozen:
        better, worse = (sum(row.effect == effect for row in frozen) for effect in ("gain", "loss"))
        sentences.append(
            f"Of {count_noun(len(frozen), 'frozen encoder')}, each of an autoencoder of its own, "
            f"{_write_number(better)} {'does' if better < 2 else 'do'} better than training from "
            f"scratch and {_write_number(worse)} {'does' if worse < 2 else 'do'} worse, as the "
            "intervals have it."
        )
        if not any(row.is_significant for row in frozen):
            sentences.append(
                "Corrected for the number of comparisons none of this is significant: the smallest "
                f"p is {write_p(min(row.p_holm for row in frozen))}."
            )
            sentences += tell_least_p(frozen)
    best = max(study.estimates, key=lambda each: each.accuracy.mean)
    sentences.append(
        f"Highest stands {name_arm(best.arm, best.pretraining)} "
        f"({write_percent(best.accuracy.mean)})."
    )
    sentences += [
        f"{capitalise(name_arm(row.treatment))} {tell_effect(row)} against the frozen encoder "
        "with the origin's own classifier."
        for row in study.differences
        if row.control == _PRETRAINED
    ]
    return " ".join(sentences)


def _write_number(count: int) -> str:
    return write_count(count) if count else "none"


def _write_difference(row: Difference) -> list[str]:
    interval = "" if row.gain.low is None else f" ({tell_interval(row.gain)})"
    points = f"{write_points(row.gain.mean)}{interval}"
    return [name_arm(row.control), points, f"{row.p_holm:.3f}"]
