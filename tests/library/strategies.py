"""What the tests of the library feed it."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cloudcircuit import (
    AnomalyCheckResult,
    BudgetCheckResult,
    BurnRateResult,
    CircuitBreakerDecision,
    ForecastResult,
    check_anomaly_spike,
    check_budget,
    check_burn_rate,
    evaluate_circuit_breaker,
    forecast_budget_breach,
)

# Nothing, or at least a billionth: nearer to zero floats lose digits, and exact comparisons their meaning.
money = st.just(0.0) | st.floats(1e-9, 1e6)
cents = st.integers(0, 10**8)
history = st.lists(money, min_size=1, max_size=20)
series = st.lists(money, min_size=2, max_size=20)

any_float = st.floats(allow_nan=False, allow_infinity=False)
edges = st.sampled_from([0, -0.0, 5e-324, 0.5, 0.9, 1, 1.0, True, 3, -1, -0.5, 1e308, 10**308])
decimals = st.decimals(-10, 10**6, places=4)
# Valid and invalid alike, of every type that people pass.
number: SearchStrategy[float] = st.one_of(money, any_float, edges, st.integers(-5, 10**6), decimals)


def any_series() -> SearchStrategy[Sequence[float]]:
    """Of one kind of number or of several; too short at times, negative at times."""
    kinds = [money, any_float, cents, decimals.filter(lambda value: value >= 0), number]
    lists = [st.lists(kind, max_size=8) for kind in kinds]
    return st.one_of(*lists, *(one.map(tuple) for one in lists))


budgets: SearchStrategy[BudgetCheckResult] = st.builds(check_budget, st.floats(0, 200), st.just(100.0))
anomalies: SearchStrategy[AnomalyCheckResult] = st.builds(check_anomaly_spike, series)
breakers: SearchStrategy[CircuitBreakerDecision] = st.builds(
    evaluate_circuit_breaker, st.integers(0, 5), st.integers(1, 5), st.integers(0, 2)
)
burn_rates: SearchStrategy[BurnRateResult] = st.builds(check_burn_rate, series)
forecasts: SearchStrategy[ForecastResult] = st.builds(
    forecast_budget_breach, st.floats(0, 200), st.just(100.0), st.integers(1, 15), st.integers(15, 30)
)

# What is not finite, or is not once it is a float, in every guise.
not_finite: list[object] = [
    float("nan"),
    float("inf"),
    float("-inf"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("1E+400"),
    10**400,
    -(10**5000),
]
