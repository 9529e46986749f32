"""What helped and what did not, in a table; what an arm costs beside its control, or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from cae.inference import compute_student_interval
from cae.report.names import spell_out
from cae.report.phrases import capitalise, count_noun, write_percent
from cae.report.results.study_results import (
    CONTROLS,
    NO_PRETRAINING,
    Difference,
    Estimate,
    Interval,
    Labels,
    Line,
    Study,
    name_arm,
    name_budgets,
    name_labels,
    name_pretraining,
    rank_labels,
)
from cae.report.words.control import EQUAL_COST
from cae.report.words.study_sentences import (
    NO_COMPARISON,
    find_gains,
    find_key_differences,
    find_most_gains,
    name_controls,
    write_gain,
)
from cae.report.words.study_setup import find_kinds
from cae.report.words.tasks import name_aim, read_autoencoder
from cae.wording import join


def make_verdicts_table(study: Study) -> dict[str, Any]:
    """Return what fine-tuning after each pretraining gains, and what is to be made of it.

    A gain or a loss has an interval off zero and a corrected p below 0.05, unless it has too few
    seeds for such a p, or is not significant although it has enough. Of each encoder the
    pretraining that gains most comes first.
    """
    return _make_table(study, find_gains(study), usual=CONTROLS[-1])


def make_equal_epochs_table(study: Study) -> dict[str, Any] | None:
    """Return the same over as many epochs from scratch, where the other table has another control.

    What pretraining computes counts for nothing there. None if there is no such difference.
    """
    shorter, _ = CONTROLS
    shown = find_gains(study)
    rows = [row for row in study.differences if row.treatment == "fine_tuned"]
    told = [row for row in rows if row.control == shorter and row not in shown]
    return _make_table(study, told, usual=shorter) if told else None


def _make_table(study: Study, rows: Sequence[Difference], *, usual: str) -> dict[str, Any]:
    """Return gains and verdicts by pretraining and label budget; a control but `usual` is named."""
    budgets: set[Labels] = {row.labels for row in rows}
    columns = sorted(budgets, key=rank_labels)
    lines: dict[Line, dict[Labels, str]] = {}
    for row in rows:
        lines.setdefault(row.line, {})[row.labels] = f"{write_gain(row.gain)}: {_judge(row)}"
    aims = {(each.encoder, each.name): name_aim(each.config) for each in study.pretrainings}
    most = find_most_gains(rows)
    order = sorted(lines, key=lambda line: (study.encoders.index(line[0]), -most[line]))
    ranked = [(line, lines[line]) for line in order]
    return {
        "head": ["pretraining", "it predicts", "encoder", *map(name_labels, columns)],
        "rows": [
            [
                spell_out(pretraining)
                + ("" if control == usual else f", against {name_arm(control)}"),
                aims.get((encoder, pretraining), ""),
                encoder,
                *(cells.get(labels, "") for labels in columns),
            ]
            for (encoder, _, pretraining, control), cells in ranked
        ],
        "strong": [],
    }


def _judge(row: Difference) -> str:
    if row.effect == "unknown":
        return "one seed"
    if row.effect == "none":
        return "undecided"
    if row.is_significant:
        return row.effect
    return f"{row.effect}, {'too few seeds' if row.has_too_few_seeds else 'not significant'}"


def tell_verdict(study: Study) -> str:
    """Say what the first encoder's pretrainings do with the fewest labels, and with the most."""
    encoder = study.encoders[0]
    rows = find_gains(study, encoder)
    if not rows:
        return NO_COMPARISON
    budgets: set[Labels] = {row.labels for row in rows}
    ranked = sorted(budgets, key=rank_labels)
    ends = dict.fromkeys((ranked[0], ranked[-1]))
    told = [_tell_outcomes([row for row in rows if row.labels == labels]) for labels in ends]
    return f"Against {name_controls(rows)} and with the encoder `{encoder}`, {'; '.join(told)}."


def _tell_outcomes(rows: Sequence[Difference]) -> str:
    """Return which pretrainings gain and which do not, at one label budget."""
    outcomes: dict[tuple[str, str, str], list[str]] = {}
    for row in sorted(rows, key=lambda row: -row.gain.mean):
        outcomes.setdefault(_name_outcome(row), []).append(spell_out(row.pretraining))
    told = [
        f"{join(names)} pretraining {one if len(names) == 1 else several}{doubt}"
        for (one, several, doubt), names in outcomes.items()
    ]
    return f"with {name_labels(rows[0].labels)} {join(told)}"


def _name_outcome(row: Difference) -> tuple[str, str, str]:
    """Return what a pretraining does, what several do, and how far that is in doubt."""
    if row.effect == "unknown":
        return "has one seed", "have one seed", ""
    if row.effect == "none":
        return "shows no clear difference", "show no clear difference", ""
    _, _, doubt = _judge(row).partition(", ")
    one, several = ("gains", "gain") if row.effect == "gain" else ("loses", "lose")
    return one, several, f" ({doubt})" if doubt else ""


