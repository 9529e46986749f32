"""What a study answers: what each pretraining gains or loses, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cae.report.phrases import (
    capitalise,
    count_noun,
    write_count,
    write_p,
    write_points,
    write_size,
)
from cae.report.results.study_results import (
    CONTROLS,
    Difference,
    Interval,
    Labels,
    Study,
    name_budgets,
    name_control,
    name_labels,
    name_pretraining,
    rank_labels,
)
from cae.report.words.study_setup import find_confounded
from cae.wording import join

# Of more label budgets than these, the answer tells of the smallest and the largest.
_MOST_BUDGETS = 3

NO_STUDY = (
    "No study lies beside this run yet, so whether the autoencoder is what helped cannot be told "
    "here: that takes a control from scratch with the same budget, over several seeds "
    "(`cae study`)."
)
NO_COMPARISON = "The study has no paired comparison yet."


def find_key_differences(study: Study) -> list[Difference]:
    """Return the differences that answer the question: against the control of equal budget.

    Where a comparison was made with the control of equal budget, that with the shorter one from
    scratch is left out: the pretraining's time would count for nothing in it. So is what the
    controls differ in from each other.
    """
    *_, matched = CONTROLS
    rows = [row for row in study.differences if row.treatment not in CONTROLS]
    has_matched = {_key(row) for row in rows if row.control == matched}
    return [row for row in rows if row.control == matched or _key(row) not in has_matched]


def find_drawn_differences(study: Study) -> list[Difference]:
    """Return the key differences of fine-tuning, or all of them where nothing was fine-tuned.

    A linear probe lies so far below its control that beside it the others could not be read.
    """
    rows = find_key_differences(study)
    return [row for row in rows if row.treatment == "fine_tuned"] or rows


def _key(row: Difference) -> tuple[object, ...]:
    return row.encoder, row.pretraining, row.labels, row.treatment


def tell_in_short(study: Study | None) -> str:
    """Say in a sentence for each pretraining where it helps: the first encoder, all budgets."""
    if study is None:
        return NO_STUDY
    rows = [row for part in _find_answer(study, study.encoders[0], most=None) for row in part]
    if not rows:
        return NO_COMPARISON
    controls = join(list(dict.fromkeys(name_control(row.control) for row in rows)))
    told = _tell_pretrainings(rows, _write_judged)
    return f"Against {controls}, {'. '.join([told[0], *map(capitalise, told[1:])])}."


def tell_equal_epochs(study: Study) -> str:
    """Say what pretraining gains where only the classifier's epochs are equal; "" if not known."""
    shorter, matched = CONTROLS
    mine = [row for row in study.differences if row.encoder == study.encoders[0]]
    mine = [row for row in mine if row.treatment == "fine_tuned"]
    if not any(row.control == matched for row in mine):
        return ""  # That is the answer itself, then.
    rows = [row for row in mine if row.control == shorter]
    if not rows:
        return ""
    told = "; ".join(_tell_pretrainings(rows, _write_judged))
    return (
        "Against as many epochs from scratch, where what pretraining computes does not count, "
        f"{told}."
    )


def _tell_pretrainings(
    rows: Sequence[Difference], write: Callable[[Difference], tuple[str, str, str]]
) -> list[str]:
    """Return what is said of each pretraining, the one that gains most first.

    Budgets of which the same is said, but for the numbers, share a clause.

    Args:
        rows: of one encoder and arm.
        write: returns the words before the budgets, in which "{}" stands for the numbers, the
            number, and the words behind the budgets.
    """
    names = dict.fromkeys(row.pretraining for row in rows)
    mine = {name: [row for row in rows if row.pretraining == name] for name in names}
    order = sorted(names, key=lambda name: -max(row.gain.mean for row in mine[name]))
    sentences: list[str] = []
    for name in order:
        clauses: dict[tuple[str, str], dict[Labels, str]] = {}
        for row in sorted(mine[name], key=lambda row: rank_labels(row.labels)):
            before, number, behind = write(row)
            clauses.setdefault((before, behind), {})[row.labels] = number
        told = [
            f"{before.format(join([*numbers.values()]))} with "
            f"{name_budgets(dict.fromkeys(numbers, ''))}{behind}"
            for (before, behind), numbers in clauses.items()
        ]
        sentences.append(f"{name_pretraining(name)} {join(told)}")
    return sentences


