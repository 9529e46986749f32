"""How sure a mean over seeds is."""

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
