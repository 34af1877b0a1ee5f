"""A plain world of charges for the tests: rows as tuples, and a model of ledger and series in dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from cloudcircuit.engine.periods import day_start
from cloudcircuit.model import DIMENSIONS, Breakdown, Cost, Grain, Monitor, SpendQuery, Statement, column_of
from cloudcircuit.service.cells import AMOUNT, COSTS, STAMP, SourceImage
from cloudcircuit.service.diff import LedgerDiff, changes
from cloudcircuit.service.ledger import Word

ZONE = ZoneInfo("UTC")
DAY = timedelta(days=1)
FIRST = date(2026, 3, 1)
SAID = datetime(2026, 4, 1, tzinfo=UTC)


def day(number: int) -> date:
    return FIRST + number * DAY


def called(number: int) -> datetime:
    """What the charge day with this number is called."""
    return datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + number * DAY


class Row(NamedTuple):
    """One charge; `start` may be the number of a day in UTC."""

    start: datetime
    values: tuple[str | None, ...]
    billed: Decimal
    effective: Decimal
    currency: str = "USD"
    category: str = "Usage"


def row(
    start: int | datetime,
    values: str | tuple[str | None, ...] | None,
    billed: str | Decimal,
    effective: str | Decimal | None = None,
    *,
    currency: str = "USD",
    category: str = "Usage",
) -> Row:
    at = called(start) if isinstance(start, int) else start
    each = values if isinstance(values, tuple) else (values,)
    return Row(at, each, Decimal(billed), Decimal(billed if effective is None else effective), currency, category)


def report(
    rows: Iterable[Row], dimensions: Sequence[str] = ("service",), costs: Sequence[Cost] = tuple(Cost)
) -> pa.Table:
    """The table of a SpendReport."""
    rows = list(rows)
    columns: dict[str, Any] = {
        "ChargePeriodStart": pa.array([r.start for r in rows], STAMP),
        "BillingCurrency": pa.array([r.currency for r in rows], pa.string()),
        "ChargeCategory": pa.array([r.category for r in rows], pa.string()),
    }
    for place, name in enumerate(dimensions):
        columns[column_of(name)] = pa.array([r.values[place] for r in rows], pa.string())
    for cost in costs:
        amounts = [r.billed if cost is Cost.BILLED else r.effective for r in rows]
        columns[cost.column] = pa.array(amounts, AMOUNT)
    return pa.table(columns)


def query(
    days: int = 31, zone: str = "UTC", dimensions: Sequence[str] = ("service",), grain: Grain = Grain.DAY
) -> SpendQuery:
    start, end = (day_start(day(number), ZoneInfo(zone)) for number in (0, days))
    return SpendQuery(start, end, zone=zone, grain=grain, dimensions=tuple(dimensions))


def monitor(name: str = "m", per: tuple[str, ...] = ("service",), **settings: Any) -> Monitor:
    return Monitor(name, settings.pop("sources", ("s",)), settings.pop("currency", "USD"), per=per, **settings)


def dimensions_of(table: pa.Table) -> tuple[str, ...]:
    columns = set(table.column_names)
    tags = (f"tag:{name[5:]}" for name in table.column_names if name.startswith("Tags."))
    return (*(name for name in DIMENSIONS if column_of(name) in columns), *tags)


def image(table: pa.Table, through: int | None = None, **settings: Any) -> SourceImage:
    """A source's image whose watermark is the start of a day."""
    mark = None if through is None else called(through)
    settings.setdefault("breakdown", Breakdown(dimensions_of(table)))
    return SourceImage(table, settings.pop("zone", ZONE), settings.pop("watermark", mark), **settings)


Key = tuple[Any, ...]
Cells = dict[Key, dict[str, Decimal]]


def cells(table: pa.Table) -> Cells:
    """The cells of a table that hold money, by everything but the amounts."""
    found = {}
    for line in table.to_pylist():
        amounts = {name: line.pop(name) for name in COSTS if name in line}
        if any(amounts.values()):
            assert tuple(line.values()) not in found, "two rows with one key"
            found[tuple(line.values())] = amounts
    return found


def lines(word: Word) -> dict[date, list[str]]:
    """Every row of each day, money or not, in one order."""
    return {day: sorted(map(repr, table.to_pylist())) for day, table in word.items()}


@dataclass
class Source:
    """A source that says one report after the other into a ledger."""

    query: SpendQuery = field(default_factory=query)
    word: Word = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    said: int = 0

    def say(self, table: pa.Table, asked: SpendQuery | None = None, **doubts: Any) -> LedgerDiff:
        at = SAID + self.said * timedelta(hours=6)
        diff = changes(self.word, table, source="s", said_at=at, query=asked or self.query, **doubts)
        self.word, self.said = diff.word, self.said + 1
        self.statements += diff.statements
        return diff


def total(lines: Mapping[Key, Mapping[str, Decimal]], name: str = "BilledCost") -> Decimal:
    return sum((amounts[name] for amounts in lines.values()), Decimal(0))
