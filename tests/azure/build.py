"""Opening a source of the fake and asking it: what the tests of this folder share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, Grain, Match, SpendQuery, Where
from cloudcircuit.ports import CostAdapter, SpendReport
from cloudcircuit.testing.context import MemoryMeter, adapter_context
from cloudcircuit_azure import Options, plugin
from tests.azure.fake import Fake

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
MARCH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
SUBSCRIPTION = "subscriptions/aaaaaaaa-0000-0000-0000-000000000001"
ACCOUNT = "providers/Microsoft.Billing/billingAccounts/12345"


def options(fake: Fake | None = None, **more: Any) -> Options:
    own = {"scope": ACCOUNT, "qpu_per_10s": 1000, "qpu_per_minute": 1000}
    own |= {"endpoint": fake.url, "authority": fake.url} if fake else {}
    return Options(**{**own, **more})


def open_source(
    fake: Fake, now: datetime = NOW, lag_hours: float = 24, meter: MemoryMeter | None = None, **more: Any
) -> CostAdapter:
    context = adapter_context(now, lag=timedelta(hours=lag_hours), meter=meter)
    return plugin.open(options(fake, **more), context)


def query(*dimensions: str, where: Where = (), window: tuple[datetime, datetime] = MARCH, **more: Any) -> SpendQuery:
    return SpendQuery(*window, dimensions=dimensions, where=where, **more)


def fetch(
    fake: Fake,
    *dimensions: str,
    where: Where = (),
    window: tuple[datetime, datetime] = MARCH,
    seconds: float = 30,
    marks: Any = None,
    visible_until: datetime | None = None,
    zone: str = "UTC",
    grain: Grain = Grain.DAY,
    **more: Any,
) -> SpendReport:
    source = open_source(fake, **more)
    asked = SpendQuery(*window, zone, grain, dimensions, where, visible_until, marks or {})
    try:
        return source.fetch(asked, Deadline(seconds))
    finally:
        source.close()


def refusal(fake: Fake, *dimensions: str, **more: Any) -> AdapterError:
    """The AdapterError that a fetch ends in."""
    try:
        report = fetch(fake, *dimensions, **more)
    except AdapterError as found:
        return found
    raise AssertionError(f"nothing was refused: {report}")


def sums(report: SpendReport, *columns: str, cost: str = "BilledCost") -> dict[Any, Decimal]:
    """The amounts by the values of some columns (by one value when it is one column)."""
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for each in report.table.to_pylist():
        key = tuple(each[column] for column in columns)
        found[key[0] if len(key) == 1 else key] += each[cost]
    return dict(found)


def by_day(report: SpendReport, cost: str = "BilledCost") -> dict[date, Decimal]:
    return {at.date(): amount for at, amount in sums(report, "ChargePeriodStart", cost=cost).items()}


def is_(dimension: str, *values: str) -> Match:
    """The filter of one circuit."""
    return Match(dimension, values, exact=True)


def like(dimension: str, *patterns: str, negate: bool = False) -> Match:
    return Match(dimension, patterns, negate)


def unsupported(need: Breakdown, grain: Grain = Grain.DAY, **more: Any) -> Sequence[str]:
    return plugin.unsupported(options(**more), need, grain)


def split(*needs: Breakdown, **more: Any) -> tuple[Breakdown, ...]:
    return plugin.split(options(**more), needs, Grain.DAY)


def asked_of(azure: Fake) -> Sequence[tuple[str, str, str, tuple[str, ...]]]:
    """The queries put so far: cost, first and last day, groupings."""
    return [
        (
            body["type"],
            body["timePeriod"]["from"][:10],
            body["timePeriod"]["to"][:10],
            tuple(each["name"] for each in body["dataset"]["grouping"]),
        )
        for body in azure.queries
    ]
