"""kill -9 at any moment: every commit that was acknowledged is there whole, and nothing is there by half."""

from __future__ import annotations

import random
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from cloudcircuit.errors import StateNewer
from cloudcircuit.stores import SqlStore, migrate, open_store, schema
from tests.stores import workers
from tests.stores.examples import a_transition
from tests.stores.frozen import load_frozen
from tests.stores.workers import CIRCUIT, started

KILLS = 50
_NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{HEAD}"


def upgrade():
    op.add_column("history", sa.Column("mark", sa.Text, nullable=True))
    op.create_table("marks", sa.Column("seq", sa.Integer, primary_key=True), sa.Column("mark", sa.Text))
    for seq in range(1, 300):
        op.execute(f"INSERT INTO marks (seq, mark) VALUES ({seq}, 'marked')")
"""


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def check_whole(store: SqlStore, acked: int) -> int:
    """The version that is stored; one commit may have been stored without its acknowledgement getting out."""
    states = store.states()
    version = states[CIRCUIT].version if states else 0
    assert acked <= version <= acked + 1
    assert store.damaged() == ()
    everything = range(1, version + 1)
    assert [entry.version for entry in store.history(limit=10**6)] == list(everything)
    assert [each.id for each in store.deliveries(limit=10**6)] == [f"{CIRCUIT}#{each}" for each in everything]
    return version


def test_a_writer_killed_at_random_moments_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    moments = random.Random(20260504)
    path = tmp_path / "state.db"
    version = 0
    for _ in range(KILLS):
        with started(workers.write_for_ever, path) as (process, near):
            first = workers.received(near)
            pause(moments.uniform(0, 0.03))
            process.kill()
            acked = [first, *workers.everything(near)][-1]
        store = open_store(path)
        version = check_whole(store, acked)
        store.close()
    assert version >= KILLS
    store = open_store(path)
    store.commit(a_transition(version + 1))
    assert check_whole(store, version + 1) == version + 1
    store.close()


def test_a_creation_killed_at_random_moments_leaves_a_whole_state_or_none(tmp_path: Path) -> None:
    moments = random.Random(20260505)
    left = {True: 0, False: 0}
    for n in range(20):
        path = tmp_path / str(n) / "state.db"
        with started(workers.create, path) as (process, near):
            workers.received(near)
            pause(moments.uniform(0, 0.12))
            process.kill()
        left[path.exists()] += 1
        store = open_store(path, create=not path.exists())
        store.commit(a_transition(1))
        check_whole(store, 1)
        store.close()
        assert [file.name for file in path.parent.iterdir()] == ["state.db"]
    assert left[False], "no kill came in time; the test proves nothing"


def test_a_migration_killed_at_random_moments_leaves_the_old_schema_or_the_new(tmp_path: Path) -> None:
    moments = random.Random(20260506)
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.SHIPPED.folder, folder)
    (folder / "versions" / "v9999_more.py").write_text(_NEXT.replace("{HEAD}", schema.HEAD))
    migrations = migrate.Migrations(folder, "9999")
    left = set()
    for n in range(20):
        path = tmp_path / f"{n}.db"
        load_frozen(path)
        with started(workers.upgrade, path, migrations) as (process, near):
            workers.received(near)
            pause(moments.uniform(0, 0.12))
            process.kill()
        left.add(check_migrated(path, migrations))
    assert left == {"0001", "9999"}, "all kills came at one side; the test proves nothing"


def check_migrated(path: Path, migrations: migrate.Migrations) -> str:
    """The revision that was left, once it is proven whole; an older program refuses the newer one."""
    revision, marks = _revision_and_marks(path)
    assert marks == (299 if revision == "9999" else None)
    if revision == "0001":
        shutil.copy(path, path.with_suffix(".copy"))
        open_store(path.with_suffix(".copy")).close()
    with started(workers.upgrade, path, migrations) as (_, near):
        assert [workers.received(near), workers.received(near)] == ["begins", "done"]
    assert _revision_and_marks(path) == ("9999", 299)
    try:
        open_store(path)
    except StateNewer as error:
        assert f"schema 9999; this version knows {schema.HEAD}" in str(error)
    else:
        raise AssertionError("a newer schema was opened")
    return revision


def _revision_and_marks(path: Path) -> tuple[str, int | None]:
    with closing(sqlite3.connect(path)) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        columns = {row[1] for row in connection.execute("PRAGMA table_info(history)")}
        assert ("marks" in tables) == ("mark" in columns)
        if "marks" not in tables:
            return revision, None
        (marks,) = connection.execute("SELECT count(*) FROM marks").fetchone()
        return revision, marks
