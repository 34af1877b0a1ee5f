"""The chart of a budget: spend so far, the limit, and the fan as it stood."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.charts import BudgetChart, BudgetPeriod, Fan, Mark, Shape, Size, draw_budget
from tests.charts.reading import DAY, NASTY, START, classed, parse, places, runs

SIZE = Size(400, 200)
END = START + 10 * DAY
PERIOD = BudgetPeriod(START, END, [(START + 5 * DAY, 50.0)], [(START, 100.0)])
CHART = BudgetChart("budget", "one period", "USD", [PERIOD])


def test_spend_begins_at_nothing_and_the_limit_spans_the_period() -> None:
    root = parse(draw_budget(CHART, SIZE))
    assert places(root, "value") == [(48.0, 180.0), (217.0, 95.0)]
    assert places(root, "limit") == [(48.0, 10.0), (386.0, 10.0)]


def test_a_limit_that_was_raised_is_a_step() -> None:
    made = replace(PERIOD, limits=[(START, 50.0), (START + 5 * DAY, 100.0)])
    root = parse(draw_budget(replace(CHART, periods=[made]), SIZE))
    first, second = (runs(path)[0] for path in classed(root, "limit"))
    assert first == [(48.0, 95.0), (217.0, 95.0)]
    assert second == [(217.0, 10.0), (386.0, 10.0)]


def test_a_fan_opens_from_what_was_known_to_the_end_of_the_period() -> None:
    made = replace(PERIOD, fans=[Fan(START + 5 * DAY, 50.0, 80.0, 60.0, 100.0)])
    root = parse(draw_budget(replace(CHART, periods=[made]), SIZE))
    assert places(root, "median") == [(217.0, 95.0), (386.0, 44.0)]
    assert set(places(root, "fan")) == {(217.0, 95.0), (386.0, 78.0), (386.0, 10.0)}


def test_a_forecast_without_a_band_is_its_median_alone() -> None:
    made = replace(PERIOD, fans=[Fan(START + 5 * DAY, 50.0, 80.0), Fan(END, 90.0, 90.0, 80.0, 95.0)])
    root = parse(draw_budget(replace(CHART, periods=[made]), SIZE))
    assert not classed(root, "fan")
    assert len(classed(root, "median")) == 1


def test_each_period_has_a_line_of_its_own() -> None:
    following = BudgetPeriod(END, END + 10 * DAY, [(END + 5 * DAY, 20.0)], [(END, 100.0)])
    root = parse(draw_budget(replace(CHART, periods=[PERIOD, following]), SIZE))
    assert [run[0][1] for path in classed(root, "value") for run in runs(path)] == [180.0, 180.0]


def test_a_forecast_far_above_ends_at_the_edge() -> None:
    made = replace(PERIOD, fans=[Fan(START + 5 * DAY, 50.0, 1e6, 1e5, 1e7)])
    root = parse(draw_budget(replace(CHART, periods=[made]), SIZE))
    assert places(root, "median")[1] == (386.0, 10.0)


def test_no_period_is_an_empty_picture() -> None:
    root = parse(draw_budget(replace(CHART, periods=[])))
    assert not classed(root, "value")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=5, max_size=5), st.text() | st.just(NASTY))
def test_whatever_the_numbers_and_the_words(amounts: list[float], text: str) -> None:
    spend, limit, median, low, high = amounts
    made = BudgetPeriod(
        START, END, [(START + DAY, spend)], [(START, limit)], [Fan(START + DAY, 1.0, median, low, high)]
    )
    root = parse(draw_budget(BudgetChart(text, text, text, [made], [Mark(START + DAY, Shape.DIAMOND, text)]), SIZE))
    for class_ in ("value", "limit", "median", "fan"):
        assert all(0 <= x <= 400 and 0 <= y <= 200 for x, y in places(root, class_))
