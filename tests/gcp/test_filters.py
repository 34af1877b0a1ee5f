"""Filters in SQL mean exactly what `model.Match` means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.model import Match, SpendQuery, glob_regex
from cloudcircuit_gcp import sql
from cloudcircuit_gcp.columns import Schema, offered_dimensions
from cloudcircuit_gcp.names import Table
from tests.gcp import emulator
from tests.gcp.build import OCTOBER

TEXT = st.text(
    st.one_of(st.sampled_from("aAbB*?%_\\'\"[]().|^$\n\r\t\0 é💸"), st.characters(exclude_categories=["Cs"])),
    max_size=6,
)
GLOB = st.text(st.sampled_from("ab*?.\\é\n("), max_size=6).filter(set("*?").intersection)

VALUES = ["a", "A", "ab", "a*b", "a\nb", "é", "💸", "(none)", "a.b", "a|b", "^a$", " a", "Compute Engine"]
MATCHES = [
    Match("service", ("a",)),
    Match("service", ("a",), negate=True),
    Match("service", ("a*",)),
    Match("service", ("a?b", "é")),
    Match("service", ("?",)),
    Match("service", ("*",), negate=True),
    Match("service", ("a*b",), exact=True),
    Match("service", ("(none)",)),
    Match("service", ("(none)", "*|*"), negate=True),
    Match("service", ()),
    Match("service", (), negate=True),
    Match("service", ("^*$",)),
    Match("service", ("C*E*e", "a.?")),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB's regular expressions are RE2's, as BigQuery's are."""
    connection = duckdb.connect()
    yield connection
    connection.close()


@given(st.lists(GLOB, min_size=1, max_size=3).map(tuple), st.lists(TEXT, min_size=1, max_size=8))
@settings(max_examples=400, deadline=None)
def test_globs_as_regular_expressions(
    engine: duckdb.DuckDBPyConnection, globs: tuple[str, ...], values: list[str]
) -> None:
    (pattern,) = [each.value for each in sql._patterns(Match("service", globs), 0) if each.name == "r0"]
    found = engine.execute("SELECT regexp_matches(v, $1) FROM (SELECT unnest($2) AS v)", [pattern, values]).fetchall()
    wanted = [any(glob_regex(glob).fullmatch(value) for glob in globs) for value in values]
    assert [answer for (answer,) in found] == wanted


def test_the_conditions_in_the_emulator(backend: str) -> None:
    """Every match on every value, and on a missing one, in one question."""
    columns, parameters = [], []
    for place, match in enumerate(MATCHES):
        columns.append(f"{sql.accepts(match, 'v', place)} AS c{place}")
        parameters += [_wire(each) for each in sql._patterns(match, place)]
    values = {"name": "v", "parameterType": _array(), "parameterValue": _listed(VALUES)}
    text = f"SELECT v, {', '.join(columns)} FROM (SELECT NULLIF(x, ' a') AS v FROM UNNEST(@v) AS x)"
    body = {"query": text, "useLegacySql": False, "parameterMode": "NAMED", "queryParameters": [values, *parameters]}
    answer = emulator.call(f"{backend}/bigquery/v2/projects/{emulator.PROJECT}/queries", body)
    rows = [[cell["v"] for cell in each["f"]] for each in answer["rows"]]
    assert len(rows) == len(VALUES)
    for value, *verdicts in rows:
        assert [verdict == "true" for verdict in verdicts] == [match.accepts(value) for match in MATCHES], value


def _wire(parameter: sql.Parameter) -> dict[str, object]:
    if isinstance(parameter.value, tuple):
        kind, value = _array(), _listed(list(parameter.value))
    else:
        kind, value = {"type": "STRING"}, {"value": parameter.value}
    return {"name": parameter.name, "parameterType": kind, "parameterValue": value}


def _array() -> dict[str, object]:
    return {"type": "ARRAY", "arrayType": {"type": "STRING"}}


def _listed(values: list[str]) -> dict[str, object]:
    return {"arrayValues": [{"value": value} for value in values]}


def test_nothing_is_selected_without_a_name() -> None:
    for schema in Schema:
        export = sql.Export(Table("acme-billing", "export", "bill"), schema, True, timedelta(days=2))
        query = SpendQuery(*OCTOBER, dimensions=(*offered_dimensions(schema), "tag:team"))
        for statement in (sql.charges(export, query), sql.survey(export, *OCTOBER)):
            assert "*" not in statement.text.replace("COUNT(*)", "")
            assert "_PARTITIONTIME >= @since" in statement.text
            assert set(re.findall(r"@(\w+)", statement.text)) == {each.name for each in statement.parameters}
