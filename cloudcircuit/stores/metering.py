"""What the calls of sources cost: counted in one transaction each, exactly, and never beyond a cap."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Subnormal

from sqlalchemy import Connection, insert, select, update

from cloudcircuit.errors import StoreError
from cloudcircuit.model import CallCost
from cloudcircuit.stores import rows
from cloudcircuit.stores.database import Database
from cloudcircuit.stores.schema import meter

# A sum that would have to be rounded is an error, and so is an amount of a size that no cloud charges.
_EXACT = Context(prec=60, Emin=-60, Emax=60, traps=[Inexact, InvalidOperation, Subnormal])


class _BeyondCap(Exception):
    """Takes back the transaction."""


def take(database: Database, source: str, day: date, cost: CallCost, cap: Decimal | None) -> bool:
    """Count a call, unless it costs dollars and the day's would exceed the cap: then nothing is written.

    Raises StoreError for what is no amount, StateDamaged when the day's row does not carry its checksum.
    """
    _check(cost, cap)
    try:
        with database.writing() as work:
            _count(work.conn, source, day, cost, cap)
    except _BeyondCap:
        return False
    return True


def _count(conn: Connection, source: str, day: date, cost: CallCost, cap: Decimal | None) -> None:
    mine = (meter.c.source == source) & (meter.c.day == day.isoformat())
    row = conn.execute(select(meter).where(mine)).one_or_none()
    total = _add(CallCost() if row is None else rows.to_cost(row), cost)
    if cap is not None and cost.dollars and total.dollars > cap:
        raise _BeyondCap
    write = insert(meter) if row is None else update(meter).where(mine)
    conn.execute(write.values(**rows.from_cost(source, day, total)))


def costs(database: Database, since: date) -> Mapping[str, Mapping[date, CallCost]]:
    """What each source's calls cost on each day from `since` on. A damaged row is left out."""
    query = select(meter).where(meter.c.day >= since.isoformat()).order_by(meter.c.source, meter.c.day)
    with database.reading() as (conn, _):
        whole = [row for row in conn.execute(query) if rows.is_whole("meter", row)]
    found: dict[str, dict[date, CallCost]] = {}
    for row in whole:
        found.setdefault(row.source, {})[date.fromisoformat(row.day)] = rows.to_cost(row)
    return found


def _check(cost: CallCost, cap: Decimal | None) -> None:
    amounts = [cost.dollars, Decimal(cost.requests), Decimal(cost.bytes), *([] if cap is None else [cap])]
    if not all(amount.is_finite() and amount >= 0 for amount in amounts):
        raise StoreError(f"a call cannot cost {cost}, under a cap of {cap}: amounts are finite and not negative")


def _add(before: CallCost, cost: CallCost) -> CallCost:
    try:
        dollars = _EXACT.add(before.dollars, cost.dollars)
    except DecimalException as error:
        raise StoreError(f"{before.dollars} and {cost.dollars} dollars cannot be added exactly") from error
    return CallCost(before.requests + cost.requests, dollars, before.bytes + cost.bytes)
