"""The state of a backtest: whatever a cycle does on it, it does on the state of a daemon."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cloudcircuit.errors import Conflict, StoreError
from cloudcircuit.model import CallCost, Commit, Entry, Grain, SourceState, Statement
from cloudcircuit.ports import Store
from cloudcircuit.service.backtest.tape import Tape, calls_before
from cloudcircuit.service.operate import act
from cloudcircuit.stores import memory_store
from tests.backtest.past import a_bill, spiky
from tests.service.world import HOUR, a_house, an_act, cycles, day
from tests.stores.examples import a_delivery, a_state

TODAY = day(30).date()


def lived(store: Store) -> Store:
    """A month of cycles, with a restatement, a new circuit and people."""
    bill = a_bill(30, d18=300, d19=300)
    house = a_house(spiky(limit=4000), spiky("services", per=("service",)), store=store, aws=bill)
    cycles(house, range(12, 20))
    act(store, an_act("expect", "services/EC2", at=19.5, until=40, amount=Decimal(50)))
    bill.restate(10, 170)
    bill.steady(range(20, 30), 400, "EKS")
    cycles(house, range(20, 26))
    act(store, an_act("ack", "m", at=26, noise=True))
    cycles(house, range(26, 30))
    return store


def test_it_holds_what_a_state_on_disk_holds() -> None:
    tape, sql = lived(Tape()), lived(memory_store())
    assert tape.states() == sql.states()
    assert tape.states("services") == sql.states("services")
    assert tape.circuits() == sql.circuits()
    assert tape.sources() == sql.sources()
    assert tape.acts() == sql.acts()
    assert tape.acts(day(41)) == sql.acts(day(41))
    assert tape.newest() == sql.newest()
    whole = ("aws", Grain.DAY, day(0).date(), TODAY)
    assert tape.statements(*whole) == sql.statements(*whole)
    assert tape.statements(*whole, said_until=day(19)) == sql.statements(*whole, said_until=day(19))
    assert [replace(each, seq=0) for each in sql.history(limit=999)] == tape.history(limit=999)
    assert [replace(each, seq=0) for each in sql.history("m", day(15), 3)] == tape.history("m", day(15), 3)
    assert tape.blocks_since(day(15)) == sql.blocks_since(day(15)) > 0


def test_a_version_that_is_not_the_next_is_a_conflict_and_writes_nothing() -> None:
    tape = Tape()
    tape.commit(Commit(sources=(SourceState("aws", version=1),)))
    entry = Entry(day(1), "x", "aws", 1, {})
    for wrong in (
        Commit(sources=(SourceState("aws", version=1),), history=(entry,)),
        Commit(states=(replace(a_state(), version=2),), history=(entry,)),
    ):
        with pytest.raises(Conflict):
            tape.commit(wrong)
    assert tape.history() == []
    assert len(tape.take_commits()) == 1
    assert tape.take_commits() == []


def test_caps_hold_for_what_a_backtest_reads() -> None:
    today, cent = date(2026, 3, 1), CallCost(1, Decimal("0.01"))
    before = {"aws": {today: CallCost(9, Decimal("0.09"))}, "other": {today: cent}}
    tape = Tape(calls_before(before, ["aws", "gcp"]))
    assert tape.take("aws", today, cent, Decimal("0.10"))
    assert not tape.take("aws", today, cent, Decimal("0.10"))
    assert tape.take("aws", today, CallCost(1), Decimal("0.10"))  # what costs nothing is always allowed
    assert tape.meter(today)["aws"][today] == CallCost(11, Decimal("0.10"))
    assert "other" not in tape.meter(today)
    assert before["aws"][today] == CallCost(9, Decimal("0.09"))


def test_it_delivers_and_keeps_nothing() -> None:
    tape = Tape()
    tape.commit(Commit(deliveries=(a_delivery(),)))
    assert tape.due(day(900)) == tape.deliveries() == []
    assert tape.damaged() == ()
    assert tape.prune(day(900)) == 0
    with pytest.raises(StoreError, match="delivers nothing"):
        tape.record_try(a_delivery())
    with pytest.raises(StoreError, match="not kept"):
        tape.backup(Path("copy.db"))


def test_acts_end_and_circuits_are_forgotten() -> None:
    tape = Tape()
    tape.commit(Commit(states=(replace(a_state(), version=1),)))
    tape.add_act(an_act("silence", at=1, until=9))
    tape.end_act("silence-m-1", day(2))
    assert tape.acts(day(3)) == []
    assert tape.acts_version() == 2
    tape.forget([a_state().circuit])
    assert tape.states() == {}


def test_the_oldest_word_of_a_day_comes_first() -> None:
    tape = Tape()
    late, early = (Statement("aws", Grain.DAY, TODAY, day(31) + n * HOUR, 1, b"") for n in (2, 1))
    tape.commit(Commit(statements=(late, early)))
    assert tape.statements("aws", Grain.DAY, TODAY, date(2027, 1, 1)) == [early, late]
