"""Rows that carry a version: written only if the stored one is one less. Losing that race is normal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, bindparam, delete, insert, select, update

from cloudcircuit.errors import Conflict, StoreError
from cloudcircuit.stores.rows import Values, is_whole

_CHUNK = 500  # values in one IN (…), well below what any database takes


def write(conn: Connection, table: Table, rows: Sequence[Values]) -> int:
    """Write rows of a table with a key and a version. Returns by how many the table has grown.

    A row of version 1 must be new, or take the place of one that does not carry its checksum: what was there is not
    known any more. Raises Conflict, naming the row, when another version is stored.
    """
    key = _key(table)
    wrong = next((row[key.name] for row in rows if row["version"] < 1), None)
    if wrong is not None:
        raise StoreError(f"{key.name} {wrong!r} cannot be stored with a version below 1")
    grown = _add(conn, table, [row for row in rows if row["version"] == 1])
    _move(conn, table, [row for row in rows if row["version"] > 1])
    return grown


def find(conn: Connection, column: Column[Any], keys: Sequence[Any]) -> list[Row[Any]]:
    """The rows of a column's table that have one of the keys there."""
    query = select(column.table)
    return [row for some in chunks(keys) for row in conn.execute(query.where(column.in_(some)))]


def chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, _CHUNK)):
        yield some


def _key(table: Table) -> Column[Any]:
    (key,) = table.primary_key.columns
    return key


def _add(conn: Connection, table: Table, rows: Sequence[Values]) -> int:
    key = _key(table)
    damaged = []
    for row in find(conn, key, [row[key.name] for row in rows]):
        name = row._mapping[key.name]
        if is_whole(table.name, row):
            raise Conflict(f"{key.name} {name!r} is stored already, with version {row.version}: read it again")
        damaged.append(name)
    for some in chunks(damaged):
        conn.execute(delete(table).where(key.in_(some)))
    for some in chunks(rows):
        conn.execute(insert(table), some)
    return len(rows) - len(damaged)


def _move(conn: Connection, table: Table, rows: Sequence[Values]) -> None:
    if not rows:
        return
    key = _key(table)
    statement = (
        update(table)
        .where(key == bindparam("_key"), table.c.version == bindparam("_read"))
        .values({name: bindparam(name) for name in rows[0] if name != key.name})
    )
    for some in chunks(rows):
        found = conn.execute(statement, [{**row, "_key": row[key.name], "_read": row["version"] - 1} for row in some])
        if found.rowcount != len(some):
            raise _conflict(conn, table, some)


def _conflict(conn: Connection, table: Table, rows: Sequence[Values]) -> Conflict:
    """Name the first row that did not move; those that did carry their new checksum by now."""
    key = _key(table)
    stored = {row._mapping[key.name]: row for row in find(conn, key, [row[key.name] for row in rows])}
    for row in rows:
        there = stored.get(row[key.name])
        if there is None or there.checksum != row["checksum"] or len(rows) == 1:
            what = "it is not stored" if there is None else f"version {there.version} is stored"
            return Conflict(
                f"{key.name} {row[key.name]!r} was to become version {row['version']}, but {what}: read again"
            )
    return Conflict(f"a {key.name} of {len(rows)} was written already: read again")
