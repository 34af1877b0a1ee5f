"""Two months of a company's bill, always the same: what real exports hold, on a small scale."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.gcp.build import ACCOUNT, labels, row, stamp

START, END = datetime(2024, 9, 20, tzinfo=UTC), datetime(2024, 11, 20, tzinfo=UTC)
PROJECTS = (
    {"id": "web", "name": "Web shop", "labels": labels(team="shop", env="prod")},
    {"id": "data-lake", "name": "Data", "labels": labels(team="data")},
    {"id": "sandbox-1", "name": "Sandbox", "labels": []},
)
SERVICES = (
    ("Compute Engine", "2E27-4F75-95CD", "us-central1", "4.1273"),
    ("BigQuery", "3362-E469-6BEF", "us", "1.000313"),
    ("Cloud Storage", "E5F0-6A5D-7BAD", "europe-west1", "0.019999"),
)


def rows() -> list[dict[str, Any]]:
    return [*_usage(), *_monthly(), *_odd()]


def _usage() -> Iterator[dict[str, Any]]:
    """Every day some hours of each service in each project, with the discounts that belong to them."""
    random = Random(20241120)
    for day in range((END - START).days):
        for project in PROJECTS:
            for name, sku, region, price in SERVICES:
                begins = START + timedelta(days=day, hours=random.randrange(24))
                cost = Decimal(price) * random.randrange(1, 30)
                late = random.choice((4, 9, 26)) if random.random() < 0.97 else 24 * 9
                yield row(
                    begins,
                    cost=str(cost),
                    credits=list(_credits(random, name, cost)),
                    service={"id": sku, "description": name},
                    sku={"id": sku, "description": f"{name} usage"},
                    project=project,
                    location={"region": None if region == "us" else region},
                    labels=labels(env="test") if random.random() < 0.3 else [],
                    export_time=stamp(begins + timedelta(hours=late)),
                )


def _credits(random: Random, service: str, cost: Decimal) -> Iterator[tuple[str, str]]:
    if service == "Compute Engine":
        yield "SUSTAINED_USAGE_DISCOUNT", str(cost * Decimal("-0.2"))
        if random.random() < 0.5:
            yield "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", str(cost * Decimal("-0.28"))
    if service == "BigQuery" and random.random() < 0.4:
        yield "PROMOTION", str(-cost)
    if service == "Cloud Storage":
        yield "FREE_TIER", "-0.01"


def _monthly() -> Iterator[dict[str, Any]]:
    """Tax, support without a project, rounding, the fee of a commitment."""
    for month in (9, 10):
        end = datetime(2024, month, 30, 23, tzinfo=UTC)
        yield row(end, cost="61.33", cost_type="tax", project=None, service={"description": "Invoice"})
        yield row(end, cost="-0.004", cost_type="rounding_error", project=None, service={"description": "Invoice"})
        yield row(end, cost="150", project=None, service={"description": "Support"}, sku={"id": "S-1"})
        yield row(end, cost="-20.5", cost_type="adjustment", service={"description": "Compute Engine"})
        yield row(end, cost="33.2", sku={"id": "CUD-1", "description": "Commitment v1: N2 Core for 1 year"})


def _odd() -> Iterator[dict[str, Any]]:
    """A sub-account of a reseller, a row that was exported a month late, a service without a name."""
    begins = datetime(2024, 10, 3, 7, tzinfo=UTC)
    yield row(begins, cost="3.5", billing_account_id="0AAAAA-0BBBBB-0CCCCC", credits=[("RESELLER_MARGIN", "-0.35")])
    yield row(begins, cost="7.25", export_time=stamp(begins + timedelta(days=35)))
    yield row(begins, cost="0.125", service={"description": ""}, sku=None, billing_account_id=ACCOUNT)
