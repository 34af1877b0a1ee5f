"""Tags, however a table keeps them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.model import ReportStatus
from cloudcircuit_sql import tags
from cloudcircuit_sql.columns import Column, Kind
from cloudcircuit_sql.engines import ENGINES
from tests.sql.build import TYPED, fetch, refusal, write

KEYS = ("team", "aws:createdBy", "a.b/c", "it's", 'quo"te', "$.x[0]", "schlüssel", "Team", "a b", "\\")


def bill(url: str, kind: str, *texts: str | None) -> None:
    rows = [
        {"ChargePeriodStart": f"2024-10-0{place + 1}", "BillingCurrency": "USD", "BilledCost": 2**place, "Tags": text}
        for place, text in enumerate(texts)
    ]
    write(url, "tagged", rows, **{**TYPED, "Tags": kind})


def values(url: str, key: str, **more: Any) -> dict[Any, int]:
    report = fetch(url, "tagged", f"tag:{key}", **more)
    assert report.broken == {}
    found: dict[Any, int] = {}
    for row in report.table.to_pylist():
        found[row[f"Tags.{key}"]] = found.get(row[f"Tags.{key}"], 0) + int(row["BilledCost"])
    return found


@pytest.mark.parametrize("kind", ["jsonb", "json", "text"])
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_itself_whatever_its_letters(postgres: str, kind: str, key: str) -> None:
    pairs = json.dumps([{"key": key, "value": "pair"}, {"key": "other", "value": "x"}])
    spelled = json.dumps([{"Key": key, "Value": "Pair"}])
    bill(postgres, kind, json.dumps({key: "here", "other": "x"}), json.dumps({"other": key}), pairs, spelled, None)
    assert values(postgres, key) == {"here": 1, "pair": 4, "Pair": 8, None: 2 + 16}


@pytest.mark.parametrize("kind", ["jsonb", "text"])
def test_values_that_are_no_texts(postgres: str, kind: str) -> None:
    bill(postgres, kind, '{"k": 1.50}', '{"k": true}', '{"k": null}', '{"k": ""}', "{}", "[]", "7", '"k"')
    assert values(postgres, "k") == {"1.50": 1, "true": 2, None: 4 + 8 + 16 + 32 + 64 + 128}


def test_words_for_nothing_are_no_tags(postgres: str) -> None:
    bill(postgres, "text", "", "NULL", "null", None, '{"k": "NULL"}')
    assert values(postgres, "k") == {None: 15, "NULL": 16}


def test_a_text_that_is_no_json_is_a_broken_row(postgres: str) -> None:
    bill(postgres, "text", '{"k": "a"}', "{k: a}", '{"k": NaN}', "[" * 100_000, '{"k": "a"}')
    report = fetch(postgres, "tagged", "tag:k")
    assert {day.day: rows for day, rows in report.broken.items()} == {2: 1, 3: 1, 4: 1}
    assert report.status is ReportStatus.COMPLETE
    assert "3 rows in tagged could not be read (column Tags is empty or cannot be read)" in report.notes[0]
    assert sum(report.table["BilledCost"].to_pylist()) == 17
    assert fetch(postgres, "tagged").broken == {}


def test_tags_left_alone_are_no_dimension(postgres: str) -> None:
    bill(postgres, "text", "{}")
    error = refusal(postgres, "tagged", "tag:k", tags="none")
    assert error.permanent
    assert 'tags = "none"' in str(error)
    assert fetch(postgres, "tagged", tags="none").table.num_rows == 1


def test_a_column_that_gives_no_tags_is_told_with_the_way_out(postgres: str) -> None:
    bill(postgres, "text[]", None)
    error = refusal(postgres, "tagged", "tag:k")
    assert "column Tags has type" in str(error)
    assert "make a view that gives it as JSON text" in str(error)
    assert fetch(postgres, "tagged").table.num_rows == 1


@pytest.mark.parametrize(
    ("engine", "kind", "wanted", "form"),
    [
        ("trino", Kind.MAP, "auto", tags.Form.MAP),
        ("trino", Kind.TEXT, "auto", tags.Form.TEXT),
        ("trino", Kind.JSON, "auto", tags.Form.TEXT),
        ("trino", Kind.OTHER, "map", tags.Form.MAP),
        ("trino", Kind.OTHER, "auto", None),
        ("hive", Kind.MAP, "auto", tags.Form.MAP),
        ("snowflake", Kind.VARIANT, "auto", tags.Form.VARIANT),
        ("snowflake", Kind.TEXT, "auto", tags.Form.TEXT),
        ("databricks", Kind.VARIANT, "auto", None),
        ("postgresql", Kind.JSON, "auto", tags.Form.JSONB),
        ("postgresql", Kind.TEXT, "auto", tags.Form.TEXT),
        ("postgresql", Kind.OTHER, "json", tags.Form.TEXT),
        ("postgresql", Kind.TEXT, "map", None),
        ("sqlite", Kind.JSON, "auto", tags.Form.TEXT),
        ("sqlite", Kind.TEXT, "none", None),
    ],
)
def test_how_tags_are_read(engine: str, kind: Kind, wanted: Any, form: tags.Form | None) -> None:
    column = Column("Tags", kind, "of some type")
    if form is not None:
        assert tags.choose(column, wanted, ENGINES[engine]) is form
        return
    with pytest.raises(Exception, match="Tags") as caught:
        tags.choose(column, wanted, ENGINES[engine])
    assert caught.value.permanent  # type: ignore[attr-defined]  # an AdapterError


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
@settings(max_examples=300, deadline=None)
def test_any_json_has_tags_or_none(value: Any) -> None:
    found = tags.parse(json.dumps(value))
    if isinstance(value, dict):
        assert found.keys() == value.keys()
        for key, each in value.items():
            if isinstance(each, str):
                assert found[key] == (each or None)
    elif not isinstance(value, list):
        assert found == {}


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_is_json_or_a_value_error(text: str) -> None:
    try:
        tags.parse(text)
    except ValueError:
        assert not is_json(text)


def is_json(text: str) -> bool:
    """As JSON has it: Python knows words like NaN beside."""
    words: list[str] = []
    try:
        json.loads(text, parse_constant=words.append)
    except ValueError:
        return False
    return not words
