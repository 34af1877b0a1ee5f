"""Transactions on one state: short, checked at both ends, with every error in the operator's words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine, insert, select, update

from cloudcircuit.errors import StateDamaged
from cloudcircuit.stores import schema
from cloudcircuit.stores.faults import translated
from cloudcircuit.stores.lock import DaemonLock
from cloudcircuit.stores.seal import seal


@dataclass(frozen=True, slots=True)
class Meta:
    """The one row of `meta`, as it is stored (instants in microseconds)."""

    epoch: str
    created: int
    serial: int = 0
    acts_version: int = 0
    breakers: int = 0
    acts: int = 0
    newest: int | None = None
    pruned_before: int = 0


_META_COLUMNS = [schema.meta.c[field.name] for field in fields(Meta)]


@dataclass(slots=True)
class Work:
    """One write transaction. What the block leaves in `meta` is written at its end."""

    conn: Connection
    meta: Meta


class Database:
    """An engine, the file behind it, and what was last seen of it.

    `file` is what lay at `path` before it was opened. Both are None for a state in memory: its one connection is
    taken in turns.
    """

    def __init__(self, engine: Engine, path: Path | None = None, file: os.stat_result | None = None) -> None:
        self.path = path
        self.where = str(path) if path else "the state in memory"
        self.lock: DaemonLock | None = None
        self._engine = engine
        self._writer = engine.execution_options(writes=True)
        self._turn: AbstractContextManager[object] = nullcontext() if path else Lock()
        self._file = file
        self._seen_lock = Lock()
        self._serial = 0
        self._epoch: str | None = None

    @property
    def epoch(self) -> str:
        """Which state this is: drawn at its creation, and kept by its backups."""
        if self._epoch is None:
            with self.reading():
                pass
        return self._epoch or ""

    @contextmanager
    def reading(self) -> Iterator[tuple[Connection, Meta]]:
        """A short read transaction. Raises StoreError."""
        with translated(self.where), self._turn:
            self._check_file()
            seen = self._serial
            with self._engine.begin() as conn:
                meta = self._read_meta(conn, seen, writes=False)
                yield conn, meta
            self._remember(meta)

    @contextmanager
    def writing(self) -> Iterator[Work]:
        """A write transaction, committed when the block ends well. Raises StoreError, Conflict."""
        with translated(self.where), self._turn:
            self._check_file()
            if self.lock:
                self.lock.check()
            seen = self._serial
            with self._writer.begin() as conn:
                work = Work(conn, self._read_meta(conn, seen, writes=True))
                yield work
                work.meta = replace(work.meta, serial=work.meta.serial + 1)
                write_meta(conn, work.meta)
            self._check_file()  # what went into a file without a name is not kept
            self._remember(work.meta)

    def close(self) -> None:
        self._engine.dispose()
        if self.lock:
            self.lock.release()
            self.lock = None

    def _check_file(self) -> None:
        """Raise StateDamaged when another file lies at the path than the one that was opened."""
        if self.path is None or self._file is None:
            return
        try:
            same = os.path.samestat(self.path.stat(), self._file)
        except FileNotFoundError:
            raise self._gone("deleted or moved away") from None
        if not same:
            raise self._gone("replaced by another file")

    def _read_meta(self, conn: Connection, seen: int, *, writes: bool) -> Meta:
        """The row, checked against its seal and against what was seen before this transaction began."""
        found = read_meta(conn, self.where, writes=writes)
        if self._epoch is not None and found.epoch != self._epoch:
            raise self._gone("replaced by another state")
        if found.serial < seen:
            raise self._gone("replaced by an older copy of itself")
        return found

    def _remember(self, meta: Meta) -> None:
        with self._seen_lock:
            self._epoch = meta.epoch
            self._serial = max(self._serial, meta.serial)

    def _gone(self, what: str) -> StateDamaged:
        return StateDamaged(
            f"{self.where} was {what} while it was in use; nothing more is read from it or written to it: "
            "put the right file back and restart the daemon"
        )


def read_meta(conn: Connection, where: str, *, writes: bool = False) -> Meta:
    """The row of `meta`. Raises StateDamaged when it is not there once, or does not carry its checksum."""
    query = select(*_META_COLUMNS, schema.meta.c.checksum)
    rows = conn.execute(query.with_for_update() if writes else query).all()
    if len(rows) == 1:
        *values, checksum = rows[0]
        if seal("meta", *values) == checksum:
            return Meta(*values)
    raise StateDamaged(f"{where} is damaged (its head row is not whole): restore a backup, or move it away")


def add_meta(conn: Connection, meta: Meta) -> None:
    conn.execute(insert(schema.meta).values(id=1, **_meta_values(meta)))


def write_meta(conn: Connection, meta: Meta) -> None:
    conn.execute(update(schema.meta).values(**_meta_values(meta)))


def _meta_values(meta: Meta) -> dict[str, object]:
    values = {field.name: getattr(meta, field.name) for field in fields(Meta)}
    return {**values, "checksum": seal("meta", *astuple(meta))}
