"""One daemon on one state, however the one before it died."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from cloudcircuit.errors import StateLocked, StoreError
from cloudcircuit.stores import lock_holder, open_store
from tests.stores import workers
from tests.stores.examples import a_transition
from tests.stores.workers import started


def test_a_second_daemon_is_refused_in_time_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    (tmp_path / "link.db").symlink_to(path)
    with started(workers.hold_the_daemon_lock, path) as (process, near):
        pid = workers.received(near)
        who = f"pid {pid} on testhost since noon"
        store = open_store(tmp_path / "link.db")
        before = os.times().elapsed
        with pytest.raises(StateLocked, match=f"held by another daemon .{who}.: stop it first"):
            store.acquire("pid 2")
        assert os.times().elapsed - before < 2
        assert lock_holder(path) == lock_holder(tmp_path / "link.db") == who
        store.commit(a_transition(1))  # an operator's command needs no lock
        process.kill()
        process.join()
        assert lock_holder(path) is None
        store.acquire("pid 2")
        assert lock_holder(path) == "pid 2"
        store.close()
    assert lock_holder(path) is None
    assert stat.S_IMODE((tmp_path / "state.db.lock").stat().st_mode) == 0o600


def test_the_lock_is_one_in_a_process_too_and_may_be_asked_for_twice(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first, second = open_store(path), open_store(path)
    first.acquire("first")
    first.acquire("first")
    with pytest.raises(StateLocked, match="first"):
        second.acquire("second")
    first.close()
    second.acquire("second\x1b[2J" + "x" * 1000)
    assert (lock_holder(path) or "").startswith("second[2Jxxx")
    assert len(lock_holder(path) or "") <= 300
    second.close()


def test_no_child_inherits_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.acquire("parent")
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        store.close()
        assert lock_holder(path) is None
        child.kill()


def test_a_daemon_whose_lock_file_was_removed_writes_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first, second = open_store(path), open_store(path)
    first.acquire("first")
    (tmp_path / "state.db.lock").unlink()
    second.acquire("second")
    with pytest.raises(StoreError, match=r"state\.db\.lock was removed or replaced.*stop this one"):
        first.commit(a_transition(1))
    second.commit(a_transition(1))
    first.close()
    second.close()


def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    (tmp_path / "state.db.lock").mkdir()
    with pytest.raises(StoreError, match="it is a folder"):
        store.acquire("daemon")
    assert lock_holder(tmp_path / "never" / "there.db") is None
    store.close()
