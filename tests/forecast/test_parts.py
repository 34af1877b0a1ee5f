"""The parts: the calendar of fees, the rhythm of a series, its level, and medians with gaps."""

from __future__ import annotations

import numpy as np
import pytest

from cloudcircuit.engine.forecast import fees
from cloudcircuit.engine.forecast._robust import mad, mean, median
from cloudcircuit.engine.forecast.level import track
from cloudcircuit.engine.forecast.rhythm import observe
from tests.forecast.world import DATES, WEEKDAY, Floats, steady


def day(text: str) -> np.datetime64:
    return np.datetime64(text)


@pytest.mark.parametrize(
    ("of", "months", "before"),
    [
        ("2025-07-15", 1, "2025-06-15"),
        ("2025-07-01", 3, "2025-04-01"),
        ("2025-07-31", 1, "2025-06-30"),  # the last day of each
        ("2025-03-30", 1, "2025-02-27"),  # the last but one
        ("2025-01-10", 2, "2024-11-10"),
        ("2024-03-31", 1, "2024-02-29"),
        ("2025-03-27", 1, "2025-02-24"),  # the fifth from the end
        ("2025-03-26", 1, "2025-02-26"),
    ],
)
def test_the_same_day_of_an_earlier_month(of: str, months: int, before: str) -> None:
    assert fees.months_before(np.array([of], "datetime64[D]"), months)[0] == day(before)


def test_a_day_beyond_the_history_has_no_charge() -> None:
    found = fees.pick(np.array([[5.0, 7.0]]), day("2025-01-01"), DATES[:4] - 1)
    assert found.tolist() == [[0.0, 5.0, 7.0, 0.0]]


def charges(amounts: dict[str, float]) -> Floats:
    row = np.zeros(180)
    for text, amount in amounts.items():
        row[int((day(text) - DATES[0]).astype(int))] = amount
    return row[None]


def due(amounts: dict[str, float]) -> Floats:
    """Expected from 30 June on, 60 days."""
    return np.asarray(fees.expected(charges(amounts), DATES[0], DATES[180:240])[0][0])


def test_two_months_make_a_precedent_one_does_not() -> None:
    assert due({"2025-06-10": 50.0}).sum() == 0
    assert due({"2025-06-10": 50.0, "2025-05-10": 60.0})[10] == 55.0


def test_a_third_time_makes_sure() -> None:
    twice = {"2025-06-10": 50.0, "2025-05-10": 50.0}
    doubts = [
        fees.expected(charges(amounts), DATES[0], DATES[180:200])[1].sum()
        for amounts in (twice, twice | {"2025-04-10": 50.0})
    ]
    assert doubts == [50.0, pytest.approx(50.0 * fees.SURE)]


def test_a_fortnight_needs_three_times_to_the_day() -> None:
    assert due({"2025-06-10": 50.0, "2025-05-27": 50.0})[14:].sum() == 0
    thrice = due({"2025-06-18": 50.0, "2025-06-04": 50.0, "2025-05-21": 50.0})
    assert np.flatnonzero(thrice).tolist() == [2, 16, 30, 44, 58]


def test_both_months_ahead_are_expected() -> None:
    expected = due({"2025-06-10": 50.0, "2025-05-10": 50.0})
    assert np.flatnonzero(expected).tolist() == [10, 41]


def test_a_precedent_may_be_late_by_two_days_and_must_be_alike() -> None:
    assert due({"2025-06-10": 50.0, "2025-05-12": 50.0})[10] == 50.0
    assert due({"2025-06-10": 50.0, "2025-05-13": 50.0}).sum() == 0
    assert due({"2025-06-10": 50.0, "2025-05-10": 20.0}).sum() == 0
    assert due({"2025-06-10": 50.0, "2025-05-10": -50.0}).sum() == 0


def test_recurring_credits_are_expected_too() -> None:
    assert due({"2025-06-10": -50.0, "2025-05-10": -50.0})[10] == -50.0


def test_what_recurs_is_marked_from_the_second_time_on() -> None:
    marked = fees.recurring(charges({"2025-04-10": 50.0, "2025-05-10": 50.0, "2025-06-11": 50.0}), DATES[:180])
    assert DATES[:180][marked[0]].tolist() == [day("2025-05-10").item(), day("2025-06-11").item()]


def weeks(series: Floats) -> Floats:
    return np.asarray((series[:182] / series[:182].mean()).reshape(1, 26, 7))


def test_a_weekend_is_learned_and_noise_is_not() -> None:
    weekend = observe(weeks(steady(noise=0.05))).profile[0]
    expected = np.where(WEEKDAY[:7] >= 5, 0.7, 1.0)
    assert weekend == pytest.approx(expected / expected.mean(), abs=0.045)
    flat = observe(weeks(np.exp(np.random.default_rng(2).normal(0, 0.2, 365)))).profile[0]
    assert flat == pytest.approx(np.ones(7), abs=0.06)


def test_two_weeks_make_no_profile() -> None:
    few = weeks(steady())
    few[:, :-2] = np.nan
    assert observe(few).profile[0].tolist() == [1.0] * 7


def test_noise_is_measured_without_the_incidents() -> None:
    series = steady(noise=0.05)
    series[[100, 130, 131]] *= 6
    assert observe(weeks(series)).noise[0] == pytest.approx(0.05, rel=0.5)


def test_sleepers_are_rough_and_their_bursts_capped() -> None:
    random = np.random.default_rng(5)
    series = random.gamma(2.0, 0.5, 365) * (random.random(365) < 0.5)
    series[150] = 500.0
    rhythm = observe(series[None, :182].reshape(1, 26, 7))
    assert rhythm.rough[0]
    assert rhythm.cap[0] < 5
    assert rhythm.usual[0] == pytest.approx(0.5, rel=0.3)


def follow(days: Floats) -> Floats:
    return track(days[:, None], observe(weeks(steady(noise=0.03)))).level[:, 0]


def test_an_outlier_moves_no_level_and_a_shift_does() -> None:
    days = np.ones(60)
    days[40] = 8.0
    assert follow(days)[42] == pytest.approx(1.0, abs=0.02)
    days[40:] = 1.6
    level = follow(days)
    assert level[39] == pytest.approx(1.0, abs=0.02)
    assert level[43] == pytest.approx(1.6, abs=0.05)


def test_unknown_days_leave_the_level() -> None:
    days = np.ones(60)
    days[30:50] = np.nan
    assert follow(days)[49] == pytest.approx(1.0, abs=0.02)


def test_medians_and_means_pass_over_gaps() -> None:
    x = np.array([[1.0, np.nan, 3.0, 10.0], [np.nan] * 4, [2.0, 4.0, np.nan, np.nan]])
    np.testing.assert_array_equal(median(x), [3.0, np.nan, 3.0])
    np.testing.assert_allclose(mean(x), [14 / 3, np.nan, 3.0])
    np.testing.assert_allclose(mad(x[[0]], np.array([3.0])), [2 * 1.4826])
