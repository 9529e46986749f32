"""What the report says of a study: what helped, what hurt, and where nothing can be told."""

from __future__ import annotations

from collections.abc import Sequence

from cae.presets import load_preset
from cae.report.networks import tell_networks
from cae.report.phrases import (
    capitalise,
    count_noun,
    join,
    write_count,
    write_p,
    write_percent,
    write_points,
    write_size,
)
from cae.report.study_results import (
    CONTROLS,
    NO_PRETRAINING,
    Difference,
    Interval,
    Labels,
    Study,
    name_arm,
    name_budgets,
    name_control,
    name_labels,
    name_pretraining,
    rank_labels,
)
from cae.report.tasks import name_task

# How far the cost of two arms may be apart that have the same budget.
_EQUAL_COST = 0.05

# Of more label budgets than these, the answer tells of the smallest and the largest.
_MOST_BUDGETS = 3

NO_STUDY = (
    "No study lies beside this run yet, so whether the autoencoder is what helped cannot be told "
    "here: that takes a control from scratch with the same budget, over several seeds "
    "(`cae study`)."
)


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


def tell_answer(study: Study | None) -> str:
    """Say in a few sentences whether an autoencoder first helps, and what cannot be told of it."""
    if study is None:
        return NO_STUDY
    shown = [row for part in _find_answer(study, study.encoders[0]) for row in part]
    return " ".join([tell_effects(study), *tell_least_p(shown), *_tell_confounded(study, shown)])


def tell_effects(study: Study | None) -> str:
    """Say in a sentence for each label budget whether an autoencoder first helps.

    That is with the first encoder.
    """
    if study is None:
        return NO_STUDY
    return _tell_effects(study, study.encoders[0]) or "The study has no paired comparison yet."


def tell_effects_elsewhere(study: Study) -> str:
    """Say the same of each other encoder; "" if there is none or nothing to compare."""
    told = {encoder: _tell_effects(study, encoder) for encoder in study.encoders[1:]}
    return " ".join(f"Encoder `{encoder}`: {words}" for encoder, words in told.items() if words)


def _tell_effects(study: Study, encoder: str) -> str:
    sentences: list[str] = []
    before = ""
    for part in _find_answer(study, encoder):
        controls = join(list(dict.fromkeys(name_control(row.control) for row in part)))
        # The same controls are named once.
        sentences.append(_tell_budget(part, against="" if controls == before else controls))
        before = controls
    return " ".join(sentences)


def _find_answer(study: Study, encoder: str) -> list[list[Difference]]:
    """Return the differences that answer the question, for each label budget that is told of.

    The best pretraining is chosen after the fact, so every budget's whole row is told of.
    """
    rows = [row for row in find_key_differences(study) if row.treatment == "fine_tuned"]
    rows = [row for row in rows if row.encoder == encoder]
    found: set[Labels] = {row.labels for row in rows}
    budgets = sorted(found, key=rank_labels)
    if len(budgets) > _MOST_BUDGETS:
        budgets = [budgets[0], budgets[-1]]
    return [[row for row in rows if row.labels == labels] for labels in budgets]


def _tell_budget(rows: Sequence[Difference], *, against: str) -> str:
    parts = [f"{name_pretraining(row.pretraining)} {tell_effect(row)}" for row in rows]
    where = f"With {name_labels(rows[0].labels)}{f', against {against}' if against else ''}"
    return f"{where}, {join(parts)}."


def tell_least_p(rows: Sequence[Difference]) -> list[str]:
    """Say of the p-values above 0.05 that are as low as their seeds allow that this is so."""
    sentences: list[str] = []
    for row in rows:
        if not (row.has_least_p and row.has_too_few_seeds):
            continue
        over = {"labels_per_class": "label budget"}.get(row.over, row.over)
        among = f" at {count_noun(row.comparisons, over)}" if row.comparisons > 1 else ""
        sentences.append(
            f"Where {_name_all(row)} agree, p = {write_p(row.p_holm)} after Holm: the least that "
            f"{count_noun(row.gain.count, 'seed')}{among} allow."
        )
    return list(dict.fromkeys(sentences))


