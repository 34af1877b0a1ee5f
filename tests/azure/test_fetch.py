"""Reading spend: costs, groups, filters and what they mean, asked of a fake that answers from a table."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Grain, Match, ReportStatus, Where
from tests.azure.build import (
    ACCOUNT,
    MARCH,
    NOW,
    SUBSCRIPTION,
    asked_of,
    by_day,
    fetch,
    is_,
    like,
    open_source,
    query,
    refusal,
    sums,
)
from tests.azure.fake import VM, Fake, Spend, small_bill, spend


def test_both_costs_by_service_and_category(azure: Fake) -> None:
    azure.table = small_bill()
    report = fetch(azure, "service")
    assert sums(report, "ServiceName", "ChargeCategory", "BillingCurrency") == {
        ("Storage", "Usage", "USD"): Decimal("3.35"),
        (VM, "Usage", "USD"): 0,
        (VM, "Purchase", "USD"): 100,
        ("Storage", "Adjustment", "USD"): Decimal("-0.5"),
        (None, "Usage", "EUR"): 7,
    }
    assert sums(report, "ServiceName", "ChargeCategory", cost="EffectiveCost")[VM, "Usage"] == Decimal("4.25")
    assert report.status is ReportStatus.COMPLETE
    assert not report.notes
    assert not report.broken
    assert report.accounts == {f"/{ACCOUNT}"}


def test_without_amortized_cost_there_is_no_effective_cost(azure: Fake) -> None:
    azure.table = small_bill()
    report = fetch(azure, "service", amortized=False)
    assert "EffectiveCost" not in report.table.column_names
    assert {body["type"] for body in azure.queries} == {"ActualCost"}
    assert sum(sums(report, "ServiceName").values()) == Decimal("109.85")


def test_dimensions_and_their_missing_values(azure: Fake) -> None:
    azure.table = small_bill()
    report = fetch(azure, "region", "sub_account_name", "provider", "billing_account", "charge_category")
    found = sums(report, "RegionId", "SubAccountName", "ChargeCategory", "ProviderName", "BillingAccountId")
    assert (None, None, "Adjustment", "Microsoft", f"/{ACCOUNT}") in found
    assert ("us east", "Prod", "Usage", "Microsoft", f"/{ACCOUNT}") in found
    assert report.table.column_names.count("ChargeCategory") == 1


def test_ids_are_told_in_lower_case(azure: Fake) -> None:
    azure.table = small_bill()
    assert "bbbbbbbb-0000-0000-0000-000000000002" in sums(fetch(azure, "sub_account"), "SubAccountId")
    report = fetch(azure, "resource", scope=SUBSCRIPTION)
    assert set(sums(report, "ResourceId")) == {"/subscriptions/x/resourcegroups/rg/providers/m/a"}


def test_a_subscription_tells_its_own_id_without_asking(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1)]
    report = fetch(azure, "sub_account", scope=SUBSCRIPTION)
    assert set(sums(report, "SubAccountId")) == {SUBSCRIPTION.removeprefix("subscriptions/")}
    assert len(azure.queries) == 2
    assert report.accounts == {f"/{SUBSCRIPTION}"}


def test_commitments_are_used_or_unused(azure: Fake) -> None:
    azure.table = small_bill()
    found = sums(fetch(azure, "commitment_status"), "CommitmentDiscountStatus", "ChargeCategory", cost="EffectiveCost")
    assert found["Used", "Usage"] == Decimal("3.5")
    assert found["Unused", "Usage"] == Decimal("0.75")
    assert found[None, "Purchase"] == 0


def test_rows_that_differ_in_case_alone_are_one(azure: Fake) -> None:
    """Actual and amortised cost do not always write an id alike."""
    azure.table = [
        spend("2026-03-02", 5, 0, ResourceLocation="EU West"),
        spend("2026-03-02", 0, 4, ResourceLocation="eu west"),
    ]
    (row,) = fetch(azure, "region").table.to_pylist()
    assert (row["BilledCost"], row["EffectiveCost"]) == (5, 4)


def test_an_unknown_charge_type_counts_as_an_adjustment_and_is_named(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 5, ChargeType="Levy\x07"), spend("2026-03-02", 1, ChargeType="")]
    report = fetch(azure, "service", "region")
    assert sums(report, "ChargeCategory") == {"Adjustment": 5, "Usage": 1}
    (note,) = report.notes
    assert "Levy" in note
    assert "\x07" not in note


# --- filters --------------------------------------------------------------------------------------------

FILTERS: list[tuple[tuple[str, ...], Where]] = [
    (("service",), (like("service", VM),)),
    (("service",), (like("service", "(none)", "S*"),)),
    (("service",), (like("service", VM, negate=True), like("charge_category", "Usage"))),
    (("service",), (like("tag:env", "prod"),)),
    (("service",), (like("tag:env", "*rod", negate=True),)),
    (("region",), (is_("service", "Storage"), is_("sub_account", "aaaaaaaa-0000-0000-0000-000000000001"))),
    ((), (like("service", "Storage"),)),
    ((), (like("sub_account_name", "(none)"),)),
    ((), (like("region", "eu*"), like("service", "virtual machines"))),
    (("sku", "region"), (like("service", "Storage", VM), like("provider", "Micro*"))),
    (("commitment_status",), (like("commitment_status", "Used", "(none)"),)),
    (("service",), (like("provider", "AWS"),)),
    (("region",), (Match("service", (VM,), negate=True, exact=True),)),
    (("service", "region"), (is_("charge_category", "Purchase"),)),
]


@pytest.mark.parametrize(("dimensions", "where"), FILTERS)
def test_filters_mean_what_they_say(azure: Fake, dimensions: tuple[str, ...], where: Where) -> None:
    azure.table = small_bill()
    report = fetch(azure, *dimensions, where=where)
    # This knows neither the API nor the adapter.
    expected = [each for each in azure.table if all(m.accepts(_value(m.dimension, each)) for m in where)]
    for cost in ("BilledCost", "EffectiveCost"):
        told: dict[Any, Decimal] = defaultdict(Decimal)
        for each in expected:
            told[each.day] += Decimal(repr(each.actual if cost == "BilledCost" else each.amortized))
        assert by_day(report, cost) == told
    assert report.told == {date(2026, 3, 2), date(2026, 3, 3)}


def _value(dimension: str, charge: Spend) -> str | None:
    kind = charge.dims["ChargeType"]
    if dimension.startswith("tag:"):
        return charge.tags.get(dimension[4:])
    if dimension == "charge_category":
        return {"Refund": "Adjustment", "UnusedReservation": "Usage"}.get(kind, kind)
    if dimension == "commitment_status":
        covered = kind == "Usage" and charge.dims["PricingModel"] == "Reservation"
        return "Unused" if kind.startswith("Unused") else "Used" if covered else None
    name = {
        "service": "ServiceName",
        "sub_account": "SubscriptionId",
        "sub_account_name": "SubscriptionName",
        "region": "ResourceLocation",
    }.get(dimension)
    raw = charge.dims[name] if name else "Microsoft"
    return (raw.lower() if dimension in {"region", "sub_account"} else raw) or None


def test_a_service_that_costs_nothing_any_more_is_told(azure: Fake) -> None:
    """A filter that Azure applies leaves nothing of a day; that the day is there says the bill without it."""
    azure.table = [spend("2026-03-02", 1, ServiceName=VM), spend("2026-03-02", 1), spend("2026-03-09", 1)]
    report = fetch(azure, "region", where=(is_("service", VM),))
    assert by_day(report) == {date(2026, 3, 2): 1}
    assert report.told == {date(2026, 3, 2), date(2026, 3, 9)}
    assert report.watermark == datetime(2026, 3, 9, tzinfo=UTC)


def test_a_service_that_is_written_otherwise_is_named(azure: Fake) -> None:
    """Azure's filter does not look at case, ours does: what it lets through is not taken for what was asked."""
    azure.table = small_bill()
    found = refusal(azure, "region", "sku", where=(like("service", VM.lower()),))
    assert "Azure writes Virtual Machines; write where.service like it" in str(found)
    assert found.permanent
    report = fetch(azure, "region", "sku", where=(like("service", VM),))
    assert sums(report, "SkuId", "ChargeCategory")["D2", "Usage"] == 0


