"""One decision out of all checks."""

from dataclasses import dataclass, fields
from typing import Literal

from cloudcircuit.safeguards.anomaly import AnomalyCheckResult
from cloudcircuit.safeguards.breaker import CircuitBreakerDecision
from cloudcircuit.safeguards.budget import BudgetCheckResult
from cloudcircuit.safeguards.burn_rate import BurnRateResult
from cloudcircuit.safeguards.forecast import ForecastResult

Action = Literal["allow", "throttle", "block"]
Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """What to do, why, and the results that say so; None stands for a check that was not made."""

    action: Action
    reason: str
    severity: Severity
    budget: BudgetCheckResult | None
    anomaly: AnomalyCheckResult | None
    breaker: CircuitBreakerDecision
    burn_rate: BurnRateResult | None = None
    forecast: ForecastResult | None = None


def _restore(decision: PolicyDecision, state: list[object]) -> None:
    """Read a pickle; one that 0.3.x wrote ends before burn_rate and forecast."""
    for field, value in zip(fields(decision), [*state, None, None], strict=False):
        object.__setattr__(decision, field.name, value)


# Assigned here because a slotted frozen dataclass overwrote such a method of its class before Python 3.11.4.
PolicyDecision.__setstate__ = _restore  # type: ignore[attr-defined]


def evaluate_spend_policy(
    budget: BudgetCheckResult | None,
    anomaly: AnomalyCheckResult | None,
    breaker: CircuitBreakerDecision,
    *,
    burn_rate: BurnRateResult | None = None,
    forecast: ForecastResult | None = None,
) -> PolicyDecision:
    """Combine the checks into allow (info), throttle (warning) or block (critical); the strictest wins.

    A breached budget or an open breaker blocks. A budget warning, a spike, a hot burn rate or a forecast breach
    throttles. None means no opinion: that check is left out. The reason is one of six fixed texts; a budget
    warning or a spike is named before burn rate and forecast, which are in the decision either way.

    >>> from cloudcircuit import check_burn_rate, evaluate_circuit_breaker
    >>> breaker = evaluate_circuit_breaker(0)
    >>> evaluate_spend_policy(None, None, breaker, burn_rate=check_burn_rate([1.0, 9.0])).reason
    'Hot burn rate detected'
    """
    action, severity, reason = _judge(budget, anomaly, breaker, burn_rate, forecast)
    return PolicyDecision(action, reason, severity, budget, anomaly, breaker, burn_rate, forecast)


def _judge(
    budget: BudgetCheckResult | None,
    anomaly: AnomalyCheckResult | None,
    breaker: CircuitBreakerDecision,
    burn_rate: BurnRateResult | None,
    forecast: ForecastResult | None,
) -> tuple[Action, Severity, str]:
    if (budget is not None and budget.is_breached) or breaker.is_open:
        return "block", "critical", "Budget breached or circuit breaker open"
    if (budget is not None and budget.is_warning) or (anomaly is not None and anomaly.is_spike):
        return "throttle", "warning", "Budget warning or spend spike detected"
    outlook = _outlook(
        is_hot=burn_rate is not None and burn_rate.is_hot,
        will_breach=forecast is not None and forecast.will_breach,
    )
    if outlook is not None:
        return "throttle", "warning", outlook
    return "allow", "info", "All safeguards healthy"


def _outlook(*, is_hot: bool, will_breach: bool) -> str | None:
    if is_hot and will_breach:
        return "Hot burn rate and forecast budget breach detected"
    if is_hot:
        return "Hot burn rate detected"
    return "Forecast budget breach detected" if will_breach else None
