"""What calls cost, counted by threads and processes that race, are killed, are kept waiting, and find damage."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.errors import StateDamaged, StoreError
from cloudcircuit.model import CallCost
from cloudcircuit.stores import memory_store, open_store
from tests.stores import workers
from tests.stores.contract_meter import CENT, TODAY
from tests.stores.examples import DAY
from tests.stores.workers import everything, received, started

_amounts = st.decimals(min_value=0, max_value=10**6, places=18)


@settings(max_examples=30, deadline=None)
@given(costs=st.lists(_amounts, min_size=1, max_size=8), cap=_amounts)
def test_sums_are_exact_and_stay_below_the_cap(costs: list[Decimal], cap: Decimal) -> None:
    store = memory_store()
    spent = 0
    for dollars in costs:
        fits = spent + _units(dollars) <= _units(cap) or not dollars
        assert store.take("aws", TODAY, CallCost(1, dollars), cap) is fits
        spent += _units(dollars) if fits else 0
    found = store.meter(TODAY).get("aws", {}).get(TODAY, CallCost())
    assert _units(found.dollars) == spent
    store.close()


def _units(dollars: Decimal) -> int:
    """In integers, which do not round."""
    return int(dollars.scaleb(18))


def test_threads_that_race_never_exceed_the_cap(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db", busy_seconds=20)
    cap, gate = Decimal("0.25"), threading.Barrier(8)

    def race(_: int) -> int:
        gate.wait()
        return sum(store.take("aws", TODAY, CENT, cap) for _ in range(6))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(race, range(8))) == 25
    assert store.meter(TODAY) == {"aws": {TODAY: CENT * 25}}
    store.close()


def test_processes_that_race_never_exceed_the_cap_and_count_every_call(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    daemon = open_store(path)
    daemon.acquire("the daemon, who counts as well")
    taken = 0
    with ExitStack() as stack:
        args = (path, TODAY, CENT, Decimal("0.40"))
        ends = [stack.enter_context(started(workers.take_for_ever, *args))[1] for _ in range(3)]
        while daemon.take("aws", TODAY, CENT, Decimal("0.40")):
            taken += 1
        for near in ends:
            while received(near, 60) is not None:
                taken += 1
    assert taken == 40
    assert daemon.meter(TODAY) == {"aws": {TODAY: CENT * 40}}
    daemon.close()


def test_a_call_that_a_kill_kept_from_being_made_stays_counted(tmp_path: Path) -> None:
    """Killed right after `take` has returned: at most the one that was not told of is counted on top."""
    path = tmp_path / "state.db"
    open_store(path).close()
    told = 0
    for kill in range(10):
        with started(workers.take_for_ever, path, TODAY, CENT, None) as (process, near):
            told += received(near)
            threading.Event().wait(0.003 * kill)
            process.kill()
            told += sum(everything(near))
        store = open_store(path)
        counted = store.meter(TODAY)["aws"][TODAY]
        store.close()
        assert told <= counted.requests <= told + kill + 1
        assert counted == CENT * counted.requests


def test_a_state_that_is_held_is_waited_for_so_long_and_then_nothing_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path, busy_seconds=0.2)
    with started(workers.hold_the_database, path) as (_, near):
        assert received(near) == "held"
        with pytest.raises(StoreError, match=r"state\.db is busy: another process holds it"):
            store.take("aws", TODAY, CENT, None)
    assert store.meter(TODAY) == {}
    assert store.take("aws", TODAY, CENT, None)
    store.close()


def test_on_a_damaged_day_no_call_is_counted_and_the_next_day_is_counted_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.take("aws", TODAY, CENT, None)
    store.take("gcp", TODAY, CENT, None)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meter SET dollars = '0.00' WHERE source = 'aws'")
        connection.commit()
    with pytest.raises(StateDamaged, match=r"source 'aws' cost on 2026-05-04 is damaged.*wait for the next day"):
        store.take("aws", TODAY, CENT, Decimal(1))
    assert store.meter(TODAY) == {"gcp": {TODAY: CENT}}
    assert store.take("aws", TODAY + DAY, CENT, Decimal(1))
    store.close()


def test_a_refused_call_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.take("aws", TODAY, CENT, None)
    before = path.read_bytes()
    assert not store.take("aws", TODAY, CENT, CENT.dollars)
    assert path.read_bytes() == before
    store.close()
