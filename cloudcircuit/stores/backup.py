"""Copies of a running state that are known to be whole before they get their name."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from cloudcircuit.errors import StateDamaged, StoreError
from cloudcircuit.stores import rows, schema, sqlite
from cloudcircuit.stores.database import Database, read_meta
from cloudcircuit.stores.faults import translated
from cloudcircuit.stores.files import put, real_path, scratch_prefix, sync_file
from cloudcircuit.stores.lock import lock_holder

_BUSY_SECONDS = 5.0


def back_up(database: Database, target: Path) -> None:
    """Copy the state as it is at one instant. An earlier backup is replaced once the new one is known to be whole."""
    with translated(str(target)):
        real = real_path(target)
        _refuse(database, real)
        scratch = real.with_name(f"{scratch_prefix(real)}{os.getpid()}")
        scratch.unlink(missing_ok=True)
        os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            with database.reading() as (conn, _):
                sqlite.copy(conn, scratch)
            verify(scratch)
            sync_file(scratch)
            put(scratch, real)
        except BaseException:
            with suppress(FileNotFoundError):
                scratch.unlink()
            raise


def verify(path: Path) -> None:
    """Raise StateDamaged unless the file is whole in its structure and in every row that holds a switch."""
    engine = sqlite.open_engine(path, _BUSY_SECONDS)
    try:
        with translated(str(path)), engine.begin() as conn:
            problem = sqlite.check(conn)
            meta = read_meta(conn, str(path))
            breakers = conn.execute(select(schema.breakers)).all()
            acts = conn.execute(select(schema.acts)).all()
    finally:
        engine.dispose()
    broken = [row.circuit for row in breakers if not rows.is_whole("breakers", row)]
    broken += [row.id for row in acts if not rows.is_whole("acts", row)]
    if problem or broken or (len(breakers), len(acts)) != (meta.breakers, meta.acts):
        detail = problem or (f"{len(broken)} damaged rows, {broken[0]!r} among them" if broken else "rows are missing")
        raise StateDamaged(f"no backup was made, for the state itself is damaged: {detail}")


def _refuse(database: Database, target: Path) -> None:
    if database.path is not None and (target == database.path or (target.exists() and target.samefile(database.path))):
        raise StoreError(f"{target} is the state itself: name another file for the backup")
    if target.exists() and not target.is_file():
        raise StoreError(f"{target} is not a regular file: name a file for the backup")
    holder = lock_holder(target)
    if holder is not None:
        raise StoreError(f"{target} is the state of a running daemon ({holder}): name another file for the backup")
