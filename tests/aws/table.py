"""The table behind the server: line items as Cost Explorer would add them up."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
BILL = ROOT / "examples" / "aws-2018-10-11.csv"
PAYER = "111122223333"


@dataclass(frozen=True, slots=True)
class Line:
    """What one thing cost on a day; `hour` of the day where hours are asked for."""

    day: date
    service: str = "Amazon Simple Storage Service"
    account: str = PAYER
    region: str = "us-east-1"
    usage_type: str = "TimedStorage-ByteHrs"
    record_type: str = "Usage"
    tags: tuple[tuple[str, str], ...] = ()
    billed: Decimal = Decimal(1)
    effective: Decimal | None = None
    usage: Decimal = Decimal(1)
    currency: str = "USD"
    hour: int = 0

    def amount(self, metric: str) -> Decimal:
        if metric == "UsageQuantity":
            return self.usage
        if "Amortized" in metric and self.effective is not None:
            return self.effective
        return self.billed

    def value(self, kind: str, key: str) -> str | None:
        """None where it has no such tag."""
        if kind == "TAG":
            return dict(self.tags).get(key)
        return {
            "SERVICE": self.service,
            "LINKED_ACCOUNT": self.account,
            "REGION": self.region,
            "USAGE_TYPE": self.usage_type,
            "RECORD_TYPE": self.record_type,
        }[key]


@dataclass(slots=True)
class Table:
    """Lines by day; `version` grows with every change."""

    days: dict[date, list[Line]] = field(default_factory=lambda: defaultdict(list))
    version: int = 0

    def add(self, *lines: Line) -> None:
        self.version += 1
        for line in lines:
            self.days[line.day].append(line)

    def remake(self, day: date, lines: Iterable[Line]) -> None:
        self.version += 1
        self.days[day] = list(lines)

    def scale(self, day: date, factor: Decimal) -> None:
        """A day is restated."""
        self.remake(day, [replace(line, billed=line.billed * factor, usage=line.usage * 2) for line in self.days[day]])

    def between(self, start: datetime, end: datetime) -> Iterator[Line]:
        for day, lines in self.days.items():
            for line in lines:
                if start <= datetime(day.year, day.month, day.day, line.hour, tzinfo=UTC) < end:
                    yield line


def bill() -> Table:
    """The real AWS bill of examples/, as line items: what its rows were before AWS made FOCUS of them."""
    table = Table()
    table.add(*_lines())
    return table


@cache
def _lines() -> tuple[Line, ...]:
    with BILL.open(newline="") as stream:
        return tuple(_line(row) for row in csv.DictReader(stream))


def _line(row: dict[str, str]) -> Line:
    types = {("Usage", "Used"): "DiscountedUsage", ("Purchase", ""): "RIFee"}
    return Line(
        day=date.fromisoformat(row["ChargePeriodStart"][:10]),
        service=row["ServiceName"],
        account=row["SubAccountId"],
        region=row["RegionId"] or "NoRegion",
        record_type=types.get((row["ChargeCategory"], row["CommitmentDiscountStatus"]), "Usage"),
        tags=tuple(json.loads(row["Tags"]).items()) if row["Tags"] else (),
        billed=Decimal(row["BilledCost"]),
        effective=Decimal(row["EffectiveCost"]),
    )
