"""What the library's own policy recommends on a circuit, out of the results that its state holds."""

from __future__ import annotations

from datetime import timedelta
from math import ceil

from cloudcircuit.model import BudgetView, CircuitAlert, Grain, Phase, Reason, Verdict
from cloudcircuit.safeguards import (
    AnomalyCheckResult,
    BudgetCheckResult,
    BurnRateResult,
    CircuitBreakerDecision,
    ForecastResult,
    PolicyDecision,
    check_budget,
    evaluate_spend_policy,
)


def recommend(alert: CircuitAlert) -> PolicyDecision:
    """What the library recommends, from the results that the state holds."""
    state, latest = alert.state, alert.state.latest
    return evaluate_spend_policy(
        _budget_check(state.budget),
        _anomaly(latest),
        _breaker(alert),
        burn_rate=_burn_rate(latest),
        forecast=_forecast(state.budget),
    )


def _budget_check(view: BudgetView | None) -> BudgetCheckResult | None:
    if view is None:
        return None
    try:
        return check_budget(float(view.spend), float(view.limit), view.warning_ratio)
    except (ValueError, OverflowError):
        return None  # an alert is worth more than one of its numbers


def _anomaly(latest: Verdict | None) -> AnomalyCheckResult | None:
    if latest is None or latest.expected is None or latest.limit is None:
        return None
    return AnomalyCheckResult(latest.value, latest.expected, latest.limit, Reason.ANOMALY in latest.reasons)


def _burn_rate(latest: Verdict | None) -> BurnRateResult | None:
    if latest is None or latest.expected is None or Reason.BURN_RATE not in latest.reasons:
        return None
    ratio = latest.value / latest.expected if latest.expected > 0 else float("inf")
    return BurnRateResult(latest.value, latest.expected, ratio, is_hot=True)


def _breaker(alert: CircuitAlert) -> CircuitBreakerDecision:
    """A step is one charge period: so many of them does the cooldown still last."""
    state = alert.state
    is_open = state.phase is Phase.OPEN
    step = timedelta(hours=1) if alert.grain is Grain.HOUR else timedelta(days=1)
    left = state.cooldown_until - alert.at if is_open and state.cooldown_until else timedelta(0)
    return CircuitBreakerDecision(is_open, not is_open, max(0, ceil(left / step)))


def _forecast(view: BudgetView | None) -> ForecastResult | None:
    if view is None or view.projected is None:
        return None
    projected, limit = float(view.projected), float(view.limit)
    return ForecastResult(
        current_spend=float(view.spend),
        budget_limit=limit,
        periods_elapsed=view.settled_days,
        total_periods=(view.end - view.start).days,
        projected_total_spend=projected,
        projected_overrun=max(0.0, projected - limit),
        will_breach=view.forecast_breach,
    )