def test_what_cannot_be_answered_is_refused(azure: Fake) -> None:
    assert "needs service, region, sku" in str(refusal(azure, "service", "region", "sku"))
    assert "set grain" in str(refusal(azure, grain=Grain.HOUR))
    found = refusal(azure, "service", zone="Europe/Paris")
    assert found.permanent
    assert 'timezone = "UTC"' in str(found)
    assert not azure.calls


def test_names_of_utc_are_utc(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1)]
    assert by_day(fetch(azure, zone="Etc/UTC")) == {date(2026, 3, 2): 1}


# --- what is asked --------------------------------------------------------------------------------------


def test_windows_are_asked_month_by_month_and_never_beyond_today(azure: Fake) -> None:
    window = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
    azure.table = [spend(day, 1) for day in ("2026-01-14", "2026-01-15", "2026-02-28", "2026-03-20", "2026-03-21")]
    report = fetch(azure, window=window, amortized=False)
    assert [asked[1:3] for asked in asked_of(azure)] == [
        ("2026-01-15", "2026-01-31"),
        ("2026-02-01", "2026-02-28"),
        ("2026-03-01", "2026-03-20"),
    ]
    assert sorted(by_day(report)) == [date(2026, 1, 15), date(2026, 2, 28), date(2026, 3, 20)]


