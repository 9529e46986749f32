"""The origin's own comparison, finished: autoencoders under one head, and balanced classes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from statistics import fmean
from typing import Any

from cae.presets import load_preset
from cae.report.names import spell_out
from cae.report.phrases import count_noun, write_count, write_p, write_percent, write_points
from cae.report.results.study_results import Difference, Estimate, Study, name_arm
from cae.report.words.paper_tables import write_estimate
from cae.report.words.study_sentences import write_gain
from cae.wording import join

_CONTROL, _PRETRAINED = "scratch", "frozen"
_CHANGES = {
    "no_augmentation": "without augmentation",
    "head_dropout": "with dropout in the head",
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

    Of each change it is said what accuracy it leads to, and what recall of the classes `thinned`;
    how far that is from the origin's classifier, and how sure, stands in the table.
    """
    frozen = [
        row for row in study.differences if (row.treatment, row.control) == (_PRETRAINED, _CONTROL)
    ]
    sentences = _tell_frozen(frozen) if frozen else []
    best = max(study.estimates, key=lambda each: each.accuracy.mean)
    sentences.append(
        f"Of all arms the highest is {name_arm(best.arm, best.pretraining)} "
        f"({write_percent(best.accuracy.mean)})."
    )
    return " ".join([*sentences, *_tell_changes(study, thinned), *_tell_costs(study)])


def tell_epochs(study: Study) -> str:
    """Say that the autoencoders and classifiers are trained for less than the origin's; or ""."""
    origin = load_preset("base")
    autoencoders = {int(each.config["epochs"]) for each in study.pretrainings}
    classifiers = {each.epochs for each in study.estimates if each.arm == _PRETRAINED}
    if not autoencoders or not classifiers:
        return ""
    if max(autoencoders) >= origin.autoencoder.epochs:
        return ""
    return (
        f"Each autoencoder had {_name_epochs(autoencoders)} and each classifier on it "
        f"{_name_epochs(classifiers)}, where the origin's had {origin.autoencoder.epochs} and "
        f"{origin.classifier.epochs}, so that the figures of frozen encoders say most about what "
        "freezing costs."
    )


def _name_epochs(numbers: Collection[int]) -> str:
    *fewer, most = sorted(numbers)
    return " or ".join([*map(write_count, fewer), count_noun(most, "epoch")])


def _tell_frozen(rows: Sequence[Difference]) -> list[str]:
    """Say how many of the frozen encoders do better than the control and how many worse."""
    intro = f"Of {count_noun(len(rows), 'frozen encoder')}, each of an autoencoder of its own,"
    gains = sorted(row.gain.mean for row in rows)
    span = f"{write_points(gains[0])} to {write_points(gains[-1])} points"
    effects = [row.effect for row in rows]
    if "unknown" in effects:  # There is but one seed.
        above = sum(gain > 0 for gain in gains)
        return [
            f"{intro} {_write_number(above)} {'lie' if above > 1 else 'lies'} above training from "
            f"scratch in the one seed there is ({span})."
        ]
    if all(row.has_too_few_seeds for row in rows):
        above, below = (
            sum(row.is_one_sided and (row.gain.mean > 0) is is_above for row in rows)
            for is_above in (True, False)
        )
        few = count_noun(max(row.gain.count for row in rows), "seed")
        if below == len(rows):
            return [
                f"{intro} all lie below training from scratch in each seed ({span} on average); "
                f"{few} are too few for a test."
            ]
        return [
            f"{intro} {_write_number(above)} {'lies' if above < 2 else 'lie'} above training from "
            f"scratch and {_write_number(below)} {'lies' if below < 2 else 'lie'} below in each "
            f"seed ({span} on average); {few} are too few for a test."
        ]
    better, worse = effects.count("gain"), effects.count("loss")
    told = [
        f"{intro} {_write_number(better)} {'does' if better < 2 else 'do'} better than training "
        f"from scratch and {_write_number(worse)} {'does' if worse < 2 else 'do'} worse ({span}), "
        "as the intervals have it."
    ]
    if not any(row.is_significant for row in rows):
        smallest = min(row.p_holm for row in rows)
        told.append(
            "Corrected for the number of comparisons none of this is significant: the smallest p "
            f"is {write_p(smallest)}."
        )
    return told


def _tell_changes(study: Study, thinned: Sequence[str]) -> list[str]:
    """Say what the origin's classifier reaches on an encoder, and what it does when changed."""
    changes: dict[str, list[str]] = {}
    for row in study.differences:
        if row.control == _PRETRAINED:
            changes.setdefault(row.pretraining, []).append(row.treatment)
    found = {(each.arm, each.pretraining): each for each in study.estimates}
    noun = "thinned class" if len(thinned) == 1 else "thinned classes"
    sentences: list[str] = []
    for pretraining, arms in changes.items():
        base = found[_PRETRAINED, pretraining]
        recall = _compute_recall(base, thinned)
        finds = (
            "" if recall is None else f" and finds the {noun} in {write_percent(recall)} of cases"
        )
        of_changes = "" if recall is None else " (recall of these classes in brackets)"
        told = [
            f"{_write_reached(found[arm, pretraining], thinned)} {_name_change(arm)}"
            for arm in arms
        ]
        sentences.append(
            f"After {spell_out(pretraining)} the origin's classifier reaches "
            f"{write_percent(base.accuracy.mean)}{finds}. Its changes lead to{of_changes} "
            f"{join(told)}."
        )
    return sentences


def _name_change(arm: str) -> str:
    """Return what an arm does otherwise than the origin's classifier ("with class weights")."""
    return _CHANGES.get(arm, f"with {name_arm(arm)}")


def _write_reached(estimate: Estimate, thinned: Sequence[str]) -> str:
    """Return an accuracy and in brackets the recall of the thinned classes: "65.5% (58.2%)"."""
    recall = _compute_recall(estimate, thinned)
    behind = "" if recall is None else f" ({write_percent(recall)})"
    return f"{write_percent(estimate.accuracy.mean)}{behind}"


def _tell_costs(study: Study) -> list[str]:
    """Say what the arms compute beside the control: what most do first, then the others."""
    control = next((each.flops for each in study.estimates if each.arm == _CONTROL), 0.0)
    if not control:
        return []
    arms: dict[str, list[str]] = {}
    for each in study.estimates:
        if each.arm != _CONTROL:
            ratio = f"{each.flops / control:.1f} times"
            arms.setdefault(ratio, []).append(name_arm(each.arm))
    if not arms:
        return []
    (most, _), *others = sorted(arms.items(), key=lambda pair: -len(pair[1]))
    told = join([f"{join(list(dict.fromkeys(names)))} {ratio}" for ratio, names in others])
    return [f"A trial computes {most} as much as one from scratch{f' ({told})' if told else ''}."]


def _compute_recall(estimate: Estimate, thinned: Sequence[str]) -> float | None:
    """Return the mean recall of the thinned classes; None where none of them has one."""
    recalls = [estimate.recalls.get(name) for name in thinned]
    known = [recall for recall in recalls if recall is not None]
    return fmean(known) if known else None


def _write_number(count: int) -> str:
    return write_count(count) if count else "none"


def _write_difference(row: Difference) -> list[str]:
    return [name_arm(row.control), write_gain(row.gain), f"{row.p_holm:.3f}"]
