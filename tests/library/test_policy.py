"""How the checks make one decision: every combination, told by what each check says."""

from itertools import product

import pytest
from hypothesis import given

from cloudcircuit import (
    AnomalyCheckResult,
    BudgetCheckResult,
    BurnRateResult,
    CircuitBreakerDecision,
    ForecastResult,
    PolicyDecision,
    check_anomaly_spike,
    check_budget,
    check_burn_rate,
    evaluate_circuit_breaker,
    evaluate_spend_policy,
    forecast_budget_breach,
)
from tests.library.strategies import anomalies, breakers, budgets, burn_rates, forecasts

BUDGETS = {
    "none": None,
    "fine": check_budget(10, 100),
    "warning": check_budget(95, 100),
    "breach": check_budget(100, 100),
}
ANOMALIES = {"none": None, "fine": check_anomaly_spike([1, 1]), "spike": check_anomaly_spike([1, 9])}
BREAKERS = {"closed": evaluate_circuit_breaker(0), "open": evaluate_circuit_breaker(3)}
BURN_RATES = {"none": None, "fine": check_burn_rate([1, 1]), "hot": check_burn_rate([1, 9])}
FORECASTS = {
    "none": None,
    "fine": forecast_budget_breach(10, 100, 10, 30),
    "breach": forecast_budget_breach(90, 100, 10, 30),
}
RANK = {"allow": 0, "throttle": 1, "block": 2}
SEVERITY = {"allow": "info", "throttle": "warning", "block": "critical"}

BLOCKED = "Budget breached or circuit breaker open"
WARNED = "Budget warning or spend spike detected"
HEALTHY = "All safeguards healthy"
OUTLOOK = {
    (True, False): "Hot burn rate detected",
    (False, True): "Forecast budget breach detected",
    (True, True): "Hot burn rate and forecast budget breach detected",
}


def expected(budget: str, anomaly: str, breaker: str, burn_rate: str, forecast: str) -> tuple[str, str]:
    if budget == "breach" or breaker == "open":
        return "block", BLOCKED
    if budget == "warning" or anomaly == "spike":
        return "throttle", WARNED
    outlook = OUTLOOK.get((burn_rate == "hot", forecast == "breach"))
    return ("throttle", outlook) if outlook else ("allow", HEALTHY)


@pytest.mark.parametrize(
    "state", list(product(BUDGETS, ANOMALIES, BREAKERS, BURN_RATES, FORECASTS)), ids=lambda state: "-".join(state)
)
def test_every_combination(state: tuple[str, str, str, str, str]) -> None:
    budget, anomaly, breaker, burn_rate, forecast = state
    decision = evaluate_spend_policy(
        BUDGETS[budget],
        ANOMALIES[anomaly],
        BREAKERS[breaker],
        burn_rate=BURN_RATES[burn_rate],
        forecast=FORECASTS[forecast],
    )
    assert (decision.action, decision.reason) == expected(*state)
    assert decision.severity == SEVERITY[decision.action]
    assert (decision.budget, decision.anomaly) == (BUDGETS[budget], ANOMALIES[anomaly])
    assert decision.breaker == BREAKERS[breaker]
    assert (decision.burn_rate, decision.forecast) == (BURN_RATES[burn_rate], FORECASTS[forecast])


@given(budget=budgets, anomaly=anomalies, breaker=breakers, burn_rate=burn_rates, forecast=forecasts)
def test_a_further_check_never_relaxes(
    budget: BudgetCheckResult,
    anomaly: AnomalyCheckResult,
    breaker: CircuitBreakerDecision,
    burn_rate: BurnRateResult,
    forecast: ForecastResult,
) -> None:
    steps = [
        evaluate_spend_policy(None, None, breaker),
        evaluate_spend_policy(budget, None, breaker),
        evaluate_spend_policy(budget, anomaly, breaker),
        evaluate_spend_policy(budget, anomaly, breaker, burn_rate=burn_rate),
        evaluate_spend_policy(budget, anomaly, breaker, burn_rate=burn_rate, forecast=forecast),
    ]
    ranks = [RANK[decision.action] for decision in steps]
    assert ranks == sorted(ranks)


def test_a_decision_can_be_made_with_the_published_six_fields() -> None:
    decision = PolicyDecision("allow", HEALTHY, "info", BUDGETS["fine"], None, BREAKERS["closed"])
    assert decision == evaluate_spend_policy(BUDGETS["fine"], None, BREAKERS["closed"])
    assert decision.burn_rate is None
    assert decision.forecast is None
