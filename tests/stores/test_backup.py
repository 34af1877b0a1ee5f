"""Copies of a state in use: whole, checked, and never in the way of what is there."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloudcircuit.errors import StateDamaged, StoreError
from cloudcircuit.model import Commit
from cloudcircuit.stores import SqlStore, open_store
from tests.stores import workers
from tests.stores.examples import a_state, a_transition, an_act
from tests.stores.test_kill import check_whole
from tests.stores.workers import started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = open_store(tmp_path / "state.db")
    store.commit(a_transition(1))
    yield store
    store.close()


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_backup_can_be_put_in_the_place_of_a_lost_state(store: SqlStore, tmp_path: Path) -> None:
    store.add_act(an_act())
    store.backup(tmp_path / "backup.db")
    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600
    store.close()
    (tmp_path / "state.db").unlink()
    (tmp_path / "backup.db").rename(tmp_path / "state.db")
    restored = open_store(tmp_path / "state.db", create=False)
    assert restored.acts() == [an_act()]
    restored.commit(a_transition(2))
    check_whole(restored, 2)
    restored.close()


def test_backups_made_while_another_process_writes_are_whole(store: SqlStore, tmp_path: Path) -> None:
    versions = []
    with started(workers.write_for_ever, tmp_path / "state.db") as (_, near):
        for n in range(8):
            acked = workers.received(near)
            while near.poll():
                acked = near.recv()
            store.backup(tmp_path / "backup.db")
            copy = open_store(tmp_path / "backup.db", create=False)
            version = copy.states()[workers.CIRCUIT].version
            assert version >= acked
            check_whole(copy, version)
            copy.close()
            versions.append(version)
            threading.Event().wait(0.01 * n)
    assert versions == sorted(versions)
    assert versions[0] < versions[-1]
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


def test_the_state_itself_is_never_the_target(store: SqlStore, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "state.db")
    os.link(tmp_path / "state.db", tmp_path / "hard.db")
    for name in ("state.db", "link.db", "hard.db", "sub/../state.db"):
        (tmp_path / "sub").mkdir(exist_ok=True)
        with pytest.raises(StoreError, match="is the state itself: name another file"):
            store.backup(tmp_path / name)
    check_whole(store, 1)


def test_what_is_no_file_or_somebody_elses_state_is_not_overwritten(store: SqlStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(StoreError, match="is not a regular file"):
            store.backup(tmp_path / name)
    other = open_store(tmp_path / "other.db")
    other.acquire("pid 7 on testhost")
    with pytest.raises(StoreError, match=r"state of a running daemon \(pid 7 on testhost\)"):
        store.backup(tmp_path / "other.db")
    other.close()
    with pytest.raises(StoreError, match=r"nowhere/backup\.db: it, or its folder, does not exist"):
        store.backup(tmp_path / "nowhere" / "backup.db")


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE breakers SET body = 'x'", "1 damaged rows, 'production/AmazonEC2' among them"),
        ("UPDATE acts SET body = 'x'", "1 damaged rows, 'act-1' among them"),
        ("DELETE FROM breakers", "rows are missing"),
    ],
)
def test_a_damaged_state_gives_no_backup_and_leaves_the_last_good_one(
    store: SqlStore, tmp_path: Path, statement: str, why: str
) -> None:
    store.add_act(an_act())
    store.backup(tmp_path / "backup.db")
    good = (tmp_path / "backup.db").read_bytes()
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute(statement)
        connection.commit()
    with pytest.raises(StateDamaged, match=f"no backup was made, for the state itself is damaged: {why}"):
        store.backup(tmp_path / "backup.db")
    assert (tmp_path / "backup.db").read_bytes() == good
    assert names(tmp_path) == ["backup.db", "state.db"]


def test_a_flipped_bit_in_an_index_is_found_by_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.commit(Commit(states=(a_state(),), history=a_transition(1).history))
    store.close()
    content = bytearray(path.read_bytes())
    entry = re.search(rb'transition(?![p"])', content)  # in the index an instant follows, in the row the circuit
    assert entry is not None
    content[entry.start()] ^= 1
    path.write_bytes(content)
    store = open_store(path)
    with pytest.raises(StateDamaged, match="no backup was made"):
        store.backup(tmp_path / "backup.db")
    store.close()
