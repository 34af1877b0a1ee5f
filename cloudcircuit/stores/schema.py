"""The tables as this version knows them. What made them so is in `migrations/versions`; a test compares the two.

Every row that is read back as a value holds it whole in `body` (see `codec`), with a checksum over the body and the
columns beside it (see `seal`). The columns are what queries need, nothing more. Instants are microseconds since
1970 and days ISO text: exact, sortable, and readable as they stand even when a bit of them has flipped.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

HEAD = "0002"
"""The newest migration."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Since 1970. Raises ValueError for an instant without a zone."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone")
    return (instant - _EPOCH) // _MICROSECOND


def instant(stored: int) -> datetime:
    """What `microseconds` counted. Raises OverflowError."""
    return _EPOCH + timedelta(microseconds=stored)


metadata = MetaData()

# SQLite numbers rows by itself only in a column that is called INTEGER.
_RowNumber = BigInteger().with_variant(Integer, "sqlite")


def _row_number(name: str) -> Column[int]:
    return Column(name, _RowNumber, primary_key=True, autoincrement=True)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=primary_key, nullable=False)


def _checksum() -> Column[str]:
    return Column("checksum", String(32), nullable=False)


# One row. `serial` counts transactions, so that a state that went back in time is noticed; `breakers` and `acts`
# count the rows of their tables, so that a lost row is noticed; `newest` is the latest judgement time.
meta = Table(
    "meta",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _text("epoch"),
    _count("created"),
    _count("serial"),
    _count("acts_version"),
    _count("breakers"),
    _count("acts"),
    Column("newest", BigInteger, nullable=True),
    _count("pruned_before"),
    _checksum(),
)

ledger = Table(
    "ledger",
    metadata,
    _row_number("id"),
    _text("source"),
    Column("grain", String(8), nullable=False),
    Column("day", String(10), nullable=False),
    _count("said_at"),
    _count("rows"),
    Column("body", LargeBinary, nullable=False),
    _checksum(),
    Index("ledger_by_source", "source", "grain", "day"),
    Index("ledger_by_day", "day"),
)

# WITHOUT ROWID: the key is stored once, in the row itself. A separate index could disagree with it after a flipped
# bit, and then hide a row from an update that a scan still finds.
sources = Table(
    "sources",
    metadata,
    _text("source", primary_key=True),
    _count("version"),
    _text("body"),
    _checksum(),
    sqlite_with_rowid=False,
)

breakers = Table(
    "breakers",
    metadata,
    _text("circuit", primary_key=True),
    _text("monitor"),
    _count("version"),
    _text("body"),
    _checksum(),
    sqlite_with_rowid=False,
)

acts = Table(
    "acts",
    metadata,
    _text("id", primary_key=True),
    _text("body"),
    _checksum(),
    sqlite_with_rowid=False,
)

history = Table(
    "history",
    metadata,
    _row_number("seq"),
    _count("at"),
    _text("kind"),
    _text("subject"),
    _text("body"),
    _checksum(),
    Index("history_by_kind", "kind", "at"),
    Index("history_by_subject", "subject", "seq"),
    Index("history_by_age", "at"),
    sqlite_autoincrement=True,  # a number is never given twice, even after a prune
)

outbox = Table(
    "outbox",
    metadata,
    _row_number("seq"),
    Column("id", Text, nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    _count("owed_at"),
    Column("next_try", BigInteger, nullable=True),
    _text("body"),
    _checksum(),
    Index("outbox_by_state", "state", "owed_at"),
)

# What a source's calls cost on one day (UTC); `dollars` is a decimal as text.
meter = Table(
    "meter",
    metadata,
    _text("source", primary_key=True),
    Column("day", String(10), primary_key=True, nullable=False),
    _count("requests"),
    _text("dollars"),
    _count("bytes"),
    _checksum(),
    sqlite_with_rowid=False,
)
