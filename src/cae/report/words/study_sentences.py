"""What a study answers: what each pretraining gains or loses, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cae.report.names import spell_out
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
    Line,
    Study,
    name_budgets,
    name_control,
    name_pretraining,
    rank_labels,
)
from cae.report.words.study_setup import find_confounded
from cae.report.words.tasks import name_aim
from cae.wording import join

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
    return find_gains(study) or find_key_differences(study)


def _key(row: Difference) -> tuple[object, ...]:
    return row.encoder, row.pretraining, row.labels, row.treatment


def find_gains(study: Study, encoder: str | None = None) -> list[Difference]:
    """Return the key differences of fine-tuning, of one encoder or of all."""
    rows = [row for row in find_key_differences(study) if row.treatment == "fine_tuned"]
    return [row for row in rows if encoder in (None, row.encoder)]


def tell_in_short(study: Study | None) -> str:
    """Say for each pretraining, at which label budgets it helps; intervals are left to tables."""
    if study is None:
        return NO_STUDY
    sentences: list[str] = []
    before = ""
    aims: dict[str, str] = {}
    for each in study.pretrainings:
        aims.setdefault(each.name, f" ({name_aim(each.config)})")
    for encoder in study.encoders:
        rows = find_gains(study, encoder)
        if not rows:
            continue
        controls = name_controls(rows)
        # The same controls are named once, and a lone encoder need not be told apart.
        against = f"against {controls}, " if controls != before else ""
        where = f"with the encoder `{encoder}`, " if len(study.encoders) > 1 else ""
        # What each predicts is told where it is first named.
        names = dict.fromkeys(row.pretraining for row in rows)
        told = {name: aims.pop(name, "") for name in names}
        first, *others = _tell_pretrainings(rows, told)
        sentences += [capitalise(f"{against}{where}{first}."), *(f"{each}." for each in others)]
        before = controls
    return " ".join(sentences) or NO_COMPARISON


def name_controls(rows: Iterable[Difference]) -> str:
    """Return what differences are against."""
    return join(list(dict.fromkeys(name_control(row.control) for row in rows)))


def _tell_pretrainings(rows: Sequence[Difference], aims: Mapping[str, str]) -> list[str]:
    """Return what is said of each pretraining, the one that gains most first.

    Budgets of which the same is said, but for the numbers, share a clause.

    Args:
        rows: of one encoder.
        aims: words behind the name of each pretraining.
    """
    names = dict.fromkeys(row.pretraining for row in rows)
    mine = {name: [row for row in rows if row.pretraining == name] for name in names}
    order = sorted(names, key=lambda name: -max(row.gain.mean for row in mine[name]))
    sentences: list[str] = []
    for name in order:
        clauses: dict[tuple[str, str], dict[Labels, str]] = {}
        for row in sorted(mine[name], key=lambda row: rank_labels(row.labels)):
            before, number, behind = _write_effect(row)
            clauses.setdefault((before, behind), {})[row.labels] = number
        told = [
            f"{before.format(join([*numbers.values()]))} with "
            f"{name_budgets(dict.fromkeys(numbers, ''))}{behind}"
            for (before, behind), numbers in clauses.items()
        ]
        sentences.append(f"{name_pretraining(name)}{aims[name]} {join(told)}")
    return [*sentences[:1], *map(capitalise, sentences[1:])]


def _write_effect(row: Difference) -> tuple[str, str, str]:
    """Return the words before the budgets, "{}" for the numbers; the number; the words behind."""
    size, seeds = write_size(row.gain.mean), count_noun(row.gain.count, "seed")
    if row.effect == "none":
        if not row.has_too_few_seeds:
            return "shows no clear difference", size, ""
        return "remains undecided", size, f" ({seeds})"
    if row.effect == "unknown":
        if size == "0.0":
            return "is level", size, " (one seed)"
        side = "higher" if row.gain.mean > 0 else "lower"
        return f"lies {{}} points {side}", size, " (one seed)"
    if row.is_significant:
        doubt = ""
    elif row.has_too_few_seeds:
        doubt = f" ({_name_all(row) if row.is_one_sided else seeds}, too few to test)"
    else:
        doubt = f" (not significant, p = {write_p(row.p_holm)})"
    return f"{'gains' if row.effect == 'gain' else 'loses'} {{}} points", size, doubt


def _name_all(row: Difference) -> str:
    """Return "in both seeds", "in all six seeds"."""
    count = row.gain.count
    return "in both seeds" if count == 2 else f"in all {count_noun(count, 'seed')}"


def tell_tests(study: Study) -> str:
    """Say what intervals and p-values of fine-tuning are, how low p can be, and what is confounded.

    That is what cannot be told apart for want of another pretraining.
    """
    rows = find_gains(study)
    if not rows:
        return ""
    off_zero = [row for row in rows if row.effect in ("gain", "loss")]
    told = [tell_correction(rows), tell_least_p(off_zero), *_tell_confounded(study)]
    return " ".join(filter(None, told))


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
    alike: dict[str, list[str]] = {}
    for seeds, p in sorted(few.items()):
        alike.setdefault(write_p(p), []).append(write_count(seeds))
    told = [
        f"{p} with {' or '.join(seeds)} seed{'' if seeds == ['one'] else 's'}"
        for p, seeds in alike.items()
    ]
    return f"After correction no p can be below {join(told)}." if told else ""


def _tell_confounded(study: Study) -> list[str]:
    """Say that mask and target cannot be told apart, where no pretraining parts them."""
    shown = {row.pretraining for row in find_gains(study, study.encoders[0])}
    names = [spell_out(name) for name in find_confounded(study) if name in shown]
    if len(names) < 2:
        return []
    return [
        f"{capitalise(join(names))} pretraining differ in mask and in target; which of the two "
        "matters is not known yet."
    ]


def find_most_gains(rows: Iterable[Difference]) -> dict[Line, float]:
    """Return the largest mean gain of each line of differences, over its label budgets."""
    most: dict[Line, float] = {}
    for row in rows:
        most[row.line] = max(row.gain.mean, most.get(row.line, row.gain.mean))
    return most


def write_gain(gain: Interval) -> str:
    """Return a difference in points with its interval: "+2.0 (+1.0 to +3.0)"."""
    behind = "" if gain.low is None else f" ({tell_interval(gain)})"
    return f"{write_points(gain.mean)}{behind}"


def tell_interval(gain: Interval) -> str:
    """Return the interval of a difference in points."""
    if gain.low is None or gain.high is None:
        return "one seed"
    return f"{write_points(gain.low)} to {write_points(gain.high)}"