def tell_least_p_of_few(rows: Sequence[Difference]) -> str:
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


def find_confounded(study: Study) -> list[str]:
    """Return the pretrainings of the first encoder that differ in mask and in target at once.

    That is where some hide nothing and predict pixels, others hide parts and predict something
    else, and none that was fine-tuned does one of the two alone.
    """
    tried = {
        each.pretraining
        for each in study.estimates
        if (each.encoder, each.arm) == (study.encoders[0], "fine_tuned")
    }
    kinds = {
        each.name: (
            each.config.get("mask_ratio", 0) > 0,
            each.config.get("target", "pixels") != "pixels",
        )
        for each in study.pretrainings
        if each.encoder == study.encoders[0] and each.name in tried
    }
    return list(kinds) if set(kinds.values()) == {(False, False), (True, True)} else []


def tell_effect(row: Difference) -> str:
    """Return what is known of a difference: "lies 3.1 points higher (+1.9 to +4.3; …)" and so on.

    A significant one is gained or lost. Where no p of so few seeds could be below 0.05, that is
    said in place of its not being significant.
    """
    interval = tell_interval(row.gain)
    if row.effect == "unknown":
        return f"{tell_direction(row)} in the one seed there is"
    if row.effect == "none":
        return f"makes no difference that can be told ({interval})"
    p = f"p = {write_p(row.p_holm)} after Holm"
    if row.is_significant:
        verb = "gains" if row.effect == "gain" else "loses"
        return f"{verb} {write_size(row.gain.mean)} points ({interval}; significant, {p})"
    if not row.has_too_few_seeds:
        doubt = f"{p}, not significant"
    elif row.is_one_sided:
        verb = "gained" if row.effect == "gain" else "lost"
        lowest, highest = (write_points(end(row.gains.values())) for end in (min, max))
        doubt = f"{_name_all(row)} {verb}, {lowest} to {highest}"
        if not row.has_least_p:
            doubt += f"; {p}"
    else:
        seeds = count_noun(row.gain.count, "seed")
        doubt = f"{p}, and {seeds} allow none below {write_p(row.least_p)}"
    return f"{tell_direction(row)} ({interval}; {doubt})"


def tell_direction(row: Difference) -> str:
    """Return which way a difference goes and how far, without a verdict."""
    where = "higher" if row.gain.mean > 0 else "lower"
    return f"lies {write_size(row.gain.mean)} points {where}"


def _name_all(row: Difference) -> str:
    """Return "both seeds", "all six seeds"."""
    count = row.gain.count
    return "both seeds" if count == 2 else f"all {count_noun(count, 'seed')}"


def tell_interval(gain: Interval) -> str:
    """Return the interval of a difference in points."""
    if gain.low is None or gain.high is None:
        return "one seed"
    return f"{write_points(gain.low)} to {write_points(gain.high)}"


def tell_extent(study: Study) -> str:
    """Say how much was tried."""
    budgets = name_budgets(dict.fromkeys(study.labels, ""))
    seeds = sorted({estimate.accuracy.count for estimate in study.estimates})
    many = (
        count_noun(seeds[0], "seed")
        if len(seeds) == 1
        else f"{write_count(seeds[0])} to {count_noun(seeds[-1], 'seed')}"
    )
    encoders = join([f"`{encoder}`" for encoder in study.encoders])
    noun = "encoder" if len(study.encoders) == 1 else "encoders"
    trials = (
        f"{study.trials:,} trials so far: {budgets}, with the {noun} {encoders}, "
        f"{many} to each point."
    )
    return " ".join([trials, *tell_networks(study)])


