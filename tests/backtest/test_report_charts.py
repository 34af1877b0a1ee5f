"""From a circuit's history to its charts: nothing is lost on the way, and nothing is told too early."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from cloudcircuit.charts import Level, Shape, draw_budget, draw_spend
from cloudcircuit.cli.report_charts import budget_chart, span_of, spend_chart, weeks_chart
from cloudcircuit.model import Action, AlertKind, Phase
from cloudcircuit.service.backtest.result import BudgetPoint
from tests.backtest.histories import DAY, START, backtest, history, usual
from tests.charts.reading import classed, parse

SPAN = (START, START + 60 * DAY)


def test_a_series_keeps_its_numbers() -> None:
    made = history("services/AWS Glue")
    chart = spend_chart(made, SPAN, START)
    assert [point.value for point in chart.points] == [point.value for point in made.points]
    assert [point.at for point in chart.points if point.is_unusual] == [START + day * DAY for day in range(40, 44)]
    assert [(mark.at, mark.shape) for mark in chart.marks] == [
        (START + 42 * DAY, Shape.TRIANGLE),
        (START + 43 * DAY, Shape.SQUARE),
        (START + 48 * DAY, Shape.RING),
    ]


def test_states_that_stay_the_same_are_one_stretch() -> None:
    (strip,) = spend_chart(history("services/AWS Glue"), SPAN, START).strips
    assert [stretch.level for stretch in strip.stretches] == [Level.QUIET, Level.FULL, Level.HALF, Level.QUIET]
    assert [stretch.start for stretch in strip.stretches] == [START, *(START + day * DAY for day in (43, 46, 48))]
    assert strip.stretches[-1].end == SPAN[1]


def test_what_would_be_served_has_a_strip_where_the_breaker_does_not_say_it() -> None:
    made = history("account", jump=None)
    blocked = tuple(
        replace(status, action=Action.BLOCK) if n > 50 else status for n, status in enumerate(made.statuses)
    )
    breaker, served = spend_chart(replace(made, statuses=blocked), SPAN, START).strips
    assert [stretch.level for stretch in breaker.stretches] == [Level.QUIET]
    assert [stretch.level for stretch in served.stretches] == [Level.QUIET, Level.FULL]
    assert all(status.phase is Phase.CLOSED for status in blocked)


def test_a_provisional_end_is_drawn_as_one() -> None:
    made = history("services/AWS Glue")
    points = (*made.points[:-2], *(replace(point, provisional=True) for point in made.points[-2:]))
    root = parse(draw_spend(spend_chart(replace(made, points=points), SPAN, START)))
    assert classed(root, "value provisional")
    assert classed(root, "border")


def test_charts_begin_at_most_four_weeks_before_what_is_told() -> None:
    result = usual()
    assert span_of(result) == (START, result.end + DAY)
    assert span_of(replace(result, start=START + 50 * DAY)) == (START + 22 * DAY, result.end + DAY)


def test_a_budget_shows_what_was_known_by_the_end_of_each_day() -> None:
    points = tuple(budget_point(day, known=day - 2) for day in range(31))
    chart = budget_chart(replace(history("account"), budgets=points), SPAN)
    (period,) = chart.periods
    assert (period.start, period.end) == (datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))
    assert dict(period.spend)[datetime(2027, 1, 11, tzinfo=UTC)] == 100.0
    assert [fan.at.day for fan in period.fans] == [7, 15, 23]
    first = period.fans[0]
    assert (first.spend, first.median, first.low, first.high) == (60.0, 310.0, 290.0, 330.0)
    assert parse(draw_budget(chart)) is not None


def budget_point(day: int, known: int, limit: str = "300") -> BudgetPoint:
    """On the `day`th of January after 1 January; ten a day, known up to and including the day `known`."""
    first = datetime(2027, 1, 1, tzinfo=UTC)
    has_forecast = known >= 2
    return BudgetPoint(
        at=first + day * DAY,
        start=first.date(),
        end=datetime(2027, 2, 1, tzinfo=UTC).date(),
        spend=Decimal(10 * max(0, known + 1)),
        limit=Decimal(limit),
        known_through=(first + known * DAY).date() if known >= 0 else None,
        projected=Decimal(310) if has_forecast else None,
        low=Decimal(290) if has_forecast else None,
        high=Decimal(330) if has_forecast else None,
    )


def test_a_limit_that_was_changed_is_a_step_from_that_day_on() -> None:
    points = tuple(budget_point(day, known=day - 2, limit="300" if day < 10 else "500") for day in range(31))
    (period,) = budget_chart(replace(history("account"), budgets=points), SPAN).periods
    assert [(at.day, limit) for at, limit in period.limits] == [(1, 300.0), (11, 500.0)]


def test_many_periods_have_one_fan_each_and_very_many_none() -> None:
    year = history("account", 365, budget=True)
    some = budget_chart(year, (START, START + 365 * DAY)).periods
    assert [len(period.fans) for period in some] == [1] * 12 + [0]  # the last has only begun
    decade = history("account", 600, budget=True)
    assert not any(period.fans for period in budget_chart(decade, (START, START + 600 * DAY)).periods)


def test_a_trip_belongs_to_the_budget_only_when_that_was_breached() -> None:
    made = history("account", budget=True)
    assert not budget_chart(made, SPAN).marks
    small = tuple(replace(point, limit=Decimal(10)) for point in made.budgets)
    (mark,) = budget_chart(replace(made, budgets=small), SPAN).marks
    assert mark.shape is Shape.SQUARE


def test_alerts_of_the_budget_stand_on_its_chart_and_not_on_the_series() -> None:
    made = history("account", budget=True, jump=None)
    alert = replace(history("account").alerts[0], kind=AlertKind.FORECAST)
    made = replace(made, alerts=(alert,))
    assert not spend_chart(made, SPAN, START).marks
    assert [mark.shape for mark in budget_chart(made, SPAN).marks] == [Shape.DIAMOND]


def test_too_many_alerts_keep_the_loudest_kinds() -> None:
    made = history("account")
    anomaly, tripped, _ = made.alerts
    many = tuple(replace(anomaly, kind=AlertKind.REMINDER, at=START + n * DAY / 10) for n in range(500))
    marks = spend_chart(replace(made, alerts=(*many, tripped)), SPAN, START).marks
    assert len(marks) == 60
    assert Shape.SQUARE in {mark.shape for mark in marks}


def test_quiet_weeks_are_weeks_too() -> None:
    result = usual()
    chart = weeks_chart(result, most=5)
    assert sum(n for _, n in chart.counts) == result.summary.alerts
    assert [at.weekday() for at, _ in chart.counts] == [0] * len(chart.counts)
    assert len(chart.counts) == 7
    assert chart.most == 5
    assert weeks_chart(backtest(), most=1).counts
