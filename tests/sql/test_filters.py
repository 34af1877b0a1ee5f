"""Filters mean exactly what `model.Match` means, decided by the engine or here."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import registry

from cloudcircuit.model import Match
from cloudcircuit_sql.expressions import accepts
from tests.sql.build import TYPED, fetch, write

TEXT = st.text(
    st.one_of(
        st.sampled_from("aAbB*?%_!\\'\"[]().|^$\n\r\té💸"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=6,
)
PATTERN = st.one_of(TEXT, st.text(st.sampled_from("ab*?%_!\\"), max_size=6), st.just("(none)"))
VALUE = st.one_of(TEXT, st.text(st.sampled_from("ab%_!\\"), max_size=6), st.none(), st.just("(none)"))
MATCH = st.builds(Match, st.just("service"), st.lists(PATTERN, max_size=3).map(tuple), st.booleans(), st.booleans())


@pytest.fixture(scope="module")
def connection(postgres: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(postgres.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as found:
        yield found
    engine.dispose()


@given(MATCH, st.lists(VALUE, min_size=1, max_size=8))
@example(Match("service", ("\\",)), ["\\", "\\\\"])
@example(Match("service", ("*\\", "!*")), ["a\\", "!", "a"])
@example(Match("service", ("%_?",)), ["%_x", "ab"])
@example(Match("service", ("?",)), ["💸", "\n", "é", "e\u0301"])
@example(Match("service", ("*",)), ["", None, "a\nb"])
@example(Match("service", (), negate=True), ["a", None])
@example(Match("service", ("a*", "(none)"), exact=True), ["a*", "ab", None, "(none)"])
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_filter_in_sql_decides_as_the_model_does(
    connection: sa.Connection, match: Match, values: list[str | None]
) -> None:
    rows = sa.values(sa.column("i", sa.Integer), sa.column("v", sa.Text), name="t").data(list(enumerate(values)))
    verdict: sa.ColumnElement[Any] = accepts(match, rows.c.v)
    answers = connection.execute(sa.select(verdict).select_from(rows).order_by(rows.c.i)).scalars().all()
    assert answers == [match.accepts(value) for value in values]


WHERE = [
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
    ((Match("charge_category", ("Usage",), negate=True),), 0),
]


@pytest.fixture(scope="module", params=["jsonb", "json", "text", "an engine that is not known"])
def bill(postgres: str, request: pytest.FixtureRequest) -> str:
    """The URL of a table of four services; the last is asked as if nobody had heard of its engine."""
    rows = [
        ("1", "AmazonEC2", "1", '{"team": "core"}', "Usage"),
        ("2", "AmazonS3", "1", '{"team": "web"}', "Usage"),
        ("4", "AWSGlue", "2", '{"team": "web"}', None),
        ("8", None, "2", None, "Usage"),
    ]
    names = ("BilledCost", "ServiceName", "SubAccountId", "Tags", "ChargeCategory")
    fixed = {"ChargePeriodStart": "2024-10-05", "BillingCurrency": "USD", "ProviderName": "AWS"}
    known = request.param in ("jsonb", "json", "text")
    types = {**TYPED, "Tags": request.param if known else "text"}
    if not known:
        types["ChargePeriodStart"] = "timestamp"
    write(postgres, "bill", [{**dict(zip(names, row, strict=True)), **fixed} for row in rows], **types)
    registry.register("strange", "sqlalchemy.dialects.postgresql.psycopg", "PGDialect_psycopg")
    return postgres if known else postgres.replace("postgresql:", "strange:")


@pytest.mark.parametrize(("where", "amount"), WHERE)
def test_filters_on_a_bill(bill: str, where: tuple[Match, ...], amount: int) -> None:
    report = fetch(bill, "bill", where=where)
    assert sum(report.table["BilledCost"].to_pylist(), Decimal(0)) == amount
    assert report.broken == {}
    assert report.told == {at.date() for at in [report.watermark] if at}


@pytest.mark.parametrize(("where", "amount"), WHERE)
def test_filters_on_what_is_shown_as_well(bill: str, where: tuple[Match, ...], amount: int) -> None:
    report = fetch(bill, "bill", "service", "service", "tag:team", "charge_category", where=where)
    assert sum(report.table["BilledCost"].to_pylist(), Decimal(0)) == amount
    assert report.table.column_names.count("ServiceName") == 1


def test_an_engine_that_is_not_known_is_said_to_be_so(bill: str) -> None:
    notes = fetch(bill, "bill").notes
    assert any("no engine that this adapter was made for" in note for note in notes) is bill.startswith("strange")
    assert "rows without a ChargeCategory, taken for Usage: 1" in notes
