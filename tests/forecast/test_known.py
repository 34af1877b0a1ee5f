"""Series whose end is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from cloudcircuit.engine.forecast import Newest, forecast
from tests.forecast.world import AUGUST, DATES, DAY_OF_MONTH, JULY, WEEKDAY, july, steady, total


@pytest.mark.parametrize("day", [1, 5, 15, 25, 30])
def test_a_steady_week_is_met(day: int) -> None:
    series = steady()
    outlook = july(series, day)
    assert outlook.median[0] == pytest.approx(total(series), rel=0.02)
    assert outlook.low[0] < total(series) < outlook.high[0]


def test_weekends_ahead_are_told_from_workdays() -> None:
    series = np.where(WEEKDAY >= 5, 10.0, 100.0)
    friday = JULY + 3
    weekend = forecast(series[None], DATES, JULY, friday, friday + 3)
    workdays = forecast(series[None], DATES, JULY, friday + 2, friday + 5)
    assert weekend.path[0] == pytest.approx([10, 10], rel=0.1)
    assert workdays.path[0] == pytest.approx([100, 100], rel=0.1)


def test_a_month_start_fee_is_not_spread_over_the_days() -> None:
    series = steady() + np.where(DAY_OF_MONTH == 1, 900.0, 0.0)
    assert july(series, 5).median[0] == pytest.approx(total(series), rel=0.02)


@pytest.mark.parametrize("day", [15, 31])
def test_a_fee_that_is_due_later_in_the_month_is_expected(day: int) -> None:
    last = np.isin(DATES + 1, DATES[DAY_OF_MONTH == 1])
    series = steady() + 900.0 * (last if day == 31 else day == DAY_OF_MONTH)
    assert july(series, 5).median[0] == pytest.approx(total(series), rel=0.03)


def test_a_fee_that_has_come_is_not_expected_twice() -> None:
    series = steady() + np.where(DAY_OF_MONTH == 15, 900.0, 0.0)
    early = series.copy()
    early[[JULY + 13, JULY + 14]] = early[[JULY + 14, JULY + 13]]
    assert july(early, 14).median[0] == pytest.approx(total(series), rel=0.02)


def test_a_fortnightly_batch_is_expected() -> None:
    series = steady() + np.where(np.arange(365) % 14 == (JULY + 20) % 14, 600.0, 0.0)
    assert july(series, 10).median[0] == pytest.approx(total(series), rel=0.03)


def test_a_quarterly_fee_is_expected_in_its_month_only() -> None:
    months = DATES.astype("datetime64[M]").astype(int) % 12
    series = steady() + np.where((DAY_OF_MONTH == 20) & (months % 3 == 0), 2000.0, 0.0)
    assert july(series, 10).median[0] == pytest.approx(total(series), rel=0.05)
    august = forecast(series[None], DATES, AUGUST, AUGUST + 9, AUGUST + 31)
    assert august.median[0] == pytest.approx(series[AUGUST : AUGUST + 31].sum(), rel=0.03)


def test_a_lone_oneoff_raises_the_total_by_itself_only() -> None:
    series = steady()
    bought = series.copy()
    bought[JULY + 4] += 5000.0
    assert july(bought).median[0] - july(series).median[0] == pytest.approx(5000.0, rel=0.02)


def test_charges_apart_recur_and_are_no_run_rate() -> None:
    other = np.where(DAY_OF_MONTH == 20, 40.0, 0.0)[None]
    plain, both = july(steady()), july(steady(), other=other)
    assert both.median[0] - plain.median[0] == pytest.approx(40.0, rel=0.05)
    everyday = july(steady(), other=np.full((1, 365), 50.0))
    assert everyday.median[0] - plain.median[0] == pytest.approx(31 * 50.0, rel=0.05)


def test_only_charges_apart() -> None:
    other = np.where(DAY_OF_MONTH == 20, 40.0, 0.0)[None]
    assert july(np.zeros(365), other=other).median[0] == pytest.approx(40.0, rel=0.1)


def test_a_lower_level_is_believed_within_days() -> None:
    series = steady()
    series[JULY + 5 :] *= 0.5
    assert july(series, 10).median[0] == pytest.approx(total(series), rel=0.03)


def test_a_raised_level_is_expected_to_fall_back_and_widens_the_band() -> None:
    series, plain = steady(), steady()
    series[JULY + 5 :] *= 3
    outlook, before = july(series, 10), july(plain, 10)
    assert before.median[0] < outlook.median[0] < total(series)
    assert outlook.high[0] - outlook.low[0] > 5 * (before.high[0] - before.low[0])


def test_a_level_raised_for_a_month_is_the_level() -> None:
    series = steady()
    series[JULY - 35 :] *= 3
    assert july(series, 5).median[0] == pytest.approx(total(series), rel=0.03)


def test_a_dead_series_spends_no_more() -> None:
    series = steady()
    series[JULY + 2 :] = 0.0
    outlook = july(series, 8)
    assert outlook.median[0] == pytest.approx(series[JULY : JULY + 2].sum(), rel=0.05)


def test_a_newborn_series_goes_on_as_it_began() -> None:
    series = steady()
    series[: JULY - 20] = 0.0
    assert july(series).median[0] == pytest.approx(total(series), rel=0.05)


def test_growth_goes_on() -> None:
    series = steady(noise=0.005) * 1.003 ** np.arange(365)
    assert july(series, 5).median[0] == pytest.approx(total(series), rel=0.015)


def test_an_intermittent_series_counts_on_its_mean() -> None:
    random = np.random.default_rng(3)
    rows = random.gamma(2.0, 5.0, (200, 365)) * (random.random((200, 365)) < 0.4)
    totals, outlook = rows[:, JULY:AUGUST].sum(1), july(rows, 10)
    assert outlook.median.sum() == pytest.approx(totals.sum(), rel=0.1)
    assert 0.7 < ((totals > outlook.low) & (totals < outlook.high)).mean() <= 0.95


def test_a_burst_is_no_level_of_an_intermittent_series() -> None:
    random = np.random.default_rng(4)
    series = random.gamma(2.0, 5.0, 365) * (random.random(365) < 0.4)
    burst = series.copy()
    burst[JULY - 30 : JULY - 27] += 1000.0
    assert july(burst).median[0] < 2.5 * july(series).median[0]


def test_gaps_are_unknown_and_not_nothing() -> None:
    series = steady()
    gappy = series.copy()
    gappy[JULY + 2 : JULY + 6] = np.nan
    assert july(gappy, 15).median[0] == pytest.approx(total(series), rel=0.03)


def test_an_account_of_credits_mostly() -> None:
    outlook = july(-steady())
    assert outlook.median[0] == pytest.approx(-total(steady()), rel=0.02)
    assert outlook.low[0] < outlook.median[0] < outlook.high[0]
    assert outlook.breach(np.array([0.0]))[0] < 0.01
    assert outlook.breach(np.array([-5000.0]))[0] > 0.95


def test_the_newest_day_is_completed_by_what_is_usual() -> None:
    series = steady()
    partial = series.copy()
    partial[JULY + 9] = np.nan
    seen = Newest(np.array([series[JULY + 9] * 0.6]), np.array([0.6]), np.array([0.05]))
    outlook = july(partial, newest=seen)
    assert outlook.median[0] == pytest.approx(july(series).median[0], rel=0.005)
    assert outlook.certain[0] == pytest.approx(series[JULY : JULY + 9].sum() + series[JULY + 9] * 0.6)


def test_a_newest_day_of_nothing_is_late() -> None:
    series = steady()
    series[JULY + 9] = np.nan
    nothing = Newest(np.zeros(1), np.ones(1), np.zeros(1))
    assert july(series, newest=nothing).median[0] == pytest.approx(july(steady()).median[0], rel=0.01)


def test_a_one_day_budget_is_judged_by_the_days_completeness() -> None:
    series = steady()[None].copy()
    series[0, JULY] = np.nan
    newest = Newest(np.array([80.0]), np.array([0.8]), np.array([0.1]))
    outlook = forecast(series, DATES, JULY, JULY, JULY + 1, newest=newest)
    assert outlook.low[0] >= 80.0
    assert outlook.median[0] == pytest.approx(100.0)
    assert 0.05 < outlook.breach(np.array([110.0]))[0] < 0.4


@pytest.mark.parametrize(("start", "end"), [(JULY - 1, JULY + 6), (90, 181), (0, 365), (150, 500)])
def test_any_period(start: int, end: int) -> None:
    origin = max(start + 3, 120)
    outlook = forecast(steady()[None, :300], DATES[:300], start, origin, end)
    assert outlook.median[0] == pytest.approx(86.0 / 92 * 100 * (end - start), rel=0.15)
    assert outlook.path.shape == (1, end - origin - 1)


def test_announced_spend_counts_and_teaches_nothing() -> None:
    series = steady()
    test = series.copy()
    test[JULY : JULY + 10] += 400.0
    out = np.zeros((1, 365), bool)
    out[0, JULY : JULY + 10] = True
    outlook = forecast(test[None], DATES, JULY, JULY + 9, AUGUST, out=out)
    assert outlook.median[0] == pytest.approx(total(series) + 4000.0, rel=0.02)


def test_too_early_to_say() -> None:
    rows = np.stack([steady(), steady(), steady()])
    rows[0, : JULY + 8] = np.nan
    rows[1, : JULY + 2] = np.nan
    assert july(rows).too_early.tolist() == [True, False, False]
    nothing = july(np.full(365, np.nan))
    assert nothing.too_early[0]
    assert np.isnan([nothing.median[0], nothing.breach(np.ones(1))[0]]).all()


def test_a_year_needs_more_history_than_a_month() -> None:
    assert forecast(steady()[None, :20], DATES[:20], 0, 19, 365).too_early[0]
    assert not forecast(steady()[None, :60], DATES[:60], 0, 59, 365).too_early[0]


@pytest.mark.parametrize(("start", "origin", "end"), [(5, 400, 500), (10, 9, 10), (10, 20, 20), (0, -1, 5)])
def test_indices_that_do_not_fit_are_refused(start: int, origin: int, end: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        forecast(steady()[None], DATES, start, origin, end)


def test_breach_and_its_day() -> None:
    series = steady()
    outlook = july(np.stack([series] * 4), 10)
    so_far = series[JULY : JULY + 10].sum()
    limits = np.array([so_far / 2, total(series) * 0.8, total(series) * 2, np.nan])
    chance = outlook.breach(limits)
    assert chance[:3] == pytest.approx([1.0, 1.0, 0.0], abs=0.1)
    assert np.isnan(chance[3])
    crossed = int(np.argmax(np.cumsum(series[JULY:AUGUST]) > limits[1]))
    days = outlook.breach_day(limits)
    assert days[0] == JULY + 9
    assert abs(days[1] - (JULY + crossed)) <= 1
    assert days[2:].tolist() == [-1, -1]


def test_the_fan_ends_at_the_quantiles() -> None:
    outlook = july(np.stack([steady(seed=1), steady(5.0, 0.3, seed=2)]), 10)
    low, middle, high = outlook.fan()
    assert low.shape == (2, 21)
    assert [x[:, -1] for x in (low, middle, high)] == [
        pytest.approx(x) for x in (outlook.low, outlook.median, outlook.high)
    ]
    assert (low <= middle).all()
    assert (middle <= high).all()


def test_the_last_day_leaves_nothing_open() -> None:
    outlook = july(steady(), 31)
    assert outlook.low[0] == outlook.high[0] == pytest.approx(total(steady()))
    assert outlook.fan()[1].shape == (1, 0)
    assert outlook.breach_day(np.array([1e9])).tolist() == [-1]
