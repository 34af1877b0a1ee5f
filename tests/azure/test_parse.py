"""Answers, byte for byte: the recorded ones of every scope, and every kind of dirt."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.charges import parse_amount
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Cost
from cloudcircuit_azure.parse import Answer, Page, read_page, read_rows
from cloudcircuit_azure.queries import Question
from cloudcircuit_azure.scopes import parse_scope
from tests.azure.build import by_day, fetch, refusal, sums
from tests.azure.fake import Fake, Reply, spend

RECORDED = sorted((Path(__file__).parent / "data").glob("*.json"))
GROUP = ("Dimension", "ResourceGroup")


def question(*groupings: tuple[str, str], kind: str | None = "Usage") -> Question:
    return Question(Cost.BILLED, date(2018, 3, 1), date(2018, 4, 30), groupings, (), kind)


def rows_of(page: Page, *groupings: tuple[str, str], kind: str | None = "Usage") -> Answer:
    answer = Answer()
    read_rows(page, question(*groupings, kind=kind), answer)
    return answer


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_answers_of_every_scope(path: Path) -> None:
    recorded = json.loads(path.read_text())
    found = recorded["responses"]["200"]["body"]
    page = read_page(json.dumps(found).encode())
    assert page.next_link == found["properties"]["nextLink"]
    names = page.columns
    groupings = [("Dimension", name) for name in names if name not in {"PreTaxCost", "UsageDate", "Currency"}]
    if "UsageDate" not in names:  # these were not asked by day
        with pytest.raises(AdapterError, match="no column, or several, for UsageDate"):
            rows_of(page, *groupings)
        return
    answer = rows_of(page, *groupings)
    assert not answer.broken
    assert len(answer.rows) == len(page.rows)
    for row, raw in zip(answer.rows, found["properties"]["rows"], strict=True):
        assert row.amount == Decimal(repr(raw[0])).quantize(Decimal(1).scaleb(-18))
        assert row.currency == "USD"
        assert row.values == tuple(raw[1:-2])


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_scopes_are_scopes(path: Path) -> None:
    recorded = json.loads(path.read_text())["parameters"]
    if "scope" not in recorded:  # other clouds' bills, which have a call of their own
        assert "externalCloudProviderId" in recorded
        return
    assert parse_scope(recorded["scope"]).path == "/" + recorded["scope"]


def body(rows: Any, columns: Any = ("Cost", "ResourceGroup", "UsageDate", "Currency"), **more: Any) -> bytes:
    listed = [{"name": name, "type": "String"} for name in columns]
    return json.dumps({"properties": {"columns": listed, "rows": rows, "nextLink": None, **more}}).encode()


def test_columns_are_found_by_name_in_any_order_and_case() -> None:
    page = read_page(body([["EUR", 20180331, "rg", 1.5]], ("currency", "USAGEDATE", "resourcegroup", "PreTaxCost")))
    (row,) = rows_of(page, GROUP).rows
    assert (row.day, row.amount, row.currency, row.values) == (date(2018, 3, 31), Decimal("1.5"), "EUR", ("rg",))


@pytest.mark.parametrize("columns", [("Cost", "TagKey", "TagValue", "UsageDate"), ("Cost", "x", "ENV", "UsageDate")])
def test_a_tag_is_found_by_its_value_or_its_key(columns: tuple[str, ...]) -> None:
    page = read_page(body([[1, "env", "prod", 20180331, "USD"]], (*columns, "Currency")))
    assert rows_of(page, ("TagKey", "env")).rows[0].values == ("prod",)


def test_a_tag_named_like_a_column_of_ours_is_a_tag() -> None:
    page = read_page(
        body([[1, "chargetype", "gift", 20180331, "USD"]], ("Cost", "TagKey", "TagValue", "UsageDate", "Currency"))
    )
    (row,) = rows_of(page, ("TagKey", "ChargeType")).rows
    assert (row.charge_type, row.values) == ("Usage", ("gift",))


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        (("Amount", "ResourceGroup", "UsageDate", "Currency"), "the cost"),
        (("Cost", "ResourceGroupName", "UsageDate", "Currency"), "ResourceGroup"),
        (("Cost", "ResourceGroup", "BillingMonth", "Currency"), "UsageDate"),
        (("Cost", "ResourceGroup", "UsageDate", "Money"), "Currency"),
        (("Cost", "ResourceGroup", "UsageDate", "usagedate"), "UsageDate"),
    ],
)
def test_a_column_that_was_renamed_is_named(columns: tuple[str, ...], missing: str) -> None:
    with pytest.raises(AdapterError, match=f"no column, or several, for {missing}"):
        rows_of(read_page(body([[1, "rg", 20180331, "USD"]], columns)), GROUP)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>",
        b'{"properties": {"columns": [], "rows": [[1]]}}',
        b'{"properties": {"columns": [{"name": "Cost"}], "rows": {}}}',
        b'{"properties": {"columns": [{"nom": "Cost"}], "rows": []}}',
        b'{"properties": {"columns": [], "rows": []}, "properties": {"columns": [], "rows": []}}',
        b'{"properties": {"columns": [], "rows": [], "nextLink": 7}}',
        body([["x"]]),
        body([])[:-1],
        body([]).replace(b"Cost", b"\xff\xfe"),
        b"[" * 100_000,
        b'{"properties": ' * 20_000,
        b'{"a": 1' + b"0" * 10_000 + b"}",
    ],
)
def test_what_is_no_answer_is_never_no_spend(raw: bytes) -> None:
    with pytest.raises(AdapterError, match="nothing of it is used"):
        read_page(raw)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_in_words(raw: bytes) -> None:
    with pytest.raises(AdapterError):
        read_page(raw)


BAD_AMOUNTS = ["NaN", "Infinity", "-Infinity", "null", '"1.5"', '"1,234.56"', '""', "true", "1e308", "[1]", "{}"]


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_an_amount_that_is_none_breaks_its_day_and_no_other(azure: Fake, amount: str) -> None:
    azure.table = [spend("2026-03-02", 1), spend("2026-03-03", 98765.5), spend("2026-03-04", 4)]
    azure.edit = lambda found: json.dumps(found).encode().replace(b"98765.5", amount.encode())
    report = fetch(azure, "service")
    assert by_day(report) == {date(2026, 3, 2): 1, date(2026, 3, 4): 4}
    assert set(report.broken) == {date(2026, 3, 3)}
    again = fetch(azure, "service", marks=report.marks)
    assert again.unchanged == {date(2026, 3, 2), date(2026, 3, 4)}
    assert set(again.broken) == {date(2026, 3, 3)}
    assert "2026-03-03 stays provisional" in report.notes[0]


def test_an_empty_currency_breaks_its_day(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1, currency=" "), spend("2026-03-03", 1, currency=None)]
    report = fetch(azure, amortized=False)
    assert dict(report.broken) == {date(2026, 3, 2): 1, date(2026, 3, 3): 1}
    assert report.table.num_rows == 0
    assert report.watermark is not None


@pytest.mark.parametrize("amount", [-0.0, -12.5, 1e-30, 0, 99999999999999])
def test_odd_amounts_that_are_amounts(azure: Fake, amount: float) -> None:
    azure.table = [spend("2026-03-02", amount), spend("2026-03-02", 0)]
    report = fetch(azure, "service")
    assert not report.broken
    assert by_day(report) == {date(2026, 3, 2): parse_amount(amount)}


def test_the_same_key_twice_in_a_page_is_added_up(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 3)]

    def halve(found: dict[str, Any]) -> dict[str, Any]:
        found["properties"]["rows"] = [[1, *row[1:]] for row in found["properties"]["rows"] for _ in range(3)]
        return found

    azure.edit = halve
    assert sums(fetch(azure, "service"), "ServiceName") == {"Storage": 3}


@pytest.mark.parametrize("day", [20260228, 20260321, 20250302, 0, "soon", None, 20261345])
def test_days_that_were_not_asked_for_are_not_trusted(azure: Fake, day: Any) -> None:
    azure.table = [spend("2026-03-02", 3)]

    def shift(found: dict[str, Any]) -> dict[str, Any]:
        found["properties"]["rows"] = [[*row[:-2], day, row[-1]] for row in found["properties"]["rows"]]
        return found

    azure.edit = shift
    found = refusal(azure, "service")
    assert not found.permanent
    assert "was asked for 2026-03-01 to 2026-03-20" in str(found) or "a day that is none" in str(found)


def test_no_content_is_no_data(azure: Fake) -> None:
    azure.script = [Reply(204), Reply(204)]
    report = fetch(azure, "service")
    assert report.watermark is None
    assert report.table.num_rows == 0
