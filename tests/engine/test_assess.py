"""What one period is compared with, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.engine.assess import Case, baseline, judge
from cloudcircuit.engine.series import Series
from cloudcircuit.model import AnomalousPeriod, BreakerState, BurnRatePolicy, Grain, Monitor, Reason, Verdict
from tests.engine.world import DAY, HOUR, MONITOR, START, STATE, Days, act, day, series, watching

WEEK = [100.0] * 7


def judged(values: Days, monitor: Monitor = MONITOR) -> Verdict:
    """The verdict on the last of these days."""
    return judge(Case(monitor, STATE, series(values), len(values) - 1))


@pytest.mark.parametrize(
    ("value", "failure", "excess", "reasons"),
    [
        (100.0, False, 0.0, ()),
        (150.0, False, 50.0, ()),  # a spike lies strictly above the limit
        (150.5, True, 50.5, (Reason.ANOMALY,)),
        (0.0, False, 0.0, ()),
        (-20.0, False, 0.0, (Reason.NEGATIVE_DAY,)),
    ],
)
def test_a_day_is_compared_with_the_days_before(
    value: float, failure: bool, excess: float, reasons: tuple[Reason, ...]
) -> None:
    verdict = judged([*WEEK, value])
    assert (verdict.failure, verdict.excess, verdict.reasons) == (failure, excess, reasons)
    assert (verdict.expected, verdict.limit, verdict.value) == (100.0, 150.0, max(0.0, value))


def test_too_little_money_is_unusual_and_no_failure() -> None:
    small = judged([4.0] * 7 + [13.9])
    assert (small.failure, small.reasons) == (False, (Reason.BELOW_MIN_IMPACT,))
    assert judged([4.0] * 7 + [14.0]).failure, "an excess of just min_impact counts"
    assert judged([4.0] * 7 + [13.9], monitor=watching(min_impact=Decimal(1))).failure


def test_too_short_a_history_says_nothing() -> None:
    verdict = judged([100.0] * 6 + [900.0])
    assert (verdict.failure, verdict.expected, verdict.limit) == (False, None, None)
    assert verdict.reasons == (Reason.SHORT_HISTORY,)


def test_a_monitor_without_run_rate_checks_finds_nothing() -> None:
    verdict = judged([1.0, 900.0], monitor=watching(anomaly=None))
    assert (verdict.failure, verdict.reasons) == (False, ())


def test_unknown_and_unsettled_days_are_no_part_of_what_is_normal() -> None:
    values: Days = [100.0, 900.0, None, *WEEK]
    seen = series([*values, 100.0], provisional=[1, 10])
    assert baseline(Case(MONITOR, STATE, seen, 10), 14) == [100.0] * 8


def test_refunds_count_as_nothing_in_what_is_normal() -> None:
    seen = series([-50.0, 10.0, 20.0])
    assert baseline(Case(MONITOR, STATE, seen, 2), 14) == [0.0, 10.0]


def test_only_the_last_days_of_the_lookback_speak() -> None:
    seen = series([float(n) for n in range(20)])
    assert baseline(Case(MONITOR, STATE, seen, 19), 14) == [float(n) for n in range(5, 19)]


def test_a_circuit_that_cost_nothing_so_far_has_a_first_day() -> None:
    assert judged([0.0] * 7 + [50.0]).failure


@pytest.mark.parametrize(("method", "limit"), [("spike", 165.0), ("mad", 110.0), ("percentile", 115.5)])
def test_each_method_has_its_own_limit(method: str, limit: float) -> None:
    """Eight days of 110, one of 100 and one of 120: no spread by MAD, and a high percentile."""
    monitor = watching(method=method, min_impact=Decimal(0), spike_multiplier=1.5)
    history: Days = [110.0] * 8 + [100.0, 120.0]
    assert judged([*history, 300.0], monitor).limit == pytest.approx(limit)
    assert judged([*history, limit + 1], monitor).failure
    assert not judged([*history, limit - 1], monitor).failure


def test_a_verdict_says_whether_its_period_has_settled() -> None:
    for provisional in ([], [7]):
        seen = series([*WEEK, 300.0], provisional=provisional)
        assert judge(Case(MONITOR, STATE, seen, 7)).provisional is bool(provisional)


# --- burn rate -------------------------------------------------------------------------------------------


def test_hot_burn_is_a_failure_of_its_own() -> None:
    monitor = watching(burn_rate=BurnRatePolicy())
    assert judged([*WEEK, 140.0], monitor=monitor).reasons == (Reason.BURN_RATE,)
    both = judged([*WEEK, 200.0], monitor=monitor)
    assert (both.reasons, both.limit) == ((Reason.ANOMALY, Reason.BURN_RATE), 140.0)
    only = judged([*WEEK, 140.0], monitor=replace(monitor, anomaly=None))
    assert (only.failure, only.expected, only.limit) == (True, 100.0, 140.0)


def test_warm_is_not_hot() -> None:
    assert not judged([*WEEK, 139.0], monitor=watching(burn_rate=BurnRatePolicy())).failure


def test_burn_alone_needs_its_history_too() -> None:
    monitor = watching(anomaly=None, burn_rate=BurnRatePolicy())
    assert judged([*WEEK[1:], 900.0], monitor).reasons == (Reason.SHORT_HISTORY,)


def test_announced_spend_does_not_burn() -> None:
    plan = act("expect", amount=Decimal(400), at=day(7), until=day(8))
    monitor = watching(burn_rate=BurnRatePolicy())
    assert not judge(Case(monitor, STATE, series([*WEEK, 500.0]), 7, [plan])).failure


def test_an_infinite_burn_rate_leaves_no_infinity_behind() -> None:
    verdict = judged([0.0] * 7 + [50.0], monitor=watching(anomaly=None, burn_rate=BurnRatePolicy()))
    assert (verdict.failure, verdict.expected, verdict.limit, verdict.excess) == (True, 0.0, 0.0, 50.0)


# --- anomalous days --------------------------------------------------------------------------------------

SPIKES = [*WEEK, 300.0, 300.0, 100.0]
OUT = (AnomalousPeriod(day(7), 200.0), AnomalousPeriod(day(8), 200.0))


def normal_at(n: int, state: BreakerState = STATE, new_level_after: int = 14) -> list[float]:
    monitor = watching(new_level_after=new_level_after)
    values = [*SPIKES, *[100.0] * (n - len(SPIKES) + 1)]
    return baseline(Case(monitor, state, series(values), n), 14)


def test_anomalous_days_stay_out_of_what_is_normal() -> None:
    assert 300.0 in normal_at(10)
    assert 300.0 not in normal_at(10, replace(STATE, anomalies=OUT))


def test_they_come_in_one_by_one_as_each_grows_old() -> None:
    state = replace(STATE, anomalies=OUT)
    assert normal_at(16, state, new_level_after=10).count(300.0) == 0
    assert normal_at(17, state, new_level_after=10).count(300.0) == 1
    assert normal_at(18, state, new_level_after=10).count(300.0) == 2


def test_they_come_in_when_somebody_acknowledges_them() -> None:
    known = tuple(replace(past, admitted=True) for past in OUT)
    assert normal_at(10, replace(STATE, anomalies=known)).count(300.0) == 2


def test_they_come_in_together_when_the_run_has_become_the_new_level() -> None:
    state = replace(STATE, anomalies=OUT, anomaly_since=day(7))
    assert normal_at(20, state).count(300.0) == 0
    assert normal_at(21, state).count(300.0) == 2


# --- announced spend -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "announced"),
    [
        ({}, True),
        ({"at": day(7) + 23 * HOUR}, True),  # any part of the day
        ({"at": day(8)}, False),
        ({"until": day(7)}, False),
        ({"until": day(7) + HOUR}, True),
        ({"ended_at": day(7)}, False),  # taken back
        ({"ended_at": day(7) + HOUR}, True),
    ],
)
def test_announced_spend_is_expected_while_it_is_announced(changes: dict[str, Any], announced: bool) -> None:
    plan = replace(act("expect", amount=Decimal(400), at=day(7), until=day(9)), **changes)
    verdict = judge(Case(MONITOR, STATE, series([*WEEK, 500.0]), 7, [plan]))
    assert verdict.failure is not announced
    if announced:
        assert (verdict.expected, verdict.limit, verdict.excess) == (500.0, 550.0, 0.0)
        assert verdict.reasons == (Reason.EXPECTED_SPEND,)


def test_more_than_was_announced_is_still_an_anomaly() -> None:
    plan = act("expect", amount=Decimal(400), at=day(7), until=day(9))
    verdict = judge(Case(MONITOR, STATE, series([*WEEK, 551.0]), 7, [plan]))
    assert (verdict.failure, verdict.excess) == (True, 51.0)


def test_announced_days_are_no_part_of_what_is_normal() -> None:
    plan = act("expect", amount=Decimal(400), at=day(3), until=day(5))
    values: Days = [100.0] * 3 + [500.0] * 2 + [100.0] * 5
    seen = series(values)
    assert baseline(Case(MONITOR, STATE, seen, 9, [plan]), 14) == [100.0] * 7
    assert judge(Case(MONITOR, STATE, seen, 9, [plan])).expected == 100.0


# --- hours -----------------------------------------------------------------------------------------------


def busy_days(count: int) -> list[float]:
    """Ten dollars an hour, fifty from nine to five."""
    return [50.0 if 9 <= hour < 17 else 10.0 for _ in range(count) for hour in range(24)]


def hour_judged(n: int, value: float) -> Verdict:
    values = busy_days(9)[: n + 1]
    values[n] = value
    return judge(Case(MONITOR, STATE, series(values, grain=Grain.HOUR), n))


def test_an_hour_is_compared_with_the_same_hour_of_the_days_before() -> None:
    nine_on_the_ninth_day = 8 * 24 + 9
    assert hour_judged(nine_on_the_ninth_day, 50.0).expected == 50.0
    assert not hour_judged(nine_on_the_ninth_day, 50.0).failure
    assert hour_judged(nine_on_the_ninth_day - 5, 50.0).failure, "fifty dollars at four in the morning"


def test_min_days_are_days_for_hours_too() -> None:
    assert hour_judged(6 * 24 + 9, 500.0).reasons == (Reason.SHORT_HISTORY,)
    assert hour_judged(7 * 24 + 9, 500.0).failure


def test_an_hour_has_its_share_of_what_was_announced_for_the_day() -> None:
    values = busy_days(9)
    n = 8 * 24 + 3
    values[n] = 34.0
    plan = act("expect", amount=Decimal(480), at=START + n * HOUR, until=START + n * HOUR + timedelta(minutes=5))
    seen = series(values, grain=Grain.HOUR)
    verdict = judge(Case(MONITOR, STATE, seen, n, [plan]))
    assert (verdict.expected, verdict.failure) == (30.0, False)
    assert judge(Case(MONITOR, STATE, seen, n - 1, [plan])).expected == 10.0, "the hour before has none of it"


# --- numbers at the edge ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_series_refuses_what_is_no_number(bad: float) -> None:
    with pytest.raises(ValueError, match=r"2027-03-02.*not a finite number"):
        series([1.0, bad])
    Series.of([START], [bad], known=[False], settled=[False])  # nothing is said of it


def test_a_series_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="cannot be settled"):
        Series.of([START], [1.0], known=[False], settled=[True])
    with pytest.raises(ValueError, match="shorter"):
        Series.of([START, START + DAY], [1.0], [True], [True])
