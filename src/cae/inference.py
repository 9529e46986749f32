"""What means over seeds allow to conclude: the interval of one, p-values of many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95


def compute_student_interval(
    values: Sequence[float], *, within: tuple[float, float] = (-math.inf, math.inf)
) -> tuple[float, float]:
    """Return Student's interval (1908) of 95% for the mean of normal `values`, two or more.

    Args:
        values: one a seed.
        within: the smallest and the largest mean that there can be; the interval ends there.
    """
    from scipy import stats  # Half a second that only means over seeds need.

    data = np.asarray(values, dtype=np.float64)
    mean, count = float(data.mean()), len(data)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * data.std(ddof=1) / count**0.5)
    smallest, largest = within
    return max(mean - reach, smallest), min(mean + reach, largest)


def correct_holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for their number by Holm's step-down method (Holm, 1979)."""
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