def tell_recipe(study: Study) -> str:
    """Say what the pretrainings learn and how long everything trains, with the first encoder."""
    encoder = study.encoders[0]
    mine = [each for each in study.pretrainings if each.encoder == encoder]
    sentences = [
        f"{capitalise(name_pretraining(each.name))} learns to {name_task(each.config)}, for "
        f"{count_noun(each.config['epochs'], 'epoch')}."
        for each in mine
    ]
    theirs = find_longer_pretraining(study)
    if theirs is not None:
        sentences.append(f"The origin's autoencoder had {count_noun(theirs, 'epoch')}.")
    *_, matched = CONTROLS
    for arm, words in (("fine_tuned", "Fine-tuning"), (matched, capitalise(name_control(matched)))):
        found = [each for each in study.estimates if (each.encoder, each.arm) == (encoder, arm)]
        epochs: dict[Labels, int] = {each.labels: each.epochs for each in found}
        if epochs:
            alike = len(set(epochs.values())) == 1
            numbers = join([f"{number:,}" for number in [*epochs.values()][: 1 if alike else None]])
            noun = "epoch" if numbers == "1" else "epochs"
            budgets = name_budgets(dict.fromkeys(epochs, ""))
            sentences.append(f"{words} takes {numbers} {noun} with {budgets}.")
    if len(study.encoders) > 1:
        sentences.insert(0, f"This is the recipe of the encoder `{encoder}`.")
    return " ".join(sentences)


def find_longer_pretraining(study: Study) -> int | None:
    """Return the epochs of the origin's autoencoder, if all of the study's have fewer."""
    theirs = load_preset("base").autoencoder.epochs
    ours = [each.config["epochs"] for each in study.pretrainings]
    return theirs if ours and max(ours) < theirs else None


def list_verdicts(study: Study | None) -> dict[str, list[str]]:
    """Return the comparisons sorted by what they say.

    Those that differ in their label budget alone share a sentence.

    Returns:
        `helped` and `hurt`, whose interval leaves zero out and whose corrected p-value is below
        0.05; `untested`, where only the interval does and no p of so few seeds could be below
        0.05; `leaning`, where only the interval does although it could; `undecided`, the others.
    """
    kinds = ("helped", "hurt", "untested", "leaning", "undecided")
    verdicts: dict[str, dict[str, dict[Labels, str]]] = {kind: {} for kind in kinds}
    for row in () if study is None else find_key_differences(study):
        words = (
            f"{capitalise(name_arm(row.treatment, row.pretraining))}, with the encoder "
            f"`{row.encoder}` and against {name_control(row.control)}"
        )
        budgets = verdicts[_judge(row)].setdefault(words, {})
        budgets[row.labels] = f"({write_points(row.gain.mean)})"
    return {
        kind: [f"{words}, with {name_budgets(budgets)}." for words, budgets in rows.items()]
        for kind, rows in verdicts.items()
    }


def _judge(row: Difference) -> str:
    if row.effect not in ("gain", "loss"):
        return "undecided"
    if row.is_significant:
        return "helped" if row.effect == "gain" else "hurt"
    return "untested" if row.has_too_few_seeds else "leaning"


def tell_shares_of_cost(study: Study | None) -> str:
    """Say which arms compute less than the control that they are held against; "" if none does.

    That is less by more than a twentieth: equal budgets are met in whole epochs.
    """
    if study is None:
        return ""
    costs = {(e.encoder, e.pretraining, e.arm, e.labels): e.flops for e in study.estimates}
    shares: dict[str, dict[Labels, str]] = {}
    for row in find_key_differences(study):
        mine = costs.get((row.encoder, row.pretraining, row.treatment, row.labels))
        control = costs.get((row.encoder, NO_PRETRAINING, row.control, row.labels))
        if mine and control and mine < (1 - _EQUAL_COST) * control:
            name = capitalise(name_arm(row.treatment, row.pretraining))
            shares.setdefault(name, {})[row.labels] = f"({write_percent(mine / control, 0)})"
    return " ".join(
        f"{name}, costs less than its control, in operations: with {name_budgets(budgets)}."
        for name, budgets in shares.items()
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
    parts = [f"{name} with {name_budgets(budgets)}" for name, budgets in winners.items()]
    return f"Of the arms with the encoder `{encoder}`, the highest is {'; '.join(parts)}."


def _key(row: Difference) -> tuple[object, ...]:
    return row.encoder, row.pretraining, row.labels, row.treatment
