"""What a recipe reaches without its autoencoder: whether that was measured, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from cae.config import RunConfig, dump, parse_section
from cae.inference import compute_student_interval
from cae.report.names import name_place
from cae.report.networks import read_network
from cae.report.phrases import (
    count_noun,
    join,
    write_percent,
    write_points,
    write_size,
)
from cae.report.seeds import Group
from cae.report.sources import Run, drop_seeds, read_result
from cae.report.study_results import CONTROLS, Labels, Study


@dataclass(frozen=True, slots=True)
class Control:
    """A recipe from scratch beside the same recipe behind its autoencoder, seed by seed.

    Attributes:
        epochs: of the classifier behind the autoencoder and of that from scratch, which compute as
            much in all.
        seeds: what both were trained with.
        first: test accuracies behind the autoencoder, a fraction for each seed.
        scratch: those from scratch.
        first_interval: of the first seed's accuracy, over the test images.
        scratch_interval: likewise, from scratch.
        command: what measured it.
        environments: of the controls, what environment.json says.
    """

    epochs: tuple[int, int]
    seeds: tuple[int, ...]
    first: tuple[float, ...]
    scratch: tuple[float, ...]
    first_interval: tuple[float, float]
    scratch_interval: tuple[float, float]
    command: str
    environments: tuple[Mapping[str, Any], ...]

    @property
    def dates(self) -> list[str]:
        """The days (YYYY-MM-DD) on which the controls were trained."""
        return [each["date"] for each in self.environments]

    @property
    def gain(self) -> float:
        """What the autoencoder adds to the accuracy, the mean over the seeds."""
        return fmean(self._gains)

    @property
    def interval(self) -> tuple[float, float]:
        """The gain's interval of 95%.

        Of several seeds it is Student's; of one it is over the test images (Newcombe 1998, his
        method 10, of independent samples: wider than it need be, for these are the same images).
        """
        if len(self.seeds) > 1:
            return compute_student_interval(self._gains, within=(-1.0, 1.0))
        (first,), (scratch,) = self.first, self.scratch
        low, high = self.first_interval
        scratch_low, scratch_high = self.scratch_interval
        return (
            self.gain - math.hypot(first - low, scratch_high - scratch),
            self.gain + math.hypot(high - first, scratch - scratch_low),
        )

    @property
    def _gains(self) -> list[float]:
        return [
            with_it - without for with_it, without in zip(self.first, self.scratch, strict=True)
        ]


def read_control(folder: Path, run: Run) -> Control | None:
    """Return what `python -m benchmarks.control` measured of a run's recipe, None if nothing.

    Args:
        folder: of the results.
        run: whose recipe, whatever its seeds, is looked for.

    Raises:
        CheckpointError: a result is damaged.
        ConfigError: its recipe has a key or a value that there is not.
    """
    keys = ("recipe", "computation", "pairs", "command")
    for path in sorted(folder.glob("control_*.json")):
        result = read_result(path, keys)
        # With the defaults of keys that came after it was written.
        config = parse_section(RunConfig, result["recipe"], place=str(path))
        if drop_seeds(dump(config)) == run.recipe:
            return _parse(result)
    return None


def _parse(result: Mapping[str, Any]) -> Control:
    first, scratch = "autoencoder_first", "from_scratch"
    pairs, computation = result["pairs"], result["computation"]
    return Control(
        (computation[first]["epochs"], computation[scratch]["epochs"]),
        tuple(pair["seed"] for pair in pairs),
        tuple(pair[first]["accuracy"] for pair in pairs),
        tuple(pair[scratch]["accuracy"] for pair in pairs),
        _read_interval(pairs[0][first]),
        _read_interval(pairs[0][scratch]),
        result["command"],
        tuple(pair[scratch]["environment"] for pair in pairs),
    )


def _read_interval(scores: Mapping[str, Any]) -> tuple[float, float]:
    low, high = scores["accuracy_interval"]
    return float(low), float(high)


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
        return tell_gain(control)
    if study is None or has_control(group.first, study):
        return ""
    encoders = join([f"`{encoder}`" for encoder in study.encoders])
    noun = "encoder" if len(study.encoders) == 1 else "encoders"
    return (
        "No control from scratch was trained for this recipe, so its accuracy says nothing about "
        f"its autoencoder; that is asked in a study of the {noun} {encoders}."
    )


def tell_gain(control: Control) -> str:
    """Say what the recipe reaches with and without its autoencoder, and how far they lie apart."""
    behind, alone = control.epochs
    low, high = control.interval
    seeds = f"with seed {control.seeds[0]}"
    of = "over test images"
    if len(control.seeds) > 1:
        seeds = f"on average over the seeds {join(list(map(str, control.seeds)))}"
        of = f"over {count_noun(len(control.seeds), 'seed')}"
    return (
        f"From scratch with equal computation ({alone} epochs, in place of the autoencoder and "
        f"{behind}) the same recipe reaches {write_percent(fmean(control.scratch), 2)}, behind its "
        f"autoencoder {write_percent(fmean(control.first), 2)}, {seeds}: the autoencoder "
        f"{_tell_side(control)} (95% interval {of} {write_points(low)} to {write_points(high)})."
    )


def tell_conditions(control: Control | None) -> str:
    """Say where the controls were trained; "" if there is none."""
    if control is None:
        return ""
    places = dict.fromkeys(f"{name_place(each)}, {each['date']}" for each in control.environments)
    verb = "control was" if len(control.seeds) == 1 else "controls were"
    return f"The {verb} trained on {'; '.join(places)}."


def _tell_side(control: Control) -> str:
    low, high = control.interval
    if low > 0:
        return f"gains {write_size(control.gain)} points"
    if high < 0:
        return f"loses {write_size(control.gain)} points"
    return f"makes no difference that can be told from none ({write_points(control.gain)} points)"
