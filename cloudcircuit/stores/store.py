"""The state of `ports.Store`, over SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, Table, delete, func, insert, select, update

from cloudcircuit.errors import Conflict, StateDamaged, StoreError
from cloudcircuit.model import Act, BreakerState, CallCost, Commit, Delivery, Entry, Grain, SourceState, Statement
from cloudcircuit.stores import metering, rows, versioned
from cloudcircuit.stores.backup import back_up
from cloudcircuit.stores.database import Database
from cloudcircuit.stores.faults import translated
from cloudcircuit.stores.lock import DaemonLock
from cloudcircuit.stores.pruning import prune
from cloudcircuit.stores.schema import acts, breakers, history, instant, ledger, outbox, sources

_Breaker = Row[Any] | BreakerState
"""A row of a circuit, or the state that is known to be in it."""


class SqlStore:
    """One state. Safe to use from several threads; operator commands open the same state beside the daemon.

    Every method raises StoreError, or one below it, and nothing else. Transactions are short; one that writes waits
    for the others, and says that the state is busy when they do not let go in time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._decoded: dict[str, tuple[str, BreakerState]] = {}

    @property
    def path(self) -> Path | None:
        """The file, with symbolic links resolved; None for a state in memory."""
        return self._database.path

    @property
    def epoch(self) -> str:
        """Which state this is: drawn at its creation, and kept by its backups."""
        return self._database.epoch

    def acquire(self, holder: str) -> None:
        """Become the one daemon on this state until `close` or the end of the process. Raises StateLocked."""
        database = self._database
        if database.path is not None and database.lock is None:
            with translated(database.where):
                database.lock = DaemonLock(database.path, holder)

    def close(self) -> None:
        self._database.close()

    def commit(self, commit: Commit) -> None:
        """Write all of it, or nothing. Raises Conflict, naming the row, when somebody else wrote first.

        Version 1 is a row that is not there yet, or one that takes the place of a damaged row. A delivery whose id
        is there already is the same message: it is left as it is.
        """
        if commit == Commit():
            return
        found_sources = [rows.from_source(each) for each in commit.sources]
        found_states = [rows.from_state(each) for each in commit.states]
        statements = [rows.from_statement(each) for each in commit.statements]
        entries = [rows.from_entry(each) for each in commit.history]
        deliveries = {each.id: rows.from_delivery(each) for each in commit.deliveries}
        newest = _newest(commit)
        with self._database.writing() as work:
            versioned.write(work.conn, sources, found_sources)
            grown = versioned.write(work.conn, breakers, found_states)
            _insert(work.conn, ledger, statements)
            _insert(work.conn, history, entries)
            _insert_missing(work.conn, deliveries)
            latest = max((each for each in (newest, work.meta.newest) if each is not None), default=None)
            work.meta = replace(work.meta, breakers=work.meta.breakers + grown, newest=latest)
        for values, state in zip(found_states, commit.states, strict=True):
            self._decoded[state.circuit] = (values["checksum"], state)

    # --- the ledger and its sources ---------------------------------------------------------------------

    def statements(
        self, source: str, grain: Grain, start: date, end: date, said_until: datetime | None = None
    ) -> list[Statement]:
        """The statements on the days from `start` to before `end`, oldest word first. Raises StateDamaged."""
        query = (
            select(ledger)
            .where(ledger.c.source == source, ledger.c.grain == grain.value)
            .where(ledger.c.day >= start.isoformat(), ledger.c.day < end.isoformat())
            .order_by(ledger.c.said_at, ledger.c.id)
        )
        if said_until is not None:
            query = query.where(ledger.c.said_at <= rows.stored_instant(said_until))
        return [rows.to_statement(row) for row in self._read(query)]

    def sources(self) -> dict[str, SourceState]:
        """What each source last said. A damaged row is left out: the source is read anew, from version 1."""
        found = [row for row in self._read(select(sources)) if rows.is_whole("sources", row)]
        return {row.source: rows.to_source(row) for row in found}

    # --- circuits ---------------------------------------------------------------------------------------

    def states(self, monitor: str | None = None) -> dict[str, BreakerState]:
        """The states by circuit. Raises StateDamaged when circuits have vanished, StateNewer."""
        whole, _ = self._breakers()
        return {name: self._state(each) for name, each in whole.items() if monitor in (None, each.monitor)}

    def damaged(self, monitor: str | None = None) -> tuple[str, ...]:
        """The circuits whose row does not carry its checksum, under each name that such a row may be of."""
        whole, broken = self._breakers()
        mine = [row for row in broken if monitor is None or rows.may_be_of(row, monitor)]
        return _names_of(mine, whole)

    def circuits(self) -> tuple[dict[str, BreakerState], tuple[str, ...]]:
        """All states by circuit, and the damaged circuits, from one look. Raises StateDamaged, StateNewer."""
        whole, broken = self._breakers()
        return {name: self._state(each) for name, each in whole.items()}, _names_of(broken, whole)

    def forget(self, circuits: Iterable[str]) -> None:
        """Remove the states of circuits that were cleared by name; their history stays."""
        names = set(circuits)
        with self._database.writing() as work:
            whole, broken = _split(work.conn.execute(select(breakers)).all())
            gone = [row for row in whole if row.circuit in names]
            gone += [row for row in broken if rows.claimed_names(row) & names]
            lost = sum(_delete(work.conn, breakers.c.circuit, row, whole) for row in gone)
            work.meta = replace(work.meta, breakers=work.meta.breakers - lost)
        for name in names:
            self._decoded.pop(name, None)

    def _breakers(self) -> tuple[dict[str, _Breaker], list[Row[Any]]]:
        """By circuit the rows that carry their checksum, and the others; all, for a flipped bit spares no column.

        In the place of a row that still is what it was when it was read or written last, its state.
        """
        names, whole, broken = [], {}, []
        with self._database.reading() as (conn, meta):
            for row in conn.execute(select(breakers)):
                names.append(row.circuit)
                if not rows.is_whole("breakers", row):
                    broken.append(row)
                else:
                    checksum, state = self._decoded.get(row.circuit, ("", None))
                    whole[row.circuit] = state if state is not None and checksum == row.checksum else row
        _check_count(names, meta.breakers, f"{self._database.where}: states of circuits")
        for row in broken:
            rows.claimed_names(row)  # or nobody could say what is missing
        return whole, broken

    def _state(self, breaker: _Breaker) -> BreakerState:
        if isinstance(breaker, BreakerState):
            return breaker
        state = rows.to_state(breaker)
        self._decoded[state.circuit] = (breaker.checksum, state)
        return state

    # --- history ----------------------------------------------------------------------------------------

    def history(self, subject: str | None = None, since: datetime | None = None, limit: int = 100) -> list[Entry]:
        """The newest entries (at or after `since`), oldest first. A damaged one has the kind `damaged`."""
        query = select(history).order_by(history.c.seq.desc()).limit(limit)
        if subject is not None:
            query = query.where(history.c.subject == subject)
        if since is not None:
            query = query.where(history.c.at >= rows.stored_instant(since))
        return [rows.to_entry(row) for row in reversed(self._read(query))]

    def blocks_since(self, since: datetime) -> int:
        """How many decisions became a served block after an instant."""
        blocked = (history.c.kind == "blocked") & (history.c.at > rows.stored_instant(since))
        (row,) = self._read(select(func.count()).select_from(history).where(blocked))
        return int(row[0])

    def newest(self) -> datetime | None:
        """The latest judgement time of any commit."""
        with self._database.reading() as (_, meta):
            return None if meta.newest is None else instant(meta.newest)

    # --- what is owed -----------------------------------------------------------------------------------

    def due(self, now: datetime, limit: int = 100) -> list[Delivery]:
        """Deliveries that are owed and whose next try has come, oldest first. Damaged ones are not among them."""
        come = outbox.c.next_try.is_(None) | (outbox.c.next_try <= rows.stored_instant(now))
        query = select(outbox).where(outbox.c.state == rows.OWED, come)
        found = self._read(query.order_by(outbox.c.owed_at, outbox.c.seq).limit(limit))
        return [each for each in map(rows.to_delivery, found) if each.state == rows.OWED]

    def deliveries(self, state: str | None = None, limit: int = 100) -> list[Delivery]:
        """The newest deliveries, oldest first. A damaged one has the state `damaged`, whatever was asked for."""
        query = select(outbox).order_by(outbox.c.owed_at.desc(), outbox.c.seq.desc()).limit(limit)
        found = self._read(query if state is None else query.where(outbox.c.state == state))
        return [rows.to_delivery(row) for row in reversed(found)]

    def record_try(self, delivery: Delivery) -> None:
        """Write what became of a delivery. Raises StoreError when it is not there."""
        values = rows.from_delivery(delivery)
        with self._database.writing() as work:
            found = work.conn.execute(update(outbox).where(outbox.c.id == delivery.id).values(**values))
            if found.rowcount != 1:
                raise StoreError(f"there is no delivery {delivery.id!r} in {self._database.where}")

    # --- acts -------------------------------------------------------------------------------------------

    def add_act(self, act: Act) -> None:
        """Store what a person did. The same act again changes nothing; another one with its id is a Conflict."""
        values = rows.from_act(act)
        with self._database.writing() as work:
            there = work.conn.execute(select(acts).where(acts.c.id == act.id)).one_or_none()
            if there is None:
                work.conn.execute(insert(acts).values(**values))
                work.meta = replace(work.meta, acts=work.meta.acts + 1, acts_version=work.meta.acts_version + 1)
            elif there.body != values["body"]:
                raise Conflict(f"there is another act {act.id!r} already")

    def end_act(self, act_id: str, at: datetime) -> None:
        """End an act; one that has ended stays as it is. A damaged one is removed. Raises StoreError if unknown."""
        with self._database.writing() as work:
            found = work.conn.execute(select(acts)).all()
            # By a look at all of them: the key of a damaged row may be no text that can be asked for.
            row = next((row for row in found if row.id == act_id), None)
            if row is None:
                raise StoreError(f"there is no act {act_id!r} in {self._database.where}")
            if rows.is_whole("acts", row):
                gone, ended = 0, _end(work.conn, rows.to_act(row), at)
            else:
                gone = ended = _delete(work.conn, acts.c.id, row, found)
            meta = work.meta
            work.meta = replace(meta, acts=meta.acts - gone, acts_version=meta.acts_version + ended)

    def acts(self, live_at: datetime | None = None) -> list[Act]:
        """Acts, oldest first; with `live_at` those that are live then. Raises StateDamaged."""
        with self._database.reading() as (conn, meta):
            found = conn.execute(select(acts)).all()
        _check_count([row.id for row in found], meta.acts, f"{self._database.where}: acts")
        known = [rows.to_act(row) for row in found]
        return sorted((act for act in known if live_at is None or act.live(live_at)), key=lambda act: (act.at, act.id))

    def acts_version(self) -> int:
        with self._database.reading() as (_, meta):
            return meta.acts_version

    # --- what calls cost --------------------------------------------------------------------------------

    def take(self, source: str, day: date, cost: CallCost, cap: Decimal | None) -> bool:
        """Count a call of a source, durably, before it is made; False when the day's dollars would exceed `cap`.

        Raises StoreError when it could not be counted, for whatever reason.
        """
        return metering.take(self._database, source, day, cost, cap)

    def meter(self, since: date) -> Mapping[str, Mapping[date, CallCost]]:
        """What the calls of each source cost on each day from `since` on. A damaged row is left out."""
        return metering.costs(self._database, since)

    # --- upkeep -----------------------------------------------------------------------------------------

    def prune(self, before: datetime) -> int:
        """Remove ledger days, history, settled deliveries, finished acts and costs older than an instant."""
        return prune(self._database, before)

    def backup(self, target: Path) -> None:
        """Copy the state while it is in use. The copy is checked before it gets its name. Raises StateDamaged."""
        back_up(self._database, target)

    def _read(self, query: Select[Any]) -> list[Row[Any]]:
        with self._database.reading() as (conn, _):
            return list(conn.execute(query))


