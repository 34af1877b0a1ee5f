"""The alert payload: the published keys, the grown ones, and JSON in every case."""

import json
import math
from collections import UserDict
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    evaluate_spend_policy,
    forecast_budget_breach,
    make_alert_payload,
)
from tests.library.strategies import anomalies, breakers, budgets, burn_rates, forecasts

KEYS = ["service", "environment", "action", "severity", "reason", "budget", "anomaly", "breaker"]
BREAKER = evaluate_circuit_breaker(0)
POLICY = evaluate_spend_policy(check_budget(50.0, 100.0), check_anomaly_spike([1.0, 1.0]), BREAKER)
BURN_RATE = check_burn_rate([1.0, 2.0])
FORECAST = forecast_budget_breach(50.0, 100.0, 10, 30)


def with_details(**details: object) -> dict[str, Any]:
    return make_alert_payload(POLICY, "billing", "prod", details=details)


def assert_is_json(payload: dict[str, object]) -> None:
    """It survives the strictest encoder unchanged: nothing in it had to be converted on the way."""
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload


def test_it_has_the_published_keys_and_no_others() -> None:
    assert list(make_alert_payload(POLICY, "billing", "prod")) == KEYS
    assert list(make_alert_payload(POLICY, "billing", "prod", burn_rate=None, forecast=None, details={})) == KEYS


def test_no_opinion_is_null() -> None:
    payload = make_alert_payload(evaluate_spend_policy(None, None, BREAKER), "billing", "prod")
    assert list(payload) == KEYS
    assert payload["budget"] is None
    assert payload["anomaly"] is None


def test_burn_rate_and_forecast_come_from_the_policy_or_the_argument() -> None:
    policy = evaluate_spend_policy(None, None, BREAKER, burn_rate=BURN_RATE, forecast=FORECAST)
    carried = make_alert_payload(policy, "billing", "prod")
    given_here = make_alert_payload(
        evaluate_spend_policy(None, None, BREAKER), "billing", "prod", burn_rate=BURN_RATE, forecast=FORECAST
    )
    for payload in (carried, given_here):
        assert list(payload) == [*KEYS, "burn_rate", "forecast"]
        assert payload["burn_rate"] == asdict(BURN_RATE)
        assert payload["forecast"] == asdict(FORECAST)
    other = check_burn_rate([5.0, 5.0])
    assert make_alert_payload(policy, "billing", "prod", burn_rate=other)["burn_rate"] == asdict(other)


@given(
    budget=st.none() | budgets,
    anomaly=st.none() | anomalies,
    breaker=breakers,
    burn_rate=st.none() | burn_rates,
    forecast=st.none() | forecasts,
)
def test_it_is_json_whatever_the_results(
    budget: BudgetCheckResult | None,
    anomaly: AnomalyCheckResult | None,
    breaker: CircuitBreakerDecision,
    burn_rate: BurnRateResult | None,
    forecast: ForecastResult | None,
) -> None:
    policy = evaluate_spend_policy(budget, anomaly, breaker, burn_rate=burn_rate)
    assert_is_json(make_alert_payload(policy, "billing", "prod", forecast=forecast))


def test_infinity_is_null() -> None:
    policy = evaluate_spend_policy(check_budget(1e308, 1e-308), None, BREAKER)
    payload: dict[str, Any] = make_alert_payload(
        policy,
        "billing",
        "prod",
        burn_rate=check_burn_rate([0.0, 5.0]),
        forecast=forecast_budget_breach(1e308, 1.0, 1, 30),
    )
    assert payload["budget"]["usage_ratio"] is None
    assert payload["burn_rate"] == {**asdict(check_burn_rate([0.0, 5.0])), "burn_rate_ratio": None}
    assert payload["forecast"]["projected_total_spend"] is None
    assert_is_json(payload)


