"""Which columns a table has, in whatever case and of whatever type."""

from __future__ import annotations

from typing import Any

import pytest

from cloudcircuit.errors import AdapterError
from cloudcircuit_sql.columns import Column, Kind, classify, guess_version, make_layout
from cloudcircuit_sql.engines import ENGINES, tell_column
from tests.sql.build import TYPED, fetch, refusal, run, write

ROW: dict[str, Any] = {
    "ChargePeriodStart": "2024-10-05T01:00:00Z",
    "BillingCurrency": "USD",
    "BilledCost": "1.5",
    "EffectiveCost": "1.25",
    "ServiceName": "a",
}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name not in names}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (without("ChargePeriodStart"), "columns has no column ChargePeriodStart; it has BillingCurrency, BilledCost"),
        (without("BillingCurrency"), "columns has no column BillingCurrency; it has"),
        (without("BilledCost", "EffectiveCost"), "columns has no column BilledCost or EffectiveCost; it has"),
        ({**ROW, "SERVICENAME": "b", "servicename": "c"}, None),
        ({**without("ServiceName"), "SERVICENAME": "b", "servicename": "c"}, "more than one column ServiceName"),
    ],
)
def test_what_a_table_must_have(postgres: str, row: dict[str, Any], words: str | None) -> None:
    write(postgres, "columns", [row], **TYPED)
    if words is None:
        assert fetch(postgres, "columns", "service").table["ServiceName"].to_pylist() == ["a"]
        return
    error = refusal(postgres, "columns")
    assert words in str(error)
    assert error.permanent


@pytest.mark.parametrize("change", [str.lower, str.upper, str])
def test_names_in_any_case(postgres: str, change: Any) -> None:
    types = {change(name): kind for name, kind in TYPED.items()}
    write(postgres, "columns", [{change(name): value for name, value in ROW.items()}], **types)
    report = fetch(postgres, "columns", "service")
    (row,) = report.table.to_pylist()
    assert (row["ServiceName"], str(row["BilledCost"])) == ("a", "1.500000000000000000")
    assert report.dimensions == ("service",)


def test_hostile_names_of_columns_and_tables(postgres: str) -> None:
    write(postgres, "columns", [{**ROW, 'x"; DROP TABLE columns; --': "1", "select": "2", "a%b": "3"}], **TYPED)
    assert fetch(postgres, "columns").table.num_rows == 1
    write(postgres, "Order-2024$", [ROW], **TYPED)
    assert fetch(postgres, "Order-2024$").table.num_rows == 1
    write(postgres, "select.group", [ROW], **TYPED)
    assert fetch(postgres, "select.group").table.num_rows == 1


def test_a_dimension_without_a_column(postgres: str) -> None:
    write(postgres, "columns", [ROW], **TYPED)
    for dimension, words in (
        ("region", "columns has no column RegionId for the dimension region; it has ChargePeriodStart"),
        ("provider", "no column ServiceProviderName or ProviderName for the dimension provider"),
        ("tag:team", "no column Tags for the dimension tag:team"),
    ):
        error = refusal(postgres, "columns", dimension)
        assert words in str(error)
        assert error.permanent


def test_the_provider_is_the_newer_name_and_then_the_older(postgres: str) -> None:
    pairs = (("A", "x"), (None, "B"), ("", ""))
    rows = [{**ROW, "ServiceProviderName": new, "ProviderName": old} for new, old in pairs]
    write(postgres, "columns", rows, **TYPED)
    found = fetch(postgres, "columns", "provider").table["ProviderName"].to_pylist()
    assert sorted(found, key=str) == ["A", "B", None]


def test_one_cost_alone_and_no_category(postgres: str) -> None:
    write(postgres, "columns", [without("EffectiveCost")], **TYPED)
    report = fetch(postgres, "columns")
    assert report.table.column_names == ["ChargePeriodStart", "BillingCurrency", "ChargeCategory", "BilledCost"]
    assert report.table["ChargeCategory"].to_pylist() == ["Usage"]
    assert report.notes == ("columns has no column ChargeCategory: all rows are taken for Usage",)


def test_a_view_and_types_of_every_kind(postgres: str) -> None:
    write(postgres, "columns", [{**ROW, "SubAccountId": "7", "RegionId": "eu", "SkuId": "true"}], **TYPED)
    run(
        postgres,
        "CREATE VIEW typed AS SELECT \"ChargePeriodStart\"::timestamp(3) AS chargeperiodstart, 'USD'::char(3) AS"
        ' billingcurrency, "BilledCost"::real AS billedcost, "EffectiveCost"::money::numeric AS effectivecost,'
        ' "SubAccountId"::bigint AS subaccountid, "RegionId"::varchar(10) AS regionid, "SkuId"::boolean AS skuid,'
        " gen_random_uuid() AS resourceid FROM columns",
    )
    report = fetch(postgres, "typed", "sub_account", "region", "sku", "resource")
    (row,) = report.table.to_pylist()
    assert (row["SubAccountId"], row["RegionId"], row["SkuId"], len(row["ResourceId"])) == ("7", "eu", "true", 36)
    assert (str(row["BilledCost"]), str(row["EffectiveCost"])[:4]) == ("1.500000000000000000", "1.25")


