"""Estimates, tests and corrections agree with what can be worked out by hand or by others."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cae.study.statistics import Estimate, compute_sign_flip_p, estimate_mean


def read_interval(found: Estimate) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def test_the_interval_holds_the_mean_and_narrows_with_more_seeds():
    random = np.random.default_rng(1)
    widths: list[float] = []
    for count in (6, 600):
        found = estimate_mean(random.normal(2, 1, count).tolist(), seed=1)
        low, high = read_interval(found)
        assert low < found.mean < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


@pytest.mark.parametrize("count", [2, 4, 7])
def test_the_interval_covers_the_truth_as_often_as_it_says_and_the_bootstrap_less(count: int):
    values = np.random.default_rng(2).normal(0, 1, (200, count)).tolist()
    found = [estimate_mean(each, seed=3) for each in values]
    covered = sum(low <= 0 <= high for low, high in map(read_interval, found))
    assert 184 <= covered <= 196
    bootstrapped = sum(
        (each.bootstrap_low or 0) <= 0 <= (each.bootstrap_high or 0) for each in found
    )
    assert bootstrapped < 0.92 * 200


def test_the_intervals_are_those_of_scipy():
    values = [0.1, 0.4, 0.2, 0.35]
    found = estimate_mean(values, seed=1)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert read_interval(found) == pytest.approx((expected.low, expected.high))
    assert found.bootstrap_low is not None
    assert found.bootstrap_high is not None
    assert min(values) <= found.bootstrap_low < found.mean < found.bootstrap_high <= max(values)


def test_a_single_value_has_no_interval_and_equal_values_an_empty_one():
    single = estimate_mean([0.5], seed=1)
    assert single == Estimate(0.5, None, None, None, None, 1)
    equal = estimate_mean([0.5, 0.5, 0.5], seed=1)
    assert (equal.low, equal.high) == (0.5, 0.5)
    assert (equal.bootstrap_low, equal.bootstrap_high) == (0.5, 0.5)


def test_the_same_seed_gives_the_same_interval():
    values = [1.0, 2.0, 4.0]
    assert estimate_mean(values, seed=1) == estimate_mean(values, seed=1)


def test_the_interval_ends_where_the_values_range_does():
    found = estimate_mean([0.05, 0.9], seed=1, within=(0, 1))
    assert read_interval(found) == (0, 1)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([1.0], 1.0),
        ([1.0, 2.0, 3.0], 2 / 8),
        ([1.0] * 6, 2 / 64),
        ([1.0, -1.0], 1.0),
        ([0.0, 0.0], 1.0),
        ([0.1, 0.2, 0.3, -0.4], 14 / 16),
    ],
)
def test_the_p_value_is_the_share_of_signs_that_are_as_extreme(differences, expected):
    assert compute_sign_flip_p(differences) == pytest.approx(expected)


def test_the_p_value_is_that_of_all_signs_written_out():
    random = np.random.default_rng(5)
    for count in (5, 8):
        values = random.normal(0.5, 1, count)
        means = [np.mean(values * signs) for signs in itertools.product((1, -1), repeat=count)]
        share = np.mean(np.abs(means) >= abs(values.mean()) - 1e-12)
        assert compute_sign_flip_p(values.tolist()) == pytest.approx(share)


def test_sums_that_are_equal_but_for_rounding_are_tied():
    """Accuracies of 10,000 images as they are stored; the reference counts in whole images."""
    random = np.random.default_rng(7)
    wholes = [np.array([22, 10, 6, 24, -6, 20, 2]), *random.integers(-30, 31, size=(60, 7))]
    for whole in wholes:
        sums = [np.sum(whole * signs) for signs in itertools.product((1, -1), repeat=7)]
        tails = np.mean(sums >= whole.sum()), np.mean(sums <= whole.sum())
        before = random.integers(5_000, 9_000, size=7)
        found = [after / 1e4 - old / 1e4 for after, old in zip(before + whole, before, strict=True)]
        assert compute_sign_flip_p(found) == min(2 * min(tails), 1)
    assert compute_sign_flip_p([each / 1e4 for each in (22, 10, 6, 24, -6, 20, 2)]) == 0.0625


def test_ties_among_drawn_signs_are_counted_too():
    """With 17 differences of one size, the number of those turned around is binomial."""
    values = [0.6 - 0.5, 0.7 - 0.6, 0.8 - 0.7, 0.9 - 0.8] * 4 + [0.5 - 0.6]
    expected = 2 * stats.binom.cdf(1, 17, 0.5)
    assert compute_sign_flip_p(values) == pytest.approx(expected, abs=2e-4)


def test_many_pairs_have_a_p_value_too():
    values = np.random.default_rng(6).normal(0.1, 1, 200).tolist()
    found = compute_sign_flip_p(values)
    assert found == compute_sign_flip_p(values)
    expected: Any = stats.ttest_1samp(values, 0)
    assert found == pytest.approx(expected.pvalue, abs=0.01)


def test_the_order_and_the_common_sign_do_not_matter():
    for order in itertools.permutations([0.1, 0.2, -0.05, 0.4]):
        assert compute_sign_flip_p(order) == compute_sign_flip_p([0.1, 0.2, -0.05, 0.4])
        assert compute_sign_flip_p([-value for value in order]) == compute_sign_flip_p(order)
