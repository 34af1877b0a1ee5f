"""The cycle: one fetch, the ledger first, each day judged once, each alert owed once, whatever is cut off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloudcircuit.errors import Conflict, StoreError
from cloudcircuit.model import Action, AlertKind, Commit, Grain, Phase, Reason, ReportStatus
from cloudcircuit.service.cycle import refresh, run_cycle
from cloudcircuit.service.operate import act
from cloudcircuit.stores import memory_store, open_store
from tests.service.world import (
    DAY,
    HOUR,
    Cloud,
    Fragile,
    Killed,
    a_house,
    acknowledging,
    an_act,
    cycle,
    cycles,
    day,
    heard,
    kill,
    state_of,
    told,
    watching,
)


def a_cloud_that_runs_wild(on: int = 10, days: int = 30) -> Cloud:
    """100 a day, and 500 from a day on."""
    cloud = Cloud()
    cloud.steady(range(-20, on))
    cloud.steady(range(on, days), 500)
    return cloud


# --- one cycle ----------------------------------------------------------------------------------------------


def test_one_fetch_serves_every_monitor_of_a_source() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 5))
    monitors = [watching(f"m{n}", per=("service",)) for n in range(5)] + [watching("regions", per=("region",))]
    house = a_house(*monitors, aws=cloud)

    result = cycle(house, 5)

    assert (result.ok, result.circuits) == (True, 6)
    assert len(cloud.asked) == 1
    assert cloud.asked[0].dimensions == ("region", "service")
    assert cloud.asked[0].visible_until == day(5)


def test_a_spike_is_told_while_its_day_runs_and_blocks_when_it_lasts() -> None:
    house = a_house(watching(), aws=a_cloud_that_runs_wild())
    cycles(house, range(11))
    assert told(house) == []

    cycles(house, range(11, 13))

    assert told(house) == [("anomaly", "m"), ("tripped", "m")]
    assert state_of(house).phase is Phase.OPEN
    assert cycle(house, 13).transitions == 0
    assert len(told(house)) == 2


def test_reading_the_same_data_again_counts_nothing() -> None:
    house = a_house(watching(), aws=a_cloud_that_runs_wild())
    cycles(house, range(11))
    for hour in range(24):
        run_cycle(house, "aws", day(11) + hour * HOUR)

    assert told(house) == [("anomaly", "m")]
    assert state_of(house).failures == 1
    assert len(house.store.history("m")) == 2  # it was healthy, and then it was not


def test_what_was_said_is_written_before_it_is_judged_and_only_its_changes() -> None:
    store = Fragile(memory_store())
    cloud = a_cloud_that_runs_wild()
    house = replace(a_house(watching(), aws=cloud), store=store)

    cycle(house, 0)
    cycle(house, 1)

    ledger, states, again, _ = store.commits
    assert (bool(ledger.statements), ledger.states) == (True, ())
    assert (states.statements, [state.circuit for state in states.states]) == ((), ["m"])
    assert [statement.day for statement in again.statements] == [day(0).date()]


def test_a_cycle_that_finds_nothing_new_writes_only_that_it_asked() -> None:
    store = Fragile(memory_store())
    house = replace(a_house(watching(per=("service",)), aws=a_cloud_that_runs_wild()), store=store)
    cycles(house, range(5))
    store.commits.clear()

    run_cycle(house, "aws", day(4) + HOUR)

    noted, closed = store.commits
    assert (noted.statements, noted.deliveries, noted.history) == ((), (), ())
    assert closed == Commit(sources=closed.sources)


def test_an_empty_state_judges_the_newest_settled_day_alone() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 30))
    cloud.restate(5, 900)  # long ago
    house = a_house(watching(), aws=cloud)

    cycle(house, 20)

    assert told(house) == []
    assert state_of(house).judged_through == day(18)


def test_days_that_settle_while_nobody_looks_are_judged_oldest_first_each_once() -> None:
    cloud = a_cloud_that_runs_wild(on=10)
    house = a_house(watching(), aws=cloud)
    cycle(house, 9)

    cycle(house, 15)  # days 8 to 13 have settled, day 14 runs

    state = state_of(house)
    assert [past.at for past in state.anomalies] == [day(10), day(11), day(12), day(13)]
    assert (state.failures, state.trips, state.judged_through) == (5, 1, day(13))
    assert told(house) == [("tripped", "m")]


def test_a_day_that_settles_late_is_judged_once_and_where_it_belongs() -> None:
    cloud = Cloud(broken={day(10).date(): 1})
    cloud.steady(range(-20, 40))
    cloud.restate(10, 500)
    house = a_house(watching(), aws=cloud)
    cycles(house, range(14))
    assert told(house) == [("broken_rows", "aws"), ("anomaly", "m")]  # while incomplete: that is proof enough
    assert state_of(house).skipped == (day(10),)

    cloud.broken = {}
    cycles(house, range(14, 20))

    state = state_of(house)
    assert state.skipped == ()
    assert [past.at for past in state.anomalies] == [day(10)]
    assert (state.failures, state.phase) == (0, Phase.CLOSED)
    assert told(house)[1:] == [("anomaly", "m"), ("resolved", "m")]


def test_a_past_that_is_restated_is_not_judged_again() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 40))
    house = a_house(watching(), aws=cloud)
    cycles(house, range(12))

    cloud.restate(8, 900)
    cycles(house, range(12, 14))

    assert told(house) == [("restated", "aws")]
    assert state_of(house).anomalies == ()


def test_hours_are_judged_as_hours() -> None:
    cloud = Cloud(grain=Grain.HOUR, lag=2 * HOUR)
    for hour in range(-20 * 24, 3 * 24):
        cloud.spend(hour / 24, 50 if hour == 40 else 5)
    house = a_house(watching(), aws=cloud)
    run_cycle(house, "aws", day(1))
    for hour in range(25, 44):
        run_cycle(house, "aws", day(0) + hour * HOUR)

    ((at, kind, _, payload),) = heard(house)
    assert (kind, payload["grain"], payload["since"]) == ("anomaly", "hour", (day(0) + 40 * HOUR).isoformat())
    assert at == day(0) + 41 * HOUR


# --- cut off, and beaten to it ------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_kill_around_any_commit_loses_and_doubles_nothing(tmp_path: Path, when: str, place: int) -> None:
    path = tmp_path / "state.db"
    cloud = a_cloud_that_runs_wild()
    with_store = open_store(path)
    cycles(a_house(watching(limit=1500), aws=cloud, store=with_store), range(11))
    store = Fragile(with_store)
    getattr(store, when)[place] = kill
    with pytest.raises(Killed):
        cycle(replace(a_house(watching(limit=1500), aws=cloud), store=store), 11)
    with_store.close()

    reborn = a_house(watching(limit=1500), aws=cloud, store=open_store(path))
    for minutes in (1, 2):  # at another moment than the one that was cut off
        run_cycle(reborn, "aws", day(11) + minutes * HOUR / 60)

    assert [who for who in told(reborn) if who[0] == "anomaly"] == [("anomaly", "m")]
    assert state_of(reborn).failures == 1
    statements = reborn.store.statements("aws", Grain.DAY, day(-40).date(), day(30).date())
    assert len(statements) == len({statement.day for statement in statements})
    reborn.store.close()


@pytest.mark.parametrize("place", [0, 1])
def test_a_reading_that_was_cut_off_is_not_taken_for_done(place: int) -> None:
    cloud = a_cloud_that_runs_wild()
    house = a_house(watching(), aws=cloud)
    cycle(house, 5)
    store = Fragile(house.store)
    store.before[place] = kill
    with pytest.raises(Killed):
        cycle(replace(house, store=store), 6)

    assert house.store.sources()["aws"].last_attempt == day(5)
    cycle(house, 6)
    assert house.store.sources()["aws"].last_attempt == day(6)


def test_a_source_event_is_owed_once_although_its_cycle_is_cut_off() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 40))
    house = a_house(watching(), aws=cloud)
    cycles(house, range(12))
    cloud.restate(8, 900)
    store = Fragile(house.store)
    store.after[0] = kill
    with pytest.raises(Killed):
        cycle(replace(house, store=store), 12)

    run_cycle(house, "aws", day(12) + HOUR)

    assert told(house) == [("restated", "aws")]


def test_a_write_that_comes_between_is_read_and_nothing_is_lost() -> None:
    house = a_house(watching(), aws=a_cloud_that_runs_wild())
    cycles(house, range(12))
    store = Fragile(house.store)
    store.before[1] = lambda: act(house.store, an_act("ack", at=11.9))

    assert cycle(replace(house, store=store), 12).ok

    state = state_of(house)
    assert (state.acked_at, state.phase) == (day(11.9), Phase.OPEN)
    assert told(house) == [("anomaly", "m"), ("tripped", "m")]


def test_a_source_row_that_somebody_else_writes_is_read_again() -> None:
    house = a_house(watching(), aws=a_cloud_that_runs_wild())
    cycles(house, range(5))

    def write() -> None:
        row = house.store.sources()["aws"]
        house.store.commit(Commit(sources=(replace(row, version=row.version + 1, notes=("somebody was here",)),)))

    store = Fragile(house.store)
    store.before[0] = store.before[3] = write  # the first write of the row, and the one that closes the reading
    assert cycle(replace(house, store=store), 5).ok
    assert house.store.sources()["aws"].last_attempt == day(5)
    assert state_of(house).judged_through == day(3)

    store.before = dict.fromkeys(range(50), write)
    with pytest.raises(Conflict, match="source aws"):
        cycle(replace(house, store=store), 6)
    assert state_of(house).judged_through == day(3)


def test_a_row_that_is_written_all_the_time_is_given_up_without_half_a_write() -> None:
    house = a_house(watching(), aws=a_cloud_that_runs_wild())
    cycles(house, range(12))
    store = Fragile(house.store)
    for place in range(1, 20):
        store.before[place] = acknowledging(house, "m", 11 + place / 100)

    with pytest.raises(Conflict, match="written all the time"):
        cycle(replace(house, store=store), 12)

    assert told(house) == [("anomaly", "m")]
    cycle(house, 13)
    assert told(house) == [("anomaly", "m"), ("tripped", "m")]


def test_trouble_with_the_state_is_raised_and_the_next_cycle_makes_up_for_it() -> None:
    def full() -> None:
        raise StoreError("the disk is full")

    house = a_house(watching(), aws=a_cloud_that_runs_wild())
    cycles(house, range(11))
    store = Fragile(house.store)
    store.before[1] = full
    with pytest.raises(StoreError, match="full"):
        cycle(replace(house, store=store), 11)

    cycle(house, 12)

    assert told(house) == [("tripped", "m")]


# --- time alone ---------------------------------------------------------------------------------------------


def test_a_refresh_writes_nothing_when_nothing_changed() -> None:
    cloud = Cloud()
    for number in range(60):
        cloud.steady(range(-20, 12), 20, f"service-{number:03}")
    store = Fragile(memory_store())
    house = replace(a_house(watching(per=("service",), limit=1000), aws=cloud), store=store)
    cycles(house, range(10, 12))
    store.commits.clear()

    for hour in range(48):
        refresh(house, day(11) + hour * HOUR)

    assert store.commits == []
    refresh(house, day(10) + 3 * DAY)  # now the data are stale, and that is noted once
    refresh(house, day(10) + 3 * DAY + HOUR)
    (commit,) = store.commits
    assert len(commit.states) == 60
    assert commit.deliveries == ()


def test_time_ends_a_cooldown_on_fresh_data_and_relaxes_nothing_on_stale_data() -> None:
    house = a_house(watching(), aws=a_cloud_that_runs_wild())
    cycles(house, range(11, 14))
    assert state_of(house).phase is Phase.OPEN
    refresh(house, day(14))  # it was opened on day 12, for 48 hours

    state = state_of(house)
    assert state.phase is Phase.HALF_OPEN
    assert state.decision is not None
    assert state.decision.action is Action.THROTTLE

    stale = a_house(watching(stale_after=DAY), aws=a_cloud_that_runs_wild())
    cycles(stale, range(11, 14))
    refresh(stale, day(14))
    held = state_of(stale).decision
    assert held is not None
    assert (held.action, held.stale) == (Action.BLOCK, True)
    assert Reason.STALE in held.reasons


def test_a_half_answer_relaxes_nothing() -> None:
    cloud = a_cloud_that_runs_wild(days=13)
    cloud.steady(range(13, 30))
    house = a_house(watching(), aws=cloud)
    cycles(house, range(11, 15))
    cloud.status = ReportStatus.PARTIAL
    cycles(house, range(15, 20))
    assert state_of(house).phase is Phase.HALF_OPEN
    assert AlertKind.RESOLVED not in {kind for kind, _ in told(house)}

    cloud.status = ReportStatus.COMPLETE
    cycles(house, range(20, 22))

    assert state_of(house).phase is Phase.CLOSED
    assert told(house)[-1] == ("resolved", "m")