def _insert(conn: Connection, table: Table, values: list[rows.Values]) -> None:
    if values:
        conn.execute(insert(table), values)


def _insert_missing(conn: Connection, deliveries: dict[str, rows.Values]) -> None:
    there = {row.id for row in versioned.find(conn, outbox.c.id, list(deliveries))}
    _insert(conn, outbox, [values for key, values in deliveries.items() if key not in there])


def _newest(commit: Commit) -> int | None:
    """The latest judgement time in a commit."""
    return rows.latest(
        [
            *(entry.at for entry in commit.history),
            *(statement.said_at for statement in commit.statements),
            *(source.last_attempt for source in commit.sources),
            *{state.decision.at for state in commit.states if state.decision},
            *(delivery.owed_at for delivery in commit.deliveries),
        ]
    )


def _split(found: Iterable[Row[Any]]) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """The breaker rows that carry their checksum, and the others."""
    whole: list[Row[Any]] = []
    broken: list[Row[Any]] = []
    for row in found:
        (whole if rows.is_whole("breakers", row) else broken).append(row)
    return whole, broken


def _names_of(broken: Iterable[Row[Any]], whole: Mapping[str, _Breaker]) -> tuple[str, ...]:
    """Each circuit that a damaged row may be of, and that no whole row is of."""
    return tuple(sorted({name for row in broken for name in rows.claimed_names(row)} - whole.keys()))


def _check_count(names: Sequence[str], expected: int, what: str) -> None:
    """A flipped bit in a page's directory hides a row, or shows one twice in the place of another."""
    keys = set(names)
    if (len(keys), len(names)) != (expected, expected):
        raise StateDamaged(f"{what} have vanished or doubled ({len(keys)} of {expected} are there): restore a backup")


def _end(conn: Connection, act: Act, at: datetime) -> int:
    if act.ended_at is not None:
        return 0
    values = rows.from_act(replace(act, ended_at=at))
    return conn.execute(update(acts).where(acts.c.id == act.id).values(**values)).rowcount


def _delete(conn: Connection, key: Column[str], row: Row[Any], beside: Sequence[Row[Any]]) -> int:
    """Delete a row that may be damaged: by its key, or by its checksum where the key is no longer text.

    A row beside it may have the same checksum: what it was replaced by.
    """
    by_key = conn.execute(delete(key.table).where(key == row._mapping[key.name])).rowcount
    if by_key:
        return by_key
    checksum = key.table.c.checksum
    twins = [other._mapping[key.name] for other in beside if other.checksum == row.checksum and other is not row]
    return conn.execute(delete(key.table).where(checksum == row.checksum, key.not_in(twins))).rowcount
