"""What is kept of a period as it grows, and the lag that it teaches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.engine.settle import (
    EVIDENCE,
    HORIZON,
    HOUR,
    WHOLLY,
    Lag,
    grow,
    learned,
    settles_until,
    together,
)
from cloudcircuit.model import Growing, Growth

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
"""The end of the day with number 0."""

Path = Callable[[float], float | None]
"""What is told of a day at an age in hours; None while it is not told at all."""


def read(
    paths: Iterable[Path], *, every: timedelta = 6 * HOUR, phase: timedelta = 2 * HOUR, length: timedelta = DAY
) -> tuple[Growth, ...]:
    """What is kept once all these days are old, read every so often."""
    told = list(paths)
    ends = [FIRST + n * length for n in range(len(told))]
    periods: tuple[Growth, ...] = ()
    now = FIRST + phase
    while now <= ends[-1] + HORIZON + DAY:
        totals = {
            end: Decimal(str(round(total, 6)))
            for end, path in zip(ends, told, strict=True)
            if end <= now and (total := path((now - end) / HOUR)) is not None
        }
        before = {period.end: period.totals[-1] for period in periods}
        periods = grow(periods, {end: total for end, total in totals.items() if before.get(end) != total}, now)
        now += every
    return periods


def lag_of(periods: tuple[Growth, ...]) -> Lag:
    return learned(Growing("", "USD", periods))


def late(share: float, hours: float, amount: float = 100) -> Path:
    return lambda age: amount * share if age < hours else amount


def noisy(days: int, share: float, hours: float, seed: int = 5) -> list[Path]:
    random = np.random.default_rng(seed)
    return [late(random.normal(share, 0.02), hours, random.lognormal(5, 0.5)) for _ in range(days)]


# --- what is kept -------------------------------------------------------------------------------------------


def test_of_a_plateau_the_first_and_the_last_reading_are_kept() -> None:
    (period,) = read([late(0.85, 24)])

    assert period == Growth(FIRST, (2, 20, 26, 164), tuple(map(Decimal, ("85.0", "85.0", "100.0", "100.0"))))


def test_nothing_is_kept_of_a_day_that_is_first_told_when_it_is_old_or_that_is_not_over() -> None:
    old = {FIRST - HORIZON - HOUR: Decimal(5), FIRST + HOUR: Decimal(7), FIRST - DAY: Decimal(9)}

    assert [period.end for period in grow((), old, FIRST)] == [FIRST - DAY]


def test_two_readings_within_an_hour_count_once_and_a_clock_that_goes_back_leaves_ages_in_order() -> None:
    end = FIRST
    periods = grow((), {end: Decimal(1)}, FIRST + 5 * HOUR)
    periods = grow(periods, {end: Decimal(2)}, FIRST + 5.5 * HOUR)
    assert periods[0].totals == (Decimal(2),)

    (period,) = grow(grow(periods, {end: Decimal(3)}, FIRST + 9 * HOUR), {end: Decimal(4)}, FIRST + 7 * HOUR)

    assert (period.ages, period.totals) == ((5, 7), (Decimal(2), Decimal(4)))


def test_what_is_older_than_is_learned_from_is_forgotten_and_what_moves_late_is_no_lateness() -> None:
    days = [late(0.9, 24)] * 80
    days[40] = lambda age: 100 if age < 170 else 1
    periods = read(days)

    assert periods[0].end >= FIRST + 79 * DAY + HORIZON - timedelta(days=52)
    assert max(map(len, (period.ages for period in periods))) == 4
    assert min(period.totals[-1] for period in periods) == 100


@given(
    st.lists(st.tuples(st.integers(1, 40), st.none() | st.integers(0, 3)), min_size=1, max_size=25),
)
def test_ages_ascend_and_the_newest_total_is_the_last_that_was_told(readings: list[tuple[int, int | None]]) -> None:
    periods: tuple[Growth, ...] = ()
    now, newest = FIRST, None
    for hours, total in readings:
        now += hours * HOUR
        told = {} if total is None else {FIRST: Decimal(total)}
        periods = grow(periods, told, now)
        newest = total if total is not None and now - FIRST <= HORIZON else newest
    if newest is None:
        assert periods == ()
        return
    (period,) = periods
    assert list(period.ages) == sorted(set(period.ages)) and period.ages[-1] <= 168
    assert period.totals[-1] == newest
    assert not any(a == b == c for a, b, c in zip(period.totals, period.totals[1:], period.totals[2:], strict=False))


# --- what it teaches ----------------------------------------------------------------------------------------


def test_a_planted_lateness_is_recovered() -> None:
    lag = lag_of(read(noisy(38, 0.85, 24)))

    assert lag.lag == 26 * HOUR  # the first reading that saw it whole
    assert lag.late and lag.days >= 30
    assert lag.at(8 * HOUR).share == pytest.approx(0.85, abs=0.02)
    assert lag.at(8 * HOUR).sd == pytest.approx(0.02, abs=0.01)
    assert lag.at(30 * HOUR).share == pytest.approx(1, abs=0.001)


def test_between_two_readings_the_share_grows_as_if_evenly_and_the_lag_is_the_later_one() -> None:
    lag = lag_of(read([late(0.8, 24)] * 60, every=DAY))

    assert [round(lag.at(age * HOUR).share, 2) for age in (2, 14, 26)] == [0.80, 0.90, 1.0]
    assert lag.lag == 26 * HOUR


def test_a_source_that_is_whole_at_once_is_not_late() -> None:
    lag = lag_of(read([late(1, 0)] * 30))

    assert (lag.lag, lag.late, lag.at(2 * HOUR)) == (2 * HOUR, False, WHOLLY)


def test_outages_restated_days_and_refunds_do_not_make_a_source_late() -> None:
    days = [late(1, 0)] * 45
    days[10] = days[23] = late(0, 50)
    days[17] = late(2.5, 100)
    days[30] = lambda age: 100 if age < 120 else -40

    lag = lag_of(read(days))

    assert not lag.late
    assert lag.at(2 * HOUR).share == 1.0
    assert lag.at(2 * HOUR).sd < 0.01


def test_nor_do_they_hide_that_it_is_late() -> None:
    days = noisy(45, 0.85, 24)
    for number in (7, 19, 31, 40):
        days[number] = late(0, 60)

    lag = lag_of(read(days))

    assert lag.lag == 26 * HOUR
    assert lag.at(8 * HOUR).share == pytest.approx(0.85, abs=0.02)


def test_a_credit_for_the_month_that_comes_on_the_fifth_teaches_nothing_of_most_days() -> None:
    """It takes a fifth off every day of the month; only the last five are young enough to be looked at."""
    days = [late(1, 0)] * 25 + [late(1.25, 24 * age, 80) for age in (5, 4, 3, 2, 1)] + [late(1, 0)] * 20

    assert not lag_of(read(days)).late


def test_a_source_that_has_become_punctual_is_believed_after_five_weeks() -> None:
    before, after = (lag_of(read([late(0.85, 24)] * 50 + [late(1, 0)] * days)) for days in (30, 38))

    assert (before.late, before.at(8 * HOUR).share) == (True, 1.0)
    assert (after.late, after.at(8 * HOUR)) == (False, WHOLLY)


def test_an_outage_of_a_week_holds_nothing_back_and_a_longer_one_for_no_longer_than_it_lasted() -> None:
    week, longer = (
        lag_of(read([late(1, 0)] * 20 + [late(0, 60)] * days + [late(1, 0)] * (25 - days))) for days in (7, 9)
    )

    assert not week.late
    assert longer.lag == 62 * HOUR


def test_ten_settled_days_are_needed_for_a_lag_and_five_for_a_share() -> None:
    for days in (4, EVIDENCE - 1, EVIDENCE):
        lag = lag_of(read([late(0.7, 24)] * days))
        assert lag.days == days
        assert (lag.lag is not None) is (days >= EVIDENCE)
        assert (lag.at(8 * HOUR) == WHOLLY) is (days < 5)
    assert learned(None) == Lag(None, 0)


def test_a_final_bill_teaches_nothing() -> None:
    periods = grow((), {FIRST - n * DAY: Decimal(100) for n in range(400)}, FIRST + 3 * HOUR)
    for hours in range(6, 24 * 12, 6):
        periods = grow(periods, {}, FIRST + (3 + hours) * HOUR)

    assert learned(Growing("", "USD", periods)).lag is None
    assert lag_of(periods).at(5 * HOUR) == WHOLLY


def test_an_hour_is_told_by_its_own_age() -> None:
    hours = [late(0.6, 3) for _ in range(24 * 20 // 5)]

    lag = lag_of(read(hours, every=HOUR, phase=HOUR / 2, length=5 * HOUR))

    assert lag.lag == 3 * HOUR
    assert lag.days >= 20
    assert lag.at(1.5 * HOUR).share == pytest.approx(0.6, abs=0.01)


def test_what_says_too_little_is_not_made_up_for() -> None:
    little = lag_of(read([late(0.3, 24)] * 40))
    wild = lag_of(read([late(share, 24) for share in (0.2, 1.0) * 20]))

    for lag in (little, wild):
        assert lag.late
        assert lag.at(8 * HOUR) == WHOLLY
    assert little.at(-HOUR) == little.at(HORIZON + 2 * HOUR) == WHOLLY


def test_of_several_sources_the_most_complete_counts() -> None:
    lags = [lag_of(read([late(share, 24)] * 40)) for share in (0.8, 0.9)]

    told = [lag.at(8 * HOUR) for lag in lags]

    assert together(told) == told[1]
    assert together([*told, WHOLLY]) == together([]) == WHOLLY


# --- what it does -------------------------------------------------------------------------------------------

MARK = FIRST + 10 * DAY


@pytest.mark.parametrize(
    ("lag", "is_late", "held"),
    [
        (None, False, 24),
        (20, True, 24),
        (30, True, 29.75),
        (30, False, 24),
        (400, True, 167.75),
    ],
)
def test_days_are_held_back_by_what_was_learned_and_never_brought_forward(
    lag: float | None, is_late: bool, held: float
) -> None:
    told = Lag(None if lag is None else lag * HOUR, 20, is_late)

    assert settles_until(MARK, told, MARK + DAY, None) == MARK + DAY - held * HOUR


def test_what_had_settled_stays_settled_unless_the_source_itself_goes_back() -> None:
    told = Lag(100 * HOUR, 20, late=True)

    assert settles_until(MARK, told, MARK + DAY, MARK - HOUR) == MARK - HOUR
    assert settles_until(MARK, told, MARK + DAY, MARK + HOUR) == MARK
    assert settles_until(None, told, MARK, MARK) is None


@given(st.integers(0, 500), st.booleans(), st.integers(-200, 50), st.none() | st.integers(-300, 0))
def test_no_lesson_is_worse_than_a_week(hours: int, is_late: bool, mark: int, before: int | None) -> None:
    now, watermark = MARK, MARK + mark * HOUR
    settled = None if before is None else MARK + before * HOUR

    found = settles_until(watermark, Lag(hours * HOUR, 20, is_late), now, settled)

    assert found is not None
    assert found <= watermark
    assert found >= min(watermark, now - HORIZON)
    assert settled is None or found >= min(settled, watermark)
