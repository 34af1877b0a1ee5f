"""Where spend will stand when the budget period ends."""

from dataclasses import dataclass

from cloudcircuit.safeguards._numbers import require_finite


@dataclass(frozen=True, slots=True)
class ForecastResult:
    """Spend so far and projected to the end of the period, in money; the periods are counts, of days say."""

    current_spend: float
    budget_limit: float
    periods_elapsed: int
    total_periods: int
    projected_total_spend: float
    projected_overrun: float
    will_breach: bool


def forecast_budget_breach(
    current_spend: float,
    budget_limit: float,
    periods_elapsed: int,
    total_periods: int,
) -> ForecastResult:
    """Project spend linearly: it goes on as fast as it went so far, `current_spend` / elapsed x total.

    It is a breach from the limit on; the overrun is what lies above the limit, never below 0. A projection that
    leaves the range of a float is infinite, and a breach.

    Raises ValueError when a number is not finite, `current_spend` < 0, `budget_limit` <= 0, `periods_elapsed` <= 0,
    `total_periods` <= 0, or more periods have elapsed than there are.

    >>> forecast_budget_breach(400.0, 1000.0, periods_elapsed=10, total_periods=30).projected_overrun
    200.0
    """
    require_finite(
        current_spend=current_spend,
        budget_limit=budget_limit,
        periods_elapsed=periods_elapsed,
        total_periods=total_periods,
    )
    if current_spend < 0:
        raise ValueError("current_spend must be >= 0")
    if budget_limit <= 0:
        raise ValueError("budget_limit must be > 0")
    if periods_elapsed <= 0:
        raise ValueError("periods_elapsed must be > 0")
    if total_periods <= 0:
        raise ValueError("total_periods must be > 0")
    if periods_elapsed > total_periods:
        raise ValueError("periods_elapsed must be <= total_periods")

    projected_total_spend = (current_spend / periods_elapsed) * total_periods
    return ForecastResult(
        current_spend=current_spend,
        budget_limit=budget_limit,
        periods_elapsed=periods_elapsed,
        total_periods=total_periods,
        projected_total_spend=projected_total_spend,
        projected_overrun=max(0.0, projected_total_spend - budget_limit),
        will_breach=projected_total_spend >= budget_limit,
    )