@pytest.mark.parametrize(
    ("column", "kind", "words"),
    [
        ("ChargePeriodStart", "time", "which cannot be read from PostgreSQL; make a view that gives it as timestamp"),
        ("BilledCost", "boolean", "make a view that gives it as a decimal, and read that"),
        ("EffectiveCost", "jsonb", "column EffectiveCost has type JSONB, which cannot be read"),
    ],
)
def test_a_column_of_a_type_that_says_nothing(postgres: str, column: str, kind: str, words: str) -> None:
    write(postgres, "columns", [{**ROW, column: None}], **{**TYPED, column: kind})
    error = refusal(postgres, "columns")
    assert column in str(error)
    assert words in str(error)
    assert error.permanent


def test_amounts_that_no_decimal_holds_are_broken_rows(postgres: str) -> None:
    amounts = ["NaN", "Infinity", "-Infinity", "1e20", "-1e300", None, "5"]
    for kind in ("numeric", "double precision"):
        rows = [{**without("EffectiveCost"), "BilledCost": each} for each in amounts]
        write(postgres, "columns", rows, **{**TYPED, "BilledCost": kind})
        report = fetch(postgres, "columns")
        assert report.table["BilledCost"].to_pylist() == [5]
        assert sum(report.broken.values()) == 6
        assert "column BilledCost is empty or cannot be read" in report.notes[0]


def test_nothing_that_can_be_read_is_an_error(postgres: str) -> None:
    write(postgres, "columns", [{**ROW, "BilledCost": "NaN"}, {**ROW, "BillingCurrency": "NULL"}], **TYPED)
    error = refusal(postgres, "columns")
    assert "no row of columns in these days can be read: column BillingCurrency, BilledCost is empty" in str(error)
    assert error.permanent


def test_sums_that_are_too_large_are_an_error(postgres: str) -> None:
    write(postgres, "columns", [{**ROW, "BilledCost": "9e19"}] * 2, **TYPED)
    error = refusal(postgres, "columns")
    assert str(error) == "the amounts of BilledCost are too large to be added exactly"
    assert error.permanent


TYPES = {
    "timestamp without time zone": Kind.TIME,
    "TIMESTAMP(6)": Kind.TIME,
    "timestamp(3) with time zone": Kind.INSTANT,
    "TIMESTAMP WITH LOCAL TIME ZONE": Kind.INSTANT,
    "TIMESTAMP_TZ": Kind.INSTANT,
    "TIMESTAMP_LTZ(9)": Kind.INSTANT,
    "timestamptz": Kind.INSTANT,
    "DATETIMEOFFSET(7)": Kind.INSTANT,
    "timestamp_ntz": Kind.TIME,
    "DATETIME2": Kind.TIME,
    "DATE": Kind.DATE,
    "INT64": Kind.NUMBER,
    "bigint": Kind.NUMBER,
    "decimal(38,18)": Kind.NUMBER,
    "NUMBER(38, 0)": Kind.NUMBER,
    "DECFLOAT": Kind.NUMBER,
    "DOUBLE PRECISION": Kind.DOUBLE,
    "float8": Kind.DOUBLE,
    "REAL": Kind.DOUBLE,
    "VARCHAR(20)": Kind.TEXT,
    "character varying": Kind.TEXT,
    "STRING": Kind.TEXT,
    "NVARCHAR": Kind.TEXT,
    "VARCHAR2(10)": Kind.TEXT,
    "JSONB": Kind.JSON,
    "map<string,string>": Kind.MAP,
    "VARIANT": Kind.VARIANT,
    "OBJECT": Kind.VARIANT,
    "UUID": Kind.OTHER,
    "TEXT[]": Kind.OTHER,
    "TIMESTAMP WITHOUT TIME ZONE[]": Kind.OTHER,
    "interval day to second": Kind.OTHER,
    "int4range": Kind.OTHER,
    "datemultirange": Kind.OTHER,
    "struct<a:string>": Kind.OTHER,
    "array<map<string,string>>": Kind.OTHER,
    "NullType": Kind.OTHER,
}


@pytest.mark.parametrize(("words", "kind"), TYPES.items())
def test_what_engines_call_their_types(words: str, kind: Kind) -> None:
    assert classify(words) is kind


def test_a_timestamp_of_spark_is_an_instant_and_one_of_sqlite_a_text() -> None:
    assert tell_column(ENGINES["hive"], "x", "timestamp").kind is Kind.INSTANT
    assert tell_column(ENGINES["databricks"], "x", "TIMESTAMP").kind is Kind.INSTANT
    assert tell_column(ENGINES["databricks"], "x", "timestamp_ntz").kind is Kind.TIME
    assert tell_column(ENGINES["sqlite"], "x", "DATETIME").kind is Kind.TEXT
    assert tell_column(ENGINES["trino"], "x", "TIMESTAMP").kind is Kind.TIME


def test_a_message_lists_no_endless_names() -> None:
    columns = [Column(f"c{n}\x1b" + "x" * 500, Kind.TEXT, "text") for n in range(900)]
    with pytest.raises(AdapterError, match="and 840 more") as caught:
        make_layout("t", columns)
    assert len(str(caught.value)) < 5000
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "version"),
    [
        (["BILLEDCOST"], "before 1.0"),
        (["chargecategory"], "1.0"),
        (["ServiceSubcategory"], "1.1"),
        (["INVOICEID", "ServiceSubcategory"], "1.2"),
        (["ServiceProviderName", "InvoiceId"], "1.3 or later"),
    ],
)
def test_the_version_is_told_by_the_columns(names: list[str], version: str) -> None:
    assert guess_version(names) == version
