"""The plans ask what they say, and every arm is held against arms that are there."""

from __future__ import annotations

import pytest
import torch

from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    dump,
    find_ineffective_keys,
    parse_section,
)
from cae.study.plan import LABELS, ORIGIN, PLANS
from cae.training.objectives import EncoderPenalties


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_names_only_what_it_has(plan):
    names = {"none", *plan.pretrainings}
    assert all(arm in plan.arms and before in names for arm, before in plan.whole)
    assert set(plan.usual) <= set(plan.whole)
    assert set(plan.usual_budgets) <= set(plan.whole_budgets)
    assert all(control in plan.arms for arm in plan.arms.values() for control in arm.controls)
    assert len(set(plan.whole)) == len(plan.whole)
    assert set(plan.masked) <= set(plan.pretrainings)


def test_the_plan_of_labels_has_five_arms_five_pretrainings_and_five_budgets():
    assert len(LABELS.arms) == 5
    assert set(LABELS.pretrainings) == {
        "plain",
        "denoising",
        "masked",
        "masked_pixels",
        "unhidden",
    }
    assert LABELS.whole_budgets == (10, 50, 100, 400, None)
    assert len(LABELS.whole) == 2 + 3 * 5


def test_the_plan_of_the_origin_has_its_seven_regularisations_and_the_control_it_left_out():
    assert len(ORIGIN.pretrainings) == 7
    assert [pair for pair in ORIGIN.whole if pair[0] == "frozen"] == [
        ("frozen", name) for name in ORIGIN.pretrainings
    ]
    assert ("scratch", "none") in ORIGIN.whole


def test_on_the_encoder_that_the_origin_went_on_with_its_other_comparisons_follow():
    arms = {arm for arm, before in ORIGIN.whole if before == "dropout_0.2"}
    tried = {"no_augmentation", "head_dropout", "class_weights"}
    left_open = {"all_layers", "balanced_sampling", "logit_adjustment"}
    assert arms == {"frozen"} | tried | left_open
    assert all("frozen" in ORIGIN.arms[arm].controls for arm in tried | left_open)
    # Whether the pretraining helps where all layers are trained, its own control alone tells.
    assert "scratch" in ORIGIN.arms["all_layers"].controls


def test_the_origin_s_activity_penalty_is_its_own_summed_over_a_batch():
    config = parse_section(AutoencoderConfig, ORIGIN.pretrainings["activity_l1"], place="plan")
    penalty = EncoderPenalties(config).activity
    assert penalty is not None
    activity = torch.rand(64, 2, 4, 4, dtype=torch.float64)
    summed = 1e-8 * float(activity.abs().sum())
    assert float(penalty(activity)) / len(activity) == pytest.approx(summed, rel=1e-6)


def test_every_pretrained_arm_is_held_against_both_controls():
    for arm in ("linear_probe", "frozen", "fine_tuned"):
        assert LABELS.arms[arm].controls == ("scratch", "scratch_whole_budget")


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_changes_of_an_arm_fit_the_origin_s_recipe_and_none_is_without_effect(plan):
    for arm in plan.arms.values():
        values = {**dump(ClassifierConfig()), **arm.changes}
        config = parse_section(ClassifierConfig, values, place="arm")
        assert find_ineffective_keys(config) == []
