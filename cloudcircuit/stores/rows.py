"""Values to rows and back. A row that does not carry its checksum is never read as a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from sqlalchemy import Row

from cloudcircuit.errors import StateDamaged, StoreError
from cloudcircuit.model import (
    Act,
    BreakerState,
    CallCost,
    Delivery,
    Entry,
    Grain,
    Severity,
    SourceState,
    Statement,
    circuit_parts,
)
from cloudcircuit.stores.codec import decode, encode, loads
from cloudcircuit.stores.schema import instant, microseconds
from cloudcircuit.stores.seal import seal

Values = dict[str, Any]

OWED = "owed"

DAMAGED = "damaged"
"""The kind of a history entry, and the state of a delivery, whose row does not carry its checksum."""

# The columns that each table's checksum covers, in this order.
_SEALED: Mapping[str, tuple[str, ...]] = {
    "ledger": ("source", "grain", "day", "said_at", "rows", "body"),
    "sources": ("source", "version", "body"),
    "breakers": ("circuit", "monitor", "version", "body"),
    "acts": ("id", "body"),
    "history": ("at", "kind", "subject", "body"),
    "outbox": ("id", "state", "owed_at", "next_try", "body"),
    "meter": ("source", "day", "requests", "dollars", "bytes"),
}


def sealed(table: str, values: Values) -> Values:
    checksum = seal(table, *(values[name] for name in _SEALED[table]))
    return {**values, "checksum": checksum}


_parts_of = {table: attrgetter(*names) for table, names in _SEALED.items()}


def is_whole(table: str, row: Row[Any]) -> bool:
    return bool(seal(table, *_parts_of[table](row)) == row.checksum)


def stored_instant(value: datetime) -> int:
    """Raises StoreError for an instant without a zone."""
    try:
        return microseconds(value)
    except ValueError as error:
        raise StoreError(f"cannot be stored: {error}") from error


def from_statement(value: Statement) -> Values:
    values = {
        "source": value.source,
        "grain": value.grain.value,
        "day": value.day.isoformat(),
        "said_at": stored_instant(value.said_at),
        "rows": value.rows,
        "body": value.body,
    }
    return sealed("ledger", values)


def to_statement(row: Row[Any]) -> Statement:
    """Raises StateDamaged."""
    if not is_whole("ledger", row) or not isinstance(row.body, bytes):
        raise StateDamaged(
            f"what source {row.source!r} said of {row.day} (ledger row {row.id}) is damaged: restore a backup"
        )
    return Statement(
        row.source, Grain(row.grain), date.fromisoformat(row.day), instant(row.said_at), row.rows, row.body
    )


def from_source(value: SourceState) -> Values:
    values = {"source": value.source, "version": value.version, "body": encode(value)}
    return sealed("sources", values)


def to_source(row: Row[Any]) -> SourceState:
    return decode(SourceState, row.body, f"the state of source {row.source!r}")


def from_state(value: BreakerState) -> Values:
    values = {
        "circuit": value.circuit,
        "monitor": value.monitor,
        "version": value.version,
        "body": encode(value),
    }
    return sealed("breakers", values)


def to_state(row: Row[Any]) -> BreakerState:
    return decode(BreakerState, row.body, f"the state of circuit {row.circuit!r}")


def claimed_names(row: Row[Any]) -> set[str]:
    """The circuits that a damaged breaker row may be of.

    One flipped bit lies either in the key or in the body, so the name in the body counts as well. Raises StateDamaged
    when the row is read from the wrong place altogether: the body names no circuit, and the key is not one of the
    monitor beside it.
    """
    in_body = _in_body(row, "circuit")
    if not in_body and (not row.monitor or circuit_parts(str(row.circuit))[0] != row.monitor):
        raise StateDamaged("the state of a circuit is damaged, and nobody knows of which: restore a backup")
    return {str(row.circuit), *in_body}


def may_be_of(row: Row[Any], monitor: str) -> bool:
    """Whether a damaged breaker row may be one of a monitor's. Raises StateDamaged."""
    by_name = {circuit_parts(name)[0] for name in claimed_names(row)}
    return monitor in {row.monitor, *_in_body(row, "monitor"), *by_name}


def _in_body(row: Row[Any], field: str) -> list[str]:
    try:
        body = loads(row.body)
    except (ValueError, AttributeError):  # the body may not even be text any more
        return []
    found = body.get(field) if isinstance(body, dict) else None
    return [found] if isinstance(found, str) else []


def from_act(value: Act) -> Values:
    return sealed("acts", {"id": value.id, "body": encode(value)})


def to_act(row: Row[Any]) -> Act:
    """Raises StateDamaged: an override that is not whole is neither obeyed nor left out in silence."""
    if not is_whole("acts", row):
        raise StateDamaged(f"the act {row.id!r} is damaged: remove it by ending it, or restore a backup")
    return decode(Act, row.body, f"the act {row.id!r}")


def from_entry(value: Entry) -> Values:
    values = {
        "at": stored_instant(value.at),
        "kind": value.kind,
        "subject": value.subject,
        "body": encode(replace(value, seq=0)),
    }
    return sealed("history", values)


def to_entry(row: Row[Any]) -> Entry:
    """A damaged line is shown as such: the rest of the history stays readable."""
    if is_whole("history", row):
        return replace(decode(Entry, row.body, f"history entry {row.seq}"), seq=row.seq)
    detail = {"row": "does not carry its checksum"}
    return Entry(_instant_or_epoch(row.at), DAMAGED, str(row.subject), 0, detail, row.seq)


def from_delivery(value: Delivery) -> Values:
    values = {
        "id": value.id,
        "state": value.state,
        "owed_at": stored_instant(value.owed_at),
        "next_try": None if value.next_try is None else stored_instant(value.next_try),
        "body": encode(value),
    }
    return sealed("outbox", values)


def to_delivery(row: Row[Any]) -> Delivery:
    """A damaged delivery is shown as such, and not sent: who knows what it says."""
    if is_whole("outbox", row):
        return decode(Delivery, row.body, f"the delivery {row.id!r}")
    owed = _instant_or_epoch(row.owed_at)
    error = "its row does not carry its checksum"
    return Delivery(str(row.id), "", "", owed, Severity.WARNING, {}, state=DAMAGED, error=error)


def from_cost(source: str, day: date, value: CallCost) -> Values:
    values = {
        "source": source,
        "day": day.isoformat(),
        "requests": value.requests,
        "dollars": str(value.dollars),
        "bytes": value.bytes,
    }
    return sealed("meter", values)


def to_cost(row: Row[Any]) -> CallCost:
    """Raises StateDamaged: what cannot be read is no reason to spend again."""
    if not is_whole("meter", row):
        raise StateDamaged(
            f"what the calls of source {row.source!r} cost on {row.day} is damaged, and nothing can be added to it: "
            "restore a backup, or wait for the next day (UTC), which is counted by itself"
        )
    return CallCost(row.requests, Decimal(row.dollars), row.bytes)


def _instant_or_epoch(stored: Any) -> datetime:
    try:
        return instant(int(stored))
    except (ValueError, TypeError, OverflowError):
        return instant(0)


def latest(instants: Iterable[datetime | None]) -> int | None:
    """The newest of some instants, as it is stored."""
    return max((stored_instant(each) for each in instants if each is not None), default=None)
