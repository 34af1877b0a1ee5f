"""What lies at the path is looked at hard before it is believed."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import takewhile
from pathlib import Path

import pytest

from cloudcircuit.errors import StateDamaged, StateNewer, StoreError
from cloudcircuit.model import Commit
from cloudcircuit.stores import open_store
from tests.stores import workers
from tests.stores.examples import a_state, a_statement, a_transition
from tests.stores.workers import started


def pragma(path: Path, name: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_new_state_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.db"
    before = os.umask(0)
    try:
        open_store(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["state.db"]


def test_it_is_durable_and_known_as_ours(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.commit(a_transition(1))
    with store._database.reading() as (conn, _):
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == 3  # EXTRA
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert conn.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000
    store.close()
    assert pragma(path, "journal_mode") == "delete"
    assert pragma(path, "application_id") == int.from_bytes(b"CCSt", "big")


def test_what_was_stored_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "odd %20 ? # 'name' ☁.db"
    store = open_store(path)
    store.commit(a_transition(1))
    epoch = store.epoch
    store.close()
    again = open_store(path, create=False)
    assert again.states() == {"production/AmazonEC2": a_state()}
    assert again.epoch == epoch
    assert again.path == path
    again.close()


def test_a_state_that_must_be_there_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no state at .*gone\.db"):
        open_store(tmp_path / "gone.db", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, so what it knew is lost: restore a backup, or move it away"),
        (b"\0", "is a database, but not a CloudCircuit state"),
        (b"not a database at all " * 100, "is not a CloudCircuit state: restore a backup, or move it away"),
        (b"\0" * 65536, "is not a CloudCircuit state"),
        (b"SQLite format 3\0", "is not a CloudCircuit state"),
    ],
)
def test_a_file_that_is_no_state_is_never_taken_for_a_fresh_one(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with pytest.raises(StateDamaged, match=message):
        open_store(path)
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE meta (id)")
    before = path.read_bytes()
    with pytest.raises(StateDamaged, match="a database, but not a CloudCircuit state"):
        open_store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_state_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.commit(Commit(states=tuple(a_state(f"m/{n}") for n in range(100)), statements=(a_statement(),)))
    store.close()
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(StateDamaged, match=r"state\.db.*restore a backup"):
        open_store(path).states()


def test_a_state_without_its_head_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM meta")
        connection.commit()
    with pytest.raises(StateDamaged, match="head row is not whole"):
        open_store(path)


@pytest.mark.parametrize(
    ("revision", "kind", "message"),
    [
        ("0003", StateNewer, "newer version of CloudCircuit .schema 0003; this version knows 0002.: run that version"),
        ("9999", StateNewer, "newer version"),
        ("", StateDamaged, "no proper number"),
        ("p001", StateDamaged, "no proper number"),
        ("0000", StateDamaged, "no proper number"),
    ],
)
def test_another_schema_is_refused(tmp_path: Path, revision: str, kind: type[StoreError], message: str) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
    with pytest.raises(kind, match=message):
        open_store(path)


def test_a_folder_a_pipe_and_a_circle_of_links_are_no_state(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "file").write_text("x")
    for name, message in (
        ("", "is a folder"),
        ("pipe", "not a regular file"),
        ("circle", "symbolic links go in a circle"),
        ("file/state.db", "something else is there already|a part of the path is not a folder"),
    ):
        with pytest.raises(StoreError, match=message):
            open_store(tmp_path / name)


@pytest.mark.parametrize("suffix", ["-journal", "-wal"])
def test_a_journal_without_its_state_is_not_rolled_into_a_fresh_one(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"state.db{suffix}").write_bytes(b"pages of a state that was moved away")
    with pytest.raises(StateDamaged, match=f"state.db{suffix} is there, but not the state that it belongs to"):
        open_store(tmp_path / "state.db")
    assert [each.name for each in tmp_path.iterdir()] == [f"state.db{suffix}"]


def test_a_write_ahead_log_is_turned_back(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.commit(a_transition(1))
    store.close()
    assert pragma(path, "journal_mode = WAL") == "wal"
    again = open_store(path)
    assert again.states() == {"production/AmazonEC2": a_state()}
    again.close()
    assert pragma(path, "journal_mode") == "delete"


def test_a_symbolic_link_leads_to_the_same_state(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "dangling.db").symlink_to(tmp_path / "real" / "state.db")
    first = open_store(tmp_path / "dangling.db")
    second = open_store(tmp_path / "link" / "state.db")
    first.commit(a_transition(1))
    assert second.states() == {"production/AmazonEC2": a_state()}
    assert first.path == second.path == tmp_path / "real" / "state.db"
    first.close()
    second.close()


def test_closing_lets_go_of_everything(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        store = open_store(tmp_path / "state.db")
        store.acquire("daemon")
        store.states()
        store.close()
        with pytest.raises(StateDamaged):
            (tmp_path / "empty.db").write_bytes(b"")
            open_store(tmp_path / "empty.db")
        with pytest.raises(StateDamaged):
            (tmp_path / "garbage.db").write_bytes(b"garbage" * 1000)
            open_store(tmp_path / "garbage.db")
    assert len(os.listdir("/proc/self/fd")) <= before


# --- file systems ---------------------------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own in a folder; the test is skipped where that is not allowed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting a tmpfs is not allowed here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return ballast


def test_a_full_disk_loses_nothing_and_heals_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with mounted(folder, "size=2m"):
        store = open_store(folder / "state.db")
        store.commit(a_transition(1))
        ballast = fill(folder)
        for _ in range(3):
            with pytest.raises(StoreError, match=r"state\.db.*the disk is full"):
                store.commit(a_transition(2))
            assert store.states() == {"production/AmazonEC2": a_state()}
        restarted = open_store(folder / "state.db")  # as after a kill -9: what is blocked is still known
        restarted.acquire("pid 1")
        assert restarted.states() == {"production/AmazonEC2": a_state()}
        restarted.close()
        ballast.unlink()
        store.commit(a_transition(2))
        assert [entry.version for entry in store.history()] == [1, 2]
        store.close()


def test_a_state_is_not_created_on_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with mounted(folder, "size=64k"):
        ballast = fill(folder)
        with pytest.raises(StoreError, match=r"state\.db.*the disk is full"):
            open_store(folder / "state.db")
        assert not (folder / "state.db").exists()
        ballast.unlink()
        remount(folder, "size=4m")
        open_store(folder / "state.db").close()


def test_a_read_only_file_system_is_refused_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with mounted(folder, "size=4m"):
        path = folder / "state.db"
        store = open_store(path)
        store.commit(a_transition(1))
        store.close()
        remount(folder, "ro")
        with pytest.raises(StoreError, match=r"state\.db cannot be used.*read-only"):
            open_store(path)
        with pytest.raises(StoreError, match=r"new\.db.*read-only"):
            open_store(folder / "new.db")
        remount(folder, "rw")
        store = open_store(path)
        store.commit(a_transition(2))
        store.close()


def refusal_for_nobody(path: Path) -> str:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with started(workers.open_as_nobody, path) as (_, near):
        return str(workers.received(near))


def test_a_state_of_somebody_else_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, *takewhile(lambda each: each != Path(tempfile.gettempdir()), tmp_path.parents)):
        folder.chmod(0o755)
    path = tmp_path / "state.db"
    open_store(path).close()
    assert "state.db cannot be used" in refusal_for_nobody(path)
    path.chmod(0o666)
    assert f"{tmp_path} cannot be read and written by this user" in refusal_for_nobody(path)
    assert "permission denied; see who owns" in refusal_for_nobody(tmp_path / "new.db")
