"""Numbers that are not finite are refused by name; finite ones that overflow never pass as an allow."""

import inspect
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cloudcircuit
from tests.library.strategies import not_finite

VALID: dict[str, dict[str, Any]] = {
    "check_budget": {"current_spend": 1.0, "budget_limit": 2.0, "warning_ratio": 0.9},
    "check_anomaly_spike": {"spend_series": [1.0, 2.0, 1.0, 2.0], "spike_multiplier": 1.5, "min_baseline": 0.0},
    "check_anomaly_robust": {
        "spend_series": [1.0, 2.0, 1.0, 2.0],
        "method": "mad",
        "z_threshold": 3.5,
        "min_mad": 0.0,
        "percentile": 0.95,
        "min_baseline": 0.0,
    },
    "check_burn_rate": {"spend_series": [1.0, 2.0, 1.0, 2.0], "hot_multiplier": 1.4},
    "forecast_budget_breach": {
        "current_spend": 1.0,
        "budget_limit": 2.0,
        "periods_elapsed": 1,
        "total_periods": 2,
    },
    "evaluate_circuit_breaker": {
        "consecutive_failures": 0,
        "failure_threshold": 3,
        "cooldown_steps_remaining": 0,
    },
}
SERIES_CHECKS = [name for name, arguments in VALID.items() if "spend_series" in arguments]
SCALARS = [
    (name, argument)
    for name, arguments in VALID.items()
    for argument in arguments
    if argument not in ("spend_series", "method")
]
NUMPY_NOT_FINITE: list[object] = [np.float32("nan"), np.float64("inf"), np.float16("-inf")]
LARGEST = 1.7976931348623157e308


@pytest.mark.parametrize("name", VALID)
def test_the_table_above_names_every_argument(name: str) -> None:
    assert list(VALID[name]) == list(inspect.signature(getattr(cloudcircuit, name)).parameters)


@pytest.mark.parametrize("bad", not_finite + NUMPY_NOT_FINITE, ids=lambda bad: str(type(bad).__name__))
@pytest.mark.parametrize(("name", "argument"), SCALARS)
def test_every_argument_has_to_be_finite(name: str, argument: str, bad: object) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must be finite, got "):
        getattr(cloudcircuit, name)(**{**VALID[name], argument: bad})


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("argument", ["z_threshold", "min_mad", "percentile"])
def test_an_argument_of_the_other_method_has_to_be_finite_too(argument: str, bad: float) -> None:
    for method in ("mad", "percentile"):
        with pytest.raises(ValueError, match=f"^{argument} must be finite"):
            cloudcircuit.check_anomaly_robust([1, 2], **{"method": method, argument: bad})  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", not_finite + NUMPY_NOT_FINITE, ids=lambda bad: str(type(bad).__name__))
@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("name", SERIES_CHECKS)
def test_every_point_has_to_be_finite(name: str, position: int, bad: object) -> None:
    series: list[object] = [1.0, 2, 1.5, True]
    series[position] = bad
    for kind in (list, tuple):
        with pytest.raises(ValueError, match=rf"^spend_series\[{position}\] must be finite, got "):
            getattr(cloudcircuit, name)(kind(series))


@pytest.mark.parametrize("name", SERIES_CHECKS)
def test_a_numpy_array_is_searched_as_well(name: str) -> None:
    with pytest.raises(ValueError, match=r"^spend_series\[2\] must be finite, got nan$"):
        getattr(cloudcircuit, name)(np.array([1.0, 2.0, math.nan, 3.0]))


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (10**400, "a number beyond the range of a float"),
        (Fraction(10**400), "a number beyond the range of a float"),
    ],
    ids=["nan", "-inf", "int", "fraction"],
)
def test_the_message_says_what_came(bad: float, text: str) -> None:
    with pytest.raises(ValueError, match=f"^budget_limit must be finite, got {text}$"):
        cloudcircuit.check_budget(1.0, bad)


