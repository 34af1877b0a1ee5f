"""What holds for any spend whatever: finite numbers, small states, evidence that counts once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.engine import breaker, budget
from cloudcircuit.engine.budget import PeriodSums, Projection
from cloudcircuit.model import BurnRatePolicy, Grain, Mode
from tests.engine.world import DAY, HOUR, MONITOR, STATE, Days, Run, day, series, view, watching

QUICK = settings(max_examples=60, deadline=None)
SPEND = st.floats(-1e6, 1e20, allow_subnormal=True) | st.sampled_from([0.0, -0.0, 5e-324, 1e20, 100.0, 300.0])
KNOWN = st.lists(st.none() | SPEND, min_size=1, max_size=40)
PLAIN = st.lists(st.sampled_from([100.0, 100.0, 100.0, 300.0, 0.0]), min_size=1, max_size=25)
METHODS = st.sampled_from(["spike", "mad", "percentile"])


def numbers(value: Any) -> Iterator[float | Decimal]:
    """Every number within a value."""
    if isinstance(value, float | Decimal):
        yield value
    elif is_dataclass(value):
        for one in fields(value):
            yield from numbers(getattr(value, one.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from numbers(item)


@QUICK
@given(
    days=KNOWN,
    provisional=st.sets(st.integers(0, 40), max_size=5),
    method=METHODS,
    rest=st.lists(st.decimals(-(10**20), 10**20, places=6), min_size=1, max_size=5),
    limit=st.decimals("0.01", 10**20, places=2),
)
def test_no_number_that_is_none_reaches_a_state_or_a_change(
    days: Days, provisional: set[int], method: str, rest: list[Decimal], limit: Decimal
) -> None:
    run = Run(watching(method=method, burn_rate=BurnRatePolicy(), min_impact=Decimal(0)))
    for n in (max(1, len(days) // 2), len(days)):
        known = sum(rest, Decimal(0))
        sums = PeriodSums(
            date(2027, 3, 1), date(2027, 4, 1), rest[0], known, rest[-1], n % 31, None, None, complete=False
        )
        seen = budget.view(sums, limit, 0.9, Projection(float(known), 0.0, float(known)))
        run.cycle(day(n), series(days[:n], provisional=provisional), (seen, None), watermark=day(n))
    found = [*numbers(run.state), *numbers([change for _, change in run.told])]
    assert found
    assert all(isfinite(number) for number in found)


@QUICK
@given(days=KNOWN, provisional=st.sets(st.integers(0, 40), max_size=8), cut=st.integers(0, 40))
def test_evidence_counts_once_however_often_it_is_read(days: Days, provisional: set[int], cut: int) -> None:
    state = breaker.observe(MONITOR, STATE, series(days[:cut]), (), day(60))
    once = breaker.observe(MONITOR, state, series(days, provisional=provisional), (), day(60))
    assert breaker.observe(MONITOR, once, series(days, provisional=provisional), (), day(60)) == once


@QUICK
@given(days=PLAIN, cuts=st.lists(st.integers(0, 25), max_size=6))
def test_days_count_alike_whether_they_come_one_by_one_or_together(days: list[float], cuts: list[int]) -> None:
    """While nothing is late and no time passes, the cycles in between do not matter."""
    past: Days = [100.0] * 8
    start = breaker.observe(MONITOR, STATE, series(past), (), day(8))
    together = breaker.observe(MONITOR, start, series([*past, *days]), (), day(8))
    state = start
    for cut in [*sorted(cuts), len(days)]:
        state = breaker.observe(MONITOR, state, series([*past, *days[:cut]]), (), day(8))
    assert state == together


@QUICK
@given(days=st.lists(st.sampled_from([100.0, 100.0, 300.0]), max_size=12), late=st.permutations(range(6)))
def test_late_days_leave_the_same_row_in_whatever_order_they_settle(days: list[float], late: list[int]) -> None:
    """The last six days settle in any order: which failures stand in a row is the same in the end.

    The days before leave no doubt, whichever of them the baseline has: it knows fewer days while some are late.
    """
    past: Days = [100.0] * 8
    values = [*past, *days, *[100.0, 300.0, 300.0, 100.0, 300.0, 300.0]]
    monitor = watching(failure_threshold=99)
    first = len(values) - 6
    in_order = breaker.observe(monitor, STATE, series([*past, *days]), (), day(0))
    shuffled = in_order
    in_order = breaker.observe(monitor, in_order, series(values), (), day(0))
    for n in range(6):
        unsettled = {first + i for i in late[n + 1 :]}
        hidden = [None if i in unsettled else value for i, value in enumerate(values)]
        shuffled = breaker.observe(monitor, shuffled, series(hidden), (), day(0))
    assert shuffled.row == in_order.row
    assert shuffled.last_success == in_order.last_success
    assert shuffled.skipped == ()


@QUICK
@given(days=st.lists(SPEND, min_size=9, max_size=20), low=st.floats(0.0, 99.0))
def test_a_provisional_day_never_makes_anything_milder(days: list[float], low: float) -> None:
    before = breaker.observe(MONITOR, STATE, series([*days[:-1]]), (), day(60))
    for value in (low, days[-1]):
        seen = series([*days[:-1], value], provisional=[len(days) - 1])
        after = breaker.observe(MONITOR, before, seen, (), day(60))
        assert after.failures >= before.failures
        assert (after.last_success, after.successes) in (
            (before.last_success, before.successes),
            (before.last_success, 0),
        )


SIZES = ("skipped", "failing", "provisional", "anomalies", "alerted")


def biggest(run: Run, days: int, spend: Any, settles: Any, grain: Grain = Grain.DAY) -> int:
    """The most that any part of a state held over so many days, read in windows of ninety."""
    most, step = 0, HOUR if grain is Grain.HOUR else DAY
    window = 90 * (24 if grain is Grain.HOUR else 1)
    for n in range(10, days):
        first = max(0, n - window)
        values: Days = [spend(i) for i in range(first, n)]
        waiting = [i for i in range(len(values)) if not settles(first + i, n)]
        seen = series(values, provisional=waiting, start=day(0) + first * step, grain=grain)
        run.cycle(day(0) + n * step, seen, watermark=day(0) + n * step)
        most = max([most, *(len(getattr(run.state, name)) for name in SIZES)])
    return most


def test_a_state_stays_small_over_a_thousand_days() -> None:
    """Every other day is hot; every third never settles."""
    run = Run(watching(mode=Mode.OBSERVE))
    most = biggest(run, 1000, lambda i: 300.0 if i % 2 else 100.0, lambda i, n: i % 3 != 0 and i < n - 1)
    assert 10 <= most <= 62


def test_a_state_stays_small_when_nothing_ever_settles_again() -> None:
    run = Run(watching(mode=Mode.OBSERVE))
    most = biggest(run, 1000, lambda i: 100.0 if i < 30 else 300.0 + i, lambda i, n: i < 30)
    assert 30 <= most <= 62


def test_a_state_stays_small_when_every_day_is_worse() -> None:
    run = Run(watching(mode=Mode.OBSERVE, new_level_after=90))
    most = biggest(run, 1000, lambda i: 1.05**i, lambda i, n: i < n - 1)
    assert most <= 92


def test_what_was_forgotten_raises_no_second_alarm() -> None:
    """A broken day that stays in sight for longer than it is remembered was told once."""
    run = Run(watching(mode=Mode.OBSERVE, remind_every=None))
    values = [100.0] * 10 + [300.0] + [100.0] * 75
    for n in range(11, len(values)):
        run.cycle(day(n), series(values[:n], provisional=[10]), watermark=day(n - 1))
    assert [change.kind.value for _, change in run.told] == ["anomaly", "resolved"]
    assert run.state.provisional == run.state.skipped == ()


@QUICK
@given(
    spends=st.lists(st.integers(0, 150), min_size=1, max_size=10),
    complete=st.booleans(),
    limit=st.integers(50, 120),
)
def test_a_breach_stands_while_data_are_incomplete(spends: list[int], complete: bool, limit: int) -> None:
    state = budget.step(STATE, view("200", str(limit)), None)
    for spend in spends:
        state = budget.step(state, view(str(spend), str(limit), settled=31, known=31, complete=False), None)
        assert state.budget_breached
    state = budget.step(state, view("1", str(limit), settled=31, known=31, complete=complete), None)
    assert state.budget_breached is not complete
    assert budget.step(replace(state, budget_breached=True), None, None).budget_breached is False


def test_time_alone_changes_nothing_of_a_closed_circuit() -> None:
    state = breaker.observe(MONITOR, STATE, series([100.0] * 9), (), day(9))
    for hours in (1, 24, 24 * 365):
        later = breaker.observe(MONITOR, state, series([100.0] * 9), (), day(9) + timedelta(hours=hours))
        assert later == state
