"""What holds of each check whatever the numbers."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit import (
    check_anomaly_robust,
    check_anomaly_spike,
    check_budget,
    check_burn_rate,
    evaluate_circuit_breaker,
    forecast_budget_breach,
)
from tests.library.strategies import history, money, series

limits = st.floats(0.01, 1e6)
# Powers of two scale floats without rounding, so that equality may be exact.
scales = st.integers(-20, 20).map(lambda power: 2.0**power)
whole = st.lists(st.integers(0, 10**6), min_size=1, max_size=20)


@given(low=money, high=money, limit=limits, ratio=st.floats(0.01, 1.0))
def test_budget_never_calms_down_as_spend_grows(low: float, high: float, limit: float, ratio: float) -> None:
    less, more = (check_budget(spend, limit, ratio) for spend in sorted((low, high)))
    assert less.usage_ratio <= more.usage_ratio
    assert less.remaining_budget >= more.remaining_budget
    assert less.is_warning <= more.is_warning
    assert less.is_breached <= more.is_breached
    assert less.is_breached <= less.is_warning


@given(limit=limits)
def test_budget_is_breached_at_the_limit_and_not_below(limit: float) -> None:
    assert check_budget(limit, limit).is_breached
    assert check_budget(limit, limit).remaining_budget == 0
    assert not check_budget(math.nextafter(limit, 0), limit).is_breached


@given(spend=money, limit=limits, scale=scales)
def test_budget_does_not_depend_on_the_unit(spend: float, limit: float, scale: float) -> None:
    here, there = check_budget(spend, limit), check_budget(spend * scale, limit * scale)
    assert (here.usage_ratio, here.is_warning, here.is_breached) == (
        there.usage_ratio,
        there.is_warning,
        there.is_breached,
    )


@given(before=history, multiplier=st.floats(1.01, 10), floor=money)
def test_spike_is_strictly_above_the_threshold(before: list[float], multiplier: float, floor: float) -> None:
    threshold = check_anomaly_spike([*before, 0.0], multiplier, floor).threshold
    assert not check_anomaly_spike([*before, threshold], multiplier, floor).is_spike
    assert check_anomaly_spike([*before, math.nextafter(threshold, math.inf)], multiplier, floor).is_spike


@given(before=history, floor=money)
def test_spike_reports_the_true_mean_whatever_the_floor(before: list[float], floor: float) -> None:
    bare, floored = check_anomaly_spike([*before, 1.0]), check_anomaly_spike([*before, 1.0], min_baseline=floor)
    assert bare.baseline_mean == floored.baseline_mean
    assert floored.threshold == max(bare.baseline_mean, floor) * 1.5


@given(before=whole, last=st.integers(0, 10**6), seed=st.integers(0, 99))
def test_the_order_of_the_history_does_not_matter(before: list[int], last: int, seed: int) -> None:
    shuffled = random.Random(seed).sample(before, len(before))
    for check in (check_anomaly_spike, check_anomaly_robust, check_burn_rate):
        assert check([*before, last]) == check([*shuffled, last])


@given(points=series, scale=scales)
def test_series_checks_do_not_depend_on_the_unit(points: list[float], scale: float) -> None:
    scaled = [point * scale for point in points]
    assert check_anomaly_spike(points).is_spike == check_anomaly_spike(scaled).is_spike
    assert check_anomaly_robust(points).threshold * scale == check_anomaly_robust(scaled).threshold
    assert check_burn_rate(points).burn_rate_ratio == check_burn_rate(scaled).burn_rate_ratio


@pytest.mark.parametrize("method", ["mad", "percentile"])
@given(before=history, floor=money)
def test_robust_spike_is_strictly_above_the_threshold(method: str, before: list[float], floor: float) -> None:
    def judge(last: float) -> tuple[float, bool]:
        result = check_anomaly_robust([*before, last], method=method, min_baseline=floor)  # type: ignore[arg-type]
        return result.threshold, result.is_spike

    threshold, _ = judge(0.0)
    assert judge(threshold) == (threshold, False)
    assert judge(math.nextafter(threshold, math.inf)) == (threshold, True)


@given(value=money, count=st.integers(1, 20))
def test_a_zero_spread_adds_nothing(value: float, count: int) -> None:
    result = check_anomaly_robust([value] * (count + 1))
    assert result.threshold == result.baseline_mean == value
    assert not result.is_spike


@given(before=history, low=st.floats(0.1, 10), high=st.floats(0.1, 10), floor=money)
def test_robust_threshold_grows_with_its_settings(before: list[float], low: float, high: float, floor: float) -> None:
    low, high = sorted((low, high))
    points = [*before, 0.0]
    plain = check_anomaly_robust(points, z_threshold=low)
    assert plain.threshold <= check_anomaly_robust(points, z_threshold=high).threshold
    assert plain.threshold <= check_anomaly_robust(points, z_threshold=low, min_mad=floor).threshold
    assert plain.threshold <= check_anomaly_robust(points, z_threshold=low, min_baseline=floor).threshold


@given(before=history, low=st.floats(0.01, 0.99), high=st.floats(0.01, 0.99))
def test_percentile_lies_in_the_history_and_grows(before: list[float], low: float, high: float) -> None:
    less, more = (
        check_anomaly_robust([*before, 0.0], method="percentile", percentile=one).baseline_mean
        for one in sorted((low, high))
    )
    assert min(before) <= less
    assert less <= more or math.isclose(less, more)
    assert more <= max(before) or math.isclose(more, max(before))


@given(before=st.lists(st.floats(90, 110), min_size=9, max_size=20), wild=st.floats(1e3, 1e6))
def test_one_wild_day_hardly_moves_the_robust_baseline(before: list[float], wild: float) -> None:
    calm, shaken = check_anomaly_robust([*before, 500.0]), check_anomaly_robust([*before, wild, 500.0])
    assert 90 <= shaken.baseline_mean <= 110
    assert calm.is_spike
    assert shaken.is_spike


@given(before=history, low=money, high=money)
def test_burn_rate_grows_with_the_latest_spend(before: list[float], low: float, high: float) -> None:
    less, more = (check_burn_rate([*before, last]) for last in sorted((low, high)))
    assert less.average_spend == more.average_spend
    assert less.burn_rate_ratio <= more.burn_rate_ratio
    assert less.is_hot <= more.is_hot


@given(count=st.integers(1, 20), last=money)
def test_burn_rate_after_nothing(count: int, last: float) -> None:
    result = check_burn_rate([0.0] * count + [last])
    assert result.burn_rate_ratio == (math.inf if last > 0 else 1.0)
    assert result.is_hot == (last > 0)


def test_burn_rate_is_hot_at_the_multiplier() -> None:
    assert check_burn_rate([2.0, 3.0], hot_multiplier=1.5).is_hot
    assert not check_burn_rate([2.0, math.nextafter(3.0, 0)], hot_multiplier=1.5).is_hot


@given(low=money, high=money, limit=limits, elapsed=st.integers(1, 30))
def test_forecast_grows_with_spend(low: float, high: float, limit: float, elapsed: int) -> None:
    less, more = (forecast_budget_breach(spend, limit, elapsed, 30) for spend in sorted((low, high)))
    assert less.projected_total_spend <= more.projected_total_spend
    assert less.projected_overrun <= more.projected_overrun
    assert less.will_breach <= more.will_breach
    assert less.projected_overrun >= 0


@given(spend=money, limit=limits, total=st.integers(1, 366))
def test_forecast_at_the_end_is_what_was_spent(spend: float, limit: float, total: int) -> None:
    result = forecast_budget_breach(spend, limit, total, total)
    assert math.isclose(result.projected_total_spend, spend, rel_tol=1e-12, abs_tol=1e-300)
    assert result.will_breach == (result.projected_total_spend >= limit)


def test_forecast_breaches_at_the_limit_without_an_overrun() -> None:
    result = forecast_budget_breach(10.0, 30.0, 1, 3)
    assert result.will_breach
    assert result.projected_overrun == 0


@given(failures=st.integers(0, 10), threshold=st.integers(1, 10), cooldown=st.integers(0, 10))
def test_breaker_is_open_on_failures_or_cooldown(failures: int, threshold: int, cooldown: int) -> None:
    result = evaluate_circuit_breaker(failures, threshold, cooldown)
    assert result.is_open == (failures >= threshold or cooldown > 0)
    assert result.allow_operation != result.is_open
    assert result.retry_after_steps == cooldown
