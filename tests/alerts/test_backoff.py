from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.engine.backoff import FIRST, LONGEST, LONGEST_ASKED, MAX_TRIES, SPREAD, next_try

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def wait(tries: int, retry_after: float | None = None, jitter: float = 0.0) -> float:
    return (next_try(tries, NOW, retry_after, jitter) - NOW).total_seconds()


@pytest.mark.parametrize(
    ("tries", "seconds"), [(1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (9, 3600), (10**6, 3600), (0, 30)]
)
def test_the_wait_doubles_up_to_its_cap(tries: int, seconds: float) -> None:
    assert wait(tries) == seconds


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(5.0, 30), (600.0, 600), (86_400.0, 86_400), (1e9, 86_400), (-5.0, 30), (float("nan"), 30), (float("inf"), 30)],
)
def test_what_the_receiver_asks_for_is_obeyed_up_to_a_cap(asked: float, seconds: float) -> None:
    assert wait(1, asked) == seconds


@settings(deadline=None)
@given(
    tries=st.integers(-5, 10_000),
    asked=st.none() | st.floats(),
    jitter=st.floats(allow_nan=False),
)
def test_never_earlier_than_asked_and_never_out_of_bounds(tries: int, asked: float | None, jitter: float) -> None:
    seconds = wait(tries, asked, jitter)
    assert FIRST <= seconds <= LONGEST_ASKED * (1 + SPREAD)
    if asked is not None and asked <= LONGEST_ASKED:
        assert seconds >= asked
    assert seconds >= wait(tries, asked)


def test_it_goes_on_for_a_week_and_not_for_two() -> None:
    least = sum(wait(tries) for tries in range(1, MAX_TRIES))
    most = sum(wait(tries, jitter=1.0) for tries in range(1, MAX_TRIES))
    assert timedelta(days=6, hours=23) < timedelta(seconds=least)
    assert timedelta(seconds=most) < timedelta(days=9)
    assert LONGEST == 3600
