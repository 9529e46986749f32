"""The interval of a mean and the correction of p-values are those of the textbooks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from cae.inference import compute_student_interval, correct_holm


@pytest.mark.parametrize("count", [2, 3, 7, 40])
def test_an_interval_holds_the_means_that_students_test_does_not_refuse(count: int):
    values = np.random.default_rng(count).normal(0.7, 0.1, count).tolist()
    for end in compute_student_interval(values):
        refused: Any = stats.ttest_1samp(values, end)
        assert refused.pvalue == pytest.approx(0.05)


def test_an_interval_ends_where_means_end():
    assert compute_student_interval([0.1, 0.9], within=(0, 1)) == (0, 1)
    low, high = compute_student_interval([0.1, 0.9])
    assert low < 0 < 1 < high


def test_holms_correction_is_that_of_the_textbook():
    found = correct_holm([0.01, 0.04, 0.03, 0.005])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_corrected_p_value_is_never_above_one_nor_below_the_one_given():
    given = [0.7, 0.9, 0.4]
    found = correct_holm(given)
    assert all(before <= after <= 1 for before, after in zip(given, found, strict=True))
    assert correct_holm([]) == []
    assert correct_holm([0.03]) == [0.03]
