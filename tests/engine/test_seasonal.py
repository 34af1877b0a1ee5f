"""The seasonal method between the detector and the breaker: what it is asked, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.engine import breaker
from cloudcircuit.engine.breaker import acknowledge
from cloudcircuit.engine.lookout import Watched, look, question_of
from cloudcircuit.engine.seasonal import accepted, ask
from cloudcircuit.engine.settle import Completeness
from cloudcircuit.model import Act, AnomalyPolicy, BreakerState, Grain, Monitor, Phase, Reason, Verdict
from tests.engine.world import HOUR, MONITOR, STATE, act, after, day, series

SEASONAL = replace(MONITOR, anomaly=AnomalyPolicy())
RNG = np.random.default_rng(11)
WEEK = (1.0, 1.02, 0.98, 1.0, 1.01, 0.7, 0.68)
"""Weekends are cheaper."""


def spend(days: int, level: float = 100.0, seed: int = 11) -> list[float]:
    """Quiet days with a weekly rhythm and two percent of noise."""
    rng = np.random.default_rng(seed)
    return [level * WEEK[n % 7] * (1 + 0.02 * float(rng.standard_normal())) for n in range(days)]


QUIET = spend(90)


def judged(values: list[float | None], monitor: Monitor = SEASONAL, planned: Sequence[Act] = ()) -> Verdict:
    """What is said of the newest of these days."""
    latest = after(values, monitor, planned=planned).latest
    assert latest is not None
    return latest


def number(value: float | None) -> float:
    assert value is not None
    return value


# --- one period -------------------------------------------------------------------------------------------


def test_a_jump_is_found_with_its_range_and_a_quiet_day_is_not() -> None:
    latest = judged([*QUIET, 180.0])
    assert latest.failure
    assert latest.reasons == (Reason.ANOMALY,)
    expected = number(latest.expected)
    assert expected == pytest.approx(100 * WEEK[90 % 7], rel=0.05)
    assert number(latest.low) < expected < number(latest.high) < number(latest.limit) < 180
    assert number(latest.score) > 1
    assert latest.excess == pytest.approx(180 - expected)

    calm = judged([*spend(91)])
    assert not calm.failure
    assert calm.reasons == ()
    assert number(calm.score) < 1


def test_a_cheap_saturday_and_a_dear_one() -> None:
    """What is an ordinary Tuesday is far too much for a weekend."""
    saturday = next(n for n in range(84, 91) if n % 7 == 5)
    values = spend(saturday)
    assert not judged([*values, 71.0]).failure
    assert judged([*values, 101.0]).failure


def test_too_short_a_history_is_no_opinion() -> None:
    assert Reason.SHORT_HISTORY in judged([100.0] * 5).reasons


def test_glue_in_its_ninth_day() -> None:
    """A real one: $53 a day for nine days, then twice that."""
    history = [*[52.9] * 8, 54.0]
    assert not judged([*history]).failure
    assert judged([*history, 105.7]).failure


def test_days_before_the_first_are_unknown_and_no_zeros() -> None:
    for silent in (10, 60, 110, 125):
        latest = judged([*[None] * silent, *[52.9] * 8, 54.0])
        assert not latest.failure, silent
        assert latest.expected == pytest.approx(53, rel=0.02)


def test_little_money_is_no_failure() -> None:
    small = [value / 50 for value in QUIET]
    assert not judged([*small, 8.0]).failure
    assert judged([*small, 8.0], replace(SEASONAL, min_impact=Decimal(5))).failure


def test_credits_are_no_alarm_and_no_zero() -> None:
    latest = judged([*QUIET, -400.0])
    assert (latest.failure, latest.value, latest.excess) == (False, -400.0, 0.0)


def test_announced_spend_is_expected_and_is_not_learned_from() -> None:
    plan = act("expect", amount=Decimal(80), until=day(200))
    plan = replace(plan, at=day(90))
    latest = judged([*QUIET, 148.0], planned=[plan])
    assert not latest.failure
    assert Reason.EXPECTED_SPEND in latest.reasons
    question = question_of(watched([[*QUIET, 180.0, 180.0]], [STATE], [[plan]]), 91)
    assert question.out[0].tolist() == [False] * 90 + [True] * 2
    assert question.announced.tolist() == [80.0]


def test_an_hourly_series_has_a_day_s_rhythm() -> None:
    rng = np.random.default_rng(3)
    hours = [(10.0 if n % 24 in range(8, 18) else 2.0) * (1 + 0.03 * float(rng.standard_normal())) for n in range(400)]
    at = 398  # an hour of the evening or the day, whichever it is: ten times its own level
    seen = series([*hours[:at], hours[at] * 10], grain=Grain.HOUR)
    found = look(SEASONAL, STATE, seen, (), at)
    assert found is not None and found.found
    assert found.expected == pytest.approx(hours[at], rel=0.6), "rough in the first weeks"
    quiet = look(SEASONAL, STATE, series(hours[: at + 1], grain=Grain.HOUR), (), at)
    assert quiet is not None and not quiet.found


# --- what is learned from ---------------------------------------------------------------------------------


def watched(rows: list[list[float]], states: list[BreakerState], planned: list[list[Act]] | None = None) -> Watched:
    periods = series(rows[0]).periods
    return Watched(SEASONAL, periods, np.array(rows), states, planned or [[] for _ in rows])


def test_anomalous_days_are_not_learned_from_until_they_are_accepted() -> None:
    values: list[float | None] = [*QUIET]
    state = after(values, SEASONAL)
    for count in range(4):
        values.append(180.0)
        state = after(values, SEASONAL, state)
        assert state.latest is not None and state.latest.failure, count
        assert number(state.latest.expected) < 125, "what is new has not become usual"
    assert state.phase is not Phase.CLOSED
    index = len(values) - 1
    assert question_of(watched([[number(v) for v in values]], [state]), index).out[0].sum() == 3, "those before it"
    known = acknowledge(state, day(len(values)))
    assert question_of(watched([[number(v) for v in values]], [known]), index).out[0].sum() == 0


def test_what_fails_stays_out_as_long_as_the_run_is_young() -> None:
    policy = SEASONAL.anomaly
    assert policy is not None
    values: list[float | None] = [*QUIET]
    state = after(values, SEASONAL)
    for _ in range(policy.new_level_after + 6):
        values.append(200.0)
        state = after(values, SEASONAL, state)
    assert state.latest is not None
    assert not state.latest.failure, "what has lasted for two weeks is the level"
    assert state.latest.expected == pytest.approx(200, rel=0.1)


def test_an_incomplete_day_is_judged_by_what_it_will_come_to() -> None:
    """Four fifths of a day that will be 1.4 times as dear as usual; its value stays what is known."""
    usual = 100 * WEEK[90 % 7]
    seen = series([*QUIET, usual * 1.4 * 0.8], provisional=[90])
    alone = look(SEASONAL, STATE, seen, (), 90)
    values = np.array([seen.values])
    late = Watched(SEASONAL, seen.periods, values, [STATE], [()], complete={90: Completeness(0.8, 0.02)})
    corrected = ask(question_of(late, 90)).of(0)
    assert alone is not None and corrected is not None
    assert corrected.score > alone.score
    settled = replace(late, periods=series([*QUIET, usual * 1.4 * 0.8]).periods)
    assert ask(question_of(settled, 90)).of(0) == alone, "what has settled is whole, whatever its age"


def story(values: list[float], monitor: Monitor = SEASONAL, acks: Sequence[int] = ()) -> list[bool]:
    """Whether each of the days after the first ninety fails, read day by day; acknowledged at the end of some."""
    state, failing = after([*values[:90]], monitor), []
    for count in range(91, len(values) + 1):
        state = after([*values[:count]], monitor, state)
        assert state.latest is not None
        failing.append(state.latest.failure)
        if count in acks:
            state = acknowledge(state, day(count))
    return failing


DOUBLED = [*QUIET, *[2 * value for value in spend(110)[90:]]]


def test_an_acknowledged_level_is_the_level_from_then_on() -> None:
    assert story(DOUBLED)[:10] == [True] * 10, "unless somebody says so, it is not"
    known = story(DOUBLED, acks=[92])
    assert known[:2] == [True, True]
    assert not any(known[2:])


def test_a_further_rise_after_that_is_found() -> None:
    values = [*DOUBLED[:100], *[4 * value for value in spend(104)[100:]]]
    assert story(values, acks=[92])[10:] == [True] * 4


def test_an_acknowledged_spike_is_no_level() -> None:
    values = [*QUIET, 250.0, *spend(97)[91:], 250.0 * WEEK[97 % 7]]
    found = story(values, acks=[91])
    assert found[0] is True
    assert not any(found[1:-1])
    assert found[-1] is True


def test_a_new_level_is_taken_for_normal_when_the_operator_says_so() -> None:
    hasty = replace(SEASONAL, anomaly=AnomalyPolicy(new_level_after=5))
    assert story(DOUBLED, hasty)[:12] == [True] * 5 + [False] * 7


def test_a_leak_is_over_when_its_days_are_back_and_not_before() -> None:
    """What a longer window still finds decides nothing by itself: neither a failure nor a success."""
    values = np.array([[100.0 + n % 3 for n in range(60)]])
    question = question_of(Watched(SEASONAL, series(values[0].tolist()).periods, values, [STATE], [()]), 59)
    one = ask(question).of(0)
    assert one is not None and not one.lingers
    lingering = replace(one, lingers=True, found=False)
    state = breaker.observe(SEASONAL, STATE, series(values[0].tolist()), (), day(60), lambda *_: lingering)
    assert state.latest is not None and Reason.LINGERING in state.latest.reasons
    assert (state.last_success, state.failures) == (None, 0)


# --- how many false alerts --------------------------------------------------------------------------------


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=40),
    st.floats(0.01, 1000),
    st.integers(0, 1000),
)
def test_a_channel_s_allowance_is_shared_out_by_money(money: list[float], weekly: float, peers: int) -> None:
    policy = AnomalyPolicy(false_alerts_a_week=weekly)
    parts = accepted(policy, np.array(money), peers)
    total = weekly * 90 / 7 * len(money) / (len(money) + peers)
    assert parts.sum() <= total * (1 + 1e-9) + len(money) * 1e-9
    assert (parts > 0).all() and (parts <= 1).all()
    order = np.argsort(money)
    assert (np.diff(parts[order]) >= -1e-12).all(), "more money is heard at least as soon"


def test_by_default_each_circuit_has_its_own_allowance() -> None:
    assert accepted(AnomalyPolicy(), np.array([1.0, 1e6]), 5).tolist() == [0.1, 0.1]
    assert accepted(AnomalyPolicy(false_alerts_a_week=2.0), np.zeros(0)).tolist() == []
    assert accepted(AnomalyPolicy(false_alerts_a_week=0.7), np.zeros(9)).tolist() == pytest.approx([1.0] * 9)


def test_fewer_false_alerts_mean_a_higher_limit() -> None:
    limits = []
    for rate in (0.5, 0.1, 0.02):
        monitor = replace(SEASONAL, anomaly=AnomalyPolicy(false_alerts=rate))
        limits.append(number(judged([*spend(91)], monitor).limit))
    assert limits == sorted(limits)
    assert limits[0] < limits[-1]


# --- many at once -----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_a_circuit_is_judged_alike_alone_and_among_others(count: int, seed: int) -> None:
    rows = [spend(60, 10.0 ** (n + 1), seed + n) for n in range(count)]
    rows[-1][-1] *= 4
    states = [replace(STATE, circuit=f"m/{n}") for n in range(count)]
    together = ask(question_of(watched(rows, states), 59))
    for place, (row, state) in enumerate(zip(rows, states, strict=True)):
        one, alone = together.of(place), look(SEASONAL, state, series(row), (), 59)
        assert one is not None and alone is not None
        assert one.found is alone.found and one.window == alone.window
        assert astuple(one) == pytest.approx(astuple(alone), rel=1e-2, abs=1e-2), "but for single precision"


def test_hours_and_days_are_called_by_their_starts() -> None:
    starts = series([1.0] * 30, grain=Grain.HOUR).periods.starts
    assert starts[1] - starts[0] == HOUR
    assert series([1.0] * 3).periods.settled_after(day(0)) == (1, 2)
    assert series([1.0] * 3).periods.place(day(2)) == 2
    assert series([1.0] * 3).periods.place(day(2) + timedelta(hours=1)) is None
