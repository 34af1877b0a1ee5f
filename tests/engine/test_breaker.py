"""Evidence counts once and where it belongs; the breaker moves on evidence and on the end of its cooldown."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from cloudcircuit.engine import breaker
from cloudcircuit.model import BreakerState, Grain, Phase, Reason
from tests.engine.world import DAY, HOUR, MONITOR, START, STATE, Days, act, after, day, series, watching

OK, HOT = 100.0, 300.0
PAST: Days = [OK] * 7
SEEN = after(PAST)
"""A week is known and its newest day has been judged."""


def days(*dates: datetime) -> list[int]:
    return [(date - START).days for date in dates]


# --- each period once, oldest first ----------------------------------------------------------------------


def test_an_empty_state_judges_only_the_newest_settled_day() -> None:
    state = after([*PAST, HOT, HOT, HOT])
    assert days(*state.failing) == [9]
    assert state.phase is Phase.CLOSED


def test_an_empty_state_with_nothing_settled_judges_nothing() -> None:
    assert after([OK, HOT], provisional=[0, 1]) == STATE
    assert after([]) == STATE


@pytest.mark.parametrize(
    ("new", "failing", "phase"),
    [
        ([OK, OK], [], Phase.CLOSED),
        ([HOT], [7], Phase.CLOSED),
        ([HOT, OK, HOT], [9], Phase.CLOSED),
        ([HOT, HOT], [7, 8], Phase.OPEN),
        ([OK, HOT, HOT, HOT], [8, 9, 10], Phase.OPEN),
        ([HOT, None, HOT], [7, 9], Phase.OPEN),  # a missing day breaks no row: it is no success
    ],
)
def test_newly_settled_days_count_in_order(new: Days, failing: list[int], phase: Phase) -> None:
    state = after([*PAST, *new], state=SEEN)
    assert (days(*state.failing), state.phase) == (failing, phase)


@pytest.mark.parametrize("threshold", [1, 2, 3, 5])
def test_so_many_failures_in_a_row_open_it(threshold: int) -> None:
    monitor = watching(failure_threshold=threshold)
    assert after([*PAST, *[HOT] * (threshold - 1)], monitor, SEEN).phase is Phase.CLOSED
    assert after([*PAST, *[HOT] * threshold], monitor, SEEN).phase is Phase.OPEN


def test_a_threshold_beyond_what_is_usually_kept_is_still_reached() -> None:
    monitor = watching(failure_threshold=70, new_level_after=400)
    values: Days = [*PAST, *[HOT] * 69]
    state = after(values, monitor, SEEN)
    assert state.phase is Phase.CLOSED
    assert after([*values, HOT], monitor, state).phase is Phase.OPEN


@pytest.mark.parametrize("provisional", [[], [8], [7, 8]])
def test_reading_the_same_again_changes_nothing(provisional: list[int]) -> None:
    values: Days = [*PAST, HOT, HOT]
    once = after(values, state=SEEN, provisional=provisional)
    assert once != SEEN
    assert after(values, state=once, provisional=provisional) == once
    later = after(values, state=once, provisional=provisional, now=day(9) + 12 * HOUR)
    assert later == once


def test_a_day_that_was_judged_is_not_judged_again_when_it_is_restated() -> None:
    state = after([*PAST, HOT], state=SEEN)
    assert after([*PAST, OK], state=state) == state
    assert after([*PAST, 900.0], state=state) == state


def test_a_judged_day_that_breaks_anew_raises_no_second_alarm() -> None:
    state = after([*PAST, HOT, OK], state=SEEN)
    assert after([*PAST, HOT, OK], state=state, provisional=[7]) == state


def test_too_short_a_history_counts_for_nothing() -> None:
    state = after([OK, OK])
    state = after([OK, OK, HOT, HOT], state=state)
    assert (state.failures, state.successes, state.last_success) == (0, 0, None)
    assert state.judged_through == day(3)
    assert state.latest is not None
    assert state.latest.reasons == (Reason.SHORT_HISTORY,)


# --- days that have not settled --------------------------------------------------------------------------


def test_a_provisional_day_adds_one_failure() -> None:
    state = after([*PAST, HOT], state=SEEN, provisional=[7])
    assert (days(*state.provisional), state.failures, days(*state.failing)) == ([7], 1, [])
    assert state.judged_through == day(6)
    state = after([*PAST, 900.0], state=state, provisional=[7])
    assert state.failures == 1, "once"


def test_a_provisional_day_is_never_a_success() -> None:
    state = after([*PAST, HOT], state=SEEN)
    assert after([*PAST, HOT, OK], state=state, provisional=[8]) == state


def test_it_may_be_the_one_that_opens() -> None:
    state = after([*PAST, HOT, HOT], state=SEEN, provisional=[8])
    assert (state.phase, state.opened_through) == (Phase.OPEN, day(8))


@pytest.mark.parametrize(("settled", "failures", "successes"), [(HOT, 1, 0), (OK, 0, 1)])
def test_its_settled_verdict_takes_its_place(settled: float, failures: int, successes: int) -> None:
    alarm = after([*PAST, HOT], state=SEEN, provisional=[7])
    state = after([*PAST, settled], state=alarm)
    assert (state.provisional, state.failures, state.successes) == ((), failures, successes)


def test_an_alarm_older_than_a_success_is_in_no_row() -> None:
    broken = after([*PAST, HOT, OK, HOT], state=SEEN, provisional=[7])
    assert days(*broken.provisional) == [7]
    assert (days(*broken.row), broken.phase) == ([9], Phase.CLOSED)


def test_the_verdict_on_a_newer_day_stands_while_older_days_settle() -> None:
    alarm = after([*PAST, OK, HOT], state=SEEN, provisional=[7, 8])
    state = after([*PAST, OK, HOT], state=alarm, provisional=[8])
    assert state.judged_through == day(7)
    assert state.latest is not None
    assert (state.latest.at, state.latest.failure) == (day(8), True)


# --- days that settle late -------------------------------------------------------------------------------


def test_a_broken_day_is_judged_when_it_is_repaired() -> None:
    state = after([*PAST, OK, OK], state=SEEN, provisional=[7])
    assert days(*state.skipped) == [7]
    state = after([*PAST, HOT, OK], state=state)
    assert (state.skipped, days(*(past.at for past in state.anomalies))) == ((), [7])
    assert state.judged_through == day(8)


def test_a_missing_day_is_judged_when_it_arrives() -> None:
    state = after([*PAST, None, HOT], state=SEEN)
    assert days(*state.skipped) == [7]
    state = after([*PAST, HOT, HOT], state=state)
    assert (days(*state.failing), state.phase) == ([7, 8], Phase.OPEN)


def test_a_late_failure_does_not_count_against_a_later_success() -> None:
    state = after([*PAST, None, OK, HOT], state=SEEN)
    state = after([*PAST, HOT, OK, HOT], state=state)
    assert (days(*state.row), state.phase) == ([9], Phase.CLOSED)


def test_successes_are_counted_from_the_newest_failure_that_counts() -> None:
    monitor = watching(failure_threshold=9)
    state = after([*PAST, HOT, None, None, OK], monitor, SEEN)
    assert state.successes == 1
    state = after([*PAST, HOT, None, HOT, OK], monitor, state)
    assert (state.successes, state.last_failure) == (1, day(7)), "what came late before a success counts for nothing"
    state = after([*PAST, HOT, OK, HOT, OK], monitor, state)
    assert state.successes == 2
    state = after([*PAST, HOT, OK, HOT, OK, None, HOT], monitor, state)
    state = after([*PAST, HOT, OK, HOT, OK, HOT, HOT], monitor, state)
    assert (state.successes, state.last_failure) == (0, day(12))


def test_a_late_success_does_not_wipe_out_later_failures() -> None:
    state = after([*PAST, None, HOT], state=SEEN)
    state = after([*PAST, OK, HOT], state=state)
    assert days(*state.row) == [8]


def test_a_late_success_takes_away_what_came_before_it() -> None:
    monitor = watching(failure_threshold=3)
    state = after([*PAST, HOT, None, HOT], monitor, SEEN)
    assert days(*state.row) == [7, 9]
    state = after([*PAST, HOT, OK, HOT], monitor, state)
    assert days(*state.row) == [9]


def test_days_before_the_first_judged_one_are_never_judged() -> None:
    state = after([None, *PAST])
    assert after([HOT, *PAST], state=state) == state


# --- open, half-open, closed -----------------------------------------------------------------------------

TRIPPED: Days = [*PAST, HOT, HOT]
OPEN = after(TRIPPED, state=SEEN)


def test_it_stays_open_until_its_cooldown_is_over() -> None:
    assert (OPEN.phase, OPEN.opened_at, OPEN.cooldown_until) == (Phase.OPEN, day(9), day(11))
    assert after([*TRIPPED, OK], state=OPEN, now=day(11) - HOUR).phase is Phase.OPEN
    assert after(TRIPPED, state=OPEN, now=day(11)).phase is Phase.HALF_OPEN


@pytest.mark.parametrize(("value", "phase"), [(OK, Phase.CLOSED), (HOT, Phase.OPEN)])
def test_a_later_day_decides_when_half_open(value: float, phase: Phase) -> None:
    half = after(TRIPPED, state=OPEN, now=day(11))
    assert after([*TRIPPED, value], state=half, now=day(11)).phase is phase


def test_a_success_while_it_is_open_does_not_close_it() -> None:
    state = after([*TRIPPED, OK], state=OPEN)
    assert state.phase is Phase.OPEN
    half = after([*TRIPPED, OK], state=state, now=day(11))
    assert half.phase is Phase.HALF_OPEN
    assert after([*TRIPPED, OK, OK], state=half, now=day(11)).phase is Phase.CLOSED


def test_the_period_that_opened_it_never_decides() -> None:
    alarm = after([*PAST, HOT, HOT], state=SEEN, provisional=[8])
    half = after([*PAST, HOT, HOT], state=alarm, provisional=[8], now=day(11))
    assert half.phase is Phase.HALF_OPEN
    settled = after([*PAST, HOT, OK], state=half, now=day(11))
    assert (settled.phase, settled.failures) == (Phase.HALF_OPEN, 0)
    assert after([*PAST, HOT, HOT], state=half, now=day(11)).phase is Phase.HALF_OPEN


def test_nor_does_one_that_settles_late_between_those_that_opened_it() -> None:
    state = after([*PAST, HOT, None, None, HOT], monitor := watching(failure_threshold=3), SEEN)
    state = after([*PAST, HOT, HOT, None, HOT], monitor, state)
    assert (state.phase, state.opened_through) == (Phase.OPEN, day(10)), "opened by the 8th, but known to the 10th"
    half = after([*PAST, HOT, HOT, OK, HOT], monitor, state, now=day(14))
    assert half.phase is Phase.HALF_OPEN


def test_a_late_success_before_a_later_failure_does_not_close_it() -> None:
    state = after([*TRIPPED, None, HOT], state=OPEN, now=day(10))
    half = after([*TRIPPED, OK, HOT], state=state, now=day(14))
    assert half.phase is Phase.HALF_OPEN
    assert after([*TRIPPED, OK, HOT, OK], state=half, now=day(14)).phase is Phase.CLOSED


def test_a_provisional_failure_opens_a_half_open_breaker() -> None:
    half = after(TRIPPED, state=OPEN, now=day(11))
    assert after([*TRIPPED, HOT], state=half, provisional=[9], now=day(11)).phase is Phase.OPEN


def test_each_opening_in_a_row_lasts_twice_as_long_up_to_a_cap() -> None:
    values, state = list(TRIPPED), OPEN
    lengths = []
    for _ in range(5):
        assert state.cooldown_until is not None
        assert state.opened_at is not None
        lengths.append((state.cooldown_until - state.opened_at) / DAY)
        values.append(900.0)
        state = after(values, watching(new_level_after=60), state, now=state.cooldown_until)
    assert lengths == [2, 4, 8, 14, 14]


def test_closing_forgets_the_openings() -> None:
    values: Days = [*TRIPPED, OK]
    closed = after(values, state=OPEN, now=day(11))
    assert (closed.phase, closed.trips, closed.cooldown_until, closed.opened_through) == (Phase.CLOSED, 0, None, None)
    again = after([*values, HOT, HOT], state=closed, now=day(20))
    assert again.cooldown_until == day(22)


def test_a_breaker_that_stands_in_for_a_damaged_row_begins_its_cooldown() -> None:
    damaged = BreakerState(circuit="m", monitor="m", phase=Phase.OPEN)
    state = after(PAST, state=damaged)
    assert (state.phase, state.cooldown_until) == (Phase.OPEN, day(9))
    assert after(PAST, state=state, now=day(9)).phase is Phase.HALF_OPEN
    assert after([*PAST, OK], state=state, now=day(9)).phase is Phase.CLOSED


# --- by hand ---------------------------------------------------------------------------------------------


def test_a_cleared_circuit_starts_clean_and_trips_on_new_evidence_alone() -> None:
    alarm = after([*TRIPPED, HOT], state=OPEN, provisional=[9])
    clean = breaker.reset(replace(alarm, alerted={"tripped": day(9), "budget_breached": day(3)}))
    assert (clean.phase, clean.failures, clean.anomaly_since, clean.decision) == (Phase.CLOSED, 0, None, None)
    assert clean.alerted == {"budget_breached": day(3), "cleared": day(9)}
    reread = after([*TRIPPED, HOT], state=clean, provisional=[9])
    assert (reread.phase, reread.failures) == (Phase.CLOSED, 0)
    settled = after([*TRIPPED, HOT], state=reread)
    assert (settled.failures, settled.anomaly_since) == (0, None), "the alarm was known when it was cleared"
    assert after([*TRIPPED, HOT, 900.0, 900.0], state=settled).phase is Phase.OPEN


def test_acknowledged_days_speak_for_what_is_normal() -> None:
    state = breaker.acknowledge(OPEN, day(9))
    assert [past.admitted for past in state.anomalies] == [True, True]
    assert (state.phase, state.acked_at) == (Phase.OPEN, day(9)), "knowing of it does not close it"


def test_an_alarm_that_was_acknowledged_is_so_when_it_settles() -> None:
    alarm = after([*PAST, HOT], state=SEEN, provisional=[7])
    state = after([*PAST, HOT], state=breaker.acknowledge(alarm, day(8)))
    assert [(past.admitted, past.excess) for past in state.anomalies] == [(True, 200.0)]
    later = after([*PAST, HOT], state=breaker.acknowledge(alarm, day(6)))
    assert [past.admitted for past in later.anomalies] == [False]


def test_an_acknowledged_alarm_that_was_false_is_forgotten() -> None:
    alarm = after([*PAST, HOT], state=SEEN, provisional=[7])
    assert after([*PAST, OK], state=breaker.acknowledge(alarm, day(8))).anomalies == ()


# --- others ----------------------------------------------------------------------------------------------


def test_announced_spend_opens_nothing() -> None:
    plan = act("expect", amount=200, at=day(7), until=day(10))
    assert after([*PAST, HOT, HOT], state=SEEN, planned=[plan]).failures == 0


def test_hours_are_judged_one_by_one() -> None:
    values: Days = [10.0] * (24 * 8)
    seen = series(values, grain=Grain.HOUR)
    state = breaker.observe(MONITOR, STATE, seen, (), day(8))
    hot = series([*values, 90.0, 90.0], grain=Grain.HOUR)
    state = breaker.observe(MONITOR, state, hot, (), day(8) + 2 * HOUR)
    assert (state.failing, state.phase) == ((day(8), day(8) + HOUR), Phase.OPEN)


def test_a_run_begins_with_its_first_day_and_keeps_the_limit_there() -> None:
    state = after([*PAST, OK, HOT, HOT], state=SEEN)
    assert (state.anomaly_since, state.anomaly_limit) == (day(8), 150.0)
    assert [(past.at, past.excess) for past in state.anomalies] == [(day(8), 200.0), (day(9), 200.0)]


def test_what_is_found_late_before_a_success_begins_no_run() -> None:
    state = after([*PAST, None, OK], state=SEEN)
    state = after([*PAST, HOT, OK], state=state)
    assert (state.anomaly_since, len(state.anomalies)) == (None, 1)
