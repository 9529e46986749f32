"""What paired differences over seeds say: mean, interval, exact test, and its correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

_RESAMPLES = 10_000
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds with its bootstrap interval of 95%.

    Attributes:
        low, high: the interval; None of a single value, which has none.
    """

    mean: float
    low: float | None
    high: float | None
    count: int


def estimate_mean(values: Sequence[float], *, seed: int) -> Estimate:
    """Return the mean of `values` with its percentile-bootstrap interval (Efron, 1979).

    Percentiles, because the corrected intervals are undefined where all values are equal. With few
    seeds any bootstrap interval is somewhat narrow.
    """
    data = np.asarray(values, dtype=np.float64)
    if len(data) < 2:
        return Estimate(float(data.mean()), None, None, len(data))
    found: Any = stats.bootstrap(
        (data,),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    interval = found.confidence_interval
    return Estimate(float(data.mean()), float(interval.low), float(interval.high), len(data))


def compute_sign_flip_p(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of the exact sign-flip test that the mean difference is 0.

    Under the hypothesis each paired difference is as likely as its opposite (Fisher, 1935): of all
    2^n ways to set the signs, the share whose mean is at least as far from 0. The smallest value
    that n pairs can give is 2 / 2^n.
    """
    data = np.asarray(differences, dtype=np.float64)
    signs = np.array(np.meshgrid(*[[1.0, -1.0]] * len(data))).reshape(len(data), -1)
    means = np.abs(data @ signs)
    # Sums of the same numbers in another order differ in their last bits.
    return float((means >= abs(data.sum()) * (1 - 1e-9)).mean())


def correct_holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return the p-values corrected for their number by Holm's step-down method (Holm, 1979)."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - rank) * p_values[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}
