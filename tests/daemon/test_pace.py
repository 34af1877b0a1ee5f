from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from cloudcircuit.model import SourceState
from cloudcircuit.service.pace import LONGEST_ASKED, SOONEST, SPREAD, first_wait, next_wait

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY = 6 * 3600.0


def state(ago: timedelta, *, failures: int = 0, ever: bool = True) -> SourceState:
    at = NOW - ago
    return SourceState("aws", last_attempt=at, last_success=at if ever else None, failures=failures)


def next_(every: float = EVERY, retry_after: float | None = None, jitter: float = 0.0, **how: bool) -> float:
    return next_wait(every, retry_after=retry_after, jitter=jitter, **({"ok": False, "permanent": False} | how))


def test_what_was_never_read_is_read_at_once() -> None:
    assert first_wait(None, EVERY, NOW) == 0
    assert first_wait(SourceState("aws"), EVERY, NOW) == 0


@pytest.mark.parametrize(("hours", "wait"), [(0, 6), (5, 1), (6, 0), (600, 0)])
def test_a_restart_waits_for_what_is_left_of_the_interval(hours: int, wait: int) -> None:
    assert first_wait(state(timedelta(hours=hours)), EVERY, NOW) == wait * 3600


def test_a_restart_every_five_hours_still_reads_every_six() -> None:
    read, at, reads = NOW, NOW, 0
    for _ in range(12):
        at += timedelta(hours=5)
        wait = first_wait(SourceState("aws", last_attempt=read, last_success=read), EVERY, at)
        if wait < 5 * 3600:
            read, reads = at + timedelta(seconds=wait), reads + 1
    assert reads == 10


def test_a_failing_source_is_tried_soon_after_a_restart_but_no_crash_loop_hammers_it() -> None:
    assert first_wait(state(timedelta(hours=1), failures=3), EVERY, NOW) == 0
    assert first_wait(state(timedelta(seconds=5), failures=3), EVERY, NOW) == SOONEST - 5
    assert first_wait(state(timedelta(seconds=5), failures=1, ever=False), EVERY, NOW) == SOONEST - 5


def test_an_attempt_in_the_future_waits_no_longer_than_one_interval() -> None:
    assert first_wait(state(timedelta(days=-3650)), EVERY, NOW) == EVERY


def test_success_waits_for_the_interval() -> None:
    assert next_(ok=True, jitter=1.0) == EVERY


def test_what_only_a_person_can_mend_is_not_tried_sooner() -> None:
    assert next_(permanent=True) == EVERY


@pytest.mark.parametrize(("every", "wait"), [(EVERY, 3600), (300, 60), (60, 60), (90, 60)])
def test_what_may_pass_is_tried_sooner(every: float, wait: float) -> None:
    assert next_(every) == wait


@pytest.mark.parametrize(
    ("asked", "wait"),
    [(7200.0, 7200.0), (5.0, 3600.0), (-1.0, 3600.0), (1e12, LONGEST_ASKED), (math.nan, 3600.0), (math.inf, 3600.0)],
)
def test_what_the_provider_asks_for_is_obeyed_and_capped(asked: float, wait: float) -> None:
    assert next_(retry_after=asked) == wait


def test_chance_only_makes_a_wait_longer() -> None:
    assert next_(retry_after=7200.0, jitter=1.0) == pytest.approx(7200 * (1 + SPREAD))
    assert next_(jitter=-5.0) == 3600
