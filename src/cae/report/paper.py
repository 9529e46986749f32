"""The report: everything that is known about a run, gathered, drawn and typeset as one PDF."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cae.files import write_bytes, write_text
from cae.report.figures.architecture_plot import plot_architecture
from cae.report.figures.paper_plots import crop_to_pictures, plot_classes, plot_training
from cae.report.figures.study_plots import plot_accuracy_against_labels, plot_cost, plot_differences
from cae.report.results.material import Material, gather
from cae.report.typesetting import require_typesetter, typeset
from cae.report.words.contents import describe, find_shown_differences
from cae.report.words.tasks import name_output

_FINGERPRINT_DIGITS = 16
_SURROGATE = re.compile("[\ud800-\udfff]")


def make_report(
    run: str | Path,
    out: str | Path,
    *,
    beside: Sequence[str | Path] = (),
    study: str | Path | None = None,
    benchmarks: str | Path | None = None,
    command: str = "cae report",
) -> Path:
    """Write the report on a run to the PDF `out`, whole or not at all; return its path.

    The same files give the same bytes.

    Args:
        run: the folder of the run that the report is about.
        out: the PDF.
        beside: the folders of other runs to compare it with. Runs that share a recipe but differ in
            their seed are reported together.
        study: the folder of a study, or of its results; None: history/study of the run.
        benchmarks: the folder of results of `make bench`, of which the newest from the run's
            machine is shown, or else the newest of all; None: benchmarks/results of the run.
        command: the command that the report says it was made with.

    Raises:
        MissingExtraError: Typst is not installed.
        CheckpointError: a file of a run, of the study or of the benchmarks is missing or damaged,
            or `out` cannot be written.
        ConfigError: the configuration of a run cannot be used, `study` is given and holds no study,
            or a run or the study is of other data than `run`.
    """
    require_typesetter()
    material = gather(
        Path(run),
        beside=list(map(Path, beside)),
        study=None if study is None else Path(study),
        benchmarks=None if benchmarks is None else Path(benchmarks),
        command=command,
    )
    with tempfile.TemporaryDirectory(prefix="cae-report-") as name:
        folder = Path(name)
        data = describe(material)
        content = data | {"figures": draw(material, folder), "fingerprint": fingerprint(data)}
        write_text(folder / "data.json", _write_for_typst(content))
        write_bytes(Path(out), typeset(folder, date=data["date"]))
    return Path(out)


def draw(material: Material, folder: Path) -> dict[str, str]:
    """Draw the figures into `folder`; return their file names by what they show."""
    run, training = material.groups[0].first, material.training
    height, width, channels = run.config["autoencoder"]["image_shape"]
    paths = {
        "architecture": plot_architecture(
            training.layers,
            folder / "architecture.svg",
            image_shape=(height, width, channels),
            predicts=name_output(run.config["autoencoder"]),
        ),
        "classes": plot_classes(
            run.scores, folder / "classes.svg", thinned=run.evaluation["thinned_classes"]
        ),
        "reconstructions": crop_to_pictures(
            training.reconstructions, folder / "reconstructions.png"
        ),
    }
    if training.drawn:
        paths["training"] = plot_training(training.drawn, folder / "training.svg")
    if material.study is not None:
        study = material.study
        paths["accuracy"] = plot_accuracy_against_labels(study, folder / "accuracy.svg")
        paths["cost"] = plot_cost(study, folder / "cost.svg")
        rows = find_shown_differences(study)
        if rows:
            paths["differences"] = plot_differences(rows, folder / "differences.svg")
    return {name: path.name for name, path in paths.items()}


def _write_for_typst(content: Mapping[str, Any]) -> str:
    r"""Return `content` as JSON that Typst can read: it refuses lone surrogates.

    They stand for bytes of a file name that are not UTF-8, and are shown as `\udcff`.
    """
    text = json.dumps(content, allow_nan=False, ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text)


def fingerprint(data: Mapping[str, Any]) -> str:
    """Return a fingerprint of data; a PDF has that of its own data among its keywords."""
    text = json.dumps(data, sort_keys=True)
    return f"data {hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT_DIGITS]}"
