"""What figures cannot say is told by their own data, and only where it is so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cae.report.limits import has_control, list_limits, tell_control
from cae.report.seeds import Group, group_runs
from cae.report.sources import Run
from cae.report.study_results import Study, read_study

Make = Callable[..., Run]


@pytest.fixture
def study(study_folder: Path) -> Study:
    found = read_study(study_folder)
    assert found is not None
    return found


def group(*runs: Run) -> Group:
    (found,) = group_runs(runs)
    return found


def tell(*runs: Run, study: Study | None) -> str:
    return " ".join(list_limits(group(*runs), study))


def test_the_interval_is_said_to_be_of_what_it_is(make_run: Make):
    assert "One seed. The interval covers which images" in tell(make_run(), study=None)
    told = tell(make_run(seed=1), make_run(seed=2), study=None)
    assert "Two seeds. The interval is that of the mean over two seeds" in told
    assert "The runs were made in bfloat16" in told
    assert "within the interval" not in told


def test_several_machines_are_named(make_run: Make):
    runs = [make_run(seed=1), make_run(seed=2)]
    runs[1].environment["processor"] = "Intel Xeon"
    told = tell(*runs, study=None)
    assert (
        "Two machines. The runs were made on two cores of an AMD EPYC, in bfloat16 and two cores "
        "of an Intel Xeon, in bfloat16: what the machine does"
    ) in told
    assert "One machine." not in told


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
    assert ("No control from scratch was trained" in tell(run, study=study)) is not has
    assert (tell_control(group(run), study) == "") is has


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
    assert tell_control(group(run), study) == (
        "No control from scratch was trained for this recipe, so its accuracy says nothing about "
        "its autoencoder; that is asked in a study of the encoder `origin`."
    )
    # Without a study the answer says that there is none.
    assert tell_control(group(run), None) == ""
    assert "No control from scratch" in tell(run, study=None)


def test_what_chose_in_favour_of_masked_pretraining_is_told_where_it_was_tried(
    make_run: Make, study: Study
):
    plain = replace(study, pretrainings=study.pretrainings[:1])
    told = ["favours masked" in tell(make_run(), study=each) for each in (study, plain, None)]
    assert told == [True, False, False]
    digits = tell(make_run(data="digits"), study=study)
    assert "favours masked" not in digits
    assert "CIFAR-10" not in digits


def test_mask_and_target_that_nothing_parts_are_a_limit(
    make_run: Make, make_study: Callable[..., Path]
):
    for names, is_limit in ((("plain", "masked"), True), (("masked", "masked_pixels"), False)):
        study = read_study(make_study(gains=dict.fromkeys(names, 0.03)))
        told = tell(make_run(), study=study)
        assert ("Plain and masked pretraining differ in both" in told) is is_limit
        assert ("`masked_pixels`" in told) is is_limit


def test_shorter_pretrainings_than_the_origins_are_a_limit(make_run: Make, study: Study):
    first, *others = study.pretrainings
    seven = replace(first, config={**first.config, "epochs": 7})
    told = tell(make_run(), study=replace(study, pretrainings=(seven, *others)))
    assert "The study's autoencoders had six and seven epochs, the origin's 50 epochs." in told
    long = replace(first, config={**first.config, "epochs": 50})
    told = tell(make_run(), study=replace(study, pretrainings=(long, *others)))
    assert "Short pretraining" not in told


def test_a_mask_of_somebodys_own_choice_was_not_chosen_here(make_run: Make, study: Study):
    own = tuple(
        replace(each, config={**each.config, "mask_ratio": 0.4}) for each in study.pretrainings
    )
    assert "favours masked" not in tell(make_run(), study=replace(study, pretrainings=own))


def test_a_recipe_of_somebodys_own_has_no_earlier_ones_here(make_run: Make):
    words = "test figures of this system's earlier recipes"
    assert words in tell(make_run(), study=None)
    assert words not in tell(make_run(lr=0.123), study=None)


def test_short_training_with_all_labels_is_a_limit(
    make_run: Make, study: Study, make_study: Callable[..., Path]
):
    words = (
        "With all labels the classifier had 60 epochs after pretraining and 349 from scratch; "
        "whether their difference stays once both have nothing left to learn was not tried."
    )
    assert words in tell(make_run(), study=study)
    few = read_study(make_study(budgets=(100, 400)))
    assert "Short classifier training" not in tell(make_run(), study=few)


def test_comparisons_that_are_not_corrected_for_are_a_limit(
    make_run: Make, study: Study, make_study: Callable[..., Path]
):
    told = tell(make_run(), study=study)
    assert "over all six comparisons the smallest p that eight seeds allow would be 0.047." in told
    one = read_study(make_study(gains={"masked": 0.03}))
    assert "Many comparisons" not in tell(make_run(), study=one)
