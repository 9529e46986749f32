"""What a recipe reaches without its autoencoder: whether that was measured, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from cae.report.phrases import count_noun, write_count, write_percent, write_points, write_size
from cae.report.results.control import Control, Place
from cae.report.results.seeds import Group
from cae.report.results.sources import Run
from cae.report.results.study_results import CONTROLS, Labels, Study
from cae.report.words.networks import read_network
from cae.wording import join

# How far apart the cost of two trainings may be that have the same budget: epochs are whole.
EQUAL_COST = 0.05


def is_measured(run: Run, *, control: Control | None, study: Study | None) -> bool:
    """Return whether it was measured what a run's recipe, or its encoder, does from scratch."""
    return control is not None or (study is not None and has_control(run, study))


def has_control(run: Run, study: Study) -> bool:
    """Return whether a study holds a control of a run's encoder at the run's label budget."""
    labels: Labels = run.config["data"]["labels_per_class"] or "all"
    network = read_network(run.config["autoencoder"])
    same = {each.encoder for each in study.pretrainings if read_network(each.config) == network}
    return any(
        each.encoder in same and each.labels == labels and each.arm == CONTROLS[-1]
        for each in study.estimates
    )


def tell_control(group: Group, control: Control | None, study: Study | None) -> str:
    """Say what a run's recipe reaches from scratch, or that it is not known; "" if a study does.

    Without a study and a control nothing is said either: the answer says it then.
    """
    if control is not None:
        told = tell_gain(control, group.name)
        return (
            told
            if study is None
            else f"{told} A study asks the same of the {_name_encoders(study)}."
        )
    if study is None or has_control(group.first, study):
        return ""
    return (
        "No control from scratch was trained for this recipe, so its accuracy says nothing about "
        f"its autoencoder; a study with the {_name_encoders(study)} asks about that."
    )


def _name_encoders(study: Study) -> str:
    encoders = join([f"`{encoder}`" for encoder in study.encoders])
    return f"{'encoder' if len(study.encoders) == 1 else 'encoders'} {encoders}"


def tell_gain(control: Control, name: str) -> str:
    """Say what the recipe called `name` reaches with and without its autoencoder."""
    unlabelled, behind, alone = control.epochs
    if len(control.seeds) > 1:
        seeds = f"on average over the seeds {join(list(map(str, control.seeds)))}"
        of = f"over {count_noun(len(control.seeds), 'seed')}"
    else:
        seeds, of = f"with the single seed {max(control.seeds)}", "over test images"
    return (
        f"From scratch with equal computation ({alone} epochs, instead of "
        f"{write_count(unlabelled)} of the autoencoder and {behind} of the classifier"
        f"{_tell_surplus(control.share)}), `{name}` reaches "
        f"{write_percent(fmean(control.scratch), 2)}, and with its autoencoder "
        f"{write_percent(fmean(control.behind), 2)}, {seeds}: {_tell_side(control, of)}."
    )


def _tell_surplus(share: float) -> str:
    if abs(share - 1) < EQUAL_COST:
        return ""
    return f"; {abs(share - 1):.0%} {'more' if share > 1 else 'fewer'} operations"


def tell_conditions(control: Control) -> str:
    """Say where the controls were trained, and the runs if elsewhere."""
    verb = "control was" if len(control.seeds) == 1 else "controls were"
    told = f"The {verb} trained on {_name_places(control.scratch_places)}"
    pairs = zip(control.behind_places, control.scratch_places, strict=True)
    if any(behind != scratch for (behind, _), (scratch, _) in pairs):
        told += f"; with the autoencoder on {_name_places(control.behind_places)}"
    return f"{told}."


def _name_places(places: Sequence[Place]) -> str:
    return "; ".join(dict.fromkeys(f"{place}, {date}" for place, date in places))


def _tell_side(control: Control, of: str) -> str:
    low, high = control.interval
    interval = f"95% interval {of} {write_points(low)} to {write_points(high)}"
    size = write_size(control.gain)
    if low > 0:
        return f"the autoencoder gains {size} points ({interval})"
    if high < 0:
        return f"the autoencoder loses {size} points ({interval})"
    return f"no difference was found ({write_points(control.gain, 2)} points, {interval})"
