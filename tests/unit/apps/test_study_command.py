"""The options of `cae study` name what the plans have, so that help is the truth."""

from __future__ import annotations

import pytest

from cae.study.plan import PLANS
from cae.study.recipes import ENCODERS, SCHEDULES


@pytest.fixture
def read_help(call_cae):
    return " ".join(call_cae("study", "--help").out.split())


def test_the_help_names_every_plan_encoder_and_schedule(read_help: str):
    assert all(name in read_help for name in (*PLANS, *ENCODERS, *SCHEDULES))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_help_names_every_arm_and_pretraining(read_help: str, plan):
    assert all(name in read_help for name in (*plan.arms, *plan.pretrainings))


def test_the_help_names_the_budgets_that_are_taken_unasked(read_help: str):
    assert PLANS["labels"].usual_budgets == (100, 400, None)
    assert "[default: 100, 400 and all, as far as there are labels" in read_help
