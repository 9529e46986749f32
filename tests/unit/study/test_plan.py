"""The plans ask what they say, and every arm is held against arms that are there."""

from __future__ import annotations

import pytest

from cae.config import ClassifierConfig, dump, find_ineffective_keys, parse_section
from cae.study.plan import LABELS, ORIGIN, PLANS


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_names_only_what_it_has(plan):
    names = {"none", *plan.pretrainings}
    assert all(arm in plan.arms and before in names for arm, before in plan.whole)
    assert set(plan.published) <= set(plan.whole)
    assert set(plan.published_budgets) <= set(plan.whole_budgets)
    assert all(control in plan.arms for arm in plan.arms.values() for control in arm.controls)
    assert len(set(plan.whole)) == len(plan.whole)
    assert set(plan.masked) <= set(plan.pretrainings)


def test_the_plan_of_labels_has_five_arms_four_pretrainings_and_five_budgets():
    assert len(LABELS.arms) == 5
    assert set(LABELS.pretrainings) == {"plain", "denoising", "masked", "masked_pixels"}
    assert LABELS.whole_budgets == (10, 50, 100, 400, None)
    assert len(LABELS.whole) == 2 + 3 * 4


def test_the_plan_of_the_origin_has_its_seven_regularisations_and_the_control_it_left_out():
    assert len(ORIGIN.pretrainings) == 7
    assert [pair for pair in ORIGIN.whole if pair[0] == "frozen"] == [
        ("frozen", name) for name in ORIGIN.pretrainings
    ]
    assert ("scratch", "none") in ORIGIN.whole
    balanced = {arm for arm, before in ORIGIN.whole if before == "dropout_0.2"}
    assert balanced == {"frozen", "class_weights", "balanced_sampling", "logit_adjustment"}


def test_every_pretrained_arm_is_held_against_both_controls():
    for arm in ("linear_probe", "frozen", "fine_tuned"):
        assert LABELS.arms[arm].controls == ("scratch", "scratch_whole_budget")


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_changes_of_an_arm_fit_the_origin_s_recipe_and_none_is_without_effect(plan):
    for arm in plan.arms.values():
        values = {**dump(ClassifierConfig()), **arm.changes}
        config = parse_section(ClassifierConfig, values, place="arm")
        assert find_ineffective_keys(config) == []
