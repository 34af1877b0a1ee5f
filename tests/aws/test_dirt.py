"""Answers that are not what they should be: a flaw of their day, or an error, and never zero."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain
from cloudcircuit_aws.asks import Span, start_of_day
from cloudcircuit_aws.days import read_totals
from cloudcircuit_aws.kinds import Kind, by_kind, kind_of, parts
from cloudcircuit_aws.parse import Groups, read_money
from tests.aws.build import fetch, sums
from tests.aws.conftest import Start
from tests.aws.table import Line, Table

DAY = date(2018, 11, 30)


def small(*lines: Line) -> Table:
    table = Table()
    table.add(*(lines or (Line(DAY, service="A", billed=Decimal(3)), Line(DAY, service="B", billed=Decimal(4)))))
    return table


AMOUNTS: list[Any] = [
    "NaN", "Infinity", "-inf", "", " ", "1,5", "1,234.56", "1_000", "0x10", "1e400", "1" * 60, "１２", "None", "--1",
    "1.2.3", None, 5, 1.5, True, [], {},
]  # fmt: skip


@pytest.mark.parametrize("amount", AMOUNTS)
def test_an_amount_that_is_none_breaks_its_day(start: Start, amount: object) -> None:
    server = start(small())

    def spoil(page: dict[str, Any]) -> None:
        (group,) = (g for p in page["ResultsByTime"] for g in p["Groups"] if "A" in g["Keys"])
        group["Metrics"]["UnblendedCost"]["Amount"] = amount

    server.faults = [None, spoil]
    report = fetch("service")
    assert report.broken == {DAY: 1}
    assert (report.told, report.marks) == (frozenset(), {})
    assert sums(report, "ServiceName") == {"B": Decimal(4)}, "what can be read is a lower bound"


@pytest.mark.parametrize("amount", AMOUNTS)
def test_such_an_amount_of_a_total_is_an_error(start: Start, amount: object) -> None:
    server = start(small())

    def spoil(page: dict[str, Any]) -> None:
        page["ResultsByTime"][-1]["Total"]["UnblendedCost"]["Amount"] = amount

    server.faults = [spoil]
    with pytest.raises(AdapterError, match="totals of 2018-11-30 cannot be read"):
        fetch("service")


def edit_group(change: Any) -> Any:
    def edit(page: dict[str, Any]) -> None:
        for period in page["ResultsByTime"]:
            for group in period["Groups"][:1]:
                change(group)

    return edit


@pytest.mark.parametrize(
    "change",
    [
        lambda group: group["Metrics"].pop("AmortizedCost"),
        lambda group: group["Metrics"]["AmortizedCost"].update(Unit="EUR"),
        lambda group: group["Metrics"]["AmortizedCost"].update(Unit=""),
        lambda group: [each.update(Unit="EUR") for each in group["Metrics"].values()],
        lambda group: group.update(Metrics={}),
        lambda group: group.update(Metrics=None),
        lambda group: group.update(Keys=["Usage"]),
        lambda group: group.update(Keys=["Usage", "A", "B"]),
        lambda group: group.update(Keys=[7, None]),
        lambda group: group.update(Keys=None),
    ],
)
def test_a_group_that_is_not_whole_breaks_its_day(start: Start, change: Any) -> None:
    server = start(small())
    server.faults = [None, edit_group(change)]
    report = fetch("service")
    assert report.broken == {DAY: 1}
    assert sums(report, "ServiceName") == {"B": Decimal(4)}
    assert any("groups of 2018-11-30" in note for note in report.notes)


def test_a_tag_without_its_key_before_it_is_no_group(start: Start) -> None:
    server = start(small(Line(DAY, tags=(("team", "x"),)), Line(DAY)))
    server.faults = [None, edit_group(lambda group: group.update(Keys=["Usage", "x"]))]
    assert fetch("tag:team").broken == {DAY: 1}


@pytest.mark.parametrize("key", ["team", "te$am", "a:b/c", "Ünï"])
@pytest.mark.parametrize("value", ["x", "$", "a$b", "", " "])
def test_tags_with_any_key_and_value(start: Start, key: str, value: str) -> None:
    start(small(Line(DAY, tags=((key, value),)), Line(DAY, billed=Decimal(9))))
    expected = {value or None: Decimal(1)} if value else {}
    assert sums(fetch(f"tag:{key}"), f"Tags.{key}") == (
        {**expected, None: Decimal(9)} if value else {None: Decimal(10)}
    )


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ResultsByTime": None},
        {"ResultsByTime": "x"},
        {"ResultsByTime": [5]},
        {"ResultsByTime": [{}]},
        {"ResultsByTime": [{"TimePeriod": {"Start": "2018-11-30"}}]},
        {"ResultsByTime": [{"TimePeriod": {"Start": "2018-11-30", "End": "2018-12-02"}}]},
        {"ResultsByTime": [{"TimePeriod": {"Start": "2018-02-30", "End": "2018-03-01"}}]},
        {"ResultsByTime": [{"TimePeriod": {"Start": 5, "End": []}}]},
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_answer_is_an_error(start: Start, answer: dict[str, Any], place: int) -> None:
    server = start(small())
    server.faults = [None] * place + [lambda _page: answer] * 9
    with pytest.raises(AdapterError, match=r"Cost Explorer|cannot be read"):
        fetch("service", seconds=20)


def test_no_periods_at_all_are_no_data(start: Start) -> None:
    server = start(small())
    server.faults = [lambda page: {**page, "ResultsByTime": []}]
    report = fetch("service")
    assert (report.watermark, report.status.value, report.told) == (None, "suspicious", frozenset())
    assert any("no data, not no spend" in note for note in report.notes)


def test_an_account_without_any_spend_has_no_data(start: Start) -> None:
    start(Table())
    report = fetch("service")
    assert (report.watermark, report.table.num_rows, report.status.value) == (None, 0, "suspicious")


def test_a_currency_that_changes_amid_a_month_is_told_as_it_is(start: Start) -> None:
    start(small(Line(date(2018, 11, 29), billed=Decimal(3)), Line(DAY, billed=Decimal(4), currency="EUR")))
    report = fetch("service")
    assert sums(report, "BillingCurrency") == {"USD": Decimal(3), "EUR": Decimal(4)}
    assert report.broken == {}


def test_negative_and_zero_days(start: Start) -> None:
    start(small(Line(date(2018, 11, 29), billed=Decimal(-30), record_type="Refund"), Line(DAY, billed=Decimal(0))))
    report = fetch("service")
    assert report.told == {date(2018, 11, 29), DAY}
    assert sums(report, "ChargeCategory") == {"Adjustment": Decimal(-30)}
    assert report.table.num_rows == 2, "a day that cost nothing and had usage is a day with data"


def test_record_types_that_nobody_knows_are_adjustments_and_named(start: Start) -> None:
    start(small(Line(DAY, record_type="Quantum\x1bRebate", billed=Decimal(5)), Line(DAY)))
    for dimensions in (("service",), ("service", "sub_account")):
        report = fetch(*dimensions)
        assert sums(report, "ChargeCategory") == {"Usage": Decimal(1), "Adjustment": Decimal(5)}
        assert any("record types that are not known" in note and "Quantum\ufffdRebate" in note for note in report.notes)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Usage", Kind.USAGE),
        ("DiscountedUsage", Kind.COVERED),
        ("Savings Plan Negation", Kind.COVERED),
        ("SavingsPlanCoveredUsage", Kind.COVERED),
        ("RIFee", Kind.COMMITMENT),
        ("Upfront reservation fee", Kind.COMMITMENT),
        ("SavingsPlanRecurringFee", Kind.COMMITMENT),
        ("SavingsPlanUpfrontFee", Kind.COMMITMENT),
        ("Fee", Kind.PURCHASE),
        ("Support fee", Kind.PURCHASE),
        ("Other out-of-cycle charges", Kind.PURCHASE),
        ("Tax", Kind.TAX),
        ("Credit", Kind.CREDIT),
        ("Refund", Kind.ADJUSTMENT),
        ("Enterprise Discount Program Discount", Kind.USAGE),
        ("BundledDiscount", Kind.USAGE),
        ("EdpDiscount", Kind.USAGE),
        ("RiVolumeDiscount", Kind.USAGE),
        ("", Kind.ADJUSTMENT),
        ("Something new", Kind.ADJUSTMENT),
    ],
)
def test_kinds_of_record_types(name: str, kind: Kind) -> None:
    assert kind_of(name) is kind


def test_kinds_come_apart_when_their_status_is_asked_for() -> None:
    types = ["Tax", "Usage", "DiscountedUsage"]
    assert by_kind(types, apart=False) == {Kind.USAGE: ("DiscountedUsage", "Usage"), Kind.TAX: ("Tax",)}
    assert by_kind(types, apart=True)[Kind.COVERED] == ("DiscountedUsage",)


MONEY = st.decimals(min_value=-(10**9), max_value=10**9, places=6)


@given(st.sampled_from(Kind), MONEY, st.none() | MONEY)
def test_no_kind_gains_or_loses_money(kind: Kind, billed: Decimal, effective: Decimal | None) -> None:
    found = parts(kind, billed, effective)
    assert sum(part[2] for part in found) == billed
    assert [part[3] for part in found] == [None] if effective is None else sum(p[3] or 0 for p in found) == effective


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["2018-11-30", "2018-12-01", "USD", "1.5"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "ResultsByTime",
                        "TimePeriod",
                        "Start",
                        "End",
                        "Groups",
                        "Keys",
                        "Metrics",
                        "UnblendedCost",
                        "Amount",
                    ),
                    *("Unit", "Total", "Estimated", "NextPageToken", "DimensionValueAttributes", "Value", "Attributes"),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(["ResultsByTime", "DimensionValueAttributes"]), JSON, max_size=2))
def test_any_json_is_an_answer_or_an_error(page: dict[str, Any]) -> None:
    try:
        groups = Groups()
        groups.add(page, ("RECORD_TYPE", "SERVICE"), ("UnblendedCost",), Grain.DAY)
        assert all(cell.amounts[0].is_finite() for cell in groups.cells)
    except AdapterError as error:
        assert "Cost Explorer" in str(error)


@given(JSON)
def test_any_json_is_totals_or_an_error(periods: object) -> None:
    span = Span(start_of_day(DAY), start_of_day(date(2018, 12, 2)))
    try:
        totals = read_totals([{"ResultsByTime": periods}], span, ("UnblendedCost",), Grain.DAY)
        assert all(total.amounts for total in totals.days.values())
    except AdapterError as error:
        assert "Cost Explorer" in str(error)


@given(st.text() | st.from_regex(r"-?[0-9]{1,50}(\.[0-9]{1,50})?([eE]-?[0-9]{1,4})?", fullmatch=True))
def test_amounts_are_finite_decimals_or_nothing(text: str) -> None:
    found = read_money({"X": {"Amount": text, "Unit": "USD"}}, ["X"])
    assert found is None or (found[0][0].is_finite() and abs(found[0][0]) < 10**20)


def test_small_amounts_with_an_exponent() -> None:
    assert read_money({"X": {"Amount": "1.2E-7", "Unit": "USD"}}, ["X"]) == ((Decimal("0.00000012"),), "USD")


def test_usage_of_any_size_is_a_number(start: Start) -> None:
    start(small(Line(DAY, usage=Decimal("3e30"))))
    assert fetch("service").told == {DAY}
