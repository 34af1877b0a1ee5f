"""The statements as each engine's own dialect writes them; regenerate with python -m tests.sql.regenerate."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cloudcircuit_sql.columns import Kind
from cloudcircuit_sql.engines import ENGINES, tell_column
from tests.sql.compiled import CASES, GOLDEN, Case, compile_all, find

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of vendors' packages, at their import


@pytest.mark.parametrize("name", CASES)
def test_the_statements_are_those_of_the_golden_files(name: str) -> None:
    assert compile_all(name) == (GOLDEN / f"{name}.sql").read_text()


def test_each_known_engine_has_a_golden_file() -> None:
    assert {find(case).engine.label for case in CASES.values()} == {engine.label for engine in ENGINES.values()}
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_what_a_statement_may_not_have(name: str) -> None:
    """The range is on the bare column, and no engine is asked about its own time zone."""
    sums = compile_all(name).split("\n\n\n")[1].lower()
    where = sums.rpartition("\nwhere ")[2]
    assert where.lstrip('"`').startswith("chargeperiodstart")
    assert not [word for word in ("at time zone", "date_trunc", "current_", "now(") if word in sums]
    assert "decimal(38, 18)" in sums or name == "sqlite"


def test_a_catalog_goes_where_the_engine_wants_it() -> None:
    assert find(CASES["trino"]).url.database == "lake"
    assert find(CASES["athena"]).url.query["catalog_name"] == "awsdatacatalog"
    assert find(CASES["databricks"]).url.query["catalog"] == "main"
    assert find(CASES["snowflake"]).schema == "BILLING.FOCUS"
    assert find(CASES["snowflake"]).quoted == '"BILLING"."FOCUS"."CHARGES"'


REPORTED = [
    ("trino", "timestamp(3)", Kind.TIME),
    ("trino", "timestamp(6) with time zone", Kind.INSTANT),
    ("trino", "map(varchar, varchar)", Kind.MAP),
    ("trino", "decimal(38,18)", Kind.NUMBER),
    ("trino", "double", Kind.DOUBLE),
    ("trino", "varchar(20)", Kind.TEXT),
    ("trino", "array(row(key varchar, value varchar))", Kind.OTHER),
    ("awsathena", "timestamp", Kind.TIME),
    ("awsathena", "map<string,string>", Kind.MAP),
    ("awsathena", "decimal(38,18)", Kind.NUMBER),
    ("awsathena", "float", Kind.DOUBLE),
    ("awsathena", "string", Kind.TEXT),
    ("snowflake", "TIMESTAMP_NTZ", Kind.TIME),
    ("snowflake", "TIMESTAMP_LTZ", Kind.INSTANT),
    ("snowflake", "FLOAT", Kind.DOUBLE),
    ("snowflake", "NUMBER", Kind.NUMBER),
    ("snowflake", "VARIANT", Kind.VARIANT),
    ("snowflake", "OBJECT", Kind.VARIANT),
    ("snowflake", "TEXT", Kind.TEXT),
]


def reported_by(engine: str, words: str) -> Any:
    """The type that an official dialect makes of what its engine reports."""
    if engine == "trino":
        return import_module("trino.sqlalchemy.datatype").parse_sqltype(words)
    if engine == "awsathena":
        return import_module("pyathena.sqlalchemy.rest").AthenaRestDialect()._get_column_type(words)
    return import_module("snowflake.sqlalchemy.snowdialect").ischema_names[words]


@pytest.mark.parametrize(("engine", "words", "kind"), REPORTED)
def test_the_types_that_official_dialects_report_are_understood(engine: str, words: str, kind: Kind) -> None:
    case = {"awsathena": "athena"}.get(engine, engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spelled = str(sa.types.to_instance(reported_by(engine, words)).compile(dialect=find(CASES[case]).dialect))
    assert tell_column(ENGINES[engine], "x", spelled).kind is kind


@pytest.mark.parametrize(
    ("engine", "module"),
    [
        ("trino", "trino.dbapi"),
        ("snowflake", "snowflake.connector.connection_config"),
        ("databricks", "databricks.sql.session"),
    ],
)
def test_drivers_know_how_long_they_may_wait(engine: str, module: str) -> None:
    """The arguments that bound connecting are arguments that each driver has."""
    words = Path(import_module(module).__file__ or "").read_text()
    assert ENGINES[engine].timeouts
    assert [name for name in ENGINES[engine].timeouts if name not in words] == []


def test_connecting_is_bounded_unless_the_url_says_how_long() -> None:
    assert find(CASES["snowflake"]).connect_args(7.9) == {"login_timeout": 7}
    assert find(CASES["postgresql"]).connect_args(90) == {"connect_timeout": 30, "tcp_user_timeout": 90_000}
    assert find(CASES["athena"]).connect_args(90) == {}
    own = Case("postgresql://me:pw@db/billing?connect_timeout=3", "charges", {})
    assert "connect_timeout" not in find(own).connect_args(90)
