"""A study as a user gives it: looked at, trained, added to, and shown again."""

from __future__ import annotations

import csv
import json

import pytest

TINY = ("--data", "digits", "--set", "init_num_filters=4", "--set", "layers_per_block=1")
SHORT = ("--seeds", "2", "--seeds-at-all", "2", "--pretrain-epochs", "2", "--finetune-epochs", "3")
WHOLE = ("study", *TINY, *SHORT, "--full", "--labels", "10", "--labels", "all")


@pytest.mark.slow
def test_the_whole_plan_on_the_digits(cae):
    grid = cae(*WHOLE, "--dry-run")
    assert grid.returncode == 0, grid.stderr
    assert "64 trials, 64 of them left" in grid.stdout
    assert list(cae.folder.iterdir()) == []

    result = cae(*WHOLE)
    assert result.returncode == 0, result.stderr
    assert "[64/64]" in result.stderr
    out = cae.folder / "runs" / "study-digits"
    with (out / "history" / "study" / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 14 * 2 * 2
    assert {row["state"] for row in rows} == {"finished"}
    summary = json.loads((out / "history" / "study" / "summary.json").read_text())
    assert len(summary["estimates"]) == 14 * 2
    # Twelve arms against two controls and the whole budget against scratch, at two budgets.
    assert len(summary["differences"]) == (12 * 2 + 1) * 2
    assert all(0 <= each["p"] <= each["p_holm"] <= 1 for each in summary["differences"])
    assert len(list((out / "plots").glob("study_*.png"))) == 3
    # Of the weights only the encoders of the pretrainings are left.
    weights = {path.name for path in out.rglob("*.safetensors")}
    assert weights == {"encoder_trial.safetensors"}

    more = cae("study", *TINY, *SHORT, "--arm", "scratch", "--labels", "20")
    assert more.returncode == 0, more.stderr
    assert "[2/2]" in more.stderr
    again = cae(*WHOLE)
    assert again.returncode == 0
    assert "20 labels per class" in again.stdout
    assert not [path for path in cae.folder.rglob(".*") if path.is_file()]
