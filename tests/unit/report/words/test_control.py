"""A recipe's control from scratch is told of where it was trained, and missed where it was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cae.files import read_json, write_json
from cae.report.phrases import MINUS
from cae.report.results.control import Control, read_control
from cae.report.results.seeds import group_runs
from cae.report.results.sources import Run
from cae.report.results.study_results import Study
from cae.report.words.control import has_control, tell_conditions, tell_control, tell_gain
from cae.report.words.limits import list_limits

Make = Callable[..., Run]
Write = Callable[..., None]


def read(folder: Path, run: Run) -> Control:
    control = read_control(folder, run)
    assert control is not None
    return control


def test_of_one_seed_the_interval_is_over_the_test_images(
    make_run: Make, write_control: Write, tmp_path: Path
):
    write_control(tmp_path / "control_a.json", make_run(), [(0.9, 0.8)])
    control = read(tmp_path, make_run())
    assert tell_gain(control, "mine") == (
        "From scratch with equal computation (25 epochs, instead of 50 of the autoencoder and "
        "24 of the classifier), `mine` reaches 80.00%, and with its autoencoder 90.00%, with the "
        "single seed 1: the autoencoder gains 10.0 points (95% interval over test images +5.0 to "
        "+15.0)."
    )
    assert tell_conditions(control) == (
        "The control was trained on 2 cores, AMD EPYC, bfloat16, PyTorch 2.13.0, 2026-11-23."
    )


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (1.09, "; 9% more operations), "),
        (0.9, "; 10% fewer operations), "),
        (1.04, "classifier), "),
    ],
)
def test_a_control_that_computes_more_or_less_says_so(
    make_run: Make, write_control: Write, tmp_path: Path, share: float, told: str
):
    write_control(tmp_path / "control_a.json", make_run())
    control = replace(read(tmp_path, make_run()), share=share)
    assert told in tell_gain(control, "mine")


def test_where_the_runs_were_trained_is_told_if_it_was_elsewhere(
    make_run: Make, write_control: Write, tmp_path: Path
):
    path = tmp_path / "control_a.json"
    write_control(path, make_run())
    content = read_json(path)
    content["pairs"][0]["autoencoder_first"]["environment"]["processor"] = "Xeon"
    write_json(path, content)
    assert tell_conditions(read(tmp_path, make_run())).endswith(
        "; with the autoencoder on 2 cores, Xeon, bfloat16, PyTorch 2.13.0, 2026-11-23."
    )


def test_of_several_seeds_it_is_over_them(make_run: Make, write_control: Write, tmp_path: Path):
    write_control(tmp_path / "control_a.json", make_run(), [(0.80, 0.90), (0.81, 0.90)])
    control = read(tmp_path, make_run())
    told = tell_gain(control, "mine")
    assert (
        "reaches 90.00%, and with its autoencoder 80.50%, on average over the seeds 1 and 2" in told
    )
    assert f"loses 9.5 points (95% interval over two seeds {MINUS}15.9 to" in told
    assert "of one seed" not in " ".join(list_limits(group_runs([make_run()])[0], control, None))


def test_what_cannot_be_told_from_none_is_not_called_a_gain(
    make_run: Make, write_control: Write, tmp_path: Path
):
    write_control(tmp_path / "control_a.json", make_run(), [(0.81, 0.80)])
    told = tell_gain(read(tmp_path, make_run()), "mine")
    assert "no difference was found (+1.00 points, 95%" in told


def test_where_it_was_trained_nothing_says_that_it_was_not(
    make_run: Make, write_control: Write, study: Study, tmp_path: Path
):
    run = make_run()
    run.config["autoencoder"]["encoder"] = "whitened"
    write_control(tmp_path / "control_a.json", run)
    control = read(tmp_path, run)
    told = tell_gain(control, "mine")
    assert tell_control(group_runs([run])[0], control, None) == told
    assert tell_control(group_runs([run])[0], control, study) == (
        f"{told} A study asks the same of the encoder `origin`."
    )
    limits = " ".join(list_limits(group_runs([run])[0], control, study))
    assert "No control from scratch" not in limits
    assert "The control from scratch is of one seed" in limits


@pytest.mark.parametrize(
    ("keys", "labels", "has"),
    [
        ({}, None, True),
        ({}, 100, True),
        # A budget and an encoder that the study does not have.
        ({}, 50, False),
        ({"encoder": "whitened"}, None, False),
        ({"conv_blocks": 4}, None, False),
        ({"filters_per_block": [8, 16, 32]}, None, False),
        # What trains an autoencoder is not what its encoder is.
        ({"epochs": 1, "lr": 1.0, "mask_ratio": 0.5}, None, True),
    ],
    ids=str,
)
def test_a_control_is_one_of_the_runs_encoder_at_its_label_budget(
    make_run: Make, study: Study, keys: dict[str, Any], labels: int | None, *, has: bool
):
    run = make_run()
    run.config["autoencoder"].update(keys)
    run.config["data"]["labels_per_class"] = labels
    assert has_control(run, study) is has
    limits = " ".join(list_limits(group_runs([run])[0], None, study))
    assert ("No control from scratch was trained" in limits) is not has
    assert (tell_control(group_runs([run])[0], None, study) == "") is has


def test_a_key_without_effect_makes_no_other_network(make_run: Make, study: Study):
    run = make_run()
    filters: dict[str, Any] = {"filters_per_block": [8, 16, 32], "init_num_filters": 64}
    run.config["autoencoder"].update(filters)
    same = [
        replace(each, config={**each.config, **filters, "init_num_filters": 32})
        for each in study.pretrainings
    ]
    assert has_control(run, replace(study, pretrainings=tuple(same)))


def test_an_arm_from_scratch_for_a_shorter_time_is_no_control(make_run: Make, study: Study):
    shorter = tuple(each for each in study.estimates if each.arm != "scratch_whole_budget")
    assert not has_control(make_run(), replace(study, estimates=shorter))


def test_the_abstract_says_what_the_study_is_of(make_run: Make, study: Study):
    run = make_run()
    run.config["autoencoder"]["encoder"] = "whitened"
    assert tell_control(group_runs([run])[0], None, study) == (
        "No control from scratch was trained for this recipe, so its accuracy says nothing about "
        "its autoencoder; a study with the encoder `origin` asks about that."
    )
    # Without a study the answer says that there is none.
    assert tell_control(group_runs([run])[0], None, None) == ""
    assert "No control from scratch" in " ".join(list_limits(group_runs([run])[0], None, None))
