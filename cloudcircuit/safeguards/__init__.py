"""The checks of the library: pure functions over plain numbers, with frozen results.

Money is in one currency throughout a call, and in whatever unit the caller likes. A series is a sequence of
spend per period, oldest first; its last point is the one that is judged.

**Numbers.** Every numeric argument has to be finite and within the range of a float; anything else is a
`ValueError` that names the argument, or the position in the series, before any other rule is looked at.

**Overflow.** Finite numbers can still add up to more than a float holds. A baseline or a threshold that does so
is a `ValueError`, because nothing could ever exceed it. A ratio or a projection that does so is infinite, and
infinity is at or over every limit: the alarm is raised.

Each name loads with the file of its own check.
"""

TYPE_CHECKING = False  # as in cloudcircuit/__init__.py
if TYPE_CHECKING:
    from cloudcircuit.safeguards.anomaly import AnomalyCheckResult, check_anomaly_spike
    from cloudcircuit.safeguards.breaker import CircuitBreakerDecision, evaluate_circuit_breaker
    from cloudcircuit.safeguards.budget import BudgetCheckResult, check_budget
    from cloudcircuit.safeguards.burn_rate import BurnRateResult, check_burn_rate
    from cloudcircuit.safeguards.forecast import ForecastResult, forecast_budget_breach
    from cloudcircuit.safeguards.payload import make_alert_payload
    from cloudcircuit.safeguards.policy import PolicyDecision, Severity, evaluate_spend_policy
    from cloudcircuit.safeguards.robust import check_anomaly_robust

__all__ = [
    "AnomalyCheckResult",
    "BudgetCheckResult",
    "BurnRateResult",
    "CircuitBreakerDecision",
    "ForecastResult",
    "PolicyDecision",
    "Severity",
    "check_anomaly_robust",
    "check_anomaly_spike",
    "check_budget",
    "check_burn_rate",
    "evaluate_circuit_breaker",
    "evaluate_spend_policy",
    "forecast_budget_breach",
    "make_alert_payload",
]

_HOMES = {
    "AnomalyCheckResult": "anomaly",
    "BudgetCheckResult": "budget",
    "BurnRateResult": "burn_rate",
    "CircuitBreakerDecision": "breaker",
    "ForecastResult": "forecast",
    "PolicyDecision": "policy",
    "Severity": "policy",
    "check_anomaly_robust": "robust",
    "check_anomaly_spike": "anomaly",
    "check_budget": "budget",
    "check_burn_rate": "burn_rate",
    "evaluate_circuit_breaker": "breaker",
    "evaluate_spend_policy": "policy",
    "forecast_budget_breach": "forecast",
    "make_alert_payload": "payload",
}

if not TYPE_CHECKING:

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value

    def __dir__():
        return __all__
