"""All that is particular to SQLite: how it is opened, what makes it durable, and what its errors mean.

- `journal_mode=DELETE`: write-ahead logging can corrupt the file before SQLite 3.51.3, and a WAL file is unreadable
  after a crash on a full disk.
- `synchronous=EXTRA`: FULL, and the folder is synced after the journal is removed. Without that a power cut right
  after a commit can bring the journal back, which undoes the commit.
- Every write transaction begins with BEGIN IMMEDIATE: one that reads first and writes later fails at once when
  another has written in between, whatever the timeout.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from cloudcircuit.errors import Conflict, StateDamaged, StoreError

APPLICATION_ID = 0x43435374  # "CCSt", in the file's header; see file(1)

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = EXTRA",
    "PRAGMA fullfsync = ON",  # where a plain fsync does not reach the disk (macOS)
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA secure_delete = ON",  # no old row lies about that a flipped pointer could bring back
)

# Breakers of some two kilobytes lie in one page with their key; larger pages are fewer writes for many of them.
_PAGE_SIZE = "PRAGMA page_size = 16384"

_TRIGGERS = (
    "CREATE TRIGGER history_is_append_only BEFORE UPDATE ON history "
    "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END",
    "CREATE TRIGGER history_is_only_pruned BEFORE DELETE ON history "
    "WHEN OLD.at >= (SELECT pruned_before FROM meta) "
    "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END",
)


# --- opening --------------------------------------------------------------------------------------------


def open_engine(path: Path | None, busy_seconds: float) -> Engine:
    """An engine on a file, or on memory that lives as long as the engine. Opens nothing yet.

    A connection that begins with the execution option `writes` takes the write lock at once.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path) if path else ":memory:"),
        poolclass=QueuePool if path else StaticPool,
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
        hide_parameters=True,
        **({"pool_timeout": busy_seconds} if path else {}),
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    try:
        _configure(connection)
    except BaseException:
        connection.close()  # nobody else knows of it yet
        raise


def _configure(connection: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin` does
    connection.text_factory = _read_text
    connection.execute(_PAGE_SIZE)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    if mode not in ("delete", "memory"):
        raise StoreError(f"the state's journal mode is {mode!r} and cannot be set to 'delete': another process uses it")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _read_text(raw: bytes) -> str:
    """Text that a flipped bit made invalid is still shown; its checksum fails."""
    return raw.decode("utf-8", "backslashreplace")


def mark(connection: Connection) -> None:
    """Make a new file known as ours, and its history append-only."""
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    for trigger in _TRIGGERS:
        connection.exec_driver_sql(trigger)


def is_ours(connection: Connection) -> bool:
    return connection.exec_driver_sql("PRAGMA application_id").scalar() == APPLICATION_ID


def is_truncated(connection: Connection, path: Path) -> bool:
    """Whether the file ends before its last page does. A transaction is open, so nobody is changing its size."""
    pages: Any = connection.exec_driver_sql("PRAGMA page_count").scalar()
    page_size: Any = connection.exec_driver_sql("PRAGMA page_size").scalar()
    return path.stat().st_size < int(pages) * int(page_size)


def leftover_journal(path: Path) -> Path | None:
    """A journal beside a path: what SQLite would roll back into whatever file appears there."""
    for suffix in ("-journal", "-wal"):
        journal = path.with_name(path.name + suffix)
        if os.path.lexists(journal):
            return journal
    return None


# --- backup ---------------------------------------------------------------------------------------------


def copy(connection: Connection, target: Path) -> None:
    """Copy the database page by page as it is at one instant; writers wait. Raises sqlite3.Error."""
    with closing(sqlite3.connect(target)) as copy_to:
        copy_to.execute("PRAGMA synchronous = EXTRA")
        source: Any = connection.connection.dbapi_connection
        source.backup(copy_to)


def check(connection: Connection) -> str | None:
    """What SQLite finds wrong with the file's structure, in one line; None when nothing."""
    first: Any = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    return None if first == "ok" else str(first).splitlines()[0]


# --- errors ---------------------------------------------------------------------------------------------

_MEANINGS: dict[str, tuple[type[StoreError], str]] = {
    "SQLITE_ERROR": (StateDamaged, "does not have the shape of a CloudCircuit state: restore a backup"),
    "SQLITE_BUSY": (
        StoreError,
        "is busy: another process holds it and did not let go in time; find it (`fuser` names it) and try again",
    ),
    "SQLITE_LOCKED": (StoreError, "is busy: another connection holds it; try again"),
    "SQLITE_FULL": (StoreError, "cannot grow: the disk is full; nothing was written, free some space"),
    "SQLITE_READONLY": (StoreError, "cannot be written: the file, its folder or its file system is read-only"),
    "SQLITE_READONLY_DBMOVED": (StateDamaged, "was moved, deleted or replaced while it was in use; restart the daemon"),
    "SQLITE_CANTOPEN": (StoreError, "cannot be opened: see that the folder exists and may be written"),
    "SQLITE_PERM": (StoreError, "cannot be opened: permission denied"),
    "SQLITE_AUTH": (StoreError, "cannot be opened: permission denied"),
    "SQLITE_IOERR": (StoreError, "could not be read or written: the disk reported an error; look at the kernel's log"),
    "SQLITE_CORRUPT": (StateDamaged, "is damaged: restore a backup, or move it away to begin anew"),
    "SQLITE_NOTADB": (StateDamaged, "is not a CloudCircuit state: restore a backup, or move it away to begin anew"),
    "SQLITE_CONSTRAINT_PRIMARYKEY": (Conflict, "has the row already; somebody else wrote first"),
    "SQLITE_CONSTRAINT_UNIQUE": (Conflict, "has the row already; somebody else wrote first"),
    "SQLITE_NOMEM": (StoreError, "could not be read or written: out of memory"),
    "SQLITE_TOOBIG": (StoreError, "cannot hold a value of this size"),
}


def explain(error: BaseException, where: str) -> StoreError:
    """The operator's words for an error of the driver."""
    name = getattr(error, "sqlite_errorname", "")
    text = str(error)
    kind, meaning = _MEANINGS.get(name) or _MEANINGS.get(_primary(name)) or (StoreError, "failed")
    return kind(f"{where} {meaning} ({text})")


def _primary(name: str) -> str:
    """SQLITE_IOERR of SQLITE_IOERR_FSYNC."""
    return "_".join(name.split("_")[:2])