def _write_judged(row: Difference) -> tuple[str, str, str]:
    if row.effect == "unknown":
        words = f"lies {{}} points {_name_side(row)}"
        return words, write_size(row.gain.mean), ", in the one seed there is"
    interval = tell_interval(row.gain)
    if row.effect == "none":
        return f"{_tell_undecided(row)} {{}}", f"({interval})", ""
    verb = "gains" if row.effect == "gain" else "loses"
    if row.is_significant:
        doubt = ""
    elif row.has_too_few_seeds and row.is_one_sided:
        doubt = f"; in {_name_all(row)}"
    else:
        doubt = f"; not significant, p = {write_p(row.p_holm)}"
    return f"{verb} {{}} points", f"{write_size(row.gain.mean)} ({interval}{doubt})", ""


def tell_answer(study: Study | None) -> str:
    """Say in a few sentences whether pretraining helps, and what cannot be told of it."""
    if study is None:
        return NO_STUDY
    shown = [row for part in _find_answer(study, study.encoders[0]) for row in part]
    if not shown:
        return NO_COMPARISON
    off_zero = [row for row in shown if row.effect in ("gain", "loss")]
    told = [
        _tell_effects(study, study.encoders[0]),
        tell_correction(shown),
        tell_least_p(off_zero),
        *_tell_confounded(study, shown),
    ]
    return " ".join(filter(None, told))


def tell_effects_elsewhere(study: Study) -> str:
    """Say for each label budget what each other encoder's pretrainings do; "" if nothing is known.

    One budget is one sentence, with all pretrainings: the best one is chosen after the fact.
    """
    told = {encoder: _tell_effects(study, encoder) for encoder in study.encoders[1:]}
    return " ".join(
        f"The encoder `{encoder}`: {words[:1].lower()}{words[1:]}"
        for encoder, words in told.items()
        if words
    )


def _tell_effects(study: Study, encoder: str) -> str:
    sentences: list[str] = []
    before = ""
    for part in _find_answer(study, encoder):
        controls = join(list(dict.fromkeys(name_control(row.control) for row in part)))
        # The same controls are named once.
        sentences.append(_tell_budget(part, against="" if controls == before else controls))
        before = controls
    return " ".join(sentences)


def _find_answer(
    study: Study, encoder: str, *, most: int | None = _MOST_BUDGETS
) -> list[list[Difference]]:
    """Return the differences that answer the question, for each label budget that is told of."""
    rows = [row for row in find_key_differences(study) if row.treatment == "fine_tuned"]
    rows = [row for row in rows if row.encoder == encoder]
    found: set[Labels] = {row.labels for row in rows}
    budgets = sorted(found, key=rank_labels)
    if most is not None and len(budgets) > most:
        budgets = [budgets[0], budgets[-1]]
    return [[row for row in rows if row.labels == labels] for labels in budgets]


def _tell_budget(rows: Sequence[Difference], *, against: str) -> str:
    parts = [f"{name_pretraining(row.pretraining)} {tell_effect(row)}" for row in rows]
    where = f"With {name_labels(rows[0].labels)}{f', against {against}' if against else ''}"
    return f"{where}, {join(parts)}."


def tell_correction(rows: Sequence[Difference]) -> str:
    """Say what intervals and p-values are; rows of one family each."""
    over = {"labels_per_class": "label budget"}
    families: dict[str, set[int]] = {}
    for row in rows:
        if row.comparisons > 1:
            families.setdefault(over.get(row.over, row.over), set()).add(row.comparisons)
    several: list[str] = []
    for noun, sizes in families.items():
        *fewer, most = sorted(sizes)
        several.append(" or ".join([*map(write_count, fewer), count_noun(most, noun)]))
    corrected = f", corrected by Holm's method over {join(several)}" if several else ""
    return f"Intervals are of 95%; p is of the exact sign-flip test{corrected}."


