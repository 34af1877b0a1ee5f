"""The tables of the docs: false alerts are counted by days, errors as the scorer counts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import effects, hourly
from benchmarks.judge import asked, errors, figures, judge, judged, row, scorer


@pytest.fixture(scope="module")
def hours() -> dict[str, Any]:
    return hourly.generate(n=8, hours=24 * 40, warm=24 * 10, seed=34) | {"events": []}


@pytest.fixture(scope="module")
def daily() -> dict[str, Any]:
    return effects.generate(n=40, seed=35)


def knowing(bed: dict[str, Any]) -> Any:
    return lambda *_: bed["excess"]


def test_what_knows_the_excess_finds_everything_and_nothing_else(daily: dict[str, Any]) -> None:
    found = judged(daily, knowing(daily), 0.0)["shipped"]
    assert found["recall"] == 1.0
    assert found["fa90"] == 0.0
    assert found["precision"] == 1.0


def test_what_alerts_always_has_an_incident_each_week(daily: dict[str, Any]) -> None:
    quiet = daily | {"events": []}
    answered = judge(quiet, np.ones_like(daily["final"]))
    incidents = -(-(360 - 90) // scorer.MERGE)
    assert (answered.quiet > 0).all()
    assert answered.spans == pytest.approx(40 * 270 / 90)
    assert incidents_of(answered) == 40 * incidents


def test_by_the_hour_a_day_is_one(hours: dict[str, Any]) -> None:
    scores = np.zeros_like(hours["final"])
    scores[2, 24 * 20 + 3 : 24 * 22] = 5.0  # two days of hours are one incident
    answered = judge(hours, scores)
    assert answered.quiet.shape == (8, 30)
    assert answered.spans == pytest.approx(8 * 30 / 90)
    assert incidents_of(answered) == 1


def test_figures_are_means_and_pass_over_what_a_bed_has_not() -> None:
    one = {"recall": 0.5, "kinds": {"leak": 1.0}, "avoidable": 0.2, "fa90": 0.1}
    other = {"recall": 1.0, "kinds": {}, "avoidable": 0.4, "fa90": 0.3}
    assert figures([one, other]) == pytest.approx([0.75, 1.0, 0.3, 0.2])


def test_errors_of_a_known_answer() -> None:
    # actual, q10, q50, q90, probability, limit, open
    rows = np.array([[100.0, 80, 110, 120, 0.25, 90, 1], [200.0, 210, 220, 300, 0.0, 300, 0]])
    mape, wape, pinball, within, brier = errors(rows)
    assert mape == pytest.approx(10.0)
    assert wape == pytest.approx(10.0)
    assert pinball == pytest.approx(100 * np.mean([0.02, 0.05, 0.02, 0.045, 0.05, 0.05]))
    assert within == 0.5
    assert brier == pytest.approx(0.75**2)


def test_a_forecast_is_asked_without_what_comes_after(daily: dict[str, Any]) -> None:
    seen: list[Any] = []

    def forecast(final: Any, first: Any, *rest: Any) -> tuple[Any, ...]:
        seen.append((final, first, rest))
        n = len(final)
        return np.zeros(n), np.ones(n), np.full(n, 2.0), np.full(n, 0.5)

    rows = asked(daily, forecast, 5, 10)
    final, first, (dates, start, origin, end, limits) = seen[0]
    assert np.isnan(final[:, origin:]).all()
    assert np.isnan(first[:, origin + 1 :]).all()
    assert (dates[start], dates[origin], dates[end]) == tuple(
        np.datetime64(f"2025-0{x}") for x in ("6-01", "6-10", "7-01")
    )
    assert len(limits) == 40
    assert 0 < len(rows) <= 40
    assert (rows[:, 0] > 10).all()


def test_a_row_of_the_table() -> None:
    assert row("effects", "5", [11.11, 2.0, 3.456, 0.8, 0.07]) == "| effects | 5 | 11.1 | 2.0 | 3.46 | 0.800 | 0.070 |"


def incidents_of(answered: Any) -> int:
    return int(scorer.false_incidents(answered.quiet > 0))
