"""What the report reads: whole runs, and errors that name the file and the remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cae.errors import CheckpointError, ConfigError
from cae.files import write_json, write_sealed_json
from cae.report.results.sources import (
    Run,
    read_object,
    read_peers,
    read_run,
    read_speed,
    read_training,
)
from cae.run_folder import RunFolder


def test_a_run_is_read_with_every_key_of_its_configuration(run_folder: RunFolder):
    run = read_run(run_folder.root)
    assert (run.name, run.seed) == ("mine", 42)
    assert run.config["classifier"]["epochs"] == 100
    assert run.config["data"]["labels_per_class"] is None
    assert run.scores["count"] == 400


def test_seeds_are_no_part_of_a_recipe(make_run: Callable[..., Run]):
    one, other, faster = make_run(seed=1), make_run(seed=2), make_run(seed=1, lr=0.1)
    assert one.recipe == other.recipe
    assert one.recipe != faster.recipe


@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "evaluation.json",
        "environment.json",
        "history/classifier_mine.json",
        "models/autoencoder_mine.json",
        "plots/reconstructions_mine.png",
    ],
)
def test_a_missing_file_is_named_with_what_to_do(run_folder: RunFolder, name: str):
    (run_folder.root / name).unlink()
    with pytest.raises(CheckpointError, match=re.escape(name) + r".*; .*cae run"):
        read_training(read_run(run_folder.root))


@pytest.mark.parametrize("name", ["evaluation.json", "history/autoencoder_mine.json"])
def test_a_changed_figure_is_noticed(run_folder: RunFolder, name: str):
    path = run_folder.root / name
    path.write_text(path.read_text("utf-8").replace("0.", "1.", 1), encoding="utf-8")
    with pytest.raises(CheckpointError, match="changed or damaged"):
        read_training(read_run(run_folder.root))


def test_an_evaluation_without_its_figures_is_refused(run_folder: RunFolder):
    write_sealed_json(run_folder.evaluation, {"name": "mine"})
    with pytest.raises(CheckpointError, match=r"evaluation\.json: has no 'data'; .*cae run"):
        read_run(run_folder.root)


def test_an_evaluation_of_another_run_is_refused(run_folder: RunFolder):
    content = json.loads(run_folder.evaluation.read_text("utf-8"))
    del content["sha256"]
    write_sealed_json(run_folder.evaluation, content | {"name": "other"})
    with pytest.raises(CheckpointError, match="is of the run 'other'"):
        read_run(run_folder.root)


def test_an_unknown_key_of_a_configuration_is_named(run_folder: RunFolder):
    config = {"classifier": {"learning_rate": 1}}
    write_sealed_json(run_folder.configuration, {"name": "mine", "config": config})
    with pytest.raises(ConfigError, match=r"run\.json.*learning_rate"):
        read_run(run_folder.root)


def test_the_speed_shown_is_of_the_runs_machine_and_else_the_newest(tmp_path: Path):
    elsewhere = {"processor": "z", "accelerator": None}
    assert read_speed(tmp_path, elsewhere) is None
    for machine, date in (("c", "2026-11-24"), ("a", "2026-11-25"), ("b", "2026-11-25")):
        environment = {"processor": machine, "accelerator": None}
        content = {"date": date, "environment": environment, "rows": []}
        write_json(tmp_path / f"steps_{machine}_{date}.json", content)

    def choose(processor: str, accelerator: str | None = None) -> str:
        found = read_speed(tmp_path, {"processor": processor, "accelerator": accelerator})
        assert found is not None
        return found["environment"]["processor"]

    assert choose("z") == "b"  # of one day the last by name
    assert [choose(machine) for machine in "abc"] == ["a", "b", "c"]
    assert choose("c", accelerator="a GPU") == "b"


def test_every_figure_of_a_peer_has_its_conditions_and_its_source():
    peers = read_peers()
    members = [peers["origin"], *(peer for part in list(peers)[1:] for peer in peers[part])]
    assert len(members) >= 15
    for peer in members:
        assert 0 < peer["figure"]["test_accuracy"] < 1
        assert peer["name"]
        assert peer["how"]
        assert peer["measured"]
        source = peer["source"]
        assert source is None or re.match(r"https://|arXiv:\d{4}\.\d{5}|arXiv:\d{4}\.\d{4}", source)
    assert sum(peer["source"] is None for peer in members) == 1  # of which only the figure is known


def test_every_reference_of_a_peer_is_in_the_bibliography():
    from importlib.resources import files

    text = (files("cae.report") / "template" / "references.bib").read_text("utf-8")
    known = set(re.findall(r"^@\w+\{(\w+),", text, flags=re.MULTILINE))
    peers = read_peers()
    cited = {p["reference"] for part in list(peers)[1:] for p in peers[part] if "reference" in p}
    assert cited
    assert cited <= known


def test_an_object_is_read_with_a_seal_or_without(tmp_path: Path):
    write_json(tmp_path / "plain.json", {"a": 1})
    write_sealed_json(tmp_path / "sealed.json", {"a": 1})
    assert read_object(tmp_path / "plain.json") == read_object(tmp_path / "sealed.json") == {"a": 1}
    write_json(tmp_path / "list.json", [1])
    with pytest.raises(CheckpointError, match="expected a JSON object"):
        read_object(tmp_path / "list.json")
