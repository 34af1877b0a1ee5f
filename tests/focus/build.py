"""Building FOCUS files and asking them: what the tests of this folder share."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain, SpendQuery
from cloudcircuit.ports import CostAdapter, SpendReport
from cloudcircuit.testing import adapter_context
from cloudcircuit_focus import Options, plugin

NOW = datetime(2024, 11, 20, 12, tzinfo=UTC)
OCTOBER = (datetime(2024, 10, 1, tzinfo=UTC), datetime(2024, 11, 1, tzinfo=UTC))


def row(day: str = "2024-10-05", cost: Any = "1.00", **more: Any) -> dict[str, Any]:
    """A FOCUS row of a service, as an export has it; None leaves a column empty."""
    return {
        "BillingAccountId": "000123",
        "SubAccountId": "007",
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{day[:7]}-01T00:00:00Z",
        "ChargePeriodStart": day if len(day) > 10 else f"{day}T00:00:00Z",
        "ChargeCategory": "Usage",
        "ProviderName": "AWS",
        "ServiceName": "AmazonEC2",
        "RegionId": "eu-west-1",
        "Tags": None,
        "BilledCost": cost,
        "EffectiveCost": cost,
        **more,
    }


def without(rows: Iterable[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name not in names} for each in rows]


def csv_text(rows: Sequence[Mapping[str, Any]], newline: str = "\n") -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], newline: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = csv_text(rows, newline).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], **types: pa.DataType) -> Path:
    """Columns are text unless `types` names another type for them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = [pa.field(name, types.get(name, pa.string())) for name in rows[0]]
    pq.write_table(pa.Table.from_pylist([dict(each) for each in rows], schema=pa.schema(fields)), path)
    return path


def set_age(path: Path, hours: float) -> None:
    """Make a file (or all files below a folder) as old as that."""
    for file in [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]:
        stamp = (NOW - timedelta(hours=hours)).timestamp()
        os.utime(file, (stamp, stamp))


def open_source(
    root: Path, path: str | list[str] = ".", now: datetime = NOW, lag_hours: float = 24, **options: Any
) -> CostAdapter:
    context = adapter_context(now, lag=timedelta(hours=lag_hours), root=root)
    return plugin.open(Options(path=path, **options), context)  # type: ignore[arg-type]  # as a configuration has it


def fetch(
    root: Path,
    *dimensions: str,
    path: str | list[str] = ".",
    window: tuple[datetime, datetime] = OCTOBER,
    now: datetime = NOW,
    grain: Grain = Grain.DAY,
    zone: str = "UTC",
    visible_until: datetime | None = None,
    where: Any = (),
    lag_hours: float = 24,
    **options: Any,
) -> SpendReport:
    query = SpendQuery(*window, zone, grain, dimensions, where, visible_until)
    return open_source(root, path, now, lag_hours, **options).fetch(query, Deadline(60))


def refusal(root: Path, *dimensions: str, **more: Any) -> AdapterError:
    """The AdapterError that a fetch ends in."""
    try:
        report = fetch(root, *dimensions, **more)
    except AdapterError as error:
        return error
    raise AssertionError(f"nothing was refused: {report}")


def sums(report: SpendReport, *columns: str, cost: str = "BilledCost") -> dict[Any, Decimal]:
    """The amounts by the values of some columns (by one value when it is one column)."""
    totals: dict[Any, Decimal] = defaultdict(Decimal)
    for each in report.table.to_pylist():
        key = tuple(each[column] for column in columns)
        totals[key[0] if len(key) == 1 else key] += each[cost]
    return dict(totals)


def by_day(report: SpendReport, cost: str = "BilledCost") -> dict[date, Decimal]:
    """The amounts by UTC date of the charge period's start."""
    return {instant.date(): amount for instant, amount in sums(report, "ChargePeriodStart", cost=cost).items()}


def total(report: SpendReport, cost: str = "BilledCost") -> Decimal:
    with localcontext(prec=60):
        return sum((each[cost] for each in report.table.to_pylist()), Decimal(0))
