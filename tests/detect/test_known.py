"""What must be found, and what must not: series whose answer a person would give at once."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detect.spend import day_of_month, days, highest, left_of_month, score, scores, usual

ALERT = 1.0  # -log10 of the shipped false_alerts = 0.1


def test_twice_the_spend_after_nine_days_is_found_on_that_day() -> None:
    values = np.array([53, 54, 55, 53.5, 54.2, 53, 55, 54, 53.3, 106.0])
    assert score(values, 9) > ALERT


def test_nothing_is_said_in_the_first_week() -> None:
    assert np.isnan(score(usual(20), 6))
    assert np.isfinite(score(usual(20), 8))


def test_quiet_spend_is_quiet() -> None:
    for seed in range(5):
        assert highest(usual(150, seed=seed, weekend=0.6), 20) < ALERT


@pytest.mark.parametrize("factor", [1.5, 2.0, 10.0])
def test_a_spike_is_found(factor: float) -> None:
    values = usual(120, weekend=0.6)
    values[110] *= factor
    assert score(values, 110) > ALERT


def test_a_larger_spike_scores_higher() -> None:
    values = usual(120)
    found = []
    for factor in (1.3, 1.6, 2.5, 5.0):
        values[110] = 100 * factor
        found.append(score(values, 110))
    assert found == sorted(found)


def test_a_weekend_is_no_dip_and_monday_no_rise() -> None:
    values = usual(120, weekend=0.3)
    assert highest(values, 40) < ALERT
    saturday = int(np.flatnonzero((days(120).astype(np.int64) + 3) % 7 == 5)[-1])
    values[saturday] = 100  # as much as on a working day
    assert score(values, saturday) > ALERT


def test_a_slow_leak_is_found_before_spend_has_doubled() -> None:
    values = usual(140)
    values[110:] *= 1 + np.arange(30) / 30
    found = scores(values, list(range(110, 140)))
    first = next(t for t, answer in found.items() if answer.score[0] > ALERT)
    assert first < 128


def test_a_leak_is_found_by_a_window_and_measured_from_before_it() -> None:
    values = usual(140, noise=0.06)
    values[110:] *= 1 + np.arange(30) / 40
    found = scores(values, list(range(110, 140)))
    by_window = [t for t, answer in found.items() if answer.score[0] > ALERT and answer.window[0] > 1]
    assert by_window
    answer = found[by_window[-1]]
    assert answer.expected[0] == pytest.approx(100, rel=0.15)
    assert answer.excess[0] > 0
    assert answer.since[0] == answer.window[0] - 1


def test_a_fall_is_no_alarm_nor_is_the_return_from_one() -> None:
    values = usual(120)
    values[100:104] *= 0.2
    assert highest(values, 95) < ALERT


def test_an_outage_is_no_alarm_nor_is_the_day_after() -> None:
    values = usual(120)
    values[100] = 0
    assert highest(values, 95) < ALERT


def test_a_credit_is_no_alarm_and_dulls_nothing() -> None:
    values = usual(120)
    values[90] = -400
    assert highest(values, 85) < ALERT
    values[110] *= 1.5
    assert score(values, 110) > ALERT


def test_a_monthly_fee_is_expected_from_its_second_time_on() -> None:
    values = usual(150) + np.where(day_of_month(150) == 3, 400.0, 0.0)
    at = np.flatnonzero(day_of_month(150) == 3)
    assert score(values, int(at[1])) < ALERT  # the first lies in the first week
    assert highest(values, int(at[1])) < ALERT


def test_a_fee_that_comes_a_day_late_is_expected_but_not_twice() -> None:
    values = usual(130)
    values[[31, 59, 91]] += 500  # the first of February and of March, the second of April
    assert score(values, 91) < ALERT
    values[93] += 500
    assert score(values, 93) > ALERT


def test_a_fee_much_larger_than_before_is_found() -> None:
    values = usual(130) + np.where(day_of_month(130) == 1, 400.0, 0.0)
    values[120] += 1500
    assert score(values, 120) > ALERT


def test_a_fee_is_part_of_what_is_expected() -> None:
    values = usual(130) + np.where(day_of_month(130) == 1, 400.0, 0.0)
    assert scores(values, [120])[120].expected[0] == pytest.approx(500, rel=0.1)
    assert scores(values, [119])[119].expected[0] == pytest.approx(100, rel=0.1)


def test_a_closing_of_three_days_at_the_end_of_each_month_is_expected() -> None:
    values = usual(180) * np.where(left_of_month(180) < 3, 2.5, 1.0)
    assert highest(values, 85) < ALERT


def test_a_fortnightly_job_is_expected() -> None:
    values = usual(150)
    values[5::14] += 200
    assert highest(values, 60) < ALERT


def test_a_quarterly_fee_is_expected() -> None:
    values = usual(200)
    values[[0, 90, 181]] += 800
    assert score(values, 90) < ALERT
    assert score(values, 181) < ALERT


def test_spend_on_a_dead_series_is_found_and_cents_are_not() -> None:
    values = np.zeros(120)
    values[100] = 20
    assert score(values, 100) > ALERT
    values[100] = 0.4
    assert score(values, 100) < ALERT


def test_what_is_small_is_the_callers_word() -> None:
    values = np.zeros(120)
    values[100] = 20
    assert score(values, 100, small=50.0) < ALERT


def test_a_burst_on_an_intermittent_series_is_found() -> None:
    rng = np.random.default_rng(3)
    values = rng.gamma(1.5, 4.0, 150) * (rng.random(150) > 0.5)
    assert highest(values, 60) < 2 * ALERT
    values[140:142] += 150
    assert max(score(values, 140), score(values, 141)) > ALERT


def test_a_noisy_series_needs_more() -> None:
    calm, noisy = usual(120, noise=0.03), usual(120, noise=0.4)
    for values in (calm, noisy):
        values[110] = 200
    assert score(calm, 110) > ALERT > score(noisy, 110)


def test_a_new_level_is_taken_over_within_about_two_weeks() -> None:
    values = usual(160)
    values[110:] *= 2
    assert score(values, 110) > ALERT
    assert highest(values, 130) < ALERT
    assert scores(values, [140])[140].expected[0] == pytest.approx(200, rel=0.1)


def test_a_birth_is_told_once_and_then_known() -> None:
    values = usual(140)
    values[:100] = 0
    assert score(values, 100) > ALERT
    assert highest(values, 109) < ALERT


def test_credits_above_usage_leave_the_eyes_open() -> None:
    values = usual(150) - 160
    assert highest(values, 40) < ALERT
    values[140] += 200
    assert score(values, 140) > ALERT


def test_what_is_left_out_teaches_nothing() -> None:
    values = usual(120)
    values[108:118] *= 1.2
    out = np.zeros((1, 120), bool)
    out[0, 108:118] = True
    assert scores(values, [119], out=out)[119].expected[0] == pytest.approx(100, rel=0.04)


def test_announced_spend_is_not_taken_for_the_level_however_long_it_lasts() -> None:
    values = usual(140)
    values[100:] *= 3
    out = np.zeros((1, 140), bool)
    out[0, 100:] = True
    assert scores(values, [139], out=out)[139].expected[0] == pytest.approx(100, rel=0.1)


def test_what_lasted_while_it_was_left_out_is_the_level_afterwards() -> None:
    values = usual(140)
    values[100:] *= 3
    out = np.zeros((1, 140), bool)
    out[0, 100:130] = True
    assert scores(values, [135], out=out)[135].expected[0] == pytest.approx(300, rel=0.1)
    assert highest(values, 132, out=out) < ALERT


def test_a_partial_day_is_judged_as_if_it_were_whole() -> None:
    values = usual(120)
    values[110] = 140
    half = (np.array([0.7]), np.array([0.02]))
    as_it_stands, completed = scores(values, [110])[110], scores(values, [110], complete=half)[110]
    assert completed.score[0] > as_it_stands.score[0]
    assert completed.limit(0.1)[0] < as_it_stands.limit(0.1)[0]


def test_doubt_about_completeness_widens_the_band() -> None:
    values = usual(120)
    sure, unsure = (scores(values, [110], complete=(np.array([0.9]), np.array([sd])))[110] for sd in (0.0, 0.1))
    assert unsure.high[0] - unsure.low[0] > sure.high[0] - sure.low[0]


def test_the_band_holds_most_days_and_the_limit_lies_above_it() -> None:
    values = usual(150, noise=0.05)
    found = scores(values, list(range(60, 150)))
    inside = [answer.low[0] < values[t] < answer.high[0] for t, answer in found.items()]
    assert 0.65 < np.mean(inside) < 0.95
    assert all(answer.limit(0.1)[0] > answer.high[0] for answer in found.values())


def test_the_limit_is_where_the_score_crosses() -> None:
    values = usual(120, noise=0.1)
    limit = float(scores(values, [110])[110].limit(0.1)[0])
    for factor, found in ((1.02, True), (0.98, False)):
        values[110] = limit * factor
        alone = scores(values, [110])[110]
        assert alone.window[0] > 1 or (alone.score[0] > ALERT) == found


def test_fewer_false_alerts_need_more_money() -> None:
    answer = scores(usual(120), [110])[110]
    assert answer.limit(0.02)[0] > answer.limit(0.1)[0] > answer.limit(0.5)[0]
