"""Threads and processes on one state; and files that are taken from under a running one."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from cloudcircuit.errors import Conflict, StateDamaged, StoreError
from cloudcircuit.model import Commit
from cloudcircuit.stores import SqlStore, open_store
from tests.stores import workers
from tests.stores.examples import NOW, a_delivery, a_source, a_state, a_transition, an_act, an_entry
from tests.stores.workers import CIRCUIT, copy_over, started


def test_of_threads_that_race_for_a_version_one_wins(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    gate = threading.Barrier(8)

    def race(n: int) -> str:
        gate.wait()
        try:
            store.commit(Commit(states=(a_state(),), history=(an_entry(version=n),)))
        except Conflict:
            return "lost"
        return "won"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(race, range(8))) == ["lost"] * 7 + ["won"]
    assert len(store.history()) == 1
    store.close()


def test_processes_that_race_write_each_version_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    with ExitStack() as stack:
        ends = [stack.enter_context(started(workers.write_in_a_race, path, 25))[1] for _ in range(3)]
        lost = [workers.received(near, 60) for near in ends]
    store = open_store(path)
    assert [entry.version for entry in store.history(limit=999)] == list(range(1, 76))
    assert store.states()[CIRCUIT].version == 75
    assert sum(lost) >= 0
    store.close()


def test_processes_that_create_at_once_agree_on_one_state(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.db"
    with ExitStack() as stack:
        ends = [stack.enter_context(started(workers.create, path))[1] for _ in range(4)]
        epochs = {workers.received(near, 60) for near in ends for _ in range(2)} - {"begins"}
    assert len(epochs) == 1


def test_the_daemons_threads_and_a_command_work_side_by_side(tmp_path: Path) -> None:
    store, command = open_store(tmp_path / "state.db"), open_store(tmp_path / "state.db")
    store.acquire("daemon")

    def cycle(n: int) -> None:
        for version in range(1, 11):
            circuits = Commit(states=(a_state(f"m/{n}", version),), deliveries=(a_delivery(f"{n}.{version}"),))
            store.commit(circuits)
            store.states()

    def deliver(_: int) -> None:
        for delivery in store.due(NOW, limit=5):
            store.record_try(delivery)

    def act(n: int) -> None:
        command.add_act(an_act(f"act-{n}"))
        command.states()

    jobs: list[tuple[Callable[[int], None], int]] = [(work, n) for n in range(6) for work in (cycle, deliver, act)]
    with ThreadPoolExecutor(9) as pool:
        for done in [pool.submit(work, n) for work, n in jobs]:
            done.result()
    assert {state.version for state in store.states().values()} == {10}
    assert len(store.deliveries(limit=999)) == 60
    assert store.acts_version() == command.acts_version() == len(store.acts()) == 6
    store.close()
    command.close()


def test_more_threads_than_connections_take_turns(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db", busy_seconds=20)
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda n: store.commit(Commit(sources=(a_source(f"s{n}"),))), range(40)))
    assert len(store.sources()) == 40
    store.close()


def test_a_stopped_process_that_holds_the_state_makes_it_busy_for_so_long_only(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path, busy_seconds=0.1)
    store.commit(a_transition(1))
    with started(workers.hold_the_database, path) as (process, near):
        assert workers.received(near) == "held"
        os.kill(process.pid, signal.SIGSTOP)
        before = os.times().elapsed
        for _ in range(20):  # more often than there are connections: none is lost
            with pytest.raises(StoreError, match=r"state\.db is busy: another process holds it"):
                store.commit(a_transition(2))
        with pytest.raises(StoreError, match="is busy"):
            store.states()
        with pytest.raises(StoreError, match="is busy"):
            open_store(path, busy_seconds=0.1)
        assert os.times().elapsed - before < 10
    store.commit(a_transition(2))
    assert store.states()[CIRCUIT].version == 2
    store.close()


# --- a file that is taken away --------------------------------------------------------------------------


def refuses_everything(store: SqlStore, why: str) -> None:
    asks: list[Callable[[], object]] = [
        store.states,
        store.damaged,
        store.sources,
        store.acts,
        store.newest,
        lambda: store.due(NOW),
        lambda: store.commit(a_transition(2)),
        lambda: store.add_act(an_act()),
    ]
    for ask in asks:
        with pytest.raises(StateDamaged, match=rf"state\.db was {why}.*restart the daemon"):
            ask()


def test_a_state_that_was_deleted_is_not_written_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.commit(a_transition(1))
    path.unlink()
    refuses_everything(store, "deleted or moved away")
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_was_replaced_is_not_taken_for_the_same(tmp_path: Path) -> None:
    path, other = tmp_path / "state.db", tmp_path / "other.db"
    store = open_store(path)
    store.commit(a_transition(1))
    fresh = open_store(other)
    fresh.commit(a_transition(1))
    fresh.close()
    untouched = other.read_bytes()
    other.replace(path)
    refuses_everything(store, "replaced by another file")
    store.close()
    assert path.read_bytes() == untouched


def test_another_state_copied_into_the_file_is_noticed(tmp_path: Path) -> None:
    path, other = tmp_path / "state.db", tmp_path / "other.db"
    store = open_store(path)
    store.commit(a_transition(1))
    fresh = open_store(other)
    for version in (1, 2, 3):
        fresh.commit(a_transition(version))
    fresh.close()
    copy_over(other, path)
    refuses_everything(store, "replaced by another state")
    store.close()


def test_an_old_backup_copied_into_the_file_is_noticed(tmp_path: Path) -> None:
    path, backup = tmp_path / "state.db", tmp_path / "backup.db"
    store = open_store(path)
    store.commit(Commit(states=(a_state("sandbox"),)))
    store.backup(backup)
    store.commit(a_transition(1))
    copy_over(backup, path)
    refuses_everything(store, "replaced by an older copy of itself")
    store.close()
    restored = open_store(path)  # after a restart it is what the operator wanted
    assert set(restored.states()) == {"sandbox"}
    restored.commit(a_transition(1))
    restored.close()


def test_a_commit_that_went_into_a_deleted_file_is_not_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.commit(a_transition(1))
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    with pytest.raises(StateDamaged, match="replaced by another file"), store._database.writing() as work:
        work.conn.exec_driver_sql("DELETE FROM outbox")
        copy.replace(path)
    store.close()