@pytest.mark.parametrize("text", ["5", None, 1j])
def test_what_is_no_number_stays_a_type_error(text: Any) -> None:
    with pytest.raises(TypeError):
        cloudcircuit.check_budget(text, 10)
    with pytest.raises(TypeError):
        cloudcircuit.check_burn_rate([1.0, text])


OVERFLOWING: dict[str, Callable[[], object]] = {
    "the mean of spend_series (spike)": lambda: cloudcircuit.check_anomaly_spike([1e308, 1e308, 1.0]),
    "the threshold (spike)": lambda: cloudcircuit.check_anomaly_spike([1e308, 1.0], spike_multiplier=10.0),
    "the threshold (of ints)": lambda: cloudcircuit.check_anomaly_spike([10**308, 1], spike_multiplier=10),
    "the threshold (median)": lambda: cloudcircuit.check_anomaly_robust([LARGEST, LARGEST, 1.0]),
    "the threshold (z)": lambda: cloudcircuit.check_anomaly_robust([1.0, 2.0, 9.0, 1.0], z_threshold=LARGEST),
    "the mean of spend_series (burn)": lambda: cloudcircuit.check_burn_rate([1e308, 1e308, 1.0]),
    "the mean of spend_series (int and float)": lambda: cloudcircuit.check_burn_rate([10**308] * 20 + [0.5, 1.0]),
}


@pytest.mark.parametrize("what", OVERFLOWING)
def test_a_baseline_or_threshold_that_overflows_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match=f"^{what.partition(' (')[0]} overflows: the numbers given are too large$"):
        OVERFLOWING[what]()


def test_a_ratio_or_projection_that_overflows_raises_the_alarm() -> None:
    budget = cloudcircuit.check_budget(1e308, 1e-308)
    assert budget.usage_ratio == math.inf
    assert budget.is_breached
    burn = cloudcircuit.check_burn_rate([1e-308, 1e308])
    assert burn.burn_rate_ratio == math.inf
    assert burn.is_hot
    forecast = cloudcircuit.forecast_budget_breach(1e308, LARGEST, 1, 30)
    assert forecast.projected_total_spend == forecast.projected_overrun == math.inf
    assert forecast.will_breach


# Up to the end of the range; near zero, where floats have few digits left, rounding outweighs any margin.
huge = st.one_of(st.just(0.0), st.floats(1e-280, LARGEST), st.floats(1e307, LARGEST), st.integers(0, 10**308))
CLEARLY = 1 + Fraction(1, 10**9)  # further than rounding reaches


def verdict_of(check: Callable[[], Any], field: str) -> bool:
    """What a check says; refusing to judge is no allow."""
    try:
        return bool(getattr(check(), field))
    except ValueError as error:
        assert "overflows" in str(error)
        return True


@given(points=st.lists(huge, min_size=2, max_size=6), multiplier=st.floats(1.01, LARGEST))
def test_series_checks_never_miss_what_exact_arithmetic_sees(points: list[float], multiplier: float) -> None:
    exact = [Fraction(point) for point in points]
    limit = sum(exact[:-1]) / (len(exact) - 1) * Fraction(multiplier) * CLEARLY
    if exact[-1] > limit:
        assert verdict_of(lambda: cloudcircuit.check_anomaly_spike(points, multiplier), "is_spike")
        assert verdict_of(lambda: cloudcircuit.check_burn_rate(points, multiplier), "is_hot")


@given(spend=huge, limit=huge.filter(lambda limit: limit > 0), elapsed=st.integers(1, 400))
def test_the_forecast_never_misses_what_exact_arithmetic_sees(spend: float, limit: float, elapsed: int) -> None:
    if Fraction(spend) / elapsed * 400 > Fraction(limit) * CLEARLY:
        assert cloudcircuit.forecast_budget_breach(spend, limit, elapsed, 400).will_breach
    if Fraction(spend) >= Fraction(limit):
        assert cloudcircuit.check_budget(spend, limit).is_breached
