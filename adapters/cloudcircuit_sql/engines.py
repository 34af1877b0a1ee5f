"""What engines have of their own, where SQL has no common word for it: literals, casts, settings of a session, tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from cloudcircuit_sql.columns import Column, Kind, classify


class Cancel(StrEnum):
    """How a running statement is called off from another thread: a method of the cursor or of the connection."""

    NONE = ""
    CURSOR = "cursor.cancel"
    CONNECTION = "connection.cancel"
    INTERRUPT = "connection.interrupt"


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine, by SQLAlchemy's name of its dialect.

    label        what people call it; `extra` of this package brings its driver
    time, instant  an instant as a literal, to be compared with a column without a zone and with one
    kinds        types that hold something else than their name says elsewhere
    session      statements that make a connection read only, in UTC, and bounded in time ({ms}, {s})
    text         the type that any value can be cast to; `try_cast`: a cast that gives null for what cannot be cast
    exact        sums of decimals are exact; where they are not, amounts are added up here
    filters      it decides filters exactly as `model.Match` does: LIKE and equality look at every letter's case
    order        the collation that sorts texts byte by byte, where the usual one might not
    pattern      the operator that fits a text to a regular expression, where there is no `try_cast`
    map_value, variant_value  functions of a map (a variant) and a key; `json_text`: what makes text of JSON;
                 `has_jsonb`: JSON can be asked for one key
    describe     columns are told by DESCRIBE, where SQLAlchemy's reflection loses types
    catalog      where the first of three parts of a table's name goes: `schema` (in front of the schema), `database` of
                 the URL, or a key of the URL's query; empty: there are no catalogs
    cancel       how a statement is called off
    timeouts     arguments of the driver that bound connecting, in seconds
    bills        who charges for a query
    is_known     this adapter was made for it
    """

    label: str
    extra: str = ""
    time: str = "TIMESTAMP '{}'"
    instant: str | None = None
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    session: tuple[str, ...] = ()
    text: str = "VARCHAR"
    try_cast: bool = False
    exact: bool = True
    filters: bool = False
    order: str | None = None
    pattern: str | None = None
    map_value: str = ""
    variant_value: str = ""
    json_text: str = ""
    has_jsonb: bool = False
    describe: bool = False
    catalog: str = ""
    cancel: Cancel = Cancel.NONE
    timeouts: tuple[str, ...] = ()
    bills: str = ""
    is_known: bool = True


SPARK = Engine(
    label="Spark SQL",
    extra="spark",
    time="TIMESTAMP_NTZ '{}'",
    instant="TIMESTAMP '{}+00:00'",
    kinds={"timestamp": Kind.INSTANT},
    session=("SET TIME ZONE 'UTC'",),
    text="STRING",
    try_cast=True,
    filters=True,
    map_value="element_at",
    describe=True,
    catalog="schema",
)

ENGINES: Mapping[str, Engine] = {
    "postgresql": Engine(
        label="PostgreSQL",
        extra="postgres",
        instant="TIMESTAMP WITH TIME ZONE '{}+00'",
        session=(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            "SET LOCAL TIME ZONE 'UTC'",
            "SET LOCAL statement_timeout = {ms}",
        ),
        filters=True,
        order="C",
        pattern="~",
        has_jsonb=True,
        cancel=Cancel.CONNECTION,
        timeouts=("connect_timeout",),
    ),
    "trino": Engine(
        label="Trino",
        extra="trino",
        instant="TIMESTAMP '{} UTC'",
        try_cast=True,
        filters=True,
        map_value="element_at",
        json_text="json_format",
        catalog="database",
        cancel=Cancel.CURSOR,
        timeouts=("request_timeout",),
    ),
    "awsathena": Engine(
        label="Athena",
        extra="athena",
        instant="TIMESTAMP '{} UTC'",
        try_cast=True,
        filters=True,
        map_value="element_at",
        json_text="json_format",
        catalog="catalog_name",
        cancel=Cancel.CURSOR,
        bills="Athena charges by the bytes that it scans",
    ),
    "snowflake": Engine(
        label="Snowflake",
        extra="snowflake",
        time="CAST('{}' AS TIMESTAMP_NTZ)",
        instant="CAST('{} +00:00' AS TIMESTAMP_TZ)",
        session=("ALTER SESSION SET TIMEZONE = 'UTC'", "ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = {s}"),
        try_cast=True,
        filters=True,
        map_value="get",
        variant_value="get",
        catalog="schema",
        timeouts=("login_timeout",),
        bills="Snowflake charges for the time that the warehouse runs",
    ),
    "databricks": replace(
        SPARK,
        label="Databricks",
        extra="databricks",
        session=("SET TIME ZONE 'UTC'", "SET STATEMENT_TIMEOUT = {s}"),
        catalog="catalog",
        cancel=Cancel.CURSOR,
        timeouts=("_socket_timeout",),
        bills="Databricks charges for the time that the warehouse runs",
    ),
    "hive": SPARK,
    "sqlite": Engine(
        label="SQLite",
        kinds=dict.fromkeys(("date", "datetime", "timestamp"), Kind.TEXT),
        session=("PRAGMA query_only = ON",),
        text="TEXT",
        exact=False,
        cancel=Cancel.INTERRUPT,
        timeouts=("timeout",),
    ),
}
"""The engines that are known. Databricks and Spark have one SQL, and so have Trino and Athena."""


def engine_of(dialect: str) -> Engine:
    """What is known of an engine; of any other, what standard SQL promises."""
    return ENGINES.get(dialect) or Engine(label=dialect, is_known=False)


def tell_column(engine: Engine, name: str, words: str) -> Column:
    """A column by its name and by what the engine calls its type."""
    return Column(name, engine.kinds.get(words.lower()) or classify(words), words)


def moment(engine: Engine, kind: Kind, at: datetime) -> str | None:
    """An instant as a literal that a column of this kind is compared with; None where no such literal is known."""
    form = engine.instant if kind is Kind.INSTANT else engine.time
    plain = at.astimezone(UTC).replace(tzinfo=None)
    return form and form.format(plain.isoformat(" ", "microseconds" if plain.microsecond else "seconds"))