@given(spend=st.decimals(0, 10**6, places=2), limit=st.decimals(1, 10**6, places=2))
def test_decimal_results_become_exact_strings(spend: Any, limit: Any) -> None:
    policy = evaluate_spend_policy(check_budget(spend, limit), None, BREAKER)
    payload: dict[str, Any] = make_alert_payload(policy, "billing", "prod")
    assert {name: Decimal(text) for name, text in payload["budget"].items()} == {
        "current_spend": spend,
        "budget_limit": limit,
        "usage_ratio": spend / limit,
        "remaining_budget": limit - spend,
    }
    assert_is_json(payload)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_numpy_results_become_plain_json(dtype: str) -> None:
    days: Any = np.array([10, 10, 50], dtype)
    policy = evaluate_spend_policy(
        check_budget(days[0], days[2]), check_anomaly_spike(days), BREAKER, burn_rate=check_burn_rate(days)
    )
    payload: dict[str, Any] = make_alert_payload(policy, "billing", "prod")
    assert_is_json(payload)
    assert payload["anomaly"]["is_spike"] is True
    assert payload["budget"]["current_spend"] == 10


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        ("text", "text"),
        (math.nan, None),
        (-math.inf, None),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.00000001"), "0.00000001"),
        (Decimal("NaN"), None),
        (Decimal("-Infinity"), None),
        (Fraction(1, 4), 0.25),
        (Fraction(10**400), None),
        (np.bool_(True), True),
        (np.int64(2**60 + 1), 2**60 + 1),
        (np.float32("nan"), None),
        (date(2025, 3, 8), "2025-03-08"),
        (datetime(2025, 3, 8, 12, tzinfo=UTC), "2025-03-08T12:00:00+00:00"),
        ((1, [math.inf, {"a": Decimal("2.50")}]), [1, [None, {"a": "2.50"}]]),
        (UserDict({"a": 1}), {"a": 1}),
    ],
    ids=repr,
)
def test_details_are_written_as_json(value: object, written: object) -> None:
    payload = with_details(more=value)
    assert payload["more"] == written
    assert type(payload["more"]) is type(written)
    assert_is_json(payload)


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.decimals(),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
)
trees = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@given(details=st.dictionaries(st.text(min_size=12), trees, max_size=5))
def test_any_details_are_json(details: dict[str, object]) -> None:
    payload = make_alert_payload(POLICY, "billing", "prod", details=details)
    assert_is_json(payload)
    assert list(payload) == [*KEYS, *details]


@pytest.mark.parametrize("key", [*KEYS, "burn_rate", "forecast"])
def test_details_never_replace_a_key_of_the_payload(key: str) -> None:
    with pytest.raises(ValueError, match=f"details must not replace the payload's own key '{key}'"):
        with_details(**{key: "mine"})


@pytest.mark.parametrize(
    ("details", "path"),
    [
        ({"more": timedelta(1)}, r"payload\.more cannot be expressed in JSON: timedelta"),
        ({"more": [1, {"deep": {2}}]}, r"payload\.more\[1\]\.deep cannot be expressed in JSON: set"),
        ({"more": b"raw"}, r"payload\.more cannot be expressed in JSON: bytes"),
        ({"more": np.array([True])}, r"payload\.more cannot be expressed in JSON: ndarray"),
        ({"more": {1: "one"}}, r"payload\.more has a key that is not a string: 1"),
        ({1: "one"}, r"payload has a key that is not a string: 1"),
    ],
)
def test_what_json_cannot_express_is_named_by_its_path(details: Mapping[Any, object], path: str) -> None:
    with pytest.raises(TypeError, match=f"^{path}$"):
        make_alert_payload(POLICY, "billing", "prod", details=details)


def test_details_are_copied() -> None:
    details = {"tags": {"team": "data"}}
    payload: dict[str, Any] = make_alert_payload(POLICY, "billing", "prod", details=details)
    payload["tags"]["team"] = "web"
    assert details == {"tags": {"team": "data"}}
