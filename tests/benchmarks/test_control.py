"""The control computes as much as the published run, and stands beside it seed by seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cae
from benchmarks import control
from cae.files import read_json
from cae.report.results.control import read_control
from cae.report.results.sources import Run


def test_it_computes_as_much_as_both_stages():
    run = control.find_published("optimal")[42]
    counted = control.count_operations(run)
    first, scratch = counted["autoencoder_first"], counted["from_scratch"]
    assert first["epochs"] == run.config["classifier"]["epochs"] < scratch["epochs"]
    assert scratch["operations"] == pytest.approx(first["operations"], rel=0.03)


def test_each_preset_has_published_runs_of_its_own():
    quick, optimal = map(control.find_published, ("quick", "optimal"))
    assert quick[42].recipe != optimal[42].recipe
    assert {run.folder.name for run in quick.values()} == {"quick"}
    assert {run.folder.name for run in optimal.values()} == {"optimal"}


def test_a_seed_without_a_published_run_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.argv", ["control", "--preset", "quick", "--seeds", "7"])
    with pytest.raises(SystemExit):
        control.main()
    assert (
        "no published run of preset quick has seed 7; published are 42" in capsys.readouterr().err
    )


def test_the_figures_are_written_for_the_report_to_find(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    published = control.find_published("optimal")
    run = published[42]

    def train(folder: Path, preset: str, *, seed: int, epochs: int) -> Run:
        trained.append((folder.name, preset, seed, epochs))
        return published[43]

    trained: list[tuple[str, str, int, int]] = []
    monkeypatch.setattr(control, "train_control", train)
    monkeypatch.setattr(control, "find_published", lambda _: {42: run})
    monkeypatch.setattr(control, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["control"])  # of the last seed, which is the only one
    control.main()
    assert trained == [("optimal-42-from-scratch", "optimal", 42, 25)]
    found = read_control(tmp_path, run)
    assert found is not None
    assert found.behind == (run.scores["accuracy"],)
    assert found.scratch == (published[43].scores["accuracy"],)
    pair = read_json(tmp_path / "control_optimal.json")["pairs"][0]["from_scratch"]
    assert set(pair["recall"]) == {"bird", "deer", "truck"}
    assert f"{found.scratch[0]:.2%}" in capsys.readouterr().out


def test_another_seed_is_added_and_the_command_names_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    published = control.find_published("optimal")
    monkeypatch.setattr(control, "train_control", lambda *_, **__: published[42])
    monkeypatch.setattr(control, "RESULTS", tmp_path)
    monkeypatch.setattr(control, "find_published", lambda _: published)
    for seed in (43, 42):
        monkeypatch.setattr("sys.argv", ["control", "--seeds", str(seed)])
        control.main()
    found = read_control(tmp_path, published[42])
    assert found is not None
    assert found.seeds == (42, 43)
    assert found.command == "python -m benchmarks.control --seeds 42 43"


def test_pairs_of_another_recipe_or_other_images_are_left_out(tmp_path: Path):
    path = tmp_path / "control.json"
    path.write_text('{"recipe": 1, "split": "a", "pairs": [{"seed": 3}]}', encoding="utf-8")
    assert control.read_pairs(path, of={"recipe": 1, "split": "a"}) == {3: {"seed": 3}}
    assert control.read_pairs(path, of={"recipe": 1, "split": "b"}) == {}
    assert control.read_pairs(tmp_path / "none.json", of={}) == {}


def test_a_run_of_another_recipe_has_no_control_of_this_one():
    run = control.find_published("optimal")[42]
    control.require_recipe(run)
    run.config["classifier"]["lr"] = 1.0
    with pytest.raises(cae.ConfigError, match="is not of preset optimal as it is now"):
        control.require_recipe(run)


def test_it_is_trained_and_measured_by_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A digits classifier, for the preset's own takes an hour."""
    monkeypatch.setattr(control, "DATA", "digits")
    run = control.train_control(tmp_path / "run", "digits", seed=3, epochs=1)
    history = json.loads((tmp_path / "run/history/classifier_digits.json").read_text())
    assert len(history["metrics"]["loss"]) == 1
    assert history["seed"] == 3
    assert history["encoder_sha256"] is None
    assert 0 < control.summarise(run, ())["accuracy"] < 1
