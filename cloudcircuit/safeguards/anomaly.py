"""The latest spend against the mean of what came before."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloudcircuit.safeguards._numbers import (
    in_range,
    mean,
    require_finite,
    require_finite_series,
    require_no_negatives,
    require_two_points,
)


@dataclass(frozen=True, slots=True)
class AnomalyCheckResult:
    """The latest spend per period, the baseline it was compared with, and the threshold it had to exceed."""

    latest_spend: float
    baseline_mean: float
    threshold: float
    is_spike: bool


def check_anomaly_spike(
    spend_series: Sequence[float],
    spike_multiplier: float = 1.5,
    min_baseline: float = 0.0,
) -> AnomalyCheckResult:
    """Detect a spike: the last point lies strictly above the mean of all others times `spike_multiplier`.

    `spend_series` is spend per period, oldest first. `min_baseline`, in money, is the least mean to multiply: it
    keeps small services quiet. `baseline_mean` reports the true mean all the same.

    Raises ValueError when a number is not finite, there are fewer than 2 points, `spike_multiplier` <= 1,
    `min_baseline` < 0, a point is < 0, or the mean or the threshold overflows a float.

    >>> check_anomaly_spike([100.0, 110.0, 90.0, 151.0])
    AnomalyCheckResult(latest_spend=151.0, baseline_mean=100.0, threshold=150.0, is_spike=True)
    """
    require_finite(spike_multiplier=spike_multiplier, min_baseline=min_baseline)
    require_finite_series(spend_series)
    require_two_points(spend_series)
    if spike_multiplier <= 1.0:
        raise ValueError("spike_multiplier must be > 1.0")
    if min_baseline < 0:
        raise ValueError("min_baseline must be >= 0")
    require_no_negatives(spend_series)

    latest_spend = float(spend_series[-1])
    baseline_mean = mean(spend_series[:-1])
    threshold = in_range("the threshold", max(baseline_mean, min_baseline) * spike_multiplier)
    return AnomalyCheckResult(
        latest_spend=latest_spend,
        baseline_mean=baseline_mean,
        threshold=threshold,
        is_spike=latest_spend > threshold,
    )
