"""What is told: each thing once, until it is over, and nothing twice because it wavers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from cloudcircuit.engine import breaker
from cloudcircuit.engine.tell import tell
from cloudcircuit.model import (
    ACKNOWLEDGED,
    BACK_TO_NORMAL,
    BELOW_BUDGET,
    CLEARED,
    NEW_LEVEL,
    NEW_PERIOD,
    Action,
    AlertKind,
    BudgetView,
    BurnRatePolicy,
    Change,
    Condition,
    Mode,
    Phase,
    Reason,
    Severity,
    WhenStale,
)
from tests.engine.world import HOUR, MONITOR, Run, act, day, series, view, watching

OK, HOT = 100.0, 300.0
PAST = [OK] * 8
ANOMALY, TRIPPED, RESOLVED = AlertKind.ANOMALY, AlertKind.TRIPPED, AlertKind.RESOLVED


def daily(values: list[float], **settings: Any) -> Run:
    """A cycle at each midnight after a quiet past; the newest day is provisional."""
    run = Run(watching(**settings))
    run.daily([*PAST, *values], first=len(PAST))
    return run


def when(run: Run) -> list[tuple[int, AlertKind]]:
    """On the morning after which day each thing was told; day 1 is the first after the quiet past."""
    return [((now - day(len(PAST))).days, change.kind) for now, change in run.told]


# --- the run rate ----------------------------------------------------------------------------------------


def test_an_anomaly_is_told_on_the_first_day_and_a_trip_on_the_second() -> None:
    run = daily([HOT, HOT, HOT, HOT])
    assert when(run) == [(1, ANOMALY), (2, TRIPPED)]
    anomaly, tripped = (change for _, change in run.told)
    assert anomaly == Change(ANOMALY, Severity.WARNING, (Reason.ANOMALY,), since=day(8), excess=200.0, periods=1)
    reasons = (Reason.BREAKER_OPEN, Reason.ANOMALY)
    assert tripped == Change(TRIPPED, Severity.CRITICAL, reasons, since=day(8), excess=400.0, periods=2)


def test_it_says_by_which_check_it_was_found() -> None:
    run = daily([145.0], burn_rate=BurnRatePolicy())
    assert run.told[0][1].reasons == (Reason.BURN_RATE,)


def test_the_money_is_that_of_the_present_run() -> None:
    run = daily([HOT, OK, OK, OK, 260.0], remind_every=None)
    assert [(change.kind, change.excess, change.periods) for _, change in run.told] == [
        (ANOMALY, 200.0, 1),
        (RESOLVED, 200.0, 1),
        (ANOMALY, 160.0, 1),
    ]


def test_reading_the_same_again_tells_nothing() -> None:
    run = daily([HOT, HOT])
    told = len(run.told)
    for hours in range(24):
        run.cycle(day(10) + hours * HOUR, series([*PAST, HOT, HOT], provisional=[9]), watermark=day(9))
    assert len(run.told) == told


def test_it_is_over_after_as_many_good_days_as_bad_ones_open_it() -> None:
    run = daily([HOT, OK, OK, OK, OK])
    assert when(run) == [(1, ANOMALY), (4, RESOLVED)]
    assert run.told[-1][1].resolution == BACK_TO_NORMAL
    assert (run.told[-1][1].since, run.told[-1][1].excess) == (day(8), 200.0)
    assert run.state.alerted == {}
    run = daily([HOT, HOT, *[OK] * 7])
    assert when(run)[:2] == [(1, ANOMALY), (2, TRIPPED)]
    assert [kind for _, kind in when(run)[2:]] == [RESOLVED]
    assert run.state.phase is Phase.CLOSED


def test_a_provisional_day_that_settles_low_was_a_false_alarm() -> None:
    run = daily([HOT])
    run.daily([*PAST, OK, OK, OK, OK], first=len(PAST) + 2)
    assert [change.resolution for _, change in run.told] == [None, BACK_TO_NORMAL]


@pytest.mark.parametrize(
    "wave", [[HOT, OK], [HOT, OK, OK], [HOT, HOT, OK], [HOT, HOT, OK, OK], [151.0, 149.0], [HOT, HOT, HOT, OK, OK]]
)
@pytest.mark.parametrize("mode", Mode)
def test_a_wave_around_the_threshold_tells_at_most_once_per_window(wave: list[float], mode: Mode) -> None:
    """The window is the cooldown, two days; a trip is not new beside the anomaly that it grew out of."""
    run = daily(wave * 20, mode=mode, enforce=frozenset(Condition), remind_every=None)
    news = [at for at, kind in when(run) if kind in (ANOMALY, AlertKind.ESCALATED)]
    assert all(later - earlier >= 2 for earlier, later in pairwise(news))
    assert run.kinds.count(TRIPPED) <= run.kinds.count(ANOMALY)
    assert len(run.told) <= len(wave) * 20 / 3


def test_a_wave_that_never_trips_is_one_anomaly() -> None:
    assert daily([HOT, OK] * 7, remind_every=None).kinds == [ANOMALY]


def test_a_new_level_is_told_as_one_and_is_normal_from_then_on() -> None:
    run = daily([HOT] * 60, remind_every=None)
    assert run.kinds == [ANOMALY, TRIPPED, RESOLVED]
    assert run.told[-1][1].resolution == NEW_LEVEL
    assert 14 <= (run.told[-1][0] - day(8)).days <= 31
    run.daily([*PAST, *[HOT] * 60, 500.0], first=69)
    assert run.kinds[3:] == [ANOMALY], "and what lies above it is an anomaly again"


def test_a_run_that_was_acknowledged_ends_as_acknowledged() -> None:
    run = daily([HOT])
    run.state = breaker.acknowledge(run.state, day(9))
    run.daily([*PAST, HOT, OK, OK, OK], first=10)
    assert [change.resolution for _, change in run.told][-1] == ACKNOWLEDGED


def test_what_was_acknowledged_before_it_began_was_something_else() -> None:
    run = Run()
    run.state = breaker.acknowledge(run.state, day(8))
    run.daily([*PAST, HOT, OK, OK, OK], first=8)
    assert run.told[-1][1].resolution == BACK_TO_NORMAL


def test_a_run_that_is_announced_after_all_ends_as_acknowledged() -> None:
    run = daily([HOT])
    run.acts = [act("expect", amount=Decimal(200), at=day(9), until=day(30))]
    run.daily([*PAST, HOT, *[HOT] * 3], first=10)
    assert run.kinds == [ANOMALY, RESOLVED]
    assert run.told[-1][1].resolution == ACKNOWLEDGED


def test_an_announcement_does_not_make_a_normal_day_anything_else() -> None:
    run = daily([HOT])
    run.acts = [act("expect", amount=Decimal(10), at=day(9), until=day(30))]
    run.daily([*PAST, HOT, OK, OK, OK], first=10)
    assert run.told[-1][1].resolution == BACK_TO_NORMAL


def test_what_passes_at_the_old_limit_is_back_to_normal() -> None:
    assert daily([HOT, 150.0, 150.0, OK]).told[-1][1].resolution == BACK_TO_NORMAL


def test_what_passes_above_the_old_limit_is_a_new_level() -> None:
    """Acknowledged days have raised what is normal: 155 passes, and lies above the limit of 150 that was."""
    run = daily([155.0], min_impact=Decimal(1))
    run.state = breaker.acknowledge(run.state, day(9))
    run.daily([*PAST, *[155.0] * 6], first=10)
    assert run.told[-1][1].resolution == NEW_LEVEL
    assert all(past.admitted for past in run.state.anomalies)


def test_an_anomaly_found_late_is_told_once_and_opens_no_run() -> None:
    run = Run()
    run.cycle(day(8), series(PAST), watermark=day(8))
    run.cycle(day(10), series([*PAST, None, OK]), watermark=day(10))
    found = run.cycle(day(11), series([*PAST, HOT, OK]), watermark=day(10))
    assert found == [Change(ANOMALY, Severity.WARNING, (Reason.ANOMALY,), since=day(8), excess=200.0, periods=1)]
    assert run.cycle(day(12), series([*PAST, HOT, OK, OK]), watermark=day(11)) == []


def test_after_an_outage_what_came_and_went_is_told_in_one_message() -> None:
    run = Run(watching(anomaly=None, burn_rate=BurnRatePolicy()))
    run.cycle(day(8), series(PAST), watermark=day(8))
    changes = run.cycle(day(14), series([*PAST, OK, HOT, OK, OK, OK, OK]), watermark=day(14))
    assert [(c.kind, c.reasons) for c in changes] == [(ANOMALY, (Reason.BURN_RATE,)), (RESOLVED, ())]


def test_a_cleared_circuit_trips_anew() -> None:
    run = daily([HOT, HOT])
    run.state = breaker.reset(run.state)
    run.daily([*PAST, HOT, HOT, 900.0, 900.0], first=11)
    assert run.kinds == [ANOMALY, TRIPPED, RESOLVED, ANOMALY, TRIPPED]
    assert [change.resolution for _, change in run.told if change.kind is RESOLVED] == ["cleared"]


def test_a_damaged_row_is_told_as_the_open_breaker_that_stands_in_for_it() -> None:
    run = Run()
    run.state = replace(run.state, phase=Phase.OPEN)
    assert [c.kind for c in run.cycle(day(8), series(PAST), watermark=day(8))] == [TRIPPED]
    run.daily([*PAST, *[OK] * 6], first=9)
    assert run.kinds == [TRIPPED, RESOLVED]
    assert run.told[-1][1].resolution == BACK_TO_NORMAL


# --- what is served became stricter ----------------------------------------------------------------------


def quiet() -> Run:
    run = Run(watching(when_stale=WhenStale.BLOCK))
    run.cycle(day(8), series(PAST), watermark=day(8))
    return run


def test_a_block_for_stale_data_is_told_once() -> None:
    run = quiet()
    changes = run.cycle(day(12), watermark=day(8))
    assert [(c.kind, c.severity, c.reasons) for c in changes] == [
        (AlertKind.ESCALATED, Severity.CRITICAL, (Reason.STALE,))
    ]
    assert run.cycle(day(13), watermark=day(8)) == []


def test_a_block_that_was_held_back_is_told_when_it_comes() -> None:
    run = Run()
    run.cycle(day(8), series(PAST), watermark=day(8))
    run.cycle(day(10), series([*PAST, HOT, HOT]), watermark=day(10), blocks_left=0)
    assert (run.kinds, run.action) == ([TRIPPED], Action.ALLOW)
    run.cycle(day(10) + HOUR, series([*PAST, HOT, HOT]), watermark=day(10), blocks_left=1)
    assert (run.kinds, run.action) == ([TRIPPED, AlertKind.ESCALATED], Action.BLOCK)


def test_a_block_that_returns_when_an_override_ends_is_told() -> None:
    run = daily([HOT, HOT])
    run.acts = [act("override", action=Action.ALLOW, until=day(10) + 2 * HOUR)]
    seen = series([*PAST, HOT, HOT], provisional=[9])
    assert run.cycle(day(10) + HOUR, seen, watermark=day(9)) == []
    assert [c.kind for c in run.cycle(day(10) + 2 * HOUR, seen, watermark=day(9))] == [AlertKind.ESCALATED]


def test_a_person_needs_no_alert_of_their_own_override() -> None:
    run = quiet()
    run.acts = [act("override", action=Action.BLOCK)]
    assert run.cycle(day(8) + HOUR, series(PAST), watermark=day(8)) == []


def test_a_throttle_that_comes_back_for_what_was_told_is_no_news() -> None:
    run = daily([HOT, OK, HOT, OK, HOT], mode=Mode.ENFORCE, enforce=frozenset({Condition.ANOMALY}))
    assert (run.kinds, run.action) == ([ANOMALY], Action.THROTTLE)


def test_a_throttle_that_nothing_told_explains_is_told() -> None:
    run = quiet()
    run.monitor = watching(when_stale=WhenStale.THROTTLE)
    run.state = replace(run.state, alerted={"closed_over": day(8)})  # explains nothing of today
    changes = run.cycle(day(12), watermark=day(8))
    assert [(c.kind, c.severity) for c in changes] == [(AlertKind.ESCALATED, Severity.WARNING)]


@pytest.mark.parametrize(("hours", "severity"), [(1, Severity.CRITICAL), (48, Severity.WARNING)])
def test_turning_enforcement_on_tells_what_is_stopped_by_it(hours: int, severity: Severity) -> None:
    run = daily([HOT, HOT], mode=Mode.OBSERVE)
    run.monitor = MONITOR
    seen = series([*PAST, HOT, HOT], provisional=[9])
    changes = run.cycle(day(10) + hours * HOUR, seen, watermark=day(10))
    assert [(c.kind, c.severity) for c in changes] == [(AlertKind.ESCALATED, severity)]


# --- reminders -------------------------------------------------------------------------------------------


def reminded(run: Run, days: int) -> list[int]:
    """The days on which something is told of a circuit where nothing moves."""
    seen = series([*PAST, HOT, HOT], provisional=[9])
    run.monitor = watching(run.monitor, cooldown=timedelta(days=99))
    return [n for n in range(days) if run.cycle(day(10 + n) + HOUR, seen, watermark=day(9))]


def test_what_lasts_is_told_again_each_week() -> None:
    run = daily([HOT, HOT])
    assert reminded(run, 22) == [7, 14, 21]
    assert run.kinds[-1] is AlertKind.REMINDER


@pytest.mark.parametrize(("at", "reminders"), [(day(11), 0), (day(9), 2)])
def test_reminders_stop_when_somebody_knows(at: Any, reminders: int) -> None:
    run = daily([HOT, HOT], when_stale=WhenStale.HOLD, stale_after=timedelta(days=99))
    run.state = breaker.acknowledge(run.state, at)
    reminded(run, 15)
    assert run.kinds.count(AlertKind.REMINDER) == reminders


def test_what_came_after_somebody_knew_is_reminded_of() -> None:
    run = daily([HOT, HOT], cooldown=timedelta(days=99))
    run.state = breaker.acknowledge(run.state, day(11))
    seen = series([*PAST, HOT, HOT], provisional=[9])
    for n in range(12, 22):
        run.cycle(day(n), seen, (view("120"), None), watermark=day(n))
    assert run.kinds == [ANOMALY, TRIPPED, TRIPPED, AlertKind.REMINDER]


def test_no_reminders_where_none_are_wanted() -> None:
    run = daily([HOT, HOT], remind_every=None)
    reminded(run, 30)
    assert AlertKind.REMINDER not in run.kinds


# --- budgets ---------------------------------------------------------------------------------------------

APRIL = 4


def budgeted(*views: BudgetView | tuple[BudgetView, BudgetView] | None, **settings: Any) -> Run:
    """One cycle an hour, each with another view of the budget."""
    run = Run(watching(**settings))
    for n, seen in enumerate(views):
        pair = seen if isinstance(seen, tuple) else (seen, None)
        run.cycle(day(8) + n * HOUR, series(PAST), pair, watermark=day(8))
    return run


def test_warning_and_breach_are_told_once_each() -> None:
    run = budgeted(view("50"), view("91"), view("95"), view("100"), view("110"))
    assert run.kinds == [AlertKind.BUDGET_WARNING, TRIPPED]
    assert [change.reasons for _, change in run.told] == [(Reason.BUDGET_WARNING,), (Reason.BUDGET_BREACHED,)]


def test_a_warning_comes_once_in_a_period_however_spend_wavers() -> None:
    up, down = view("91"), view("89")
    assert budgeted(up, down, up, down, up).kinds == [AlertKind.BUDGET_WARNING]
    assert budgeted(up, view("0", month=APRIL), view("92", month=APRIL)).kinds == [AlertKind.BUDGET_WARNING] * 2


def test_a_forecast_comes_once_in_a_period() -> None:
    up, down = view("50", projected="101"), view("50", projected="99")
    run = budgeted(up, down, up, view("60", projected="130"))
    assert run.kinds == [AlertKind.FORECAST]
    assert budgeted(up, view("50", projected="101", month=APRIL)).kinds == [AlertKind.FORECAST] * 2


def test_warning_and_forecast_come_in_one_message() -> None:
    run = budgeted(view("95", projected="130"), view("95", projected="130"))
    assert run.kinds == [AlertKind.BUDGET_WARNING, AlertKind.FORECAST]
    assert len({now for now, _ in run.told}) == 1


def test_a_breach_leaves_nothing_to_warn_of() -> None:
    assert budgeted(view("120", projected="300")).kinds == [TRIPPED]
    assert budgeted(view("120"), view("95", "105", projected="300")).kinds == [TRIPPED, RESOLVED]


@pytest.mark.parametrize(
    ("then", "resolution"),
    [
        (view("120", "200"), BELOW_BUDGET),
        (view("80", settled=7), BELOW_BUDGET),
        (view("0", settled=None, month=APRIL), NEW_PERIOD),
        (None, CLEARED),
    ],
)
def test_a_breach_ends_with_a_word(then: BudgetView | None, resolution: str) -> None:
    run = budgeted(view("120"), then, then)
    assert run.kinds == [TRIPPED, RESOLVED]
    assert run.told[-1][1] == Change(RESOLVED, Severity.CRITICAL, (), since=day(8), resolution=resolution)


def test_a_new_period_may_be_breached_in_its_first_hour() -> None:
    run = budgeted(view("120"), view("150", month=APRIL))
    assert [(change.kind, change.resolution) for _, change in run.told] == [
        (TRIPPED, None),
        (RESOLVED, NEW_PERIOD),
        (TRIPPED, None),
    ]


def test_months_that_become_quarters_tell_nothing_new_of_a_breach() -> None:
    assert budgeted(view("120"), replace(view("130"), start=date(2027, 1, 1))).kinds == [TRIPPED]


def test_a_period_that_late_data_push_over_is_told_once() -> None:
    late = (view("0", settled=None, month=APRIL), view("130"))
    run = budgeted(view("95"), late, late, late)
    assert run.kinds == [AlertKind.BUDGET_WARNING, AlertKind.CLOSED_OVER]
    assert run.action is Action.ALLOW


def test_a_breach_is_remembered_to_people_since_it_began() -> None:
    run = budgeted(view("120"))
    run.cycle(day(15), series(PAST), (view("120"), None), watermark=day(14))
    change = run.told[-1][1]
    assert (change.kind, change.since, change.reasons) == (AlertKind.REMINDER, day(8), (Reason.BUDGET_BREACHED,))


def test_a_state_that_was_told_is_told_no_more() -> None:
    run = daily([HOT, HOT])
    state, changes = tell(run.monitor, run.state, run.state, day(10) + HOUR)
    assert (state, changes) == (run.state, [])
