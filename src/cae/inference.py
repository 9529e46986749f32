"""What may be concluded from means over seeds: a mean's interval, and corrected p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95


def compute_student_interval(
    values: Sequence[float], *, within: tuple[float, float] = (-math.inf, math.inf)
) -> tuple[float, float]:
    """Return Student's 95% interval (1908) for the mean of normally distributed `values`.

    Args:
        values: one for each seed, at least two.
        within: the smallest and the largest possible mean; the interval is cut off there.
    """
    from scipy import stats  # It takes half a second, which only means over seeds need.

    data = np.asarray(values, dtype=np.float64)
    mean, count = float(data.mean()), len(data)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * data.std(ddof=1) / count**0.5)
    smallest, largest = within
    return max(mean - reach, smallest), min(mean + reach, largest)


def correct_holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values, corrected for their number by Holm's step-down method (Holm, 1979)."""
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
