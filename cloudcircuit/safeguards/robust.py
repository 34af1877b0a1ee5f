"""The latest spend against a baseline that a few odd days do not move."""

from collections.abc import Sequence
from math import ceil, floor
from typing import Literal

from cloudcircuit.safeguards._numbers import (
    in_range,
    require_finite,
    require_finite_series,
    require_no_negatives,
    require_two_points,
)
from cloudcircuit.safeguards.anomaly import AnomalyCheckResult

# The 0.75 quantile of the standard normal distribution: MAD / 0.6745 estimates the standard deviation of normal
# data, which makes z_threshold a number of sigmas (Iglewicz & Hoaglin 1993).
MAD_OF_NORMAL = 0.6745


def check_anomaly_robust(
    spend_series: Sequence[float],
    *,
    method: Literal["mad", "percentile"] = "mad",
    z_threshold: float = 3.5,
    min_mad: float = 0.0,
    percentile: float = 0.95,
    min_baseline: float = 0.0,
) -> AnomalyCheckResult:
    """Detect a spike with a median or a percentile of all points but the last, the history, as the baseline.

    `spend_series` is spend per period, oldest first. The last point is a spike when it lies strictly above

    - `mad`: max(median, min_baseline) + z_threshold x max(MAD, min_mad) / 0.6745, where MAD is the median absolute
      deviation from the median. It is the modified z-score of Iglewicz & Hoaglin, "How to Detect and Handle
      Outliers" (1993), whose usual cutoff is 3.5. A spread of zero adds nothing.
    - `percentile`: max(the percentile of the history, min_baseline), interpolated linearly at rank p x (n - 1):
      type 7 of Hyndman & Fan, "Sample Quantiles in Statistical Packages" (1996).

    `min_mad` and `min_baseline` are money; `baseline_mean` reports the median or the percentile.

    Raises ValueError when a number is not finite, there are fewer than 2 points, a point is < 0, `min_baseline` < 0,
    for `mad` `z_threshold` <= 0 or `min_mad` < 0, for `percentile` a `percentile` not in (0, 1), for any other method,
    and when the threshold overflows a float.

    >>> check_anomaly_robust([100.0, 102.0, 98.0, 101.0, 99.0, 140.0]).is_spike
    True
    >>> check_anomaly_robust([10.0, 20.0, 30.0, 25.0], method="percentile", percentile=0.5).baseline_mean
    20.0
    """
    require_finite(z_threshold=z_threshold, min_mad=min_mad, percentile=percentile, min_baseline=min_baseline)
    require_finite_series(spend_series)
    require_two_points(spend_series)
    require_no_negatives(spend_series)
    if min_baseline < 0:
        raise ValueError("min_baseline must be >= 0")

    latest_spend = float(spend_series[-1])
    history = sorted(float(value) for value in spend_series[:-1])
    if method == "mad":
        location, margin = _median_and_margin(history, z_threshold, min_mad)
    elif method == "percentile":
        location, margin = _quantile(history, percentile), 0.0
    else:
        raise ValueError("method must be 'mad' or 'percentile'")

    threshold = in_range("the threshold", max(location, float(min_baseline)) + margin)
    return AnomalyCheckResult(
        latest_spend=latest_spend,
        baseline_mean=location,
        threshold=threshold,
        is_spike=latest_spend > threshold,
    )


def _median_and_margin(history: list[float], z_threshold: float, min_mad: float) -> tuple[float, float]:
    """The median of a sorted history, and how far above it a point is still ordinary."""
    if z_threshold <= 0:
        raise ValueError("z_threshold must be > 0")
    if min_mad < 0:
        raise ValueError("min_mad must be >= 0")
    median = _median(history)
    mad = max(_median(sorted(abs(value - median) for value in history)), float(min_mad))
    return median, float(z_threshold) * (mad / MAD_OF_NORMAL)


def _median(ordered: list[float]) -> float:
    middle = len(ordered) // 2
    if len(ordered) % 2 == 1:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2.0


def _quantile(ordered: list[float], percentile: float) -> float:
    if not (0.0 < percentile < 1.0):
        raise ValueError("percentile must be in (0, 1)")
    rank = float(percentile) * (len(ordered) - 1)
    below, above = floor(rank), ceil(rank)
    return ordered[below] + (rank - below) * (ordered[above] - ordered[below])
