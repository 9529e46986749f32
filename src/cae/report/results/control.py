"""What a recipe reaches without its autoencoder, if that was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from cae.config import RunConfig, dump, parse_section
from cae.errors import CheckpointError
from cae.inference import compute_student_interval
from cae.report.names import name_place
from cae.report.results.sources import Run, drop_seeds, read_result

Place = tuple[str, str]  # what it was computed on, and the day


@dataclass(frozen=True, slots=True)
class Control:
    """A recipe from scratch, compared with the same recipe after its autoencoder, seed by seed.

    Attributes:
        epochs: of the autoencoder, of the classifier after it, and of the classifier from scratch,
            which computes as much as both together, as nearly as whole epochs allow.
        share: what training from scratch computes, as a share of what both stages do.
        seeds: the seeds that both were trained with.
        behind: test accuracies after the autoencoder, a fraction for each seed.
        scratch: test accuracies from scratch.
        behind_interval: interval of the first seed's accuracy over the test images, after the
            autoencoder.
        scratch_interval: likewise, from scratch.
        command: the command that measured it.
        behind_places: where and when the runs with the autoencoder were trained.
        scratch_places: likewise, the controls.
    """

    epochs: tuple[int, int, int]
    share: float
    seeds: tuple[int, ...]
    behind: tuple[float, ...]
    scratch: tuple[float, ...]
    behind_interval: tuple[float, float]
    scratch_interval: tuple[float, float]
    command: str
    behind_places: tuple[Place, ...]
    scratch_places: tuple[Place, ...]

    @property
    def dates(self) -> list[str]:
        """The days (YYYY-MM-DD) on which the controls were trained."""
        return [date for _, date in self.scratch_places]

    @property
    def gain(self) -> float:
        """What the autoencoder adds to the accuracy, as a mean over the seeds."""
        return fmean(self._gains)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the gain.

        With several seeds it is Student's; with one it is over the test images (Newcombe 1998,
        method 10, for independent samples: wider than necessary, because these are the same
        images).
        """
        if len(self.seeds) > 1:
            return compute_student_interval(self._gains, within=(-1.0, 1.0))
        (behind,), (scratch,) = self.behind, self.scratch
        low, high = self.behind_interval
        scratch_low, scratch_high = self.scratch_interval
        return (
            self.gain - math.hypot(behind - low, scratch_high - scratch),
            self.gain + math.hypot(high - behind, scratch - scratch_low),
        )

    @property
    def _gains(self) -> list[float]:
        return [behind - scratch for behind, scratch in zip(self.behind, self.scratch, strict=True)]


def read_control(folder: Path, run: Run) -> Control | None:
    """Return what `python -m benchmarks.control` measured of a run's recipe, None if nothing.

    Args:
        folder: the folder of the results.
        run: the run whose recipe, apart from its seeds, is looked for, on the images of its split.

    Raises:
        CheckpointError: a result is damaged.
        ConfigError: its recipe has a key or a value that does not exist.
    """
    images = run.evaluation["data"], run.evaluation["split"]["fingerprint"]
    for path in sorted(folder.glob("control_*.json")):
        result = read_result(path, ("recipe", "data", "split", "computation", "pairs", "command"))
        # With defaults for keys that were added after it was written.
        config = parse_section(RunConfig, result["recipe"], place=str(path))
        same_images = (result["data"], result["split"]) == images
        if same_images and drop_seeds(dump(config)) == run.recipe:
            return _parse(result, path)
    return None


def _parse(result: Mapping[str, Any], path: Path) -> Control:
    first, scratch = "autoencoder_first", "from_scratch"
    try:
        pairs, computation = result["pairs"], result["computation"]
        return Control(
            (
                int(result["recipe"]["autoencoder"]["epochs"]),
                int(computation[first]["epochs"]),
                int(computation[scratch]["epochs"]),
            ),
            computation[scratch]["operations"] / computation[first]["operations"],
            tuple(int(pair["seed"]) for pair in pairs),
            tuple(float(pair[first]["accuracy"]) for pair in pairs),
            tuple(float(pair[scratch]["accuracy"]) for pair in pairs),
            _read_interval(pairs[0][first]),
            _read_interval(pairs[0][scratch]),
            result["command"],
            tuple(_read_place(pair[first]) for pair in pairs),
            tuple(_read_place(pair[scratch]) for pair in pairs),
        )
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"{path}: is no result of python -m benchmarks.control ({type(error).__name__}: "
            f"{error}); restore a copy of it, or measure it again"
        ) from None


def _read_interval(scores: Mapping[str, Any]) -> tuple[float, float]:
    low, high = scores["accuracy_interval"]
    return float(low), float(high)


def _read_place(scores: Mapping[str, Any]) -> Place:
    environment = scores["environment"]
    return name_place(environment), environment["date"]
