"""The interval of a mean is that of the textbook."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from cae.intervals import compute_student_interval


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
