"""The way to the database: its URL, its driver, and statements that end by the deadline, whatever the driver does."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from cloudcircuit.errors import AdapterError
from cloudcircuit.ports import Deadline
from cloudcircuit_sql.address import Address
from cloudcircuit_sql.columns import Column
from cloudcircuit_sql.engines import Cancel, tell_column
from cloudcircuit_sql.faults import too_slow, translated

_T = TypeVar("_T")

READ_AT_ONCE = 5000
"""Rows that are fetched at a time."""

_ASTRAY: dict[str, threading.Thread] = {}
"""By source: the thread that a driver kept beyond its deadline. At most one hangs for each."""


@dataclass(slots=True)
class Running:
    """What a thread is busy with, for another one that calls it off."""

    cancel: Cancel = Cancel.NONE
    connection: Any = None
    cursor: Any = None

    def call_off(self) -> None:
        """Ask the engine to stop, then shut the socket: what the driver waits for comes to an end either way."""
        with suppress(Exception):
            self._ask()
        with suppress(Exception), socket.socket(fileno=os.dup(self.connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def _ask(self) -> None:
        if self.cancel is Cancel.CURSOR:
            self.cursor.cancel()
        elif self.cancel is Cancel.INTERRUPT:
            self.connection.interrupt()
        elif self.cancel is Cancel.CONNECTION:
            # The one of psycopg 3 bounds how long it tries; others have only the plain one.
            bounded = getattr(self.connection, "cancel_safe", None)
            bounded(timeout=2.0) if bounded else self.connection.cancel()


class Session:
    """One connection, while it is asked. `take` counts each statement before it is sent."""

    def __init__(self, connection: Connection, address: Address, take: Callable[[], None], deadline: Deadline) -> None:
        self._connection = connection
        self._address = address
        self._take = take
        self._deadline = deadline
        self._result: sa.CursorResult[Any] | None = None

    def close(self) -> None:
        """Let go of an answer that was not read to its end, before its connection goes."""
        if self._result is not None:
            with suppress(Exception):
                self._result.close()

    def rows(self, statement: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        """The rows of an answer, as the driver brings them. Raises AdapterError."""
        if self._deadline.expired:
            raise too_slow()
        self._take()
        with translated(self._address):
            self._result = self._connection.execute(statement, execution_options={"yield_per": READ_AT_ONCE})
            yield from self._result

    def columns(self) -> list[Column]:
        """The columns of the table. Raises AdapterError when it is not there."""
        with translated(self._address):
            found = self._describe() if self._address.engine.describe else self._reflect()
        return [tell_column(self._address.engine, name, words) for name, words in found]

    def _describe(self) -> list[tuple[str, str]]:
        rows = self._connection.exec_driver_sql(f"DESCRIBE {self._address.quoted}").fetchall()
        found: list[tuple[str, str]] = []
        for name, words, *_ in rows:
            if not name or name.startswith("#"):
                break  # what follows repeats the columns that the table is partitioned by
            found.append((name.strip(), words.strip()))
        return found

    def _reflect(self) -> list[tuple[str, str]]:
        found = sa.inspect(self._connection).get_columns(self._address.name, schema=self._address.schema)
        return [(column["name"], self._spell(column["type"])) for column in found]

    def _spell(self, kind: Any) -> str:
        """A type as the engine writes it; dialects report some that they cannot write."""
        try:
            return str(kind.compile(dialect=self._connection.dialect))
        except (sa.exc.CompileError, TypeError):
            return getattr(kind, "__name__", type(kind).__name__)


def ask(address: Address, work: Callable[[Session], _T], take: Callable[[], None], deadline: Deadline, who: str) -> _T:
    """Do some work on a connection of its own, in a thread of its own that is left behind when the deadline passes.

    Raises what the work raises, and AdapterError.
    """
    allowed = deadline.left()
    before = _ASTRAY.get(who)
    if not allowed:
        raise too_slow()
    if before is not None and before.is_alive():
        raise AdapterError("its last statement still has not come back; restart the daemon if it never does")
    running, answers = Running(address.engine.cancel), SimpleQueue[tuple[Any, BaseException | None]]()

    def go() -> None:
        try:
            answers.put((_work(address, work, take, deadline, running), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the caller's thread
            answers.put((None, error))

    thread = threading.Thread(target=go, name=f"source {who}: a statement", daemon=True)
    thread.start()
    try:
        value, failure = answers.get(timeout=allowed)
    except Empty:
        _ASTRAY[who] = thread
        threading.Thread(target=running.call_off, name=f"source {who}: calling off", daemon=True).start()
        raise too_slow(allowed) from None
    if failure is not None:
        raise failure
    return value  # type: ignore[no-any-return]  # what `work` returned, through a queue


def _work(
    address: Address, work: Callable[[Session], _T], take: Callable[[], None], deadline: Deadline, running: Running
) -> _T:
    with translated(address):
        engine = sa.create_engine(
            address.url,
            poolclass=NullPool,
            hide_parameters=True,
            query_cache_size=0,
            connect_args=address.connect_args(deadline.left()),
        )
        sa.event.listen(engine, "before_cursor_execute", lambda _c, cursor, *_: setattr(running, "cursor", cursor))
        connection = engine.connect()
    try:
        running.connection = connection.connection.dbapi_connection
        with translated(address):
            for words in address.engine.session:
                seconds = max(1, int(deadline.left()))
                connection.exec_driver_sql(words.format(s=seconds, ms=max(1, int(deadline.left() * 1000))))
        with closing(Session(connection, address, take, deadline)) as session:
            return work(session)
    finally:
        # A connection that is broken cannot even be closed, and what it had to tell is told.
        with suppress(Exception):
            connection.close()
