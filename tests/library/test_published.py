"""Every check against the published 0.3.8: the same numbers, the same errors, on whatever is finite."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cloudcircuit
from tests.library import published_0_3_8 as published
from tests.library.strategies import any_series, number, series

# (verdict, what it says); errors and results compare alike.
Outcome = tuple[str, object]


def outcome(check: Callable[..., Any], *arguments: object, **named: object) -> Outcome:
    try:
        result = check(*arguments, **named)
    except Exception as error:
        return f"raised {type(error).__name__}", str(error)
    return "gave", [(field.name, type(value), value) for field, value in values(result)]


def values(result: Any) -> list[tuple[Any, Any]]:
    return [(field, getattr(result, field.name)) for field in fields(result)]


def overflowed(theirs: Outcome) -> bool:
    """Whether the published check met an overflow: it failed on it, or went on with what no float can hold."""
    if theirs[0] == "raised OverflowError":
        return True
    assert isinstance(theirs[1], list)
    try:
        return not all(math.isfinite(value) for _, _, value in theirs[1])
    except OverflowError:
        return True


def assert_same(name: str, *arguments: object, **named: object) -> None:
    ours = outcome(getattr(cloudcircuit, name), *arguments, **named)
    theirs = outcome(getattr(published, name), *arguments, **named)
    if ours[0] == "raised ValueError" and "overflows" in str(ours[1]):
        assert overflowed(theirs)
    else:
        assert ours == theirs


# Good and bad values of every argument. Their product shows which of several errors comes first.
SERIES = [[], [1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 2.0, 4.0]]
PRODUCTS: dict[str, dict[str, list[Any]]] = {
    "check_budget": {"current_spend": [-1, 0, 5], "budget_limit": [-1, 0, 5], "warning_ratio": [-1, 0, 0.5, 1, 2]},
    "check_anomaly_spike": {"spend_series": SERIES, "spike_multiplier": [1, 1.5], "min_baseline": [-1, 0, 3]},
    "check_anomaly_robust": {
        "spend_series": SERIES,
        "method": ["mad", "percentile", "other"],
        "z_threshold": [-1, 0, 3.5],
        "min_mad": [-1, 0, 1],
        "percentile": [0, 0.5, 1],
        "min_baseline": [-1, 0, 3],
    },
    "check_burn_rate": {"spend_series": SERIES, "hot_multiplier": [1, 1.4, 9]},
    "forecast_budget_breach": {
        "current_spend": [-1, 0, 5],
        "budget_limit": [-1, 0, 9],
        "periods_elapsed": [-1, 0, 1, 3],
        "total_periods": [-1, 0, 2, 3],
    },
    "evaluate_circuit_breaker": {
        "consecutive_failures": [-1, 0, 3],
        "failure_threshold": [-1, 0, 3],
        "cooldown_steps_remaining": [-1, 0, 2],
    },
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_first_of_several_errors_is_the_same(name: str) -> None:
    told = set()
    for combination in product(*PRODUCTS[name].values()):
        arguments = dict(zip(PRODUCTS[name], combination, strict=True))
        assert_same(name, **arguments)
        told.add(outcome(getattr(cloudcircuit, name), **arguments)[0])
    assert told == {"gave", "raised ValueError"}


@given(spend=number, limit=number, ratio=number)
def test_budget(spend: float, limit: float, ratio: float) -> None:
    assert_same("check_budget", spend, limit)
    assert_same("check_budget", spend, limit, ratio)


@given(points=any_series(), multiplier=number, floor=number)
def test_spike(points: Sequence[float], multiplier: float, floor: float) -> None:
    assert_same("check_anomaly_spike", points)
    assert_same("check_anomaly_spike", points, multiplier, floor)


@given(points=any_series(), method=st.sampled_from(["mad", "percentile", "MAD", ""]), data=st.data())
@settings(max_examples=200)
def test_robust(points: Sequence[float], method: str, data: st.DataObject) -> None:
    optional = st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["z_threshold", "min_mad", "percentile", "min_baseline"], number)
    )
    assert_same("check_anomaly_robust", points, method=method, **data.draw(optional))


@given(points=series, percentile=st.floats(0.001, 0.999), floor=st.floats(0, 100), z=st.floats(0.1, 10))
def test_robust_within_its_bounds(points: list[float], percentile: float, floor: float, z: float) -> None:
    assert_same("check_anomaly_robust", points, z_threshold=z, min_mad=floor, min_baseline=floor)
    assert_same("check_anomaly_robust", points, method="percentile", percentile=percentile)


@given(points=any_series(), multiplier=number)
def test_burn_rate(points: Sequence[float], multiplier: float) -> None:
    assert_same("check_burn_rate", points)
    assert_same("check_burn_rate", points, multiplier)


@given(spend=number, limit=number, elapsed=number, total=number)
def test_forecast(spend: float, limit: float, elapsed: float, total: float) -> None:
    assert_same("forecast_budget_breach", spend, limit, elapsed, total)


@given(failures=number, threshold=number, cooldown=number)
def test_breaker(failures: float, threshold: float, cooldown: float) -> None:
    assert_same("evaluate_circuit_breaker", failures)
    assert_same("evaluate_circuit_breaker", failures, threshold, cooldown)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32"])
@pytest.mark.parametrize("name", ["check_anomaly_spike", "check_burn_rate"])
@given(points=st.lists(st.integers(0, 1000), min_size=2, max_size=20))
def test_numpy_arrays(name: str, dtype: str, points: list[int]) -> None:
    assert_same(name, np.array(points, dtype))


@given(points=st.lists(st.integers(0, 1000), min_size=2, max_size=20))
def test_robust_takes_numpy_arrays_that_the_published_one_choked_on(points: list[int]) -> None:
    for method in ("mad", "percentile"):
        expected = outcome(published.check_anomaly_robust, points, method=method)
        assert outcome(cloudcircuit.check_anomaly_robust, np.array(points), method=method) == expected


@given(spend=st.floats(0, 200), points=series, failures=st.integers(0, 5))
def test_policy_and_payload(spend: float, points: list[float], failures: int) -> None:
    payloads, decisions = [], []
    library: Any
    for library in (published, cloudcircuit):
        decision = library.evaluate_spend_policy(
            library.check_budget(spend, 100.0),
            library.check_anomaly_spike(points),
            library.evaluate_circuit_breaker(failures),
        )
        decisions.append((decision.action, decision.reason, decision.severity))
        payloads.append(library.make_alert_payload(decision, "billing", "prod"))
    assert decisions[0] == decisions[1]
    assert payloads[0] == payloads[1]
    assert list(payloads[0]) == list(payloads[1])


@pytest.mark.parametrize(("service", "environment"), [("", "prod"), ("billing", ""), ("", "")])
def test_empty_names_in_a_payload(service: str, environment: str) -> None:
    errors = []
    library: Any
    for library in (published, cloudcircuit):
        decision = library.evaluate_spend_policy(
            library.check_budget(1, 2),
            library.check_anomaly_spike([1, 1]),
            library.evaluate_circuit_breaker(0),
        )
        with pytest.raises(ValueError, match="must be non-empty") as caught:
            library.make_alert_payload(decision, service, environment)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
