"""Each optimizer steps by its published rule with Keras's defaults; schedules have their shapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import nn, optim

from cae.config import AutoencoderConfig, Optimizer
from cae.training.optim import make_learning_rates, make_optimizer, set_learning_rate

LR = 0.01
START = np.array([1.0, -2.0, 0.5, 3.0])
GRADIENTS = np.array([[0.5, -1.0, 2.0, 0.1], [0.3, 0.8, -1.0, 0.1], [-0.2, 0.4, 1.5, -0.7]])
EPSILON = 1e-7

# Of the state of each step, the rule makes the step: w becomes w - rule(state, w, g, t).
State = dict[str, np.ndarray]
Rule = Callable[[State, np.ndarray, np.ndarray, int], np.ndarray]


def decay(state: State, name: str, rate: float, value: np.ndarray) -> np.ndarray:
    state[name] = rate * state.get(name, np.zeros(4)) + (1 - rate) * value
    return state[name]


def sgd(state: State, w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    return LR * g


def adam(state: State, w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    m, v = decay(state, "m", 0.9, g), decay(state, "v", 0.999, g**2)
    alpha = LR * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return alpha * m / (np.sqrt(v) + EPSILON)


def adamw(state: State, w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    return LR * 0.004 * w + adam(state, w, g, t)


def rmsprop(state: State, w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    return LR * g / np.sqrt(decay(state, "v", 0.9, g**2) + EPSILON)


def adagrad(state: State, w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    state["v"] = state.get("v", np.full(4, 0.1)) + g**2
    return LR * g / np.sqrt(state["v"] + EPSILON)


def adadelta(state: State, w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    v, before = decay(state, "v", 0.95, g**2), state.get("d", np.zeros(4))
    step = np.sqrt(before + EPSILON) / np.sqrt(v + EPSILON) * g
    decay(state, "d", 0.95, step**2)
    return LR * step


def adamax(state: State, w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    m = decay(state, "m", 0.9, g)
    state["u"] = np.maximum(0.999 * state.get("u", np.zeros(4)), abs(g))
    return LR / (1 - 0.9**t) * m / (state["u"] + EPSILON)


def nadam(state: State, w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    def momentum(step: int) -> float:
        return 0.9 * (1 - 0.5 * 0.96 ** (0.004 * step))

    product = math.prod(momentum(step) for step in range(1, t + 1))
    m, v = decay(state, "m", 0.9, g), decay(state, "v", 0.999, g**2)
    ahead = momentum(t + 1) * m / (1 - product * momentum(t + 1))
    now = (1 - momentum(t)) * g / (1 - product)
    return LR * (ahead + now) / (np.sqrt(v / (1 - 0.999**t)) + EPSILON)


RULES: dict[str, tuple[Rule, type[optim.Optimizer]]] = {
    "sgd": (sgd, optim.SGD),
    "adam": (adam, optim.Adam),
    "adamw": (adamw, optim.AdamW),
    "rmsprop": (rmsprop, optim.RMSprop),
    "adagrad": (adagrad, optim.Adagrad),
    "adadelta": (adadelta, optim.Adadelta),
    "adamax": (adamax, optim.Adamax),
    "nadam": (nadam, optim.NAdam),
}


def walk(config: AutoencoderConfig) -> tuple[Any, list[np.ndarray]]:
    """Return the optimizer, and the weights after each of the three gradients."""
    weights = nn.Parameter(torch.tensor(START, dtype=torch.float32))
    optimizer = make_optimizer(nn.ParameterList([weights]), config)
    path: list[np.ndarray] = []
    for gradient in GRADIENTS:
        weights.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step()
        path.append(weights.detach().double().numpy().copy())
    return optimizer, path


@pytest.mark.parametrize("name", RULES)
def test_steps_follow_the_optimizers_rule_with_keras_defaults(name):
    rule, kind = RULES[name]
    config = AutoencoderConfig.model_validate({"optimizer": name, "lr": LR})
    optimizer, path = walk(config)
    assert isinstance(optimizer, kind)
    assert type(optimizer).__name__ == kind.__name__
    weights, state = START, {}
    for t, (gradient, found) in enumerate(zip(GRADIENTS, path, strict=True), start=1):
        step = rule(state, weights, gradient, t)
        weights = weights - step
        # Where the tiny epsilon stands differs between libraries: it moves a step by less.
        np.testing.assert_allclose(found, weights, rtol=0, atol=2e-4 * abs(step).max() + 3e-7)


def test_every_optimizer_has_its_rule():
    # Muon's rule is in test_muon.py.
    assert set(RULES) == set(get_args(Optimizer)) - {"muon"}


@pytest.mark.parametrize("name", sorted(set(RULES) - {"adamw"}))
def test_weight_decay_adds_the_weights_to_the_gradient(name):
    rule, _ = RULES[name]
    config = AutoencoderConfig.model_validate({"optimizer": name, "lr": LR, "weight_decay": 0.1})
    _, path = walk(config)
    expected = START - rule({}, START, GRADIENTS[0] + 0.1 * START, 1)
    np.testing.assert_allclose(path[0], expected, rtol=0, atol=1e-6)


def test_weight_decay_of_adamw_shrinks_the_weights_themselves():
    config = AutoencoderConfig(optimizer="adamw", lr=LR, weight_decay=0.1)
    _, path = walk(config)
    expected = START - LR * 0.1 * START - adam({}, START, GRADIENTS[0], 1)
    np.testing.assert_allclose(path[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_only_weights_that_take_a_gradient_are_given_to_the_optimizer(name):
    free, frozen = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3), requires_grad=False)
    config = AutoencoderConfig.model_validate({"optimizer": name})
    (group,) = make_optimizer(nn.ParameterList([frozen, free]), config).param_groups
    assert [weight is free for weight in group["params"]] == [True]


def trace_schedule(name: str, steps: int) -> list[float]:
    """Return the rate of every optimizer step."""
    config = AutoencoderConfig.model_validate({"lr_schedule": name, "lr": LR})
    return list(make_learning_rates(config, steps=steps))


def test_the_constant_schedule_keeps_the_rate():
    assert trace_schedule("constant", 20) == [LR] * 20


def test_the_cosine_schedule_falls_from_the_rate_to_zero():
    expected = [LR * (1 + math.cos(math.pi * step / 20)) / 2 for step in range(20)]
    assert trace_schedule("cosine", 20) == pytest.approx(expected)


def test_the_one_cycle_schedule_rises_for_three_tenths_and_falls_to_almost_nothing():
    rates = trace_schedule("one_cycle", 101)
    peak = rates.index(max(rates))
    assert abs(peak - 0.3 * 101) <= 1
    assert rates[0] == pytest.approx(LR / 25)
    assert max(rates) == pytest.approx(LR, rel=0.01)
    assert rates[-1] < LR / 10_000
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "one_cycle"])
@pytest.mark.parametrize("steps", range(1, 13))
def test_a_schedule_of_few_steps_never_leaves_its_range(name, steps):
    rates = trace_schedule(name, steps)
    assert all(0 < rate <= LR * (1 + 1e-9) for rate in rates)


@pytest.mark.parametrize("name", RULES)
def test_the_next_step_is_taken_at_the_rate_that_was_set(name):
    start = nn.Parameter(torch.tensor(START))
    paths = []
    for config in (
        AutoencoderConfig.model_validate({"optimizer": name, "lr": LR}),
        AutoencoderConfig.model_validate({"optimizer": name, "lr": 123.0}),
    ):
        weights = nn.Parameter(start.detach().clone())
        optimizer = make_optimizer(nn.ParameterList([weights]), config)
        set_learning_rate(optimizer, LR)
        weights.grad = torch.tensor(GRADIENTS[0])
        optimizer.step()
        paths.append(weights.detach())
    assert not torch.equal(paths[0], start)
    assert torch.equal(*paths)


def test_a_rate_in_a_tensor_is_set_where_it_lies():
    weights = nn.Parameter(torch.ones(2))
    optimizer = make_optimizer(nn.ParameterList([weights]), AutoencoderConfig(optimizer="sgd"))
    optimizer.param_groups[0]["lr"] = torch.tensor(1.0)
    rate = optimizer.param_groups[0]["lr"]
    set_learning_rate(optimizer, 0.25)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25


def test_the_linear_schedule_falls_in_a_straight_line():
    expected = [LR * (1 - step / 20) for step in range(20)]
    assert trace_schedule("linear", 20) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine"])
def test_a_warm_up_rises_in_a_straight_line_and_the_schedule_follows(name):
    config = AutoencoderConfig.model_validate({"lr_schedule": name, "lr": LR, "lr_warmup": 0.2})
    rates = list(make_learning_rates(config, steps=20))
    assert rates[:4] == pytest.approx([LR * step / 5 for step in (1, 2, 3, 4)])
    assert rates[4:] == trace_schedule(name, 16)