def tell_shares_of_cost(study: Study | None) -> str:
    """Say which arms compute less than the control that they are held against; "" if none does.

    That is less by more than a twentieth: equal budgets are met in whole epochs.
    """
    if study is None:
        return ""
    costs = {(e.encoder, e.pretraining, e.arm, e.labels): e.flops for e in study.estimates}
    shares: dict[str, dict[str, dict[str, dict[Labels, str]]]] = {}
    for row in find_key_differences(study):
        mine = costs.get((row.encoder, row.pretraining, row.treatment, row.labels))
        control = costs.get((row.encoder, NO_PRETRAINING, row.control, row.labels))
        if mine and control and mine < (1 - EQUAL_COST) * control:
            encoders = shares.setdefault(row.treatment, {})
            budgets = encoders.setdefault(row.encoder, {}).setdefault(row.pretraining, {})
            budgets[row.labels] = write_percent(mine / control, 0)
    return " ".join(
        f"{capitalise(name_arm(arm))}: of its control's operations it takes, "
        + "; ".join(_tell_shares(encoder, mine) for encoder, mine in encoders.items())
        + "."
        for arm, encoders in shares.items()
    )


def _tell_shares(encoder: str, shares: Mapping[str, Mapping[Labels, str]]) -> str:
    """Return "with the encoder `origin` 81% and 63% with …"; what costs the same is told once."""
    alike: dict[str, list[str]] = {}
    for pretraining, budgets in shares.items():
        ranked = sorted(budgets, key=rank_labels)
        told = f"{join([budgets[labels] for labels in ranked])} with "
        told += name_budgets(dict.fromkeys(ranked, ""))
        alike.setdefault(told, []).append(spell_out(pretraining))
    parts = [f"{told} ({join(names)})" for told, names in alike.items()]
    return f"with the encoder `{encoder}`, {join(parts)}"


def tell_stronger(study: Study) -> str:
    """Say where another encoder does better from scratch, and for less; "" if none does.

    It is held against the first encoder after the pretraining that did best.
    """
    first, *others = study.encoders
    found = {(e.encoder, e.labels): e for e in study.estimates if e.arm == CONTROLS[-1]}
    best: dict[Labels, Estimate] = {}
    for estimate in sorted(study.estimates, key=lambda each: each.accuracy.mean):
        if (estimate.encoder, estimate.arm) == (first, "fine_tuned"):
            best[estimate.labels] = estimate
    sentences: list[str] = []
    for encoder in others:
        budgets: dict[Labels, str] = {}
        for labels in study.labels:
            alone, behind = found.get((encoder, labels)), best.get(labels)
            if alone is None or behind is None or alone.flops >= behind.flops:
                continue
            if alone.accuracy.mean > behind.accuracy.mean:
                budgets[labels] = (
                    f"({write_percent(alone.accuracy.mean)} against "
                    f"{write_percent(behind.accuracy.mean)}, for "
                    f"{write_percent(alone.flops / behind.flops, 0)} of the operations; "
                    f"{count_noun(alone.accuracy.count, 'seed')})"
                )
        if budgets:
            sentences.append(
                f"A stronger network does better without an autoencoder than `{first}` with its "
                f"best: `{encoder}` from scratch lies above fine-tuned `{first}` with "
                f"{name_budgets(budgets)}."
            )
    return " ".join(sentences)


def tell_parted(study: Study) -> str:
    """Say what hiding parts does by itself, and what the target does; "" if nothing parts them.

    Two pretrainings that differ in one of the two, and not in their decoders, are held against each
    other, paired by seed.
    """
    kinds = find_kinds(study)
    predicts_patches = {
        each.name: read_autoencoder(each.config).uses_patches
        for each in study.pretrainings
        if each.encoder == study.encoders[0]
    }
    sentences: list[str] = []
    # Of four that hide or do not, and predict pixels or do not, these are beside all others.
    parting = {name: kind for name, kind in kinds.items() if kind in ((True, False), (False, True))}
    for name, (hides, aims) in parting.items():
        for what, kind in (("target", (hides, not aims)), ("mask", (not hides, aims))):
            other = next((each for each, its in kinds.items() if its == kind), None)
            if other is None or predicts_patches[name] != predicts_patches[other]:
                continue
            if told := _tell_distances(study, name, other):
                sentences.append(
                    f"{capitalise(name_pretraining(name))}, which differs from "
                    f"{name_pretraining(other)} in the {what} alone, lies {told} from it."
                )
    return " ".join(sentences)


def _tell_distances(study: Study, name: str, other: str) -> str:
    """Say how many points a pretraining lies from another, paired by seed, at each budget."""
    gains = {
        (row.pretraining, row.labels): row.gains for row in find_gains(study, study.encoders[0])
    }
    told: dict[Labels, str] = {}
    for labels in study.labels:
        mine, theirs = gains.get((name, labels), {}), gains.get((other, labels), {})
        # Each of them over the same control of the seed.
        values = [mine[seed] - theirs[seed] for seed in sorted(mine.keys() & theirs.keys())]
        if len(values) > 1:
            gain = Interval(fmean(values), *compute_student_interval(values), len(values))
            told[labels] = write_gain(gain)
    return (
        f"{join([*told.values()])} points (with {name_budgets(dict.fromkeys(told, ''))})"
        if told
        else ""
    )


def tell_best(study: Study) -> str:
    """Say which arm stands highest at each label budget with the first encoder."""
    encoder = study.encoders[0]
    winners: dict[str, dict[Labels, str]] = {}
    for labels in study.labels:
        rows = [e for e in study.estimates if (e.labels, e.encoder) == (labels, encoder)]
        if rows:
            best = max(rows, key=lambda estimate: estimate.accuracy.mean)
            name = name_arm(best.arm, best.pretraining)
            accuracy = f"({write_percent(best.accuracy.mean)})"
            winners.setdefault(name, {})[labels] = accuracy
    parts = [f"with {name_budgets(budgets)}, “{name}”" for name, budgets in winners.items()]
    return f"The best arm with the encoder `{encoder}` is, {'; '.join(parts)}."
