"""What the figures of a run and of a study cannot say, as far as their own data tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cae.config import dump
from cae.presets import load_preset
from cae.report.names import spell_out
from cae.report.phrases import capitalise, count_noun, write_count, write_p
from cae.report.results.control import Control
from cae.report.results.seeds import Group
from cae.report.results.study_results import CONTROLS, Study
from cae.report.words.control import is_measured
from cae.report.words.machines import tell_crossings, tell_precisions_apart
from cae.report.words.recipe import is_of_preset
from cae.report.words.run_sentences import name_machine
from cae.report.words.study_sentences import find_gains
from cae.report.words.study_setup import find_confounded, find_longer_pretraining
from cae.wording import join


def list_limits(group: Group, control: Control | None, study: Study | None) -> list[str]:
    """Return what the figures of a run, or of several seeds, its control and a study cannot say."""
    run, seeds = group.first, len(group.runs)
    limits: list[str] = []
    if seeds == 1:
        limits.append(
            "One seed. The interval covers which images happen to be in the test set, not how far "
            "another seed would land."
        )
    else:
        limits.append(
            f"{capitalise(count_noun(seeds, 'seed'))}. The interval is that of the mean over "
            f"{write_count(seeds)} seeds, on one split and one test set."
        )
    if control is not None and len(control.seeds) == 1:
        limits.append(
            "The control from scratch is of one seed: its interval covers the test images, not how "
            "far another seed would land."
        )
    if not is_measured(run, control=control, study=study):
        there = "stands beside this run" if study is None else "was trained for this recipe"
        limits.append(
            f"No control from scratch {there}. How good the classifier is says nothing of what the "
            "autoencoder did for it."
        )
    limits.append(_tell_machine(group))
    is_cifar = run.evaluation["data"] == "cifar10"
    if study is not None:
        limits += _list_limits_of_study(study, is_cifar=is_cifar)
    if is_cifar:
        limits.append(
            "The peers' figures are their own: single runs for the most part, without intervals, "
            "and not all of them of the same split."
        )
        limits.append(
            "CIFAR-10 has been looked at for many years. What is known to work on it was found "
            "with the help of its test images, by whoever found it."
            + (
                " The test figures of this system's earlier recipes were known, too, when later "
                "ones were made; they led to one change, that choices are made by balanced "
                "accuracy."
                if is_of_preset(run)
                else ""
            )
        )
    return limits


def _tell_machine(group: Group) -> str:
    places = group.by_place
    if len(places) > 1:
        machines = join([name_machine(each.first) for each in places])
        return (
            f"{capitalise(count_noun(len(places), 'machine'))}. The runs were made on {machines}: "
            "the effect of the machine cannot be told from that of the seed."
        )
    precision, device = (group.first.environment[name] for name in ("precision", "device"))
    made = "The run was" if len(group.runs) == 1 else "The runs were"
    return (
        f"One machine. {made} made in {precision} on a {device.upper()}; with another number of "
        "threads or another processor the last digits of the weights differ, and the figures with "
        "them. By how much was not measured."
    )


def _list_limits_of_study(study: Study, *, is_cifar: bool) -> list[str]:
    limits: list[str] = []
    names = find_confounded(study)
    if names:
        kinds = join([*map(spell_out, names)])
        limits.append(
            f"Mask and target together. {capitalise(kinds)} pretraining differ in both, so the "
            "study does not tell whether hiding parts or what is predicted of them matters; a "
            "masked autoencoder that predicts pixels (`masked_pixels`) would, and is not trained "
            "yet."
        )
    theirs = find_longer_pretraining(study)
    if theirs is not None:
        ours = sorted({each.config["epochs"] for each in study.pretrainings})
        limits.append(
            f"Short pretraining. The study's autoencoders had {join(list(map(write_count, ours)))} "
            f"epochs, the origin's {count_noun(theirs, 'epoch')}. What longer ones would give is "
            "not known."
        )
    if is_cifar and any(
        (each.encoder, each.name) == ("origin", "masked") and _has_chosen_mask(each.config)
        for each in study.pretrainings
    ):
        limits.append(
            "A study that favours pretraining on gradient histograms. That these are the target, "
            "and of which patches, had been chosen with the labels of all training and validation "
            "images; the controls have the same recipe as the fine-tuned classifiers, and no "
            "search of their own."
        )
    return [
        *limits,
        *(_tell_short_training(study) if is_cifar else []),
        *_tell_many_comparisons(study),
        *tell_precisions_apart(study),
        *tell_crossings(study),
    ]


def _has_chosen_mask(config: Mapping[str, Any]) -> bool:
    """Return whether a mask is the one that was chosen on CIFAR-10, which `optimal` has too."""
    chosen = dump(load_preset("optimal"))["autoencoder"]
    keys = ("mask_ratio", "mask_patch_size", "target")
    return all(config.get(key) == chosen[key] for key in keys)


def _tell_short_training(study: Study) -> list[str]:
    """Say that with all labels nobody knows what longer training would leave of a difference."""
    matched, encoder = CONTROLS[-1], study.encoders[0]
    epochs = {
        each.arm: each.epochs
        for each in study.estimates
        if (each.encoder, each.labels) == (encoder, "all")
    }
    if "fine_tuned" not in epochs or matched not in epochs:
        return []
    return [
        "Short classifier training. With all labels the classifier had "
        f"{count_noun(epochs['fine_tuned'], 'epoch')} after pretraining and "
        f"{write_count(epochs[matched])} from scratch; whether their difference stays once both "
        "have nothing left to learn was not tried."
    ]


def _tell_many_comparisons(study: Study) -> list[str]:
    """Say that p-values are corrected within a comparison only, where there are several."""
    rows = find_gains(study, study.encoders[0])
    if not any(row.is_significant and row.comparisons < len(rows) for row in rows):
        return []
    most = max(row.gain.count for row in rows)
    least = write_p(min(1.0, len(rows) * 2.0 ** (1 - most)))
    return [
        "Many comparisons. Holm's correction covers the label budgets of one pretraining; over "
        f"all {write_count(len(rows))} comparisons the smallest p that "
        f"{count_noun(most, 'seed')} allow would be {least}. Intervals are not corrected."
    ]
