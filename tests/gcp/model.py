"""An export added up in plain Python: what the statements must say, without a line of SQL."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cloudcircuit.charges import day_start
from cloudcircuit.model import Grain, SpendQuery

CATEGORIES = {
    "regular": "Usage",
    "tax": "Tax",
    "adjustment": "Adjustment",
    "rounding_error": "Adjustment",
    None: "Usage",
}


@dataclass
class Expected:
    sums: dict[Any, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    broken: Counter[date] = field(default_factory=Counter)
    days: set[date] = field(default_factory=set)
    newest: datetime | None = None


def read_amount(text: Any) -> Decimal | None:
    if text is None or not Decimal(text).is_finite():
        return None
    return Decimal(text).quantize(Decimal("1e-9"), rounding=ROUND_HALF_UP)


def read_dimension(row: Mapping[str, Any], name: str) -> str | None:
    if name.startswith("tag:"):
        values = (_label(array, name[4:]) for array in (row["labels"], (row["project"] or {}).get("labels")))
        return next((value for value in values if value), None)
    parts: dict[str, tuple[str, ...]] = {
        "service": ("service", "description"),
        "sub_account": ("project", "id"),
        "sub_account_name": ("project", "name"),
        "billing_account": ("billing_account_id",),
        "region": ("location", "region"),
        "sku": ("sku", "id"),
    }
    value: Any = row
    for part in parts[name]:
        value = None if value is None else value.get(part)
    return value or None


def _label(array: Any, key: str) -> str | None:
    return max(
        (each["value"] for each in array or () if each["key"] == key and each["value"] is not None), default=None
    )


def expect(rows: Iterable[Mapping[str, Any]], query: SpendQuery) -> Expected:
    expected = Expected()
    for row in rows:
        begins = datetime.fromisoformat(row["usage_start_time"])
        end = min(query.end, query.visible_until or query.end)
        if query.start <= begins < end:
            _add(expected, row, begins, query)
    expected.sums = {key: amount for key, amount in expected.sums.items() if amount}
    return expected


def _add(expected: Expected, row: Mapping[str, Any], begins: datetime, query: SpendQuery) -> None:
    exported = datetime.fromisoformat(row["export_time"])
    expected.newest = max(expected.newest or exported, exported)
    day = begins.astimezone(ZoneInfo(query.zone)).date()
    expected.days.add(day)
    matches = [match for match in query.where if match.dimension != "charge_category"]
    if not all(match.accepts(read_dimension(row, match.dimension)) for match in matches):
        return
    cost = read_amount(row["cost"])
    lowered = [(each["type"], read_amount(each["amount"])) for each in row["credits"]]
    if cost is None or not row["currency"] or any(amount is None for _, amount in lowered):
        expected.broken[day] += 1
        return
    hour = begins.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    start = hour if query.grain is Grain.HOUR else day_start(day, query.zone)
    values = tuple(read_dimension(row, name) for name in query.dimensions)
    promoted = sum((amount for kind, amount in lowered if kind == "PROMOTION" and amount), Decimal(0))
    reduced = sum((amount for kind, amount in lowered if kind != "PROMOTION" and amount), Decimal(0))
    category = CATEGORIES.get(row["cost_type"], "Adjustment")
    for name, amount in ((category, cost + reduced), ("Credit", promoted)):
        if all(match.accepts(name) for match in query.where if match.dimension == "charge_category"):
            expected.sums[start, row["currency"], name, values] += amount
