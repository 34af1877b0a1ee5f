"""Spark SQL through its Thrift server, the endpoint that clusters have: a real engine of another kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Grain, Match
from cloudcircuit_sql.connect import ask
from tests.sql.bills import AWS, NOWS, SAMPLE, must_say_the_same, read
from tests.sql.build import fetch, open_source, refusal, where
from tests.sql.spark_server import Spark

LA = "America/Los_Angeles"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),  # PyHive says nothing about caching
]


def run(spark: Spark, *statements: str) -> None:
    engine = sa.create_engine(spark.url)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()


def put(spark: Spark, folder: Path, table: str, data: pa.Table) -> None:
    """A table over a Parquet file, as an export lies in a lake."""
    folder.mkdir()
    pq.write_table(data, folder / "part.parquet")
    run(spark, f"CREATE TABLE {table} USING parquet LOCATION 'file://{folder}'")


@pytest.fixture(scope="module")
def bills(spark: Spark, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    """The AWS bill with instants and decimals; the sample with times without a zone, doubles, and tags as a map."""
    folder = tmp_path_factory.mktemp("bills")
    run(spark, "CREATE SCHEMA focus")
    decimal = (pa.decimal128(30, 15), Decimal)
    zoned = (pa.timestamp("us", tz="UTC"), datetime.fromisoformat)
    put(spark, folder / "aws", "focus.aws", typed(AWS, zoned, decimal))
    plain = (pa.timestamp("us"), datetime.fromisoformat)
    put(spark, folder / "sample", "focus.sample", typed(SAMPLE, plain, (pa.float64(), float)))
    yield spark


def typed(file: str, time: tuple[Any, Any], amount: tuple[Any, Any]) -> pa.Table:
    rows = read(file)
    kinds = {
        **dict.fromkeys(("ChargePeriodStart", "BillingPeriodStart"), time),
        **dict.fromkeys(("BilledCost", "EffectiveCost"), amount),
        "Tags": (pa.map_(pa.string(), pa.string()), lambda text: list(json.loads(text).items())),
    }
    columns = {}
    for name in rows[0]:
        kind, parse = kinds.get(name, (pa.string(), str))
        columns[name] = pa.array([None if row[name] is None else parse(row[name]) for row in rows], kind)
    return pa.table(columns)


QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("focus.aws", AWS, {"dimensions": ("service", "region", "sub_account")}),
    ("spark_catalog.focus.aws", AWS, {"dimensions": ("service",), "zone": LA, "grain": Grain.HOUR}),
    ("focus.aws", AWS, {"dimensions": ("region",), "where": (Match("service", ("Amazon S*", "*_*", "*glue")),)}),
    ("focus.sample", SAMPLE, {"dimensions": ("tag:environment", "tag:business_unit"), "zone": LA}),
    ("focus.sample", SAMPLE, {"where": (Match("tag:environment", ("prod*", "(none)"), negate=True),)}),
    ("focus.sample", SAMPLE, {"dimensions": ("provider", "sku"), "grain": Grain.HOUR}),
]


@pytest.mark.parametrize(("table", "file", "more"), QUESTIONS)
def test_the_table_says_what_the_file_says(bills: Spark, table: str, file: str, more: dict[str, Any]) -> None:
    must_say_the_same(bills.url, table, file, more)


DIRTY = r"""
('2024-10-05 00:30:00Z', '2024-10-01', 'USD', '1.25', 0.1, 'it\'s \\ %', '{"a": "b"}'),
('2024-10-05 23:30:00Z', '2024-10-01', 'USD', ' 1e2 ', 1e-9, 'IT\'S', NULL),
('2024-10-06 00:00:00Z', '2024-10-01', 'USD', '1,5', 0.1, 'x', '{}'),
('2024-10-07 00:00:00Z', '2024-10-01', 'USD', '1', double('NaN'), 'x', '{}'),
('2024-10-08 00:00:00Z', '2024-10-01', '', '1', 1, 'x', '{}'),
('2024-10-09 00:00:00Z', '2024-10-01', 'USD', '1', 1, 'x', '{a'),
(NULL, '2024-09-01', 'USD', '1', 1, 'x', '{}')"""


def test_what_is_dirty_is_counted(bills: Spark) -> None:
    """Amounts as texts, NaN, no currency, no time; names that other engines would take apart."""
    run(
        bills,
        "DROP TABLE IF EXISTS focus.dirty",
        "CREATE TABLE focus.dirty (chargeperiodstart timestamp, billingperiodstart date, billingcurrency string,"
        " billedcost string, effectivecost double, servicename string, tags string) USING parquet",
        "INSERT INTO focus.dirty SELECT to_timestamp(at), date(period), currency, billed, effective, service, tags"
        f" FROM VALUES {DIRTY} t(at, period, currency, billed, effective, service, tags)",
    )
    report = fetch(bills.url, "focus.dirty", "service", "tag:a")
    assert {day.day: count for day, count in report.broken.items()} == {6: 1, 7: 1, 8: 1, 9: 1}
    assert str(report.status) == "partial"
    rows = report.table.to_pylist()
    found = {(row["ServiceName"], row["Tags.a"]): (row["BilledCost"], row["EffectiveCost"]) for row in rows}
    assert found == {
        ("it's \\ %", "b"): (Decimal("1.25"), Decimal("0.1")),
        ("IT'S", None): (Decimal(100), Decimal("1e-9")),
    }
    exact = (Match("service", ("it's \\ %",), exact=True),)
    assert fetch(bills.url, "focus.dirty", where=exact).table["BilledCost"].to_pylist() == [Decimal("1.25")]
    glob = (Match("service", ("it's ? %",)),)
    assert fetch(bills.url, "focus.dirty", where=glob).table["BilledCost"].to_pylist() == [Decimal("1.25")]


def test_what_a_probe_tells(bills: Spark) -> None:
    probe = open_source(bills.url, "focus.aws", now=NOWS[AWS]).probe(Deadline(60))
    assert (probe.accounts, probe.currencies) == (("111122223333",), ("USD",))
    assert (probe.oldest, probe.newest) == (datetime(2018, 10, 1, tzinfo=UTC), datetime(2018, 11, 30, tzinfo=UTC))
    assert probe.notes == ("Spark SQL, FOCUS 1.0 by its columns", "rows: 6,740")


@pytest.mark.parametrize("name", ["focus.nothing", "nowhere.aws"])
def test_a_table_that_is_not_there(bills: Spark, name: str) -> None:
    error = refusal(bills.url, name)
    assert f"Spark SQL has no table {name} that this user can see" in str(error)
    assert error.permanent


def test_a_deadline_holds(bills: Spark) -> None:
    error = refusal(bills.url, "focus.aws", seconds=0.05, source="spark, in a hurry")
    assert not error.permanent
    assert "took longer than" in str(error)


def test_sums_that_run_over_are_an_error(bills: Spark) -> None:
    run(
        bills,
        "DROP TABLE IF EXISTS focus.large",
        "CREATE TABLE focus.large (ChargePeriodStart timestamp, BillingCurrency string, BilledCost decimal(38,0))"
        " USING parquet",
        "INSERT INTO focus.large SELECT timestamp '2024-10-05', 'USD', 90000000000000000000 FROM range(3)",
    )
    error = refusal(bills.url, "focus.large")
    assert "Spark SQL cannot compute with what stands in focus.large" in str(error)
    assert "[ARITHMETIC_OVERFLOW]" in str(error)
    assert error.permanent


def test_an_answer_is_read_without_a_limit_of_the_server(bills: Spark) -> None:
    """More rows than the server sends at a time."""
    statement: sa.Select[Any] = sa.select(sa.literal_column("id")).select_from(sa.text("range(25000)"))
    address = where(bills.url, "focus.aws")
    rows = ask(address, lambda session: list(session.rows(statement)), lambda: None, Deadline(60), "x")
    assert len(rows) == 25_000