def test_a_day_to_come_is_never_asked_for(azure: Fake) -> None:
    azure.table = [spend("2026-03-20", 1), spend("2026-03-21", 1)]
    report = fetch(azure, visible_until=NOW + timedelta(days=5))
    assert asked_of(azure)[0][2] == "2026-03-20"
    assert sorted(by_day(report)) == [date(2026, 3, 20)]


def test_a_window_that_has_not_begun_asks_nothing(azure: Fake) -> None:
    window = (NOW + timedelta(days=1), NOW + timedelta(days=3))
    report = fetch(azure, window=(window[0].replace(hour=0), window[1].replace(hour=0)))
    assert report.watermark is None
    assert report.table.num_rows == 0
    assert not azure.calls


def test_two_dimensions_are_asked_for_each_charge_type_that_occurs(azure: Fake) -> None:
    azure.table = small_bill()
    fetch(azure, "service", "region")
    groups = [asked for asked in asked_of(azure) if asked[3] != ("ChargeType",)]
    kinds = [body["dataset"]["filter"]["dimensions"]["values"] for body in azure.queries if "filter" in body["dataset"]]
    assert {asked[3] for asked in groups} == {("ServiceName", "ResourceLocation")}
    assert kinds == [["Purchase"], ["Refund"], ["UnusedReservation"], ["Usage"]] * 2


def test_a_single_charge_type_needs_no_filter(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1), spend("2026-03-03", 2)]
    report = fetch(azure, "service", "region")
    assert not any("filter" in body["dataset"] for body in azure.queries)
    assert sums(report, "ServiceName", "RegionId", "ChargeCategory") == {("Storage", "eu west", "Usage"): 3}


def test_totals_are_asked_once_in_a_cycle(azure: Fake) -> None:
    azure.table = small_bill()
    source = open_source(azure)
    first = source.fetch(query("service"), Deadline(30))
    second = source.fetch(query("region"), Deadline(30))
    source.close()
    assert (first.cost.requests, second.cost.requests) == (4, 2)
    assert first.cost.dollars == 0


# --- days -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("newest", "lag", "expected"),
    [
        ("2026-03-20", 24, datetime(2026, 3, 19, 12, tzinfo=UTC)),
        ("2026-03-20", 6, datetime(2026, 3, 20, tzinfo=UTC)),
        ("2026-03-15", 24, datetime(2026, 3, 15, tzinfo=UTC)),
    ],
)
def test_the_watermark(azure: Fake, newest: str, lag: float, expected: datetime) -> None:
    azure.table = [spend("2026-03-01", 1), spend(newest, 1)]
    assert fetch(azure, "service", lag_hours=lag).watermark == expected


def test_no_rows_are_no_data(azure: Fake) -> None:
    report = fetch(azure, "service")
    assert report.watermark is None
    assert report.status is ReportStatus.SUSPICIOUS
    assert not report.told
    assert "no data, not no spend" in report.notes[0]


def test_what_is_not_visible_yet_does_not_exist(azure: Fake) -> None:
    azure.table = [spend("2026-03-09", 1), spend("2026-03-10", 2), spend("2026-03-11", 4)]
    at = datetime(2026, 3, 10, 8, tzinfo=UTC)
    report = fetch(azure, visible_until=at)
    assert by_day(report) == {date(2026, 3, 9): 1, date(2026, 3, 10): 2}
    assert report.watermark == at - timedelta(hours=24)
    assert sorted(by_day(fetch(azure, visible_until=datetime(2026, 3, 10, tzinfo=UTC)))) == [date(2026, 3, 9)]


def test_a_currency_may_change_within_the_month(azure: Fake) -> None:
    azure.table = [
        spend("2026-03-02", 1),
        spend("2026-03-02", 2, currency="EUR"),
        spend("2026-03-03", 4, currency="EUR"),
    ]
    assert sums(fetch(azure, "service"), "BillingCurrency") == {"USD": 1, "EUR": 6}


def test_amounts_are_exact(azure: Fake) -> None:
    text = b"218.68795741935486123"

    def exact(found: dict[str, Any]) -> bytes:
        return json.dumps(found).encode().replace(b"218.5", text)

    azure.table = [spend("2026-03-02", 218.5)]
    azure.edit = exact
    assert by_day(fetch(azure, "service")) == {date(2026, 3, 2): Decimal(text.decode())}


def test_what_the_drivers_may_ask_for(azure: Fake) -> None:
    azure.table = small_bill()
    assert "resource" not in fetch(azure, "service").dimensions
    found = fetch(azure, "service", scope=SUBSCRIPTION, window=MARCH).dimensions
    assert {"region", "sku", "resource", "commitment_status"} <= set(found)
    assert "service" not in found
