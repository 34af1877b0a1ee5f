"""Random dirty datasets against an independent model in plain Python: no money appears, none vanishes in silence."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Match, ReportStatus
from tests.focus.build import NOW, OCTOBER, fetch, row, write_parquet

GOOD = ["1", "0.1", "-2.50", "1E2", "0.000000000000000001", "1e-30", " 3 ", "123456789.123456789"]
BAD = ["", "NULL", "1,5", "NaN", "inf", "1e400", "x"]
STARTS = ["2024-10-05", "2024-10-05T23:59:59Z", "2024-10-31 12:00:00.5", "2024-11-02T00:00:00+01:00", "2024-09-30"]
LOST = ["", "1970-01-01", "9999-12-31T00:00:00Z", "31.10.2024"]
SERVICES = ["a", "b", "", "NULL"]
NOTHING = {"", "NULL", "null"}

ROW = st.fixed_dictionaries(
    {
        "ChargePeriodStart": st.sampled_from(STARTS * 3 + LOST),
        "BillingPeriodStart": st.sampled_from(["2024-10-01", "2024-10-01", "2024-11-01T00:00:00Z", ""]),
        "BilledCost": st.sampled_from(GOOD * 3 + BAD),
        "EffectiveCost": st.sampled_from(GOOD * 3 + BAD),
        "BillingCurrency": st.sampled_from(["USD", "USD", "USD", "EUR", ""]),
        "ServiceName": st.sampled_from(SERVICES),
    }
)


@dataclass
class Expected:
    sums: dict[Any, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    broken: Counter[date] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    newest: date | None = None
    good: int = 0


def read_instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC) if 2000 <= at.year < 9000 else None


def read_amount(text: str) -> Fraction | None:
    """What is left of an amount at 18 decimals."""
    try:
        amount = Decimal(text.strip())
    except ArithmeticError:
        return None
    if not amount.is_finite() or abs(amount) >= Decimal("1e20"):
        return None
    scaled = Fraction(amount) * 10**18
    return Fraction(int(abs(scaled) + Fraction(1, 2)), 10**18) * (1 if scaled >= 0 else -1)


def expect(rows: list[dict[str, str]], takes: Match | None) -> Expected:
    expected = Expected()
    for each in rows:
        start = read_instant(each["ChargePeriodStart"])
        if start is None:
            expected.lost.append(each["BillingPeriodStart"])
            continue
        day = start.date()
        expected.newest = max(expected.newest or day, day)
        amounts = [read_amount(each[cost]) for cost in ("BilledCost", "EffectiveCost")]
        whole = each["BillingCurrency"] not in NOTHING and None not in amounts
        expected.good += whole
        if not OCTOBER[0] <= start < OCTOBER[1]:
            continue
        if not whole:
            expected.broken[day] += 1
            continue
        service = None if each["ServiceName"] in NOTHING else each["ServiceName"]
        if takes is None or takes.accepts(service):
            for cost, amount in zip(("BilledCost", "EffectiveCost"), amounts, strict=True):
                expected.sums[day, each["BillingCurrency"], service, cost] += amount or 0
    for period in expected.lost:
        month = read_instant(period)
        first = month.date() if month else expected.newest
        days = [first + timedelta(days=n) for n in range(31)] if month and first else [first] if first else []
        wanted = {day for day in days if not month or day.month == month.month}
        expected.broken.update(day for day in wanted if OCTOBER[0].date() <= day < OCTOBER[1].date())
    return expected


def answer(folder: Path, takes: Match | None) -> Any:
    return fetch(folder, "service", where=(takes,) if takes else ())


def check(folder: Path, rows: list[dict[str, str]], takes: Match | None) -> None:
    expected = expect(rows, takes)
    if expected.good == 0:
        try:
            report = answer(folder, takes)
        except AdapterError as error:
            assert error.permanent
            return
        # What cannot be read lies outside of the window: nothing is claimed about it, and nothing is settled.
        assert report.table.num_rows == 0
        assert not expected.broken
        return
    report = answer(folder, takes)
    got: dict[Any, Fraction] = {}
    for each in report.table.to_pylist():
        for cost in ("BilledCost", "EffectiveCost"):
            key = (each["ChargePeriodStart"].date(), each["BillingCurrency"], each["ServiceName"], cost)
            assert key not in got
            got[key] = Fraction(each[cost])
    assert got == expected.sums
    assert dict(report.broken) == dict(expected.broken)
    assert report.status is (ReportStatus.PARTIAL if expected.lost else ReportStatus.COMPLETE)
    assert expected.newest is not None
    assert report.watermark == min(
        datetime.combine(expected.newest, datetime.min.time(), UTC), NOW - timedelta(hours=24)
    )


MATCH = st.none() | st.builds(
    Match, st.just("service"), st.lists(st.sampled_from(["a", "b*", "(none)"]), max_size=2).map(tuple), st.booleans()
)


@given(st.lists(ROW, min_size=1, max_size=12), MATCH)
@settings(max_examples=120, deadline=None)
def test_csv(rows: list[dict[str, str]], takes: Match | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "bill.csv").open("w", newline="") as stream:
            full: list[dict[str, Any]] = [{**row(), **each} for each in rows]
            writer = csv.DictWriter(stream, list(full[0]))
            writer.writeheader()
            writer.writerows(full)
        check(Path(folder), rows, takes)


@given(st.lists(ROW, min_size=1, max_size=12), MATCH, st.booleans())
@settings(max_examples=120, deadline=None)
def test_parquet(rows: list[dict[str, str]], takes: Match | None, native: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        full: list[dict[str, Any]] = [{**row(), **each} for each in rows]
        types: dict[str, pa.DataType] = {}
        if native:
            types["ChargePeriodStart"] = pa.timestamp("us", tz="UTC")
            for each in full:
                each["ChargePeriodStart"] = read_instant(each["ChargePeriodStart"])
        write_parquet(Path(folder) / "bill.parquet", full, **types)
        check(Path(folder), rows, takes)


@given(st.lists(st.decimals(-9_999_999, 9_999_999, places=6), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_doubles_add_up_to_the_decimals_they_stand_for(amounts: list[Decimal]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(cost=float(amount)) for amount in amounts]
        write_parquet(Path(folder) / "bill.parquet", rows, BilledCost=pa.float64(), EffectiveCost=pa.float64())
        table = fetch(Path(folder)).table
    assert table.column("BilledCost").to_pylist() == [sum(amounts, Decimal(0))]
