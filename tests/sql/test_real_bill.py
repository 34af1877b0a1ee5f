"""Real bills in PostgreSQL, against what the adapter for files says of the same files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Grain, Match
from tests.sql.bills import AWS, NOWS, SAMPLE, must_say_the_same, question, read
from tests.sql.build import TYPED, open_source, run, write

TABLES = {AWS: "real.aws", SAMPLE: "real.sample"}

QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    (AWS, {"dimensions": ("service",)}),
    (AWS, {"dimensions": ("sub_account", "region", "billing_account", "provider", "charge_category")}),
    (AWS, {"dimensions": ("commitment_status",), "grain": Grain.HOUR}),
    (AWS, {"dimensions": ("service",), "zone": "America/Los_Angeles"}),
    (AWS, {"dimensions": ("service",), "zone": "Australia/Lord_Howe", "grain": Grain.HOUR}),
    (AWS, {"where": (Match("service", ("AmazonEC2", "Amazon S*")), Match("region", ("us-*",), negate=True))}),
    (AWS, {"dimensions": ("region",), "where": (Match("service", ("*Elastic*",)),)}),
    (
        AWS,
        {
            "dimensions": ("service",),
            "where": (Match("region", ("(none)", "global")), Match("charge_category", ("Usage",))),
        },
    ),
    (AWS, {"dimensions": ("service",), "visible_until": datetime(2018, 11, 12, 5, tzinfo=UTC)}),
    (SAMPLE, {"dimensions": ("tag:environment", "tag:business_unit")}),
    (SAMPLE, {"dimensions": ("provider", "sku"), "where": (Match("tag:environment", ("prod*", "(none)")),)}),
    (SAMPLE, {"dimensions": ("provider",), "grain": Grain.HOUR, "zone": "Asia/Kolkata"}),
    (SAMPLE, {"dimensions": ("service_category", "charge_class"), "zone": "America/Los_Angeles"}),
    (
        SAMPLE,
        {"dimensions": ("resource", "sub_account_name"), "where": (Match("tag:application", ("?*",), negate=True),)},
    ),
]


@pytest.fixture(scope="module", params=["timestamptz", "timestamp", "text"])
def tables(postgres: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Both bills, the times as this type; the session's own zone is far from UTC."""
    run(postgres, "ALTER DATABASE postgres SET timezone = 'Asia/Tokyo'")
    for file, table in TABLES.items():
        rows = read(file)
        times = dict.fromkeys(("ChargePeriodStart", "BillingPeriodStart"), request.param)
        if request.param != "text":
            for row in rows:
                for name in times:
                    row[name] = datetime.fromisoformat(str(row[name])).replace(tzinfo=UTC).isoformat()
        write(postgres, table, rows, **{**TYPED, **times})
    yield postgres
    run(postgres, "ALTER DATABASE postgres RESET timezone")


@pytest.mark.parametrize(("file", "more"), QUESTIONS)
def test_the_table_says_what_the_file_says(tables: str, file: str, more: dict[str, Any]) -> None:
    must_say_the_same(tables, TABLES[file], file, more)


def test_two_statements_are_enough_up_to_now(tables: str) -> None:
    report = open_source(tables, TABLES[SAMPLE], now=NOWS[SAMPLE]).fetch(question(SAMPLE), Deadline(60))
    assert report.cost.requests == 2


def test_what_a_probe_tells(tables: str) -> None:
    probe = open_source(tables, TABLES[AWS], now=NOWS[AWS]).probe(Deadline(60))
    assert (probe.accounts, probe.currencies) == (("111122223333",), ("USD",))
    assert (probe.oldest, probe.newest) == (datetime(2018, 10, 1, tzinfo=UTC), datetime(2018, 11, 30, tzinfo=UTC))
    assert probe.notes == ("PostgreSQL, FOCUS 1.0 by its columns", "rows: 6,740")
