"""How much faster spend runs now than it used to."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from cloudcircuit.safeguards._numbers import (
    mean,
    require_finite,
    require_finite_series,
    require_no_negatives,
    require_two_points,
)


@dataclass(frozen=True, slots=True)
class BurnRateResult:
    """The latest spend per period, the average before it, and their ratio, which may be infinite."""

    latest_spend: float
    average_spend: float
    burn_rate_ratio: float
    is_hot: bool


def check_burn_rate(
    spend_series: Sequence[float],
    hot_multiplier: float = 1.4,
) -> BurnRateResult:
    """Compare the last point with the average of all others; it is hot from `hot_multiplier` times that on.

    `spend_series` is spend per period, oldest first. After an average of zero the ratio is infinite if anything
    was spent, else 1.0. It is infinite, too, when it leaves the range of a float.

    Raises ValueError when a number is not finite, there are fewer than 2 points, `hot_multiplier` <= 1, a point
    is < 0, or the average overflows a float.

    >>> check_burn_rate([100.0, 100.0, 140.0])
    BurnRateResult(latest_spend=140.0, average_spend=100.0, burn_rate_ratio=1.4, is_hot=True)
    """
    require_finite(hot_multiplier=hot_multiplier)
    require_finite_series(spend_series)
    require_two_points(spend_series)
    if hot_multiplier <= 1.0:
        raise ValueError("hot_multiplier must be > 1.0")
    require_no_negatives(spend_series)

    latest_spend = float(spend_series[-1])
    average_spend = mean(spend_series[:-1])
    burn_rate_ratio = _ratio(latest_spend, average_spend)
    return BurnRateResult(
        latest_spend=latest_spend,
        average_spend=average_spend,
        burn_rate_ratio=burn_rate_ratio,
        is_hot=burn_rate_ratio >= hot_multiplier,
    )


def _ratio(latest_spend: float, average_spend: float) -> float:
    if average_spend > 0:
        return latest_spend / average_spend
    return inf if latest_spend > 0 else 1.0
