"""How a study was made: how much was tried, what its pretrainings learn, and for how long."""

from __future__ import annotations

from cae.presets import load_preset
from cae.report.phrases import capitalise, count_noun, write_count
from cae.report.results.study_results import (
    CONTROLS,
    Labels,
    Study,
    name_budgets,
    name_control,
    name_pretraining,
)
from cae.report.words.networks import tell_networks
from cae.report.words.tasks import hides_parts, name_task, predicts_part, tell_mask
from cae.wording import join


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
        f"The study has trained {study.trials:,} classifiers so far, with {budgets}, on the {noun} "
        f"{encoders}, with {many} for each point."
    )
    return " ".join([trials, *tell_networks(study)])


def tell_recipe(study: Study) -> str:
    """Say what the pretrainings learn and how long everything trains, with the first encoder."""
    encoder = study.encoders[0]
    mine = [each for each in study.pretrainings if each.encoder == encoder]
    # What several have in common is said once.
    masks = [tell_mask(each.config) for each in mine if predicts_part(each.config)]
    is_shared = len(masks) > 1 and len(set(masks)) == 1
    sentences = [
        f"{capitalise(name_pretraining(each.name))} learns to "
        f"{name_task(each.config, with_mask=not is_shared)}, for "
        f"{count_noun(each.config['epochs'], 'epoch')}."
        for each in mine
    ]
    if is_shared:
        sentences.append(f"The part that is predicted is {masks[0]}.")
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


def find_confounded(study: Study) -> list[str]:
    """Return the pretrainings of the first encoder that differ in mask and in target at once.

    That is where some hide nothing and predict pixels, others hide parts and predict something
    else, and none that was fine-tuned does one of the two alone.
    """
    kinds = find_kinds(study)
    return list(kinds) if set(kinds.values()) == {(False, False), (True, True)} else []


def find_kinds(study: Study) -> dict[str, tuple[bool, bool]]:
    """Return of the first encoder's pretrainings whether parts are hidden, and pixels not the aim.

    Those are left out that nothing was fine-tuned after.
    """
    tried = {
        each.pretraining
        for each in study.estimates
        if (each.encoder, each.arm) == (study.encoders[0], "fine_tuned")
    }
    return {
        each.name: (
            hides_parts(each.config),
            each.config.get("target", "pixels") != "pixels",
        )
        for each in study.pretrainings
        if each.encoder == study.encoders[0] and each.name in tried
    }
