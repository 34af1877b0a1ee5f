"""Real bills, against a plain sum with csv and Decimal."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.model import ReportStatus
from tests.focus.build import by_day, fetch, open_source, sums, total

ROOT = Path(__file__).parents[2]
AWS = "examples/aws-2018-10-11.csv"
SAMPLE = "tests/data/focus/focus_sample.csv"
AUTUMN = (datetime(2018, 10, 1, tzinfo=UTC), datetime(2018, 12, 1, tzinfo=UTC))
SEPTEMBER = (datetime(2024, 9, 1, tzinfo=UTC), datetime(2024, 10, 1, tzinfo=UTC))
LATER = datetime(2024, 12, 1, tzinfo=UTC)


def plain(file: str, *columns: str, cost: str = "BilledCost") -> dict[Any, Decimal]:
    totals: dict[Any, Decimal] = defaultdict(Decimal)
    with (ROOT / file).open(newline="") as stream:
        for row in csv.DictReader(stream):
            key = tuple(None if row[column] in ("", "NULL") else row[column] for column in columns)
            totals[key[0] if len(key) == 1 else key] += Decimal(row[cost])
    return dict(totals)


@pytest.mark.parametrize(("cost", "rounded"), [("BilledCost", "7569.81"), ("EffectiveCost", "7828.52")])
def test_the_aws_bill_adds_up_to_the_last_digit(cost: str, rounded: str) -> None:
    report = fetch(ROOT, path=AWS, window=AUTUMN)
    assert total(report, cost) == sum(plain(AWS, "ServiceName", cost=cost).values())
    assert round(total(report, cost), 2) == Decimal(rounded)


@pytest.mark.parametrize(
    ("dimensions", "columns"),
    [
        (("service",), ("ServiceName",)),
        (("sub_account", "region"), ("SubAccountId", "RegionId")),
        (("charge_category", "commitment_status"), ("ChargeCategory", "CommitmentDiscountStatus")),
    ],
)
def test_every_group_of_the_aws_bill_is_exact(dimensions: tuple[str, ...], columns: tuple[str, ...]) -> None:
    report = fetch(ROOT, *dimensions, path=AWS, window=AUTUMN)
    assert sums(report, *columns) == plain(AWS, *columns)


def test_days_and_the_watermark_of_the_aws_bill() -> None:
    report = fetch(ROOT, path=AWS, window=AUTUMN)
    days = by_day(report)
    assert (len(days), min(days), max(days)) == (61, date(2018, 10, 1), date(2018, 11, 30))
    expected = {datetime.fromisoformat(at).date(): sum_ for at, sum_ in plain(AWS, "ChargePeriodStart").items()}
    assert days == expected
    assert report.watermark == datetime(2018, 11, 30, tzinfo=UTC)
    assert (report.status, report.broken, report.notes) == (ReportStatus.COMPLETE, {}, ())
    assert report.accounts == {"111122223333"}
    assert report.cost.bytes == (ROOT / AWS).stat().st_size


def test_leading_zeros_of_account_ids_stay() -> None:
    report = fetch(ROOT, "sub_account", path=AWS, window=AUTUMN)
    assert "044455556666" in sums(report, "SubAccountId")


def test_the_sample_of_three_providers() -> None:
    report = fetch(ROOT, "provider", "billing_account", path=SAMPLE, window=SEPTEMBER)
    assert sums(report, "ProviderName", "BillingAccountId") == plain(SAMPLE, "ProviderName", "BillingAccountId")
    assert {provider for provider, _ in sums(report, "ProviderName", "BillingAccountId")} == {
        "AWS",
        "Microsoft",
        "Oracle",
    }


def test_tags_of_the_sample_are_those_that_json_reads() -> None:
    expected: dict[Any, Decimal] = defaultdict(Decimal)
    with (ROOT / SAMPLE).open(newline="") as stream:
        for row in csv.DictReader(stream):
            tags = {} if row["Tags"] == "NULL" else json.loads(row["Tags"])
            expected[tags.get("environment"), tags.get("business_unit")] += Decimal(row["BilledCost"])
    report = fetch(ROOT, "tag:environment", "tag:business_unit", path=SAMPLE, window=SEPTEMBER)
    assert sums(report, "Tags.environment", "Tags.business_unit") == expected
    assert len(expected) > 50


def test_the_shape_of_the_answer() -> None:
    report = fetch(ROOT, "provider", "tag:environment", "charge_category", path=SAMPLE, window=SEPTEMBER)
    amount = pa.decimal128(38, 18)
    assert report.table.schema == pa.schema(
        [
            ("ChargePeriodStart", pa.timestamp("us", tz="UTC")),
            ("BillingCurrency", pa.string()),
            ("ChargeCategory", pa.string()),
            ("ProviderName", pa.string()),
            ("Tags.environment", pa.string()),
            ("BilledCost", amount),
            ("EffectiveCost", amount),
        ]
    )
    assert report.table.column("BilledCost").null_count == report.table.column("EffectiveCost").null_count == 0


def test_one_row_for_each_combination() -> None:
    table = fetch(ROOT, "service", path=AWS, window=AUTUMN).table
    keys = table.select(["ChargePeriodStart", "BillingCurrency", "ChargeCategory", "ServiceName"])
    assert keys.group_by(keys.column_names).aggregate([]).num_rows == table.num_rows


def test_what_a_probe_tells() -> None:
    probe = open_source(ROOT, SAMPLE, LATER).probe(Deadline(60))
    assert set(probe.accounts) == set(plain(SAMPLE, "BillingAccountId"))
    assert probe.currencies == ("USD",)
    assert (probe.oldest, probe.newest) == (SEPTEMBER[0], datetime(2024, 9, 30, 23, tzinfo=UTC))
    assert probe.notes == ("1 file: CSV, FOCUS 1.0", "rows that count: 1,000")
