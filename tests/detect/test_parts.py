"""Calendar, tails and precedents by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from cloudcircuit.engine.detect import Calendar, precedents
from cloudcircuit.engine.detect.calendar import month_place, profile_size
from cloudcircuit.engine.detect.state import Pace, State
from cloudcircuit.engine.detect.tails import BODY, SHARE, fall, survival
from tests.detect.spend import days, hours


def single(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))


def remembered(*events: tuple[str, float]) -> State:
    state = State(1, Pace())
    state.age[:] = 200
    for text, money in events:
        precedents.remember(state, np.array([0]), day(text), single(money))
    return state


def due(state: State, text: str) -> float:
    return float(precedents.due(state, np.array([0]), day(text))[0][0])


def test_weekdays_begin_on_monday() -> None:
    calendar = Calendar.of(days(7))  # the first of January 2025 is a Wednesday
    assert calendar.per_day == 1
    assert calendar.slots[:, 0].tolist() == [2, 3, 4, 5, 6, 0, 1]


def test_hours_have_a_place_in_the_day_and_in_the_week() -> None:
    calendar = Calendar.of(hours(50))
    assert calendar.per_day == 24
    assert calendar.slots[26].tolist() == [2, 24 + 3 * 24 + 2]
    assert np.diff(calendar.number).tolist() == [1] * 49
    assert calendar.slots.max() < profile_size(24)


def test_five_minutes_have_a_place_of_their_own() -> None:
    calendar = Calendar.of(np.datetime64("2025-01-01T00:00", "m") + 5 * np.arange(600))
    assert calendar.per_day == 288
    assert calendar.slots[287, 0] == 287
    assert calendar.slots.max() < profile_size(288)


def test_one_period_counts_as_a_day() -> None:
    assert Calendar.of(days(1)).per_day == 1
    assert Calendar.of(days(0)).per_day == 1


def test_places_in_the_month() -> None:
    month, place, left = month_place(np.array([day("2024-02-01"), day("2024-02-29"), day("2025-02-28")]))
    assert (month[1] - month[0], month[2] - month[0]) == (0, 12)
    assert place.tolist() == [0, 28, 27]
    assert left.tolist() == [28, 0, 0]


def test_the_tail_is_the_exponential_with_a_heavier_end() -> None:
    x = single(0, 0.1, 1, 5)
    np.testing.assert_allclose(fall(x), (1 + x / 10) ** -10.0, rtol=1e-5)
    assert fall(x)[3] > np.exp(-5)


def test_survival_falls_and_begins_with_the_share_of_the_tail() -> None:
    u = single(*np.linspace(BODY, 12, 40))
    p = survival(u, single(*[0.6] * 40))
    assert p[0] == pytest.approx(SHARE, rel=0.01)
    assert (np.diff(p) < 0).all()
    assert survival(single(6), single(1.2))[0] > survival(single(6), single(0.6))[0]


def test_the_same_day_of_an_earlier_month_is_a_precedent() -> None:
    assert due(remembered(("2025-03-03", 400)), "2025-04-03") == 400
    assert due(remembered(("2025-03-17", 400)), "2025-04-17") == 400
    assert due(remembered(("2025-01-03", 400)), "2025-04-03") == 400


@pytest.mark.parametrize(
    ("event", "today", "expected"), [("2025-03-01", "2025-04-03", 400), ("2025-03-17", "2025-04-19", 0)]
)
def test_near_the_turn_of_the_month_it_may_come_two_days_later(event: str, today: str, expected: float) -> None:
    assert due(remembered((event, 400)), today) == expected


def test_the_days_before_the_end_of_a_month_are_counted_from_its_end() -> None:
    assert due(remembered(("2025-01-31", 400)), "2025-02-28") == 400
    assert due(remembered(("2025-02-27", 400), ("2025-02-28", 300)), "2025-03-30") == 400


def test_what_has_come_is_not_due_again() -> None:
    assert due(remembered(("2025-03-01", 400), ("2025-04-01", 420)), "2025-04-03") == 0


def test_the_days_of_a_closing_do_not_pay_for_each_other() -> None:
    closing = remembered(("2025-03-30", 300), ("2025-03-31", 300), ("2025-04-29", 300))
    assert due(closing, "2025-04-30") == 300


def test_a_fortnight_is_a_precedent_and_a_week_after_two() -> None:
    assert due(remembered(("2025-04-09", 70)), "2025-04-23") == 70
    assert due(remembered(("2025-04-16", 70)), "2025-04-23") == 0
    assert due(remembered(("2025-04-09", 70), ("2025-04-16", 70)), "2025-04-23") == 70


def test_the_oldest_event_falls_out() -> None:
    state = remembered(("2025-03-03", 400))
    for k in range(16):
        precedents.remember(state, np.array([0]), day("2025-03-10") + k, single(1))
    assert due(state, "2025-04-03") == 1


def test_what_lasts_is_forgotten_but_not_a_fee_within_it() -> None:
    state = remembered(("2025-04-02", 50), ("2025-04-03", 900))
    precedents.forget(state, np.array([0]), day("2025-04-01"), single(200))
    assert due(state, "2025-05-03") == 900


def test_like_events_are_counted_by_incident() -> None:
    state = remembered(("2025-01-10", 90), ("2025-02-11", 100), ("2025-02-12", 100), ("2025-03-20", 20))
    events, longer = precedents.like(state, np.array([0]), day("2025-04-23"), single(100))
    assert (events[0], longer[0]) == (2, 1)


def test_what_was_forgotten_leaves_the_precedents_before_it() -> None:
    state = remembered(("2025-03-03", 400), ("2025-03-28", 50), ("2025-03-29", 50))
    precedents.forget(state, np.array([0]), day("2025-03-25"), single(200))
    assert due(state, "2025-04-03") == 400


def test_after_a_year_an_event_is_no_precedent() -> None:
    state = remembered(("2024-03-03", 400))
    assert due(state, "2025-03-03") == 400
    assert due(state, "2025-06-03") == 0


def test_of_many_series_only_those_with_a_precedent_are_owed_something() -> None:
    state = State(3, Pace())
    state.age[:] = 200
    precedents.remember(state, np.array([0, 2]), day("2025-03-03"), single(400, 20))
    money, weekly = precedents.due(state, np.arange(3), day("2025-04-03"))
    assert money.tolist() == [400, 0, 20]
    assert not weekly[[0, 2]].any()
