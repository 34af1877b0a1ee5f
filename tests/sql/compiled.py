"""The statements as each engine's own dialect writes them, without an engine: what the golden files hold."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from cloudcircuit.model import Grain, Match, Secret, SpendQuery
from cloudcircuit_sql import address, tags
from cloudcircuit_sql.buckets import cut
from cloudcircuit_sql.columns import TAGS, make_layout
from cloudcircuit_sql.engines import tell_column
from cloudcircuit_sql.plan import Plan
from cloudcircuit_sql.statements import charges, newest, survey, undated

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2024, 11, 2, 18, 30, tzinfo=UTC)

PLAIN = {
    "BillingAccountId": "VARCHAR",
    "BillingCurrency": "VARCHAR",
    "BillingPeriodStart": "TIMESTAMP",
    "ChargePeriodStart": "TIMESTAMP",
    "ChargeCategory": "VARCHAR",
    "ServiceProviderName": "VARCHAR",
    "ProviderName": "VARCHAR",
    "ServiceName": "VARCHAR",
    "SubAccountId": "BIGINT",
    "Tags": "VARCHAR",
    "BilledCost": "DECIMAL(30, 15)",
    "EffectiveCost": "DOUBLE",
}
"""A FOCUS table; SubAccountId has lost its zeros, and EffectiveCost its decimals."""


@dataclass(frozen=True)
class Case:
    """One engine: a URL that is never opened, a table, the types that its own dialect reports."""

    url: str
    table: str
    types: dict[str, str]


CASES = {
    "postgresql": Case(
        "postgresql://me:pw@db/billing",
        "focus.Charges",
        {"ChargePeriodStart": "TIMESTAMP WITH TIME ZONE", "Tags": "JSONB", "EffectiveCost": "DOUBLE PRECISION"},
    ),
    "trino": Case(
        "trino://me@trino:8080/other",
        "lake.focus.charges",
        {"ChargePeriodStart": "TIMESTAMP(3) WITH TIME ZONE", "Tags": "MAP(VARCHAR, VARCHAR)"},
    ),
    "athena": Case(
        "awsathena+rest://@athena.eu-west-1.amazonaws.com/focus?s3_staging_dir=s3://bucket/results/",
        "awsdatacatalog.focus.charges",
        {"ChargePeriodStart": "TIMESTAMP", "Tags": "MAP<STRING, STRING>", "BilledCost": "DOUBLE"},
    ),
    "snowflake": Case(
        "snowflake://me:pw@account/db/schema?warehouse=small",
        "BILLING.FOCUS.CHARGES",
        {"ChargePeriodStart": "TIMESTAMP_NTZ", "Tags": "VARIANT", "EffectiveCost": "FLOAT"},
    ),
    "databricks": Case(
        "databricks://token:pw@host?http_path=/sql/1.0/warehouses/1",
        "main.focus.charges",
        {"ChargePeriodStart": "timestamp", "Tags": "map<string,string>"},
    ),
    "spark": Case(
        "hive://spark:10000/default",
        "focus.charges",
        {"ChargePeriodStart": "timestamp_ntz", "Tags": "map<string,string>", "BilledCost": "string"},
    ),
    "sqlite": Case("sqlite:///bill.db", "charges", {"ChargePeriodStart": "DATETIME", "Tags": "JSON"}),
}

DAYS = SpendQuery(
    datetime(2024, 11, 1, 7, tzinfo=UTC),
    datetime(2024, 11, 4, 8, tzinfo=UTC),
    "America/Los_Angeles",
    Grain.DAY,
    ("service", "sub_account", "provider", "tag:cost-center"),
    (
        Match("service", ("Amazon*", "a%_!?", "(none)")),
        Match("tag:cost-center", ("it's",), negate=True, exact=True),
        Match("charge_category", ("Usage",)),
    ),
    datetime(2024, 11, 3, 12, tzinfo=UTC),
)
"""Over the end of summer time, with a name that must be escaped in each of three ways."""


def find(case: Case) -> address.Address:
    return address.find(Secret("env:DB", lambda: case.url), case.table)


def make_plan(case: Case, query: SpendQuery = DAYS) -> Plan:
    where = find(case)
    types = PLAIN | case.types
    if where.engine.label == "Snowflake":
        types = {name.lower(): words for name, words in types.items()}
    layout = make_layout(case.table, [tell_column(where.engine, name, words) for name, words in types.items()])
    plan = Plan(where.engine, layout, where.source, query, NOW, cut(query, NOW))
    form = tags.choose(layout.columns[TAGS], "auto", where.engine)
    return Plan(where.engine, layout, where.source, query, NOW, plan.buckets, form)


def statements(name: str) -> dict[str, Any]:
    plan = make_plan(CASES[name])
    return {
        "the sums": charges(plan, 500_001),
        "rows that begin at no time": undated(plan),
        "the newest charge": newest(plan, NOW),
        "what there is (check --live)": survey(plan, 500_001),
    }


def compile_all(name: str) -> str:
    """The text of all statements of an engine, each with its parameters."""
    url = find(CASES[name]).url
    dialect = create_engine(url).dialect
    dialect.create_connect_args(url)  # where one of them decides how parameters are written
    settings = ";\n".join(find(CASES[name]).engine.session).format(s=300, ms=300_000)
    parts = [f"-- the session\n{settings}\n"]
    for what, statement in statements(name).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # dialects that say nothing about caching
            compiled = statement.compile(dialect=dialect)
        given = "\n".join(f"-- {key} = {value!r}" for key, value in compiled.params.items())
        parts.append(f"-- {what}\n{compiled}\n{given}\n".rstrip() + "\n")
    return "\n\n".join(parts)
