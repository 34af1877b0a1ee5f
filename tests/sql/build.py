"""Tables to ask, and questions: what the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain, Secret, SpendQuery
from cloudcircuit.ports import CostAdapter, SpendReport
from cloudcircuit.testing import MemoryMeter, adapter_context
from cloudcircuit_sql import Options, address, plugin

NOW = datetime(2024, 11, 20, 12, tzinfo=UTC)
OCTOBER = (datetime(2024, 10, 1, tzinfo=UTC), datetime(2024, 11, 1, tzinfo=UTC))
REFERENCE = "env:DATABASE_URL"
PASSWORD = "s3cret-word"
AN_URL = f"postgresql://me:{PASSWORD}@db.example/billing?sslpassword=t0ken-of-mine&sslmode=require"
"""A database that nobody reaches."""

TYPED = {
    "BillingPeriodStart": "timestamptz",
    "ChargePeriodStart": "timestamptz",
    "Tags": "jsonb",
    "BilledCost": "numeric",
    "EffectiveCost": "numeric",
}
"""A table as FOCUS has it; all other columns are text."""


def write(url: str, table: str, rows: Iterable[Mapping[str, Any]], names: Sequence[str] = (), **types: str) -> None:
    """A table of PostgreSQL with exactly these rows; columns are text unless `types` names another type."""
    rows = list(rows)
    names = names or list(rows[0])
    where = sql.SQL(".").join(map(sql.Identifier, table.split(".")))
    columns = [sql.SQL("{} " + types.get(name, "text")).format(sql.Identifier(name)) for name in names]
    with psycopg.connect(url) as connection:
        if "." in table:
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(table.split(".")[0])))
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(where))
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(where, sql.SQL(", ").join(columns)))
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(where)) as copy:
            for row in rows:
                copy.write_row([row.get(name) for name in names])


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def where(url: str = AN_URL, table: str = "focus.charges") -> address.Address:
    return address.find(Secret(REFERENCE, lambda: url), table)


def open_source(
    url: str,
    table: str,
    *,
    now: datetime = NOW,
    lag_hours: float = 24,
    meter: MemoryMeter | None = None,
    source: str = "bill",
    **options: Any,
) -> CostAdapter:
    context = adapter_context(now, source=source, lag=timedelta(hours=lag_hours), meter=meter, secrets={REFERENCE: url})
    return plugin.open(Options(url=REFERENCE, table=table, **options), context)


def question(
    *dimensions: str,
    window: tuple[datetime, datetime] = OCTOBER,
    zone: str = "UTC",
    grain: Grain = Grain.DAY,
    where: Any = (),
    visible_until: datetime | None = None,
) -> SpendQuery:
    return SpendQuery(*window, zone, grain, dimensions, where, visible_until)


QUESTION = frozenset(("window", "zone", "grain", "where", "visible_until"))


def fetch(url: str, table: str, *dimensions: str, seconds: float = 60, **more: Any) -> SpendReport:
    """One answer; what is no part of the question is an option, or a part of the context."""
    query = question(*dimensions, **{name: value for name, value in more.items() if name in QUESTION})
    rest = {name: value for name, value in more.items() if name not in QUESTION}
    return open_source(url, table, **rest).fetch(query, Deadline(seconds))


def refusal(url: str, table: str, *dimensions: str, **more: Any) -> AdapterError:
    """The AdapterError that a fetch ends in."""
    try:
        report = fetch(url, table, *dimensions, **more)
    except AdapterError as error:
        return error
    raise AssertionError(f"nothing was refused: {report}")
