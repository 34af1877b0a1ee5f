"""Filters pushed down to the engine mean exactly what `model.Match` means."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cloudcircuit.model import Match
from cloudcircuit_focus.expressions import accepts, identifier, literal
from tests.focus.build import fetch, row, sums, write_csv, write_parquet

TEXT = st.text(
    st.one_of(st.sampled_from("aAbB*?%_\\'\"[]().|^$\n\r\t\0 é💸"), st.characters(exclude_categories=["Cs"])),
    max_size=6,
)
PATTERN = st.one_of(TEXT, st.text(st.sampled_from("ab*?%_\\"), max_size=6), st.just("(none)"))
VALUE = st.one_of(TEXT, st.text(st.sampled_from("ab%_\\"), max_size=6), st.none(), st.just("(none)"))


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    yield connection
    connection.close()


MATCH = st.builds(Match, st.just("service"), st.lists(PATTERN, max_size=3).map(tuple), st.booleans(), st.booleans())


@given(MATCH, st.lists(VALUE, min_size=1, max_size=8))
@example(Match("service", ("\\",)), ["\\", "\\\\"])
@example(Match("service", ("*\\",)), ["a\\"])
@example(Match("service", ("%_?",)), ["%_x", "ab"])
@example(Match("service", ("?",)), ["💸", "\n", "\0", "é"])
@example(Match("service", ("*",)), ["", None, "a\nb"])
@example(Match("service", (), negate=True), ["a", None])
@example(Match("service", ("a*", "(none)"), exact=True), ["a*", "ab", None, "(none)"])
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_filter_in_sql_decides_as_the_model_does(
    engine: duckdb.DuckDBPyConnection, match: Match, values: list[str | None]
) -> None:
    listed = ", ".join(f"({index}, {literal(value)})" for index, value in enumerate(values))
    statement = f"SELECT {accepts(match, 'v')} FROM (VALUES {listed}, (-1, 'x')) t(i, v) WHERE i >= 0 ORDER BY i"
    answers = [answer for (answer,) in engine.execute(statement).fetchall()]
    assert answers == [match.accepts(value) for value in values]


def test_a_glob_of_many_stars_takes_no_time(engine: duckdb.DuckDBPyConnection) -> None:
    match = Match("service", ("*a*a*a*a*a*a*a*a*b",))
    statement = f"SELECT count(*) FROM (SELECT repeat('a', 20000) AS v FROM range(100)) WHERE {accepts(match, 'v')}"
    started = time.monotonic()
    assert engine.execute(statement).fetchall() == [(0,)]
    assert time.monotonic() - started < 5


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=200, deadline=None)
def test_any_text_survives_as_a_literal(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    assert engine.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize("name", ['a"b', "a b", "select", 'x"; DROP TABLE cells; --', "é"])
def test_any_name_survives_as_an_identifier(engine: duckdb.DuckDBPyConnection, name: str) -> None:
    assert engine.execute(f"SELECT 1 AS {identifier(name)}").description[0][0] == name


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    rows = [
        row(cost="1", ServiceName="AmazonEC2", SubAccountId="1", Tags='{"team": "core"}'),
        row(cost="2", ServiceName="AmazonS3", SubAccountId="1", Tags='{"team": "web"}'),
        row(cost="4", ServiceName="AWSGlue", SubAccountId="2", Tags='{"team": "web"}'),
        row(cost="8", ServiceName=None, SubAccountId="2"),
    ]
    write_csv(tmp_path / "bill.csv", rows)
    write_parquet(tmp_path / "p/bill.parquet", [{**each, "Tags": None} for each in rows])
    return tmp_path


@pytest.mark.parametrize(
    ("where", "amount"),
    [
        ((Match("service", ("Amazon*",)),), 3),
        ((Match("service", ("Amazon*",), negate=True),), 12),
        ((Match("service", ("(none)",)),), 8),
        ((Match("service", ("(none)", "AWS*")),), 12),
        ((Match("service", ("amazonec2",)),), 0),
        ((Match("service", ("Amazon*",), exact=True),), 0),
        ((Match("service", ("AmazonS3", "(none)"), exact=True),), 10),
        ((Match("service", ("Amazon*",)), Match("sub_account", ("1",)), Match("tag:team", ("w?b",))), 2),
        ((Match("tag:team", ("(none)",), negate=True),), 7),
        ((Match("tag:none", ("x",), negate=True),), 15),
        ((Match("charge_category", ("Usage",)), Match("provider", ("AWS",))), 15),
    ],
)
def test_filters_on_a_bill(bill: Path, where: tuple[Match, ...], amount: int) -> None:
    report = fetch(bill, path="bill.csv", where=where)
    assert sum(sums(report, "BillingCurrency").values(), Decimal(0)) == amount
    assert report.broken == {}


def test_a_dimension_may_be_shown_and_filtered_at_once(bill: Path) -> None:
    report = fetch(bill, "service", "service", "tag:team", path="bill.csv", where=(Match("service", ("A*",)),))
    assert report.table.column_names.count("ServiceName") == 1
    assert sums(report, "ServiceName", "Tags.team") == {
        ("AmazonEC2", "core"): 1,
        ("AmazonS3", "web"): 2,
        ("AWSGlue", "web"): 4,
    }


def test_a_filter_that_takes_nothing_leaves_the_shape(bill: Path) -> None:
    report = fetch(bill, "service", path="p", where=(Match("service", ("nothing",)),))
    assert report.table.num_rows == 0
    assert report.table.schema.field("ServiceName").type == pa.string()
    assert report.watermark is not None
