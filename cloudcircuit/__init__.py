"""CloudCircuit: a circuit breaker for cloud spend.

The names in `__all__` are the library. They load on first use, so that `import cloudcircuit` costs next to
nothing and brings nothing but the standard library.
"""

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` for it would cost more than the rest
if TYPE_CHECKING:
    from cloudcircuit import safeguards as safeguards
    from cloudcircuit.safeguards import (
        AnomalyCheckResult,
        BudgetCheckResult,
        BurnRateResult,
        CircuitBreakerDecision,
        ForecastResult,
        PolicyDecision,
        check_anomaly_robust,
        check_anomaly_spike,
        check_budget,
        check_burn_rate,
        evaluate_circuit_breaker,
        evaluate_spend_policy,
        forecast_budget_breach,
        make_alert_payload,
    )

__version__ = "0.4.0"
__all__ = [
    "AnomalyCheckResult",
    "BudgetCheckResult",
    "BurnRateResult",
    "CircuitBreakerDecision",
    "ForecastResult",
    "PolicyDecision",
    "__version__",
    "check_anomaly_robust",
    "check_anomaly_spike",
    "check_budget",
    "check_burn_rate",
    "evaluate_circuit_breaker",
    "evaluate_spend_policy",
    "forecast_budget_breach",
    "make_alert_payload",
]

# Where each lazy name lives.
_HOMES = {
    "AnomalyCheckResult": "cloudcircuit.safeguards",
    "BudgetCheckResult": "cloudcircuit.safeguards",
    "BurnRateResult": "cloudcircuit.safeguards",
    "CircuitBreakerDecision": "cloudcircuit.safeguards",
    "ForecastResult": "cloudcircuit.safeguards",
    "PolicyDecision": "cloudcircuit.safeguards",
    "check_anomaly_robust": "cloudcircuit.safeguards",
    "check_anomaly_spike": "cloudcircuit.safeguards",
    "check_budget": "cloudcircuit.safeguards",
    "check_burn_rate": "cloudcircuit.safeguards",
    "evaluate_circuit_breaker": "cloudcircuit.safeguards",
    "evaluate_spend_policy": "cloudcircuit.safeguards",
    "forecast_budget_breach": "cloudcircuit.safeguards",
    "make_alert_payload": "cloudcircuit.safeguards",
}

if not TYPE_CHECKING:  # hidden from type checkers, which would accept any misspelt name otherwise

    def __getattr__(name):
        if name not in _HOMES and name != "safeguards":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        if name == "safeguards":  # 0.3.x imported it, so `cloudcircuit.safeguards.check_budget` is in use
            return import_module("cloudcircuit.safeguards")
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value

    def __dir__():
        return [*__all__, "safeguards"]
