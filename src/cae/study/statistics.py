"""Statistics of paired differences over seeds: mean, intervals, and exact test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cae.inference import CONFIDENCE, compute_student_interval

_RESAMPLES = 10_000
# If there are more ways to set the signs than this, this many are drawn at random.
_MOST_SIGNS = 2**16
# Accuracies and their sums are multiples of 1e-4, but each subtraction rounds by 1e-17. Values that
# are really equal must not fall to one side: that would make p too small.
_TIED = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds with its 95% intervals.

    Attributes:
        low, high: Student's interval; None for a single value, which has none.
        bootstrap_low, bootstrap_high: the percentile bootstrap's interval; likewise.
        count: how many values there are.
    """

    mean: float
    low: float | None
    high: float | None
    bootstrap_low: float | None
    bootstrap_high: float | None
    count: int


def estimate_mean(
    values: Sequence[float], *, seed: int, within: tuple[float, float] = (-math.inf, math.inf)
) -> Estimate:
    """Return the mean of `values` with its intervals.

    Student's interval (1908) is valid for any number of normally distributed values, and is what
    conclusions rest on. The percentile bootstrap's (Efron, 1979) assumes no distribution, but is
    too narrow with few values: with normal ones it covers the true mean in 50% of cases with two,
    in 80% with four, in 88% with seven.

    Args:
        values: one for each seed.
        seed: the seed of the bootstrap.
        within: the smallest and the largest possible mean; Student's interval is cut off there.
    """
    data = np.asarray(values, dtype=np.float64)
    mean, count = float(data.mean()), len(data)
    if count < 2:
        return Estimate(mean, None, None, None, None, count)
    drawn: Any = stats.bootstrap(
        (data,),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = compute_student_interval(data.tolist(), within=within)
    ends = drawn.confidence_interval
    return Estimate(mean, low, high, float(ends.low), float(ends.high), count)


def compute_least_p(count: int) -> float:
    """Return the smallest p-value of `count` paired differences: with all of the same sign."""
    return 2.0 ** (1 - count)


def compute_sign_flip_p(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of the sign-flip test that the mean difference is 0.

    Under the hypothesis each paired difference is as likely as its opposite (Fisher, 1935). The
    p-value is twice the share, among all 2^n ways to set the signs, of those whose mean is at least
    as large as the one found, or at least as small, whichever share is smaller. The smallest value
    that n pairs can give is 2 / 2^n. With more than 16 pairs the signs are drawn at random, 65,536
    times, and the signs that were found count as one more draw.

    Args:
        differences: of fractions, such as accuracies; sums that differ by less than 1e-9 are tied.
    """
    count = len(differences)
    if count < 2:
        return 1.0
    data = np.asarray(differences, dtype=np.float64)
    # Each row says which differences change their sign; in the first none do.
    turned: NDArray[np.int8]
    if 2**count <= _MOST_SIGNS:
        turned = np.indices((2,) * count, dtype=np.int8).reshape(count, -1).T
    else:
        turned = np.random.default_rng(0).integers(2, size=(_MOST_SIGNS + 1, count), dtype=np.int8)
        turned[0] = 0
    gains = -2 * (turned @ data)  # in the sum, which orders the rows as the mean does
    tails = float(np.mean(gains >= -_TIED)), float(np.mean(gains <= _TIED))
    return min(2 * min(tails), 1.0)