def tell_least_p(rows: Sequence[Difference]) -> str:
    """Say how low p can be after correction where that is not below 0.05; "" if it always can."""
    few: dict[int, float] = {}
    for row in rows:
        if row.has_too_few_seeds:
            few[row.gain.count] = min(row.least_p, few.get(row.gain.count, 1.0))
    told = [f"{write_p(p)} with {count_noun(seeds, 'seed')}" for seeds, p in sorted(few.items())]
    return f"After correction no p can be below {join(told)}." if told else ""


def _tell_confounded(study: Study, rows: Sequence[Difference]) -> list[str]:
    """Say that mask and target cannot be told apart, where no pretraining parts them."""
    shown = {row.pretraining for row in rows}
    names = [name.replace("_", " ") for name in find_confounded(study) if name in shown]
    if len(names) < 2:
        return []
    return [
        f"{capitalise(join(names))} pretraining differ in mask and in target; which of the two "
        "matters is not known yet."
    ]


def tell_effect(row: Difference) -> str:
    """Return what is known of a difference: "lies 3.1 points higher (+1.9 to +4.3; …)" and so on.

    A significant one is gained or lost. Where no p of so few seeds could be below 0.05, that is
    said in place of its not being significant.
    """
    interval = tell_interval(row.gain)
    if row.effect == "unknown":
        return f"{tell_direction(row)} in the one seed there is"
    if row.effect == "none":
        return f"{_tell_undecided(row)} ({interval})"
    p = f"p = {write_p(row.p_holm)}"
    if row.is_significant:
        verb = "gains" if row.effect == "gain" else "loses"
        return f"{verb} {write_size(row.gain.mean)} points ({interval}; {p})"
    if not row.has_too_few_seeds:
        doubt = f"{p}, not significant"
    elif row.is_one_sided:
        ends = dict.fromkeys(write_size(end(map(abs, row.gains.values()))) for end in (min, max))
        doubt = f"{_name_side(row)} in {_name_all(row)}, by {' to '.join(ends)}; {p}"
    else:
        seeds = count_noun(row.gain.count, "seed")
        doubt = f"{p}, and {seeds} allow none below {write_p(row.least_p)}"
    return f"{tell_direction(row)} ({interval}; {doubt})"


def _tell_undecided(row: Difference) -> str:
    """Return what is said where the interval includes zero: seeds so few may not show a thing."""
    if not row.has_too_few_seeds:
        return "shows no clear difference"
    told = f"is undecided after {count_noun(row.gain.count, 'seed')}"
    if not row.is_one_sided:
        return told
    return f"{told}, {_name_side(row)} in {'both' if row.gain.count == 2 else 'all'}"


def tell_direction(row: Difference) -> str:
    """Return which way a difference goes and how far, without a verdict."""
    if write_size(row.gain.mean) == "0.0":
        return "is level"
    return f"lies {write_size(row.gain.mean)} points {_name_side(row)}"


def _name_side(row: Difference) -> str:
    return "higher" if row.gain.mean > 0 else "lower"


def _name_all(row: Difference) -> str:
    """Return "both seeds", "all six seeds"."""
    count = row.gain.count
    return "both seeds" if count == 2 else f"all {count_noun(count, 'seed')}"


def write_gain(gain: Interval) -> str:
    """Return a difference in points with its interval: "+2.0 (+1.0 to +3.0)"."""
    behind = "" if gain.low is None else f" ({tell_interval(gain)})"
    return f"{write_points(gain.mean)}{behind}"


def tell_interval(gain: Interval) -> str:
    """Return the interval of a difference in points."""
    if gain.low is None or gain.high is None:
        return "one seed"
    return f"{write_points(gain.low)} to {write_points(gain.high)}"
