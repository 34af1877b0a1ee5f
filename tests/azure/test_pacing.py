"""Query units and the waits that Azure asks for."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit_azure.pacing import LONGEST_WAIT, Pacer, asked_wait, pacer_of, wait
from tests.azure.build import fetch, options, refusal
from tests.azure.fake import Fake, spend

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
OWN = "x-ms-ratelimit-microsoft.costmanagement-"
WINDOWS = ((10.0, 3), (60.0, 5))


class Hand:
    """A clock whose hand is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(pacer: Pacer, clock: Hand, seconds: float = 0.05) -> bool:
    try:
        pacer.take(WINDOWS, clock, Deadline(seconds))
    except AdapterError as error:
        assert error.retry_after
        return False
    return True


def test_units_come_back_when_they_leave_their_window() -> None:
    pacer, clock = Pacer(), Hand()
    assert [taken(pacer, clock) for _ in range(4)] == [True, True, True, False]
    clock.now += 10
    assert [taken(pacer, clock) for _ in range(3)] == [True, True, False], "five in a minute"
    clock.now += 50
    assert [taken(pacer, clock) for _ in range(4)] == [True, True, True, False]


def test_the_wait_is_told_when_the_deadline_comes_first() -> None:
    pacer, clock = Pacer(), Hand()
    for _ in range(3):
        pacer.take(WINDOWS, clock, Deadline(1))
    clock.now += 4
    before = time.monotonic()
    with pytest.raises(AdapterError, match="query units of this tenant are used up") as caught:
        pacer.take(WINDOWS, clock, Deadline(5))
    assert caught.value.retry_after == pytest.approx(6)
    assert time.monotonic() - before < 1


def test_a_paused_pacer_lets_nobody_through() -> None:
    pacer, clock = Pacer(), Hand()
    pacer.pause(30, clock.now)
    pacer.pause(5, clock.now)
    with pytest.raises(AdapterError) as caught:
        pacer.take(WINDOWS, clock, Deadline(1))
    assert caught.value.retry_after == pytest.approx(30)
    clock.now += 30
    assert taken(pacer, clock)


def test_units_are_waited_for() -> None:
    pacer = Pacer()
    windows = ((0.3, 1),)
    started = time.monotonic()
    for _ in range(3):
        pacer.take(windows, time.monotonic, Deadline(5))
    assert 0.6 <= time.monotonic() - started < 2


def test_threads_share_the_units() -> None:
    pacer, done = Pacer(), []

    def ask() -> None:
        pacer.take(((0.5, 4),), time.monotonic, Deadline(10))
        done.append(time.monotonic())

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    done.sort()
    assert len(done) == 12
    assert all(done[n + 4] - done[n] > 0.4 for n in range(8)), "never more than four in half a second"


def test_sources_of_one_endpoint_share_a_pacer() -> None:
    assert pacer_of("https://a.example") is pacer_of("https://a.example")
    assert pacer_of("https://a.example") is not pacer_of("https://b.example")


def test_no_wait_goes_beyond_the_deadline() -> None:
    with pytest.raises(AdapterError, match="the next try is in 60 s, after the deadline") as caught:
        wait(60, Deadline(1), "Azure asks to wait")
    assert caught.value.retry_after == 60
    wait(0.01, Deadline(1), "")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": " 7.5 "}, 7.5),
        ({f"{OWN}qpu-retry-after": "3", f"{OWN}entity-retry-after": "21", "Retry-After": "5"}, 21),
        ({f"{OWN}tenant-retry-after": "9", f"{OWN}client-retry-after": "8"}, 9),
        ({f"{OWN}clienttype-retry-after".upper(): "45"}, 45),
        ({"x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests": "DefaultQuota:0"}, None),
        ({f"{OWN}qpu-remaining": "QueriesPerHour:577", f"{OWN}qpu-consumed": "1"}, None),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90),
        ({"Retry-After": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, 0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "9" * 400}, LONGEST_WAIT),
        ({"Retry-After": "soon", f"{OWN}qpu-retry-after": "nan"}, None),
        ({"Retry-After": "Mon, 99 Foo 9999 99:99:99 GMT", f"{OWN}qpu-retry-after": "4"}, 4),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": ""}, None),
        ({"X-Retry-After": "5"}, None),
    ],
)
def test_the_longest_wait_that_makes_sense_counts(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, NOW) == seconds


def test_a_source_keeps_to_its_units(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1)]
    fetch(azure, "service", qpu_per_10s=4)
    found = refusal(azure, "service", qpu_per_10s=4, seconds=2)
    assert found.retry_after is not None
    assert 0 < found.retry_after <= 10
    assert len(azure.queries) == 4
    assert options().qpu_per_hour == 600
