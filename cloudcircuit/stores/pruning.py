"""Removing what is old, a batch at a time, so that nobody waits long for the write lock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Table, delete, select

from cloudcircuit.model import Act
from cloudcircuit.stores import rows, schema, versioned
from cloudcircuit.stores.database import Database

BATCH = 1000


def prune(database: Database, before: datetime) -> int:
    """Remove ledger days, history, settled deliveries, finished acts and costs older than an instant.

    Returns how many rows.
    """
    limit = rows.stored_instant(before)
    with database.writing() as work:  # the history refuses to lose anything that is not older than this
        work.meta = replace(work.meta, pruned_before=max(limit, work.meta.pruned_before))
    removed = sum(sum(_batches(database, table, old)) for table, old in _old(before, limit))
    return removed + _prune_acts(database, before) + _prune_costs(database, before)


def _old(before: datetime, limit: int) -> list[tuple[Table, ColumnElement[bool]]]:
    day = _day(before)
    return [
        (schema.ledger, schema.ledger.c.day < day),
        (schema.history, schema.history.c.at < limit),
        (schema.outbox, (schema.outbox.c.state != rows.OWED) & (schema.outbox.c.owed_at < limit)),
    ]


def _batches(database: Database, table: Table, old: ColumnElement[bool]) -> Iterator[int]:
    (number,) = table.primary_key.columns
    some = select(number).where(old).limit(BATCH)
    count = BATCH
    while count == BATCH:
        with database.writing() as work:
            count = work.conn.execute(delete(table).where(number.in_(some))).rowcount
        yield count


def _prune_acts(database: Database, before: datetime) -> int:
    """Acts that ended or expired before; a person makes few, so they are looked at one by one."""
    with database.writing() as work:
        found = [rows.to_act(row) for row in work.conn.execute(select(schema.acts))]
        old = [act.id for act in found if _is_over(act, before)]
        for some in versioned.chunks(old):
            work.conn.execute(delete(schema.acts).where(schema.acts.c.id.in_(some)))
        work.meta = replace(work.meta, acts=work.meta.acts - len(old))
    return len(old)


def _prune_costs(database: Database, before: datetime) -> int:
    """The costs of days before; there is one row for each source and day."""
    with database.writing() as work:
        return work.conn.execute(delete(schema.meter).where(schema.meter.c.day < _day(before))).rowcount


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()


def _is_over(act: Act, before: datetime) -> bool:
    ends = [end for end in (act.ended_at, act.until) if end is not None]
    return bool(ends) and min(ends) < before
