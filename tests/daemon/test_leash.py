from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from zoneinfo import ZoneInfo

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain, PlanStep, Probe, SpendQuery
from cloudcircuit.ports import CostAdapter, SpendReport
from cloudcircuit.ports import Deadline as AnyDeadline
from cloudcircuit.service import leash as module
from cloudcircuit.service.house import Source
from cloudcircuit.service.leash import Leash, Leaving

QUERY = SpendQuery(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


class Adapter:
    """Answers a probe by doing what it is told."""

    def __init__(self, does: Callable[[], Probe]) -> None:
        self.does = does
        self.closed = 0

    def fetch(self, query: SpendQuery, deadline: AnyDeadline) -> SpendReport:
        raise AdapterError("login refused", permanent=True, retry_after=7.0)

    def probe(self, deadline: AnyDeadline) -> Probe:
        return self.does()

    def plan(self, queries: object, sizes: object, deadline: AnyDeadline) -> list[PlanStep]:
        return []

    def close(self) -> None:
        self.closed += 1


def source(opens: Callable[[], CostAdapter]) -> Source:
    day = timedelta(days=1)
    return Source("aws", opens, ZoneInfo("UTC"), Grain.DAY, lag=day, every=day, timeout=1.0, restated_share=0.05)


def probe(leash: Leash, does: Callable[[], Probe], seconds: float = 5.0) -> Probe:
    return leash.hold(source(lambda: Adapter(does))).open().probe(Deadline(seconds))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)


def test_gives_the_answer_and_closes_what_it_opened() -> None:
    adapter = Adapter(lambda: Probe(("1",)))
    held = Leash().hold(source(lambda: adapter)).open()
    assert held.probe(Deadline(5)) == Probe(("1",))
    assert adapter.closed == 0
    held.close()
    assert adapter.closed == 1


def test_one_adapter_answers_all_questions_of_a_cycle() -> None:
    opened: list[Adapter] = []

    def opens() -> CostAdapter:
        opened.append(Adapter(Probe))
        return opened[-1]

    with closing(Leash().hold(source(opens)).open()) as held:
        held.probe(Deadline(5))
        assert held.plan((), {}, Deadline(5)) == []
    assert [adapter.closed for adapter in opened] == [1]


def test_what_was_left_behind_is_closed_when_it_comes_back() -> None:
    leash, freed = Leash(), Event()

    def hang() -> Probe:
        freed.wait()
        return Probe()

    adapter = Adapter(hang)
    with closing(leash.hold(source(lambda: adapter)).open()) as held, pytest.raises(AdapterError):
        held.probe(Deadline(0.1))
    assert adapter.closed == 0
    freed.set()
    next(iter(leash._astray.values())).join(5)
    assert adapter.closed == 1


def test_an_adapter_that_cannot_close_spoils_no_answer() -> None:
    class Stuck(Adapter):
        def close(self) -> None:
            raise AdapterError("no")

    with closing(Leash().hold(source(lambda: Stuck(lambda: Probe(("1",))))).open()) as held:
        assert held.probe(Deadline(5)) == Probe(("1",))


def test_an_error_is_the_adapters_own() -> None:
    held = Leash().hold(source(lambda: Adapter(Probe))).open()
    with pytest.raises(AdapterError, match="login refused") as caught:
        held.fetch(QUERY, Deadline(5))
    assert (caught.value.permanent, caught.value.retry_after) == (True, 7.0)


def test_what_hangs_is_left_behind_and_not_asked_twice() -> None:
    leash, freed = Leash(), Event()

    def hang() -> Probe:
        freed.wait()
        return Probe()

    with pytest.raises(AdapterError, match="within its timeout"):
        probe(leash, hang, seconds=0.1)
    assert leash.has_astray
    before = threading.active_count()
    with pytest.raises(AdapterError, match="still has not come back"):
        probe(leash, Probe)
    assert threading.active_count() == before
    freed.set()
    thread = next(iter(leash._astray.values()))
    thread.join(5)
    assert probe(leash, lambda: Probe(("back",))) == Probe(("back",))
    assert not leash.has_astray


def test_an_open_that_hangs_is_left_behind_as_well() -> None:
    freed = Event()

    def opens() -> CostAdapter:
        freed.wait()
        raise AdapterError("too late")

    with pytest.raises(AdapterError, match="within its timeout"):
        Leash().hold(source(opens)).open().probe(Deadline(0.1))
    freed.set()


def test_a_process_that_leaves_waits_for_no_source() -> None:
    leash, freed, ended = Leash(), Event(), Event()

    def hang() -> Probe:
        freed.wait()
        return Probe()

    def ask() -> None:
        with pytest.raises(Leaving):
            probe(leash, hang, seconds=60)
        ended.set()

    Thread(target=ask).start()
    assert not ended.wait(0.1)
    leash.leaving.set()
    assert ended.wait(2)
    assert leash.has_astray
    freed.set()


def test_leaving_is_no_error_that_anybody_records() -> None:
    assert not issubclass(Leaving, Exception)


def test_a_machine_without_threads_fails_visibly(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", refuse)
    with pytest.raises(AdapterError, match="no thread left"):
        probe(Leash(), Probe)
