"""Random dirty tables against the independent model that files are held to: no money appears, none vanishes."""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Match, ReportStatus
from cloudcircuit.ports import SpendReport
from tests.focus.test_model import MATCH, ROW, Expected, expect, read_amount, read_instant
from tests.sql.build import NOW, OCTOBER, TYPED, fetch, write

ROWS = st.lists(ROW, min_size=1, max_size=12)
SLOW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
COSTS = ("BilledCost", "EffectiveCost")


def check(expected: Expected, url: str, takes: Match | None, in_window: bool) -> None:
    """`in_window`: some row of the window can be read; where none can, the source says that and no more."""
    try:
        report = fetch(url, "model", "service", where=(takes,) if takes else ())
    except AdapterError as error:
        assert error.permanent
        assert not in_window
        assert expected.broken
        return
    assert sums_of(report) == expected.sums
    assert dict(report.broken) == dict(expected.broken)
    if expected.newest is None:
        assert (report.watermark, report.status) == (None, ReportStatus.SUSPICIOUS)
        return
    assert report.status is (ReportStatus.PARTIAL if expected.lost else ReportStatus.COMPLETE)
    newest = datetime.combine(expected.newest, datetime.min.time(), UTC)
    assert report.watermark == min(newest, NOW - timedelta(hours=24))


def sums_of(report: SpendReport) -> dict[Any, Fraction]:
    found: dict[Any, Fraction] = {}
    for each in report.table.to_pylist():
        for cost in COSTS:
            key = (each["ChargePeriodStart"].date(), each["BillingCurrency"], each["ServiceName"], cost)
            assert key not in found
            found[key] = Fraction(each[cost])
    return found


def readable(rows: list[dict[str, str]]) -> bool:
    return any(
        (start := read_instant(row["ChargePeriodStart"])) is not None
        and OCTOBER[0] <= start < OCTOBER[1]
        and row["BillingCurrency"]
        and None not in [read_amount(row[cost]) for cost in COSTS]
        for row in rows
    )


@given(ROWS, MATCH)
@SLOW
def test_texts_in_postgres(postgres: str, rows: list[dict[str, str]], takes: Match | None) -> None:
    write(postgres, "model", rows)
    check(expect(rows, takes), postgres, takes, readable(rows))


def typed(row: dict[str, str]) -> dict[str, Any]:
    """The same row in a table that has types: what is no amount is NaN or nothing, what is no time is nothing."""
    amounts = {cost: row[cost] if read_amount(row[cost]) is not None else None for cost in COSTS}
    special = {cost: row[cost] for cost in COSTS if row[cost] in ("NaN", "inf", "1e400")}
    times = {name: read_instant(row[name]) for name in ("ChargePeriodStart", "BillingPeriodStart")}
    return {**row, **amounts, **special, **times}


@given(ROWS, MATCH, st.booleans())
@SLOW
def test_types_in_postgres(postgres: str, rows: list[dict[str, str]], takes: Match | None, zoned: bool) -> None:
    types = TYPED if zoned else {**TYPED, "ChargePeriodStart": "timestamp", "BillingPeriodStart": "timestamp"}
    write(postgres, "model", map(typed, rows), list(rows[0]), **types)
    check(expect(rows, takes), postgres, takes, readable(rows))


@given(ROWS, MATCH)
@SLOW
def test_texts_in_sqlite(rows: list[dict[str, str]], takes: Match | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bill.db"
        names = list(rows[0])
        connection = sqlite3.connect(file)
        connection.execute(f"CREATE TABLE model ({', '.join(f'{name} TEXT' for name in names)})")
        marks = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO model VALUES ({marks})", [[row[name] for name in names] for row in rows])
        connection.commit()
        connection.close()
        check(expect(rows, takes), f"sqlite:///{file}", takes, readable(rows))


@given(st.lists(st.decimals(-9_999_999, 9_999_999, places=6), min_size=1, max_size=40))
@example([])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", ["double precision", "numeric(20, 8)"])
def test_numbers_add_up_to_the_decimals_they_stand_for(postgres: str, kind: str, amounts: list[Any]) -> None:
    names = ("ChargePeriodStart", "BillingCurrency", "BilledCost")
    rows = [
        dict(zip(names, (datetime(2024, 10, 5, tzinfo=UTC), "USD", str(amount)), strict=True)) for amount in amounts
    ]
    write(postgres, "numbers", rows, names, ChargePeriodStart="timestamptz", BilledCost=kind)
    report = fetch(postgres, "numbers")
    assert report.table["BilledCost"].to_pylist() == ([sum(amounts)] if amounts else [])
    assert "EffectiveCost" not in report.table.column_names
