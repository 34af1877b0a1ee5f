"""What an alert is founded on: the expected range, the money so far, the days that carry it, how likely a breach is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.engine.alerts import build_payload
from cloudcircuit.engine.facts import budget_line, drivers, expected, facts, when
from cloudcircuit.engine.recent import SHOWN, points_of
from cloudcircuit.engine.series import Series
from cloudcircuit.model import (
    Act,
    AlertKind,
    AnomalousPeriod,
    BreakerState,
    CircuitAlert,
    Grain,
    Point,
    Severity,
    Verdict,
)
from tests.alerts.situations import CIRCUITS, FIRST, LATEST, TOTAL_VIEW, alert, state

DAY = timedelta(days=1)


def payload_of(name: str, **latest: Any) -> dict[str, Any]:
    (one,) = CIRCUITS[name]()
    verdict = one.state.latest
    assert verdict is not None
    return build_payload(replace(one, state=replace(one.state, latest=replace(verdict, **latest))))


# --- the expected range and the money -------------------------------------------------------------------


def test_a_band_is_told_where_there_is_one() -> None:
    assert payload_of("slow_leak")["expected"] == {
        "low": 0.0,
        "high": 66.4,
        "mean": 53.02,
        "usual_low": 48.1,
        "usual_high": 58.2,
    }
    seldom = "by chance about once in 56 years"
    assert expected(payload_of("slow_leak")) == f"$48.10 to $58.20 a day; unusual above $66.40; {seldom}"
    assert expected(payload_of("tripped")) == "$53.02 a day; unusual above $79.53"
    assert expected(payload_of("slow_leak", low=-3.0)).startswith("$0.00 to $58.20 a day")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (0.5, None),
        (0.7, "by chance about once in 1 year"),
        (1.0, "by chance about once in 2 years"),
        (2.6, "by chance about once in 100 years"),
        (300.0, "by chance less than once in 100 years"),
        (float("inf"), None),
    ],
)
def test_how_seldom_chance_does_as_much(score: float, words: str | None) -> None:
    said = expected(payload_of("slow_leak", score=score))
    assert said is not None
    assert (words in said) if words else ("chance" not in said)


def test_a_leak_is_as_long_and_as_dear_as_its_window() -> None:
    payload = payload_of("slow_leak")
    assert (payload["excess"]["total"], payload["excess"]["periods"]) == (39.96, 7)
    assert payload["finding"] == {
        "start": "2018-10-05T00:00:00+00:00",
        "periods": 7,
        "excess": 39.96,
        "score": 2.35,
    }
    assert payload["title"] == "AWS Glue costs $63.10 a day instead of $53.02 since 5 October"
    assert len(payload["excess"]["days"]) == 7
    assert sum(one["share"] for one in payload["excess"]["days"]) == pytest.approx(1, abs=1e-5)
    assert when(payload) == "11 October $10.08 (25%), 10 October $8.68 (22%), 9 October $7.18 (18%), … 4 more"


def test_a_run_that_costs_more_than_the_window_stands() -> None:
    payload = payload_of("tripped", window=2, window_excess=10.0)
    assert (payload["excess"]["total"], payload["excess"]["periods"]) == (105.38, 2)


def test_days_before_the_run_are_none_of_it() -> None:
    before = Point(FIRST - 9 * DAY, 500.0, 53.0, found=True)
    one = alert(AlertKind.ANOMALY, Severity.WARNING)
    days = build_payload(replace(one, points=(before, *one.points)))["excess"]["days"]
    assert {day["start"][:10] for day in days} == {"2018-10-10", "2018-10-11"}


def test_one_day_needs_no_list_and_what_is_over_has_none() -> None:
    assert when(payload_of("anomaly_first_day")) is None
    assert "when" not in dict(facts(payload_of("resolved_back_to_normal")))
    assert payload_of("resolved_back_to_normal")["finding"] is None


# --- budgets --------------------------------------------------------------------------------------------


def outlook(**view: Any) -> str:
    (one,) = CIRCUITS["forecast"]()
    given = replace(TOTAL_VIEW, **view)
    said = budget_line(build_payload(replace(one, state=replace(one.state, budget=given))))
    assert said is not None
    return said.partition("; ")[2]


def test_how_likely_a_breach_is_in_plain_words() -> None:
    (one,) = CIRCUITS["forecast"]()
    payload = build_payload(one)
    assert budget_line(payload) == (
        "$1,350.55 of $4,000.00 for October (34%); heading for $4,310.20 ($3,890.40 to $4,790.10), $310.20 over; 83% "
        "likely to exceed it, on about 29 October"
    )
    period = payload["budget_period"]
    assert (period["low"], period["high"], period["p_breach"]) == ("3890.40", "4790.10", 0.83)
    assert period["breach_on"] == "2018-10-29"


def test_the_ends_of_likelihood() -> None:
    assert outlook(p_breach=0.995, breach_on=date(2018, 10, 20)) == (
        "heading for $4,310.20, $310.20 over; almost certain to exceed it, on about 20 October"
    )
    assert outlook(p_breach=0.004).endswith("almost certain not to exceed it")
    assert outlook(p_breach=0.07).endswith("7% likely to exceed it")
    assert outlook(projected=None, p_breach=None) == "no forecast"


def test_what_has_happened_is_not_likely() -> None:
    spent = TOTAL_VIEW.limit + 1
    assert "likely" not in outlook(spend=spent, projected=spent, p_breach=1.0)


def test_drivers_say_what_they_have_a_share_of() -> None:
    assert str(drivers(payload_of("forecast"))).startswith("more than in the same days of the period before: service")
    assert str(drivers(payload_of("budget_breached"))).startswith("of all that was spent: charge category Purchase")
    assert str(drivers(payload_of("tripped"))).startswith("region us-east-1 $79.10")


# --- the recent past ------------------------------------------------------------------------------------


def series(*values: float, known: int | None = None, grain: Grain = Grain.DAY) -> Series:
    step = DAY if grain is Grain.DAY else timedelta(hours=1)
    starts = [datetime(2018, 9, 1, tzinfo=UTC) + n * step for n in range(len(values))]
    is_known = [n < (len(values) if known is None else known) for n in range(len(values))]
    return Series.of(starts, values, is_known, is_known, grain)


def judged(at: datetime, **more: Any) -> Verdict:
    return replace(LATEST, at=at, **more)


def circuit(**more: Any) -> BreakerState:
    return replace(state(), **{"latest": None, **more})


def test_the_newest_periods_end_with_the_newest_known() -> None:
    found = points_of(series(*range(50), known=40), circuit())
    assert len(found) == SHOWN
    assert (found[0].value, found[-1].value) == (10.0, 39.0)
    assert points_of(series(1.0, 2.0, known=0), circuit()) == ()
    assert [point.value for point in points_of(series(1.0, 2.0), circuit())] == [1.0, 2.0]


def test_a_hole_is_no_zero() -> None:
    starts = [datetime(2018, 9, 1, tzinfo=UTC) + n * DAY for n in range(3)]
    holed = Series.of(starts, [1.0, 0.0, 3.0], [True, False, True], [True, False, True])
    assert [point.value for point in points_of(holed, circuit())] == [1.0, None, 3.0]


def test_remembered_anomalies_know_what_was_expected() -> None:
    days = series(10.0, 30.0, 10.0, 40.0)
    anomalies = (AnomalousPeriod(days.starts[1], 20.0), AnomalousPeriod(days.starts[3], 28.0))
    latest = judged(days.starts[3], value=40.0, expected=12.0, excess=28.0)
    found = points_of(days, circuit(anomalies=anomalies, latest=latest))
    assert [(point.expected, point.found) for point in found] == [
        (None, False),
        (10.0, True),
        (None, False),
        (12.0, True),
    ]


def test_a_window_is_found_as_a_whole() -> None:
    days = series(10.0, 11.0, 12.0, 13.0)
    found = points_of(
        days, circuit(latest=judged(days.starts[3], expected=9.0, excess=4.0, window=3, window_excess=9.0))
    )
    assert [(point.expected, point.found) for point in found] == [(None, False)] + [(9.0, True)] * 3


def test_a_good_period_is_judged_and_not_found() -> None:
    days = series(10.0, 11.0)
    (_, last) = points_of(days, circuit(latest=judged(days.starts[1], expected=10.5, failure=False)))
    assert (last.expected, last.found) == (10.5, False)


def test_alarms_of_hours_are_found() -> None:
    hours = series(1.0, 1.0, 9.0, grain=Grain.HOUR)
    latest = judged(hours.starts[2], expected=1.0, provisional=True)
    found = points_of(hours, circuit(provisional=(hours.starts[2],), latest=latest))
    assert [(point.expected, point.found) for point in found] == [(None, False), (None, False), (1.0, True)]


def with_points(one: CircuitAlert, *points: Point) -> dict[str, Any]:
    return build_payload(replace(one, points=points))


def test_numbers_that_are_none_are_null() -> None:
    one = alert(AlertKind.ANOMALY, Severity.WARNING)
    (point,) = with_points(one, Point(FIRST, float("nan"), float("inf"), found=True))["series"]
    assert (point["value"], point["expected"]) == (None, None)


def test_what_was_expected_within_a_window_knows_the_week_and_not_the_window() -> None:
    """Weekends cost half; each day of the last week costs 20 more than such a day does."""
    usual = [(100.0, 100.0, 100.0, 100.0, 100.0, 50.0, 50.0)[n % 7] for n in range(84)]
    days = series(*(cost + (20.0 if n >= 77 else 0.0) for n, cost in enumerate(usual)))
    leak = circuit(latest=judged(days.starts[-1], expected=50.0, excess=20.0, window=14, window_excess=140.0))
    found = [point for point in points_of(days, leak) if point.found]
    assert [point.at for point in found] == list(days.starts[-7:])
    assert [point.expected for point in found] == usual[-7:]


def test_hours_are_compared_with_the_same_hour_of_the_week() -> None:
    usual = [10.0 + n % 168 for n in range(24 * 21)]
    hours = series(*usual[:-2], usual[-2] + 5, usual[-1] + 5, grain=Grain.HOUR)
    latest = judged(hours.starts[-1], expected=usual[-1], excess=5.0, window=3, window_excess=10.0)
    points = points_of(hours, circuit(latest=latest))[-3:]
    assert [(point.expected, point.found) for point in points] == [
        (None, False),
        (usual[-2], True),
        (usual[-1], True),
    ]


def test_what_was_announced_is_no_rise() -> None:
    days = series(*[10.0] * 28, 90.0, 30.0)
    leak = circuit(latest=judged(days.starts[-1], expected=10.0, excess=20.0, window=3, window_excess=60.0))
    move = Act("a", "expect", "m", days.starts[-2], "me", "a move", until=days.starts[-1], amount=Decimal(80))
    assert [p.found for p in points_of(days, leak)[-3:]] == [False, True, True]
    assert [p.found for p in points_of(days, leak, planned=(move,))[-3:]] == [False, False, True]


def rising(*values: float, own: float, window: int, window_excess: float) -> dict[str, Any]:
    """The payload of a circuit that cost nothing for four weeks; the last day is a run of its own."""
    days = series(*[0.0] * 28, *values)
    latest = judged(
        days.starts[-1],
        value=values[-1],
        expected=0.0,
        excess=values[-1],
        window=window,
        window_excess=window_excess,
    )
    one = alert(AlertKind.TRIPPED, Severity.CRITICAL, state=circuit(latest=latest))
    change = replace(one.change, since=days.starts[-1], excess=own, periods=1)
    points = points_of(days, one.state, own)
    return build_payload(replace(one, change=change, points=points))


def test_a_rise_begins_with_the_first_day_that_rose_and_not_with_the_window() -> None:
    payload = rising(0.0, 500.0, 500.0, own=500.0, window=3, window_excess=1000.0)
    assert payload["title"] == "AWS Glue costs $500.00 a day instead of $0.00 since 30 September (tripped)"
    assert (payload["excess"]["total"], payload["excess"]["periods"]) == (1000.0, 2)
    assert [point["found"] for point in payload["series"]][-3:] == [False, True, True]
    assert payload["finding"]["start"] == "2018-09-30T00:00:00+00:00"
    assert {day["share"] for day in payload["excess"]["days"]} == {0.5}


def test_a_trace_before_the_rise_is_none_of_it() -> None:
    payload = rising(1.0, 500.0, 500.0, own=500.0, window=3, window_excess=1000.0)
    assert payload["finding"]["periods"] == 2


def test_a_run_that_cost_more_than_the_window_began_with_itself() -> None:
    payload = rising(60.0, 60.0, 500.0, own=500.0, window=3, window_excess=480.0)
    assert payload["title"] == "AWS Glue cost $500.00 on 1 October instead of $0.00 (tripped)"
    assert (payload["excess"]["total"], payload["excess"]["periods"]) == (500.0, 1)
    assert [point["found"] for point in payload["series"]][-2:] == [False, True]


def test_without_the_series_nobody_says_that_it_began_with_the_window() -> None:
    (one,) = CIRCUITS["slow_leak"]()
    payload = build_payload(replace(one, points=()))
    assert payload["title"] == "AWS Glue cost $63.10 on 11 October instead of $53.02"
    assert (payload["finding"]["periods"], payload["excess"]["periods"]) == (7, 7)
