"""Opening a state: what lies at the path is looked at hard before it is believed, and created whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from sqlalchemy import Engine

from cloudcircuit.clock import SystemClock
from cloudcircuit.errors import StateDamaged, StoreError
from cloudcircuit.stores import migrate, sqlite
from cloudcircuit.stores.database import Database, Meta, add_meta, read_meta
from cloudcircuit.stores.faults import translated
from cloudcircuit.stores.files import clear_scratch, folder_to_itself, put, real_path, scratch_prefix, sync_folder
from cloudcircuit.stores.schema import microseconds
from cloudcircuit.stores.store import SqlStore

_BUSY_SECONDS = 5.0
_WAY_OUT = "restore a backup, or move it away to begin anew (every breaker then starts closed)"


def open_store(path: Path, *, create: bool = True, busy_seconds: float = _BUSY_SECONDS) -> SqlStore:
    """The state in a file; it and its folder are created, for their owner alone, when they are not there.

    An older schema is brought up to date. `busy_seconds` is how long a transaction waits for other processes.
    Raises StoreError when the file cannot be used, StateDamaged when it is not a whole state (an empty file is
    not a fresh one), StateNewer when a newer version wrote it.
    """
    with translated(str(path)):
        real = real_path(path)
        if not os.path.lexists(real):
            if not create:
                raise StoreError(f"there is no state at {path}: see the path, or start the daemon once to create it")
            _create(real)
        return SqlStore(_open(real, _inspect(real), busy_seconds))


def memory_store() -> SqlStore:
    """A state that is gone when it is closed, for replays and backtests; the same code on SQLite in memory."""
    with translated("the state in memory"):
        engine = sqlite.open_engine(None, _BUSY_SECONDS)
        _fill(engine)
        return SqlStore(Database(engine))


def _inspect(path: Path) -> os.stat_result:
    """Refuse what cannot be a state in use; say which file it is.

    The file is not opened here: closing it again would drop the locks that SQLite holds on it in this process.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{path} is a folder: name the file of the state")
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path} is not a regular file")
    if found.st_size == 0:
        raise StateDamaged(f"{path} is empty, so what it knew is lost: {_WAY_OUT}")
    for place, need in ((path, os.R_OK | os.W_OK), (path.parent, os.R_OK | os.W_OK | os.X_OK)):
        if not os.access(place, need):
            raise StoreError(
                f"{path} cannot be used: {place} cannot be read and written by this user, or its file system is "
                "read-only; see who owns it, and how it is mounted"
            )
    return found


def _open(path: Path, file: os.stat_result, busy_seconds: float) -> Database:
    engine = sqlite.open_engine(path, busy_seconds)
    try:
        _verify(engine, path)
        return Database(engine, path, file)
    except BaseException:
        engine.dispose()
        raise


def _verify(engine: Engine, path: Path) -> None:
    with engine.begin() as conn:
        if not sqlite.is_ours(conn):
            raise StateDamaged(f"{path} is a database, but not a CloudCircuit state: see the path; or {_WAY_OUT}")
        if sqlite.is_truncated(conn, path):
            raise StateDamaged(f"{path} is cut short, so a part of what it knew is lost: {_WAY_OUT}")
    migrate.bring_up(engine, str(path))
    with engine.begin() as conn:
        read_meta(conn, str(path))


def _create(path: Path) -> None:
    """Make a state under another name and move it into place, so that a kill leaves a whole file or none."""
    _make_folder(path.parent)
    with folder_to_itself(path.parent):
        if os.path.lexists(path):
            return
        journal = sqlite.leftover_journal(path)
        if journal:
            raise StateDamaged(
                f"{journal} is there, but not the state that it belongs to: put {path.name} back beside it, "
                "or move the journal away to begin anew (every breaker then starts closed)"
            )
        clear_scratch(path)
        scratch = path.with_name(f"{scratch_prefix(path)}state")
        os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _fill_file(scratch)
        put(scratch, path)


def _make_folder(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def _fill_file(path: Path) -> None:
    engine = sqlite.open_engine(path, _BUSY_SECONDS)
    try:
        _fill(engine)
    finally:
        engine.dispose()


def _fill(engine: Engine) -> None:
    with engine.execution_options(writes=True).begin() as conn:
        migrate.upgrade(conn)
        sqlite.mark(conn)
        add_meta(conn, Meta(epoch=secrets.token_hex(16), created=microseconds(SystemClock().now())))
