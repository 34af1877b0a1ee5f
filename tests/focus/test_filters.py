"""Filters pushed down to the engine mean exactly what `model.Match` means."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
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


@given(st.lists(PATTERN, max_size=3), st.booleans(), st.lists(VALUE, min_size=1, max_size=8))
@example(["\\"], False, ["\\", "\\\\"])
@example(["*\\"], False, ["a\\"])
@example(["%_?"], False, ["%_x", "ab"])
@example(["?"], False, ["💸", "\n", "\0", "é"])
@example(["*"], False, ["", None, "a\nb"])
@example([], True, ["a", None])
@settings(max_examples=400, deadline=None)
def test_a_filter_in_sql_decides_as_the_model_does(patterns: list[str], negate: bool, values: list[str | None]) -> None:
    match = Match("service", tuple(patterns), negate)
    connection = duckdb.connect()
    try:
        listed = ", ".join(f"({index}, {literal(value)})" for index, value in enumerate(values))
        statement = f"SELECT {accepts(match, 'v')} FROM (VALUES {listed}, (-1, 'x')) t(i, v) WHERE i >= 0 ORDER BY i"
        answers = [answer for (answer,) in connection.execute(statement).fetchall()]
    finally:
        connection.close()
    assert answers == [match.accepts(value) for value in values]


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=200, deadline=None)
def test_any_text_survives_as_a_literal(text: str) -> None:
    connection = duckdb.connect()
    try:
        assert connection.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]
    finally:
        connection.close()


@pytest.mark.parametrize("name", ['a"b', "a b", "select", 'x"; DROP TABLE cells; --', "é"])
def test_any_name_survives_as_an_identifier(name: str) -> None:
    connection = duckdb.connect()
    try:
        assert connection.execute(f"SELECT 1 AS {identifier(name)}").description[0][0] == name
    finally:
        connection.close()


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
