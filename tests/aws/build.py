"""Building blocks: a source that is asked over real HTTP, and sums of what it answers."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Grain, Match, SpendQuery, Where
from cloudcircuit.ports import SpendReport
from cloudcircuit.testing.context import MemoryMeter, adapter_context
from cloudcircuit_aws import Options, plugin
from cloudcircuit_aws.source import AwsSource
from tests.aws.table import PAYER

AUTUMN = (datetime(2018, 10, 1, tzinfo=UTC), datetime(2018, 12, 1, tzinfo=UTC))
NOW = datetime(2018, 12, 1, 12, tzinfo=UTC)


def open_source(
    now: datetime = NOW, meter: MemoryMeter | None = None, lag: timedelta = timedelta(hours=24), **options: Any
) -> AwsSource:
    source = plugin.open(Options(**{"account": PAYER, **options}), adapter_context(now, meter=meter, lag=lag))
    assert isinstance(source, AwsSource)
    return source


def ask(
    *dimensions: str,
    where: Where = (),
    window: tuple[datetime, datetime] = AUTUMN,
    now: datetime = NOW,
    marks: dict[date, str] | None = None,
    grain: Grain = Grain.DAY,
) -> SpendQuery:
    return SpendQuery(*window, grain=grain, dimensions=dimensions, where=where, visible_until=now, marks=marks or {})


def fetch(
    *dimensions: str,
    where: Where = (),
    window: tuple[datetime, datetime] = AUTUMN,
    now: datetime = NOW,
    marks: dict[date, str] | None = None,
    grain: Grain = Grain.DAY,
    seconds: float = 30,
    **options: Any,
) -> SpendReport:
    source = open_source(now, **options)
    query = ask(*dimensions, where=where, window=window, now=now, marks=marks, grain=grain)
    try:
        return source.fetch(query, Deadline(seconds))
    finally:
        source.close()


def only(dimension: str, *values: str, negate: bool = False) -> Match:
    return Match(dimension, values, negate=negate, exact=True)


def sums(report: SpendReport, *columns: str, cost: str = "BilledCost") -> dict[Any, Decimal]:
    """Non-zero sums by columns."""
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for row in report.table.to_pylist():
        key = tuple(row[column] for column in columns)
        found[key[0] if len(key) == 1 else key] += row[cost]
    return {key: amount for key, amount in found.items() if amount}


def total(report: SpendReport, cost: str = "BilledCost") -> Decimal:
    return sum(report.table[cost].to_pylist(), Decimal(0))


def days_of(report: SpendReport) -> set[date]:
    return {row["ChargePeriodStart"].date() for row in report.table.to_pylist()}
