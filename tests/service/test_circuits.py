"""What holds a circuit: foreign currencies, sources that overlap, rows that were damaged; and how many may block."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cloudcircuit.model import (
    Action,
    AnomalyPolicy,
    BookRow,
    BudgetBook,
    Fx,
    Match,
    Mode,
    Phase,
    Reason,
    WhenStale,
)
from cloudcircuit.service.cycle import refresh, run_cycle
from cloudcircuit.service.house import House
from cloudcircuit.service.operate import act, clear_orphans
from cloudcircuit.service.serve import decisions
from cloudcircuit.stores import open_store
from tests.service.world import (
    DAY,
    HOUR,
    Cloud,
    a_house,
    an_act,
    answer,
    cycle,
    cycles,
    day,
    heard,
    refused,
    served,
    state_of,
    told,
    watching,
)

# --- currencies ---------------------------------------------------------------------------------------------


def two_currencies() -> Cloud:
    cloud = Cloud()
    cloud.steady(range(-20, 60), 100)
    cloud.steady(range(-20, 60), 100, "S3")
    return cloud


def test_a_row_in_another_currency_holds_its_circuit_until_it_is_gone_and_is_told_once_a_week() -> None:
    cloud = two_currencies()
    house = a_house(watching(per=("service",), limit=1000), aws=cloud)
    cycles(house, range(8, 12))
    assert served(house, 11) == {"m/EC2": Action.BLOCK, "m/S3": Action.BLOCK}
    before = state_of(house, "m/S3")
    foreign = cloud.charges
    cloud.spend(11, 5, "S3", currency="EUR")

    cycles(house, range(12, 15))

    held = state_of(house, "m/S3")
    assert (held.judged_through, held.budget) == (before.judged_through, before.budget)
    assert [one for one in told(house) if one[0] == "currency"] == [("currency", "m/S3")]
    assert Reason.CURRENCY_MISMATCH in answer(house, 14, "m/S3").reasons
    assert Reason.CURRENCY_MISMATCH not in answer(house, 14, "m/EC2").reasons
    assert state_of(house, "m/EC2").judged_through == day(12)

    cycles(house, range(15, 20))
    assert told(house).count(("currency", "m/S3")) == 2  # a week later
    cloud.charges = [charge for charge in foreign if charge.currency == "USD"]
    cycles(house, range(20, 22))
    assert Reason.CURRENCY_MISMATCH not in answer(house, 21, "m/S3").reasons
    assert state_of(house, "m/S3").judged_through == day(19)
    assert told(house).count(("currency", "m/S3")) == 2


def test_no_cooldown_ends_while_a_circuit_is_held() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 10))
    cloud.steady(range(10, 13), 500)
    cloud.steady(range(13, 60))
    house = a_house(watching(), aws=cloud)
    cycles(house, range(11, 14))
    cloud.spend(13, 5, currency="EUR")

    cycles(house, range(14, 20))
    refresh(house, day(19) + HOUR)

    assert state_of(house).phase is Phase.OPEN
    assert served(house, 19) == {"m": Action.BLOCK}


def test_a_rate_lets_a_monitor_that_observes_count_the_money_and_one_that_enforces_hold() -> None:
    cloud = two_currencies()
    cloud.steady(range(0, 60), 10, currency="EUR")
    monitors = [watching("seen", limit=9000, mode=Mode.OBSERVE), watching("held", limit=9000)]
    rates = (Fx("EUR", "USD", Decimal(2), date(2026, 1, 1)),)
    house = replace(a_house(*monitors, aws=cloud), fx=rates)

    cycles(house, range(5, 7))

    budget = state_of(house, "seen").budget
    assert budget is not None
    assert budget.spend == 6 * (200 + 20)
    assert state_of(house, "held").budget is None
    assert told(house) == [("currency", "held")]


# --- sources that overlap -----------------------------------------------------------------------------------


def overlapping(**settings: Any) -> tuple[House, Cloud, Cloud]:
    """Two sources of one monitor, of which the second will bring the account of the first."""
    one, two = two_currencies(), Cloud(accounts=frozenset({"222"}))
    two.steady(range(-20, 60), 1)
    return a_house(watching(sources=("aws", "copy"), **settings), watching("alone"), aws=one, copy=two), one, two


def both(house: House, number: float) -> None:
    assert cycle(house, number).ok
    assert cycle(house, number, "copy").ok


def test_sources_that_bring_the_same_account_are_refused_once_and_the_circuit_is_held_and_ages() -> None:
    house, _, copy = overlapping(limit=9000, stale_after=2 * DAY)
    house = replace(house, monitors=(replace(house.monitors[0], when_stale=WhenStale.THROTTLE), house.monitors[1]))
    assert cycle(house, 8, "copy").ok
    for number in range(8, 10):
        both(house, number)
    before = state_of(house)
    copy.accounts = frozenset({"111"})
    assert cycle(house, 9.5, "copy").ok

    for tick in range(8):
        both(house, 10 + tick / 4)
    refresh(house, day(11.9))

    held = state_of(house)
    assert (held.budget, held.judged_through) == (before.budget, before.judged_through)
    ((_, _, _, event),) = [one for one in heard(house) if one[1] == "config_rejected"]
    assert (event["kind"], event["subject"], event["title"]) == ("config_rejected", "m", "m cannot be judged")
    assert "aws and copy both bring billing account 111" in event["text"]
    found = answer(house, 10.9)
    assert (found.action, found.data_as_of) == (Action.THROTTLE, day(8))  # stale since day 10
    assert {Reason.NOT_JUDGED, Reason.STALE} <= set(found.reasons)
    assert state_of(house, "alone").judged_through == day(9)


def test_a_refusal_is_told_again_after_a_while_for_another_reason_and_when_it_begins_anew() -> None:
    house, one, copy = overlapping(mode=Mode.OBSERVE)
    both(house, 8)
    copy.accounts = frozenset({"111"})
    for number in range(9, 16):
        both(house, number)
    assert len(told(house)) == 1
    both(house, 17)
    assert len(told(house)) == 2  # a week later

    one.accounts = frozenset({"111", "333"})
    copy.accounts = frozenset({"111", "333"})
    both(house, 18)
    assert len(told(house)) == 3
    copy.accounts = frozenset({"222"})
    assert cycle(house, 19, "copy").ok
    assert state_of(house).judged_through == day(16)
    assert Reason.NOT_JUDGED not in answer(house, 19).reasons
    copy.accounts = frozenset({"111", "333"})
    both(house, 20)
    assert [kind for kind, who in told(house) if who == "m"] == ["config_rejected"] * 4


def test_a_monitor_whose_cost_is_not_there_is_refused_and_the_others_go_on() -> None:
    cloud = two_currencies()
    cloud.costs = ("EffectiveCost",)
    house = a_house(watching("cash", limit=500), watching("rate"), aws=cloud)

    cycles(house, range(5, 8))

    assert told(house) == [("config_rejected", "cash")]
    assert set(house.store.states()) == {"rate"}


# --- damaged rows, and circuits that nobody watches any more -------------------------------------------------


def damage(path: Path, circuit: str) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute(
            'UPDATE breakers SET body = replace(body, \'"phase":"\', \'"phase": "\') WHERE circuit = ?', (circuit,)
        )
    raw.close()


@pytest.fixture
def damaged(tmp_path: Path) -> House:
    """Two circuits that were healthy; the row of one no longer carries its checksum."""
    house = a_house(watching(per=("service",)), store=open_store(tmp_path / "state.db"), aws=two_currencies())
    cycles(house, range(8, 11))
    damage(tmp_path / "state.db", "m/EC2")
    return house


def test_a_damaged_row_serves_the_stricter_state_until_it_is_written_anew(damaged: House) -> None:
    assert served(damaged, 11) == {"m/EC2": Action.BLOCK, "m/S3": Action.ALLOW}
    assert Reason.STATE_DAMAGED in answer(damaged, 11, "m/EC2").reasons

    cycle(damaged, 11)

    assert damaged.store.damaged() == ()
    state = state_of(damaged, "m/EC2")
    assert (state.phase, state.version, state.values) == (Phase.OPEN, 1, ("EC2",))
    ((_, kind, who, payload),) = heard(damaged)
    assert (kind, who, payload["reasons"]) == ("escalated", "m/EC2", ["state_damaged"])
    assert Reason.STATE_DAMAGED in answer(damaged, 12, "m/EC2").reasons

    cycles(damaged, range(12, 16))
    assert (state_of(damaged, "m/EC2").phase, served(damaged, 15)["m/EC2"]) == (Phase.CLOSED, Action.ALLOW)
    assert answer(damaged, 15, "m/EC2").reasons == (Reason.HEALTHY,)


def test_a_refresh_and_a_person_take_a_damaged_row_up_as_well(damaged: House) -> None:
    refresh(damaged, day(10) + HOUR)
    assert state_of(damaged, "m/EC2").phase is Phase.OPEN

    act(damaged.store, an_act("clear", "m/EC2", at=10.1))
    refresh(damaged, day(10.2))
    assert served(damaged, 10.2)["m/EC2"] is Action.ALLOW


def test_clearing_a_damaged_row_by_name_writes_it_anew(damaged: House) -> None:
    act(damaged.store, an_act("clear", "m/EC2", at=10.1))

    assert damaged.store.damaged() == ()
    assert served(damaged, 10.1)["m/EC2"] is Action.ALLOW


def test_an_open_circuit_whose_monitor_is_gone_stays_listed_until_it_is_cleared_by_name() -> None:
    cloud = two_currencies()
    cloud.steady(range(9, 60), 900)
    house = a_house(watching("old", per=("service",)), watching("quiet", per=("service",)), aws=cloud)
    cycles(house, range(8, 12))
    renamed = a_house(watching("new"), store=house.store, aws=cloud)

    cycles(renamed, range(12, 15))

    (orphan,) = [one for one in decisions(renamed, day(14)) if one.circuit == "old/EC2"]
    assert (orphan.action, orphan.stale) == (Action.BLOCK, True)
    assert orphan.valid_until > day(14)
    assert "clear it by name" in orphan.text
    assert set(served(renamed, 14)) == {"new", "old/EC2", "quiet/EC2"}

    act(renamed.store, an_act("clear", "old/EC2", at=14))
    gone = clear_orphans(renamed.store, ["old/EC2"], lambda name: renamed.monitor(name) is not None)
    assert gone == ["old/EC2"]
    assert set(served(renamed, 14)) == {"new", "quiet/EC2"}


def test_a_circuit_that_its_monitor_no_longer_cuts_is_held_like_one_whose_monitor_is_gone() -> None:
    cloud = two_currencies()
    cloud.steady(range(9, 60), 900)
    house = a_house(watching(per=("service",)), aws=cloud)
    cycles(house, range(8, 12))
    version = state_of(house, "m/EC2").version
    narrowed = watching(per=("service",), where=(Match("service", ("S3",)),))
    other = a_house(narrowed, store=house.store, aws=cloud)

    cycles(other, range(12, 18))
    refresh(other, day(17) + HOUR)

    assert (state_of(other, "m/EC2").version, state_of(other, "m/EC2").phase) == (version, Phase.OPEN)
    assert served(other, 17) == {"m/EC2": Action.BLOCK, "m/S3": Action.ALLOW}


def test_a_circuit_of_another_per_is_held_as_well_and_lets_the_new_ones_live() -> None:
    cloud = two_currencies()
    cloud.steady(range(9, 60), 900)
    house = a_house(watching(per=("service",)), aws=cloud)
    cycles(house, range(8, 12))
    before = state_of(house, "m/EC2")
    whole = a_house(watching(), store=house.store, aws=cloud)

    cycles(whole, range(12, 14))

    assert (set(served(whole, 13)), state_of(whole).judged_through) == ({"m", "m/EC2"}, day(11))
    assert state_of(whole, "m/EC2") == before


def test_a_damaged_row_of_a_monitor_that_is_gone_can_be_forgotten(damaged: House) -> None:
    other = a_house(watching("new"), store=damaged.store, aws=two_currencies())
    cycle(other, 11)
    assert served(other, 11)["m/EC2"] is Action.BLOCK

    assert clear_orphans(other.store, ["m/EC2", "ghost", "new"], lambda name: name == "new") == ["m/EC2"]
    assert served(other, 11) == {"new": Action.ALLOW}


# --- how many may block within an hour ----------------------------------------------------------------------


def storm(*monitors: str, most: int = 3) -> House:
    """Four circuits a monitor that all run wild on day 10."""
    cloud = Cloud()
    for service in "abcd":
        cloud.steady(range(-20, 10), 100, service)
        cloud.steady(range(10, 60), 900, service)
    house = a_house(*(watching(name, per=("service",)) for name in monitors), aws=cloud)
    return replace(house, max_blocks_per_hour=most)


def test_what_one_monitor_blocks_another_cannot_and_the_rest_follows_hour_by_hour() -> None:
    house = storm("one", "two")
    cycles(house, range(9, 12))
    cycle(house, 12)
    assert [kind for kind, _ in told(house)].count("blocks_held") == 2  # a page for each monitor
    blocked = [circuit for circuit, action in served(house, 12).items() if action is Action.BLOCK]
    assert blocked == ["one/a", "one/b", "one/c"]
    assert Reason.HELD_BACK in answer(house, 12, "two/a").reasons
    assert answer(house, 12, "two/a").would is Action.BLOCK

    for minutes in range(0, 60, 10):
        refresh(house, day(12) + minutes * HOUR / 60)
    assert sum(action is Action.BLOCK for action in served(house, 12.04).values()) == 3

    refresh(house, day(12) + HOUR)
    assert sum(action is Action.BLOCK for action in served(house, 12.05).values()) == 6
    refresh(house, day(12) + 2 * HOUR)
    assert sum(action is Action.BLOCK for action in served(house, 12.1).values()) == 8
    assert [kind for kind, _ in told(house)].count("blocks_held") == 2
    assert [kind for kind, _ in told(house)].count("escalated") == 5


def test_what_a_person_blocks_takes_nothing_from_the_hour() -> None:
    house = storm("one", most=4)
    cycles(house, range(9, 12))
    for number in range(4):
        act(house.store, an_act("override", f"x-{number}*", at=11.5, until=20, action=Action.BLOCK))
    act(house.store, an_act("override", "one/?", at=11.6, until=11.9, action=Action.BLOCK))
    refresh(house, day(11.7))
    assert set(served(house, 11.7).values()) == {Action.BLOCK}
    refresh(house, day(11.9))
    assert house.store.blocks_since(day(0)) == 0

    cycle(house, 12)

    assert set(served(house, 12).values()) == {Action.BLOCK}
    assert house.store.blocks_since(day(0)) == 4


def test_readers_hold_back_what_the_next_refresh_will_hold_back() -> None:
    house = storm("one", most=2)
    stale = replace(house, monitors=(watching("one", per=("service",), when_stale=WhenStale.BLOCK, anomaly=None),))
    cycles(stale, range(9, 12))
    house.store.sources()

    before = served(stale, 14)
    refresh(stale, day(14))

    assert before == served(stale, 14)
    assert list(before.values()) == [Action.BLOCK, Action.BLOCK, Action.ALLOW, Action.ALLOW]


# --- owners tables ------------------------------------------------------------------------------------------


def owners(*rows: tuple[str, int, int, str, str | None]) -> BudgetBook:
    """Lines: service, from day, amount, owner, channel."""
    found: dict[tuple[str | None, ...], tuple[BookRow, ...]] = {}
    for service, since, amount, owner, channel in rows:
        line = BookRow((service,), Decimal(amount), "USD", owner, channel, day(since).date())
        found[(service,)] = (*found.get((service,), ()), line)
    return BudgetBook("owners.csv", found)


def test_each_circuit_has_the_budget_owner_and_channel_of_its_line_from_its_day_on() -> None:
    book = owners(("EC2", 0, 1150, "ann", "slack-ann"), ("EC2", 12, 5000, "bob", None), ("S3", 0, 9000, "eve", None))
    house = a_house(watching(per=("service",), book=book, anomaly=None), aws=two_currencies())
    cycles(house, range(10, 12))
    assert answer(house, 11, "m/EC2").owner == "ann"
    assert [(kind, who) for _, kind, who, _ in heard(house, "slack-ann")] == [
        ("forecast", "m/EC2"),
        ("budget_warning", "m/EC2"),
    ]
    assert answer(house, 11, "m/S3").budget == 9000

    cycles(house, range(12, 14))

    found = answer(house, 13, "m/EC2")
    assert (found.owner, found.budget, found.action) == ("bob", Decimal(5000), Action.ALLOW)


def test_a_line_counts_from_the_day_of_the_slowest_zone() -> None:
    book = owners(("EC2", -20, 100_000, "ann", None), ("EC2", 12, 10, "bob", None))
    cloud = Cloud(zone=ZoneInfo("America/Los_Angeles"))
    for number in range(-20, 20):
        cloud.spend(number + 1 / 3, 100)
    house = a_house(watching(per=("service",), book=book, anomaly=None), aws=cloud)
    run_cycle(house, "aws", day(12) + HOUR)  # still the day before in Los Angeles
    assert answer(house, 12, "m/EC2").owner == "ann"
    run_cycle(house, "aws", day(12) + 9 * HOUR)
    assert answer(house, 12, "m/EC2").owner == "bob"


def test_circuits_without_a_line_have_the_default_and_one_digest_each_time_there_are_new_ones() -> None:
    cloud = two_currencies()
    house = a_house(watching(per=("service",), book=owners(("EC2", 0, 900, "ann", None)), limit=5000), aws=cloud)
    cycles(house, range(2, 5))
    (event,) = [event for _, kind, _, event in heard(house) if kind == "unlisted"]
    assert "1 circuit is not in owners.csv and has the monitor's budget of 5000 USD: m/S3" in event["text"]
    assert answer(house, 4, "m/S3").budget == 5000

    for number in range(300):
        cloud.steady(range(5, 20), 1, f"new-{number:03}")
    cycles(house, range(6, 9))

    events = [event["text"] for _, kind, _, event in heard(house) if kind == "unlisted"]
    assert len(events) == 2
    assert "300 circuits are not in owners.csv" in events[1]
    assert "and 280 more" in events[1]


def test_reading_writes_nothing_and_says_what_the_cycle_stored(tmp_path: Path) -> None:
    cloud = two_currencies()
    cloud.steady(range(9, 60), 900)
    house = a_house(
        watching("a", per=("service",), limit=3000, book=owners(("S3", 0, 700, "eve", None))),
        watching("b", mode=Mode.OBSERVE, limit=2000),
        watching("c", enforce=frozenset(), anomaly=AnomalyPolicy(method="mad")),
        store=open_store(tmp_path / "state.db"),
        aws=cloud,
    )
    act(house.store, an_act("override", "a/S3", at=5, until=30, action=Action.THROTTLE))
    for number in range(5, 16):
        cycle(house, number)
        before = (tmp_path / "state.db").read_bytes()
        stored = {name: state.decision for name, state in house.store.states().items()}
        said = {one.circuit: one for one in decisions(house, day(number))}
        assert said.keys() == stored.keys()
        for name, decision in stored.items():
            assert decision is not None
            times = {field: getattr(decision, field) for field in ("at", "valid_until", "data_as_of", "stale_at")}
            assert replace(said[name], **times) == decision
        assert (tmp_path / "state.db").read_bytes() == before


def test_a_source_in_trouble_leaves_stored_and_served_alike() -> None:
    cloud = two_currencies()
    house = a_house(watching(per=("service",), limit=1000), aws=cloud)
    cycles(house, range(8, 12))
    cloud.trouble = refused()
    for number in range(12, 18):
        cycle(house, number)
        stored = {name: (s.decision.action, s.decision.id) for name, s in house.store.states().items() if s.decision}
        assert {one.circuit: (one.action, one.id) for one in decisions(house, day(number))} == stored
