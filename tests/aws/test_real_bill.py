"""The real bill through Cost Explorer, against the same bill read as a FOCUS export."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.model import Match, Where, column_of
from cloudcircuit.ports import SpendReport
from tests.aws.build import AUTUMN, days_of, fetch, only, sums, total
from tests.aws.server import Server
from tests.aws.table import PAYER, ROOT
from tests.focus.build import fetch as read_export

EXPORT = "examples/aws-2018-10-11.csv"
COSTS = ("BilledCost", "EffectiveCost")


def exported(*dimensions: str, where: Where = ()) -> SpendReport:
    return read_export(ROOT, *dimensions, path=EXPORT, window=AUTUMN, where=where)


def by(report: SpendReport, *dimensions: str) -> dict[Any, tuple[Decimal, Decimal]]:
    """Both costs by day, currency and dimensions, without what cost nothing.

    The export keeps the part of a commitment that nobody used in its purchase; FOCUS, and we, call it usage.
    """
    found: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in report.table.to_pylist():
        key = (row["ChargePeriodStart"], row["BillingCurrency"], *(row[column_of(name)] for name in dimensions))
        found[key][0] += row["BilledCost"]
        found[key][1] += row["EffectiveCost"]
    return {key: (amounts[0], amounts[1]) for key, amounts in found.items() if any(amounts)}


@pytest.mark.parametrize(
    "dimensions",
    [
        (),
        ("service",),
        ("sub_account",),
        ("service", "sub_account"),
        ("tag:department",),
        ("tag:environment", "service"),
    ],
)
def test_the_bill_is_the_export_to_the_last_digit(server: Server, dimensions: tuple[str, ...]) -> None:
    report = fetch(*dimensions)
    assert by(report, *dimensions) == by(exported(*dimensions), *dimensions)
    assert (report.broken, report.notes[1:]) == ({}, ())
    assert len(days_of(report)) == 61
    assert (round(total(report), 2), round(total(report, "EffectiveCost"), 2)) == (
        Decimal("7569.81"),
        Decimal("7828.52"),
    )


@pytest.mark.parametrize(
    "where",
    [
        (only("region", "eu-west-1", "us-east-1"),),
        (only("region", "us-east-1", negate=True),),
        (only("tag:department", "Sales"), only("region", "us-east-1")),
        (only("tag:department", "(none)"),),
        (only("tag:department", "(none)", "Finance"),),
        (Match("tag:department", ("S*", "Fin?nce")),),
        (Match("service", ("Amazon *",), negate=True),),
        (only("service", "AWS Glue", "Amazon QuickSight"),),
    ],
)
@pytest.mark.parametrize("dimensions", [("sub_account",), ("service",)])
def test_filters_take_what_they_take_of_the_export(server: Server, dimensions: tuple[str, ...], where: Where) -> None:
    report = fetch(*dimensions, where=where)
    expected = by(exported(*dimensions, where=where), *dimensions)
    assert expected
    assert by(report, *dimensions) == expected
    assert len(report.told) == 61, "days without a row cost nothing under this filter"


def test_what_commitments_are_in_focus(server: Server) -> None:
    """Their fees are purchases; what nobody used of them is usage in EffectiveCost, and nothing in BilledCost."""
    report = fetch("commitment_status")
    billed, effective = (sums(report, "ChargeCategory", "CommitmentDiscountStatus", cost=c) for c in COSTS)
    assert {key: round(amount, 2) for key, amount in billed.items()} == {
        ("Usage", None): Decimal("7272.65"),
        ("Purchase", None): Decimal("297.16"),
    }
    assert {key: round(amount, 2) for key, amount in effective.items()} == {
        ("Usage", None): Decimal("7272.65"),
        ("Usage", "Used"): Decimal("463.65"),
        ("Usage", "Unused"): Decimal("92.21"),
    }


@pytest.mark.parametrize(
    "dimensions", [("commitment_status", "service"), ("commitment_status", "service", "sub_account")]
)
def test_the_commitment_status_is_told_beside_any_grouping(server: Server, dimensions: tuple[str, ...]) -> None:
    status = fetch("commitment_status")
    assert sums(fetch(*dimensions), "CommitmentDiscountStatus", cost="EffectiveCost") == sums(
        status, "CommitmentDiscountStatus", cost="EffectiveCost"
    )


def test_categories_can_be_asked_for_and_filtered_by(server: Server) -> None:
    report = fetch("charge_category", "service", where=(only("charge_category", "Purchase"),))
    assert sums(report, "ChargeCategory") == sums(
        exported("charge_category", where=(only("charge_category", "Purchase"),)), "ChargeCategory"
    )
    assert len(report.told) == 61


def test_what_is_the_same_everywhere(server: Server) -> None:
    report = fetch("billing_account", "provider")
    assert set(sums(report, "BillingAccountId", "ProviderName")) == {(PAYER, "AWS")}
    assert report.accounts == {PAYER}


def test_accounts_by_name(server: Server) -> None:
    server.names = {PAYER: "Payer Ltd", "044455556666": "Team $1 / Süd"}
    names = sums(fetch("sub_account_name", "sub_account"), "SubAccountId", "SubAccountName")
    assert set(names) == {(PAYER, "Payer Ltd"), ("044455556666", "Team $1 / Süd")}
    assert len(server.seen[-1]["GroupBy"]) == 2, "the name costs no grouping"
    report = fetch("sub_account_name", where=(only("sub_account_name", "Payer Ltd"),))
    assert set(sums(report, "SubAccountName")) == {"Payer Ltd"}


def test_accounts_that_have_no_name_any_more(server: Server) -> None:
    server.names = {PAYER: "Payer Ltd"}
    assert set(sums(fetch("sub_account_name"), "SubAccountName")) == {"Payer Ltd", None}


def test_without_a_metric_for_effective_cost_there_is_no_column(server: Server) -> None:
    report = fetch("service", effective="none")
    assert "EffectiveCost" not in report.table.column_names
    assert sums(report, "ChargeCategory") == {
        "Usage": Decimal("7272.6507206647"),
        "Purchase": Decimal("297.159379"),
    }
    assert server.seen[-1]["Metrics"] == ["UnblendedCost"]


def test_the_watermark(server: Server) -> None:
    report = fetch("service")
    assert report.watermark is not None and report.watermark.date() == date(2018, 11, 30)
