"""The README's tables hold the measured figures, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RUNS = {
    'make run ARGS="--preset base"': ROOT,
    "make run": ROOT / "benchmarks" / "results" / "run_quick_cifar10",
}

SPEED = ROOT / "benchmarks" / "results"
CASES = {
    "autoencoder step": ("autoencoder", "batch 64"),
    "classifier step": ("classifier", "batch 64"),
    "classify 1": ("inference", "batch 1"),
    "classify 64": ("inference", "batch 64"),
    "classify 1,000": ("inference", "batch 1000"),
}


def read_table(heading: str) -> dict[str, list[str]]:
    """Return the README's table whose first line holds `heading`: label of the row, then cells."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|") and heading in line)
    rows: dict[str, list[str]] = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        label, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[label] = cells
    return rows


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def write_cells(folder: Path) -> dict[str, str]:
    """Return the cells that a run's files ask for."""
    evaluation, environment = (
        read_json(folder / "evaluation.json"),
        read_json(folder / "environment.json"),
    )
    scores, quality = evaluation["test"]["classifier"], evaluation["test"]["autoencoder"]
    low, high = scores["accuracy_interval"]
    recalls = (scores["per_class"][name]["recall"] for name in evaluation["thinned_classes"])
    (seed,) = set(evaluation["seeds"].values())
    return {
        "test accuracy (95% interval)": f"**{scores['accuracy']:.1%}** ({low:.1%} to {high:.1%})",
        "macro F1": f"{scores['macro_f1']:.2f}",
        "recall of bird / deer / truck": " / ".join(f"{recall:.2f}" for recall in recalls),
        "reconstruction PSNR": f"{quality['psnr']:.1f} dB",
        "reconstruction SSIM": f"{quality['ssim']:.3f}",
        "minutes in all": f"{evaluation['seconds']['total'] / 60:.1f}",
        "machine": f"{environment['threads']} cores, {environment['processor']}",
        "precision": environment["precision"],
        "PyTorch": environment["packages"]["torch"].partition("+")[0],
        "seed": str(seed),
        "date": environment["date"],
    }


@pytest.mark.parametrize("command", RUNS)
def test_the_readme_shows_the_figures_of_the_published_runs(command: str):
    table = read_table("the origin |")
    commands = [cell.strip("`") for cell in table.pop("")]
    table.pop("---")
    column = commands.index(command)
    assert {label: cells[column] for label, cells in table.items()} == write_cells(RUNS[command])


def write_speed_table(result: dict[str, Any]) -> dict[str, list[str]]:
    """Return the rows that the README shows of a result of `make bench`."""
    found = {
        (row["contestant"], row["task"], row["case"]): row
        for row in result["rows"]
        if row["task"] != "machine"
    }
    table = {"images per second": list(CASES)}
    for name in dict.fromkeys(name for name, _, _ in found):
        cells: list[str] = []
        for case in CASES.values():
            row = found.get((name, *case))
            if row is None:
                cells.append("")
            elif name == "cae":
                cells.append(f"**{row['rate']['median']:,.0f}**")
            else:
                ratio = row["ours_over_this"]["median"]
                cells.append(f"{row['rate']['median']:,.0f} (x {ratio:.2f})")
        table[name] = cells
    return table


def test_the_readme_shows_the_rates_of_the_newest_benchmark():
    (*_, newest) = sorted(SPEED.glob("steps_*.json"), key=lambda path: path.stem.split("_")[-1])
    table = read_table("images per second")
    table.pop("---")
    assert table == write_speed_table(read_json(newest))
    assert newest.name in (ROOT / "README.md").read_text(encoding="utf-8")


def write_other_figures() -> list[str]:
    """Return the README's words for what the other measurements of speed found."""
    startup, scaling, parity = (
        read_json(SPEED / f"{name}.json") for name in ("startup", "scaling", "parity")
    )
    difference = parity["difference"]
    rows = [
        " | ".join(
            [
                f"| {run['seed']}",
                *(f"{run[precision]['mse']:.5f}" for precision in ("float32", "bfloat16")),
                *(f"{run[precision]['accuracy']:.2%}" for precision in ("float32", "bfloat16")),
            ]
        )
        + " |"
        for run in parity["runs"]
    ]
    return [
        f"training starts {startup['seconds_to_training']['median']:.1f} s after the command",
        f"{startup['peak_mib']['median']:,.0f} MiB",
        f"exponent {scaling['images']['exponent']:.2f} from 2,000 to 42,500 images",
        f"{scaling['epochs']['exponent']:.2f} from 1 to 8 epochs",
        *rows,
        f"{difference['mse_relative']:+.1%}",
        f"{difference['accuracy_points']:+.2f} points",
    ]


def test_the_readme_shows_what_else_was_measured_of_speed():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    missing = [words for words in write_other_figures() if " ".join(words.split()) not in text]
    assert not missing
