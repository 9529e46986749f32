"""What the template sets is plain JSON, and told from what was gathered alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cae.files import read_json, write_json, write_sealed_json
from cae.report.results.material import gather
from cae.report.results.sources import Run
from cae.report.words.contents import describe
from cae.run_folder import RunFolder

Make = Callable[..., Run]


def test_the_commands_of_a_study_are_told(make_run: Make, make_study: Callable[..., Path]):
    study = make_study()
    run = make_run().folder.root
    assert describe(gather(run))["study_commands"] == []
    assert describe(gather(run, study=study))["study_commands"] == ["cae study"]
    content = read_json(study / "summary.json")
    content["conditions"]["commands"] = ["cae study --plan labels"]
    write_json(study / "summary.json", content)
    told = describe(gather(run, study=study))["study_commands"]
    assert told == ["cae study --plan labels"]


def test_the_data_are_plain_json_with_the_runs_figures(run_folder: RunFolder):
    text = json.dumps(describe(gather(run_folder.root)))
    assert "73.0% (95% interval 72.0% to 74.0%)" in text
    assert '"study": null' in text
    assert "cae study" in text


def test_a_study_beside_the_run_is_found_by_itself(run_folder: RunFolder, study_folder: Path):
    run_folder.study.parent.mkdir(exist_ok=True)
    study_folder.rename(run_folder.study)
    material = gather(run_folder.root)
    assert material.study is not None
    assert describe(material)["study"]["tables"]


def test_abstract_and_conclusion_tell_what_the_accuracy_has_no_control_for(
    make_run: Make, study_folder: Path
):
    run = make_run()
    data = describe(gather(run.folder.root, study=study_folder))
    assert "No control from scratch" not in data["abstract"] + data["no_control"]
    assert "  " not in data["abstract"]
    content = read_json(run.folder.configuration)
    del content["sha256"]
    content["config"]["autoencoder"]["encoder"] = "whitened"
    write_sealed_json(run.folder.configuration, content)
    data = describe(gather(run.folder.root, study=study_folder))
    assert "No control from scratch was trained for this recipe" in data["abstract"]
    assert data["no_control"] in data["abstract"]


def test_an_error_without_a_known_scale_stays_out_of_the_abstract(make_run: Make):
    run = make_run()
    assert "26.6 dB" in describe(gather(run.folder.root))["abstract"]
    content = read_json(run.folder.evaluation)
    del content["sha256"]
    masked = {"target": "gradient_histograms", "hidden_fraction": 0.625, "target_mse": 0.597}
    content["test"]["autoencoder"] = masked
    write_sealed_json(run.folder.evaluation, content)
    data = describe(gather(run.folder.root))
    assert "0.597" not in data["abstract"]
    assert "0.597" in data["results"]["reconstruction"]


def test_what_is_of_one_seed_of_several_is_marked(make_run: Make):
    first, second = (make_run(seed=seed).folder.root for seed in (42, 43))
    several = gather(first, beside=(second,))
    assert describe(several)["seed"] == "seed 42"
    assert describe(gather(first))["seed"] == ""
    # The second would else be refused, for the first one's folder holds another run.
    assert "--out" not in describe(several)["commands"][0]
    assert describe(several)["commands"][1].endswith("--out runs/cifar10-mine")


def test_runs_that_are_called_the_same_are_told_apart_wherever_they_are_named(make_run: Make):
    run, other = make_run().folder.root, make_run(lr=0.5).folder.root
    data = describe(gather(run, beside=[other]))
    here, there = "mine (run-1)", "mine (run-2)"
    assert data["name"] == here
    assert data["changes"]["head"] == ["key", f"`{here}`", f"`{there}`"]
    rows = [*data["results"]["table"]["rows"], *data["cost"]["table"]["rows"]]
    assert [row[0] for row in rows[-4:]] == [f"`{here}`", f"`{there}`"] * 2
    assert data["results"]["peers_table"]["rows"][1][0] == f"`{here}`"
    assert data["results"]["beside"] == f"Against `{here}`, `{there}` is level."
    assert str(run.parent) not in json.dumps(data)
