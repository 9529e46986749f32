"""What the report says of a study: what helped, what hurt, and where nothing can be told."""

from __future__ import annotations

from collections.abc import Sequence

from cae.report.phrases import (
    capitalise,
    count_noun,
    join,
    write_count,
    write_percent,
    write_points,
    write_size,
)
from cae.report.study_results import (
    CONTROLS,
    SIGNIFICANT,
    Difference,
    Interval,
    Labels,
    Machine,
    Study,
    name_arm,
    name_budgets,
    name_control,
    name_labels,
    name_pretraining,
    rank_labels,
)
from cae.report.tasks import name_task

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
    """Say in three sentences at most whether an autoencoder first helps."""
    if study is None:
        return NO_STUDY
    rows = [row for row in find_key_differences(study) if row.treatment == "fine_tuned"]
    rows = [row for row in rows if row.encoder == study.encoders[0]]
    if not rows:
        return "The study has no paired comparison yet."
    # The best pretraining is chosen after the fact, so every budget's whole row is told of.
    smallest = min(rows, key=lambda row: rank_labels(row.labels)).labels
    largest = max(rows, key=lambda row: rank_labels(row.labels)).labels
    told = [
        [row for row in rows if row.labels == labels]
        for labels in dict.fromkeys((smallest, largest))
    ]
    return " ".join(
        [*map(_tell_budget, told), *_tell_doubt([row for part in told for row in part])]
    )


def _tell_budget(rows: Sequence[Difference]) -> str:
    parts = [f"{name_pretraining(row.pretraining)} {tell_effect(row)}" for row in rows]
    controls = join(list(dict.fromkeys(name_control(row.control) for row in rows)))
    return f"With {name_labels(rows[0].labels)}, against {controls}, {join(parts)}."


def _tell_doubt(rows: Sequence[Difference]) -> list[str]:
    """Say where there are too few seeds for the test, whatever the intervals show."""
    told = [row for row in rows if row.effect in ("gain", "loss")]
    few = [row for row in told if row.smallest_p >= SIGNIFICANT]
    if not few:
        return []
    counts = sorted({row.gain.count for row in few})
    seeds = join([*map(write_count, counts[:-1]), count_noun(counts[-1], "seed")])
    return [f"{capitalise(seeds)} allow no p below {2.0 ** (1 - counts[-1]):g} before correction."]


def tell_effect(row: Difference) -> str:
    """Return what is known of a difference: "gains 3.1 points (+1.9 to +4.3)" and so on."""
    interval, size = tell_interval(row.gain), write_size(row.gain.mean)
    where = "higher" if row.gain.mean > 0 else "lower"
    if row.effect == "unknown":
        return f"lies {size} points {where} in the one seed there is"
    if row.effect == "none":
        return f"makes no difference that can be told ({interval})"
    if not row.is_significant:
        doubt = f"p = {row.p_holm:.2f} after Holm, not significant"
        return f"lies {size} points {where} ({interval}; {doubt})"
    return f"{'gains' if row.effect == 'gain' else 'loses'} {size} points ({interval})"


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
    return (
        f"{study.trials:,} trials so far: {budgets}, with the {noun} {encoders}, "
        f"{many} to each point."
    )


def tell_recipe(study: Study) -> str:
    """Say what the pretrainings learn and how long everything trains, with the first encoder."""
    encoder = study.encoders[0]
    sentences = [
        f"{capitalise(name_pretraining(each.name))} learns to {name_task(each.config)}, for "
        f"{count_noun(each.config['epochs'], 'epoch')}."
        for each in study.pretrainings
        if each.encoder == encoder
    ]
    *_, matched = CONTROLS
    for arm, words in (("fine_tuned", "Fine-tuning"), (matched, capitalise(name_control(matched)))):
        mine = [each for each in study.estimates if (each.encoder, each.arm) == (encoder, arm)]
        epochs: dict[Labels, int] = {each.labels: each.epochs for each in mine}
        if epochs:
            alike = len(set(epochs.values())) == 1
            numbers = join([f"{number:,}" for number in [*epochs.values()][: 1 if alike else None]])
            noun = "epoch" if numbers == "1" else "epochs"
            budgets = name_budgets(dict.fromkeys(epochs, ""))
            sentences.append(f"{words} takes {numbers} {noun} with {budgets}.")
    if len(study.encoders) > 1:
        sentences.insert(0, f"This is the recipe of the encoder `{encoder}`.")
    return " ".join(sentences)


def tell_machines(study: Study) -> str:
    """Say which seeds were trained where and when; "" if that is not known."""
    if not study.machines:
        return ""
    told = f"{capitalise('; '.join(map(_tell_machine, study.machines)))}."
    seeds = [seed for machine in study.machines for seed in machine.seeds]
    is_apart = len(study.machines) > 1 and len(set(seeds)) == len(seeds)
    one = "differences are taken within a seed, so on one machine each"
    return f"{told} {capitalise(one)}." if is_apart else told


def _tell_machine(machine: Machine) -> str:
    seeds = [str(seed) for seed in machine.seeds]
    noun, verb = ("seed", "was") if len(seeds) == 1 else ("seeds", "were")
    first, last = machine.first_date, machine.last_date
    date = first if first == last else f"{first} to {last}"
    return f"{noun} {join(seeds)} {verb} trained on {machine.place}, {date}"


def list_verdicts(study: Study | None) -> dict[str, list[str]]:
    """Return the comparisons sorted by what they say: `helped`, `hurt`, `leaning`, `undecided`.

    A comparison counts as decided where its interval leaves zero out and, if it was corrected for
    the number of comparisons, its p-value is below 0.05; where only its interval does, as leaning.
    Those that differ in their label budget
    alone share a sentence.
    """
    kinds = ("helped", "hurt", "leaning", "undecided")
    verdicts: dict[str, dict[str, dict[Labels, str]]] = {kind: {} for kind in kinds}
    for row in () if study is None else find_key_differences(study):
        kind = {"gain": "helped", "loss": "hurt"}.get(row.effect, "undecided")
        if kind != "undecided" and not row.is_significant:
            kind = "leaning"
        words = (
            f"{capitalise(name_arm(row.treatment, row.pretraining))}, with the encoder "
            f"`{row.encoder}` and against {name_control(row.control)}"
        )
        budgets = verdicts[kind].setdefault(words, {})
        budgets[row.labels] = f"({write_points(row.gain.mean)})"
    return {
        kind: [f"{words}, with {name_budgets(budgets)}." for words, budgets in rows.items()]
        for kind, rows in verdicts.items()
    }


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
