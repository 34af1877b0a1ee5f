"""A replay of a ledger: each day with the figures that had been told by then, and the state left as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from cloudcircuit.model import AnomalyPolicy, Commit, Grain, Monitor, Statement
from cloudcircuit.ports import Store
from cloudcircuit.service.backtest.result import HINDSIGHT, LEDGER
from cloudcircuit.stores import memory_store
from tests.backtest.past import Bill, a_bill, circuit, replayed, spiky, told
from tests.service import world
from tests.service.world import a_house, day
from tests.service.world import told as heard


def lived(
    bill: Bill, days: range, *monitors: Monitor, changes: Mapping[int, Callable[[], object]] | None = None
) -> Store:
    """The state of a daemon that read a bill on these days; `changes` are what happens to the bill before one."""
    store = memory_store()
    house = a_house(*monitors, store=store, aws=bill)
    for number in days:
        (changes or {}).get(number, bool)()
        world.cycles(house, [number])
    return store


def test_a_replay_of_what_a_daemon_read_tells_what_the_daemon_told() -> None:
    monitors = (spiky(limit=9000), spiky("services", per=("service",)))
    bill = a_bill(34, d20=300, d21=320, d29=180)
    bill.steady(range(34), 40, "S3")
    store = lived(bill, range(10, 34), *monitors)
    result = replayed(list(monitors), bill, state=store, start=10, end=33)
    lived_through = heard(a_house(*monitors, store=store, aws=bill))
    assert [(kind, who) for _, kind, who in told(result)] == lived_through
    assert len(lived_through) >= 4
    assert not result.hindsight


def test_a_day_that_grew_later_is_judged_as_it_was_known_then() -> None:
    bill = a_bill(34)
    store = lived(bill, range(12, 32), spiky(), changes={24: lambda: bill.restate(20, 400)})
    from_ledger = replayed(spiky(), bill, state=store)
    assert told(from_ledger) == [(day(24), "restated", "aws")]
    assert {p.at: p.value for p in circuit(from_ledger).points}[day(20)] == 100
    in_hindsight = replayed(spiky(), bill)
    assert (day(22), "anomaly", "m") in told(in_hindsight)
    assert {p.at: p.value for p in circuit(in_hindsight).points}[day(20)] == 400


def test_the_source_is_not_asked_where_the_ledger_knows() -> None:
    bill = a_bill(34)
    store = lived(bill, range(12, 32), spiky())
    bill.asked.clear()
    (source,) = replayed(spiky(), bill, state=store).sources
    assert bill.asked == []
    assert (source.known, source.since) == (LEDGER, day(12))


def test_what_the_first_reading_found_counts_as_said_when_its_lag_was_over() -> None:
    bill = a_bill(34, d20=300)
    store = lived(bill, range(28, 32), spiky())
    result = replayed(spiky(), bill, state=store)
    assert told(result)[0] == (day(22), "anomaly", "m")
    assert result.hindsight  # before the first reading


def test_a_day_that_runs_still_can_raise_an_alarm_from_the_ledger() -> None:
    bill = a_bill(34, d24=500)
    store = lived(bill, range(12, 32), spiky())
    result = replayed(spiky(), bill, state=store)
    assert told(result)[0] == (day(25), "anomaly", "m")  # told on the next morning, a day before it settled
    assert {p.at: p.provisional for p in circuit(result).points}[day(24)] is False


def _reads_anew(bill: Bill, monitor: Monitor, store: Store, digest: str = "", start: int | None = None) -> bool:
    house = a_house(monitor, store=store, aws=bill)
    house = replace(house, sources={"aws": replace(house.sources["aws"], digest=digest)})
    bill.asked.clear()
    (source,) = replayed(monitor, bill, state=store, digests={"aws": ""}, house=house, start=start).sources
    assert (source.known == HINDSIGHT) is (len(bill.asked) == 1)
    return source.known == HINDSIGHT


def test_a_ledger_that_cannot_answer_is_left_for_the_source() -> None:
    bill, short = a_bill(34), AnomalyPolicy("spike", lookback=7, new_level_after=3)
    store = lived(bill, range(28, 30), spiky(anomaly=short))
    assert not _reads_anew(bill, spiky(), store)
    assert _reads_anew(bill, spiky(per=("region",)), store)  # another dimension
    assert _reads_anew(bill, spiky(), store, digest="other options")
    assert _reads_anew(bill, spiky(), store, start=1)  # not so far back
    assert _reads_anew(bill, spiky(), memory_store())


def test_the_state_is_only_read() -> None:
    class Watched:
        """A state that knows what it was asked for."""

        def __init__(self, store: Store) -> None:
            self._store = store
            self.asked: set[str] = set()

        def __getattr__(self, name: str) -> object:
            self.asked.add(name)
            return getattr(self._store, name)

    bill = a_bill(34, d24=500)
    watched = Watched(lived(bill, range(12, 32), spiky()))
    replayed(spiky(), bill, state=watched)  # type: ignore[arg-type]
    assert watched.asked == {"statements", "sources"}


def test_a_change_whose_base_is_gone_leaves_its_day_unknown() -> None:
    bill = a_bill(34)
    store = lived(bill, range(12, 32), spiky(), changes={24: lambda: bill.restate(20, 400)})
    statements = store.statements("aws", Grain.DAY, day(0).date(), day(60).date())
    pruned = memory_store()
    kept = [one for one in statements if (one.day, one.said_at) != (day(20).date(), _first(statements, 20))]
    pruned.commit(Commit(statements=tuple(kept), sources=(replace(store.sources()["aws"], version=1),)))
    points = {p.at: p for p in circuit(replayed(spiky(), bill, state=pruned)).points}
    assert day(20) not in points
    assert points[day(21)].value == 100


def _first(statements: list[Statement], number: int) -> object:
    return min(one.said_at for one in statements if one.day == day(number).date())
