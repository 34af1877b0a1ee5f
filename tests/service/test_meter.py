"""Calls are counted before they are made, on the real day, and a cap holds whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from cloudcircuit.clock import FixedClock
from cloudcircuit.errors import AdapterError, StoreError
from cloudcircuit.model import CallCost
from cloudcircuit.ports import Meter
from cloudcircuit.service.meter import NoMeter, OwnCost, StoreMeter, dollars, in_words, own_costs, size
from cloudcircuit.stores import SqlStore, memory_store, open_store

NOW = datetime(2026, 3, 31, 21, 30, 0, 1, tzinfo=UTC)
CENT = CallCost(1, Decimal("0.01"))
DOLLAR = Decimal(1)


@pytest.fixture
def store() -> Iterator[SqlStore]:
    store = memory_store()
    yield store
    store.close()


def test_calls_are_counted_on_their_day_in_utc(store: SqlStore) -> None:
    in_tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    meter: Meter = StoreMeter(store, "aws", FixedClock(in_tokyo))
    meter.take(CENT)
    meter.take(CENT, DOLLAR)
    assert store.meter(date.min) == {"aws": {date(2026, 3, 31): CENT * 2}}


def test_beyond_the_cap_it_says_what_is_spent_and_when_it_goes_on(store: SqlStore) -> None:
    clock = FixedClock(NOW)
    meter = StoreMeter(store, "aws", clock)
    meter.take(CallCost(98, Decimal("0.98")), DOLLAR)
    with pytest.raises(AdapterError) as refused:
        meter.take(CallCost(3, Decimal("0.03")), DOLLAR)
    assert str(refused.value) == (
        "its calls may cost $1.00 a day and $0.98 are spent (the next call costs $0.03); it is asked again at 00:00 "
        "UTC; raise `daily_cap`, or poll less often (`every`)"
    )
    assert (refused.value.permanent, refused.value.retry_after) == (False, 2.5 * 3600)
    meter.take(CallCost(2, Decimal("0.02")), DOLLAR)  # a smaller one still fits
    clock.at = NOW + timedelta(hours=2.5)
    meter.take(CallCost(3, Decimal("0.03")), DOLLAR)
    assert sum(store.meter(date.min)["aws"].values(), CallCost()).dollars == Decimal("1.03")


def test_a_call_that_never_fits_is_not_tried_again(store: SqlStore) -> None:
    with pytest.raises(AdapterError, match=r"the next one alone costs \$6\.25: raise `daily_cap`") as refused:
        StoreMeter(store, "gcp", FixedClock(NOW)).take(CallCost(1, Decimal("6.25")), DOLLAR)
    assert (refused.value.permanent, refused.value.retry_after) == (True, None)
    assert store.meter(date.min) == {}


def test_a_call_that_cannot_be_counted_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    path.unlink()
    with pytest.raises(AdapterError, match=r"its call could not be counted, and so it was not made: .*deleted") as lost:
        StoreMeter(store, "aws", FixedClock(NOW)).take(CENT)
    assert not lost.value.permanent
    assert isinstance(lost.value.__cause__, StoreError)
    store.close()


def test_without_a_meter_no_call_is_made() -> None:
    meter: Meter = NoMeter(StoreError("state.db is busy"))
    with pytest.raises(AdapterError, match=r"was not made: state\.db is busy"):
        meter.take(cost=CallCost(1), cap=DOLLAR)


def test_own_costs_are_those_of_today_and_of_the_month(store: SqlStore) -> None:
    for day, cents in ((date(2026, 2, 28), 100), (date(2026, 3, 1), 10), (NOW.date(), 1)):
        store.take("aws", day, CENT * cents, None)
    store.take("gcp", date(2026, 3, 2), CallCost(bytes=10), None)
    assert own_costs(store, NOW) == {
        "aws": OwnCost(CENT, CENT * 11),
        "gcp": OwnCost(CallCost(), CallCost(bytes=10)),
    }
    assert own_costs(store, NOW + timedelta(days=1)) == {}


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("0.00000001", "under $0.0001"),
        ("0.0004", "$0.0004"),
        ("0.0375", "$0.0375"),
        ("0.020", "$0.02"),
        ("1.239", "$1.24"),
        ("12345.6", "$12,346"),
    ],
)
def test_dollars_in_words(amount: str, text: str) -> None:
    assert dollars(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (10**15, "1.0 PB"),
        (10**19, "10,000 PB"),
    ],
)
def test_sizes_in_words(amount: int, text: str) -> None:
    assert size(amount) == text


def test_costs_in_words() -> None:
    assert in_words(CallCost(1, Decimal("0.01"), 2_500_000)) == "1 call, $0.01, 2.5 MB"
    assert in_words(CallCost(1200)) == "1,200 calls"
    assert in_words(CallCost()) == "nothing"
