"""Options, limits, what a reading costs, and that an answer is the same however often it is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Breakdown, CallCost, Grain, Match
from cloudcircuit.testing import MemoryMeter
from cloudcircuit_sql import Options, plugin
from tests.sql.build import REFERENCE, TYPED, fetch, open_source, question, refusal, write

SERVICES = 50


@pytest.fixture
def table(postgres: str) -> str:
    fixed = {"ChargePeriodStart": "2024-10-05", "BillingCurrency": "USD", "BilledCost": "1", "Tags": "{}"}
    write(postgres, "source", [{**fixed, "ServiceName": f"s{n}"} for n in range(SERVICES)], **{**TYPED, "Tags": "text"})
    return postgres


@pytest.mark.parametrize(
    "options",
    [
        {"url": "postgresql://me:pw@host/db", "table": "t"},
        {"url": REFERENCE, "table": ""},
        {"url": REFERENCE, "table": "a.b.c.d"},
        {"url": REFERENCE, "table": "a b"},
        {"url": REFERENCE, "table": 'a"; DROP TABLE x; --'},
        {"url": REFERENCE, "table": "t\n"},
        {"url": REFERENCE, "table": "a..b"},
        {"url": REFERENCE, "table": "t", "tags": "xml"},
        {"url": REFERENCE, "table": "t", "max_rows": 0},
        {"url": REFERENCE, "table": "t", "max_rows": True},
        {"url": REFERENCE},
        {"table": "t"},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Options.model_validate(options)
    assert ":pw@" not in str(caught.value).split("input_value")[0]


def test_tags_that_are_left_alone_are_said_at_once() -> None:
    options = Options(url=REFERENCE, table="t", tags="none")
    need = Breakdown(("service",), (Match("tag:team", ("a",)),))
    (sentence,) = plugin.unsupported(options, need, Grain.DAY)
    assert sentence == 'cannot tell charges by tag:team with tags = "none"; leave `tags` out if the table has them'
    assert plugin.unsupported(options, Breakdown(("service",)), Grain.HOUR) == ()
    assert plugin.unsupported(Options(url=REFERENCE, table="t"), need, Grain.DAY) == ()


def test_all_monitors_share_one_statement() -> None:
    options = Options(url=REFERENCE, table="t")
    needs = (Breakdown(("service",)), Breakdown(("region",), (Match("tag:team", ("a",)),)))
    assert plugin.split(options, needs, Grain.DAY) == (Breakdown(("region", "service", "tag:team")),)


def test_more_combinations_than_allowed_are_an_error(table: str) -> None:
    assert fetch(table, "source", "service", max_rows=SERVICES).table.num_rows == SERVICES
    error = refusal(table, "source", "service", max_rows=SERVICES - 1)
    assert error.permanent
    assert str(error) == (
        "there are more than 49 combinations of days and values; ask for fewer dimensions, or raise max_rows"
    )


def test_what_a_reading_costs_is_counted_and_planned(table: str) -> None:
    meter = MemoryMeter()
    source = open_source(table, "source", meter=meter, now=datetime(2024, 10, 20, tzinfo=UTC))
    (step,) = source.plan([question()], {}, Deadline(5))
    assert (step.what, step.cost, step.once) == ("statements to PostgreSQL (source)", CallCost(requests=2), False)
    assert meter.calls == []
    report = source.fetch(question(), Deadline(20))
    assert meter.calls == [CallCost(requests=1)] * 2
    assert report.cost == CallCost(requests=2)


def test_who_bills_is_said() -> None:
    source = open_source("snowflake://me:pw@account/db", "t")
    try:
        (step,) = source.plan([question()], {}, Deadline(5))
    except Exception as error:  # the driver is an extra
        assert "cloudcircuit[snowflake]" in str(error)
        return
    assert step.what == (
        "statements to Snowflake (t); Snowflake charges for the time that the warehouse runs, which is not counted here"
    )


def test_an_empty_window_has_no_rows(table: str) -> None:
    at = datetime(2024, 10, 5, tzinfo=UTC)
    report = fetch(table, "source", "service", window=(at, at))
    assert (report.table.num_rows, report.watermark) == (0, at)
    blind = fetch(table, "source", visible_until=datetime(2024, 9, 1, tzinfo=UTC))
    assert (blind.table.num_rows, blind.watermark, str(blind.status)) == (0, None, "suspicious")


def test_a_probe_tells_of_rows_without_a_time(postgres: str) -> None:
    rows = [
        {"ChargePeriodStart": start, "BillingCurrency": currency, "BilledCost": "1", "BillingAccountId": account}
        for start, currency, account in [
            ("2024-10-05T03:00:00Z", "USD", "1"),
            ("2024-10-07", "EUR", "2"),
            ("2099-01-01", "GBP", "3"),
            (None, "CHF", "4"),
        ]
    ]
    for kind in ("timestamptz", "text"):
        write(postgres, "source", rows, **{**TYPED, "ChargePeriodStart": kind})
        probe = open_source(postgres, "source").probe(Deadline(20))
        assert (probe.accounts, probe.currencies) == (("1", "2"), ("EUR", "USD"))
        assert probe.oldest == datetime(2024, 10, 5, 3, tzinfo=UTC)
        assert probe.newest == datetime(2024, 10, 7, tzinfo=UTC)
        assert probe.notes == (
            "PostgreSQL, FOCUS before 1.0 by its columns",
            "rows: 2",
            "2 rows in source could not be read (column ChargePeriodStart is empty or no time that a charge can begin"
            " at)",
        )


def test_rows_without_a_time_spoil_the_month_that_bills_them(postgres: str) -> None:
    rows: list[dict[str, Any]] = [
        {"ChargePeriodStart": "2024-10-05", "BillingPeriodStart": "2024-10-01", "BillingCurrency": "USD"},
        {"ChargePeriodStart": None, "BillingPeriodStart": "2024-09-01", "BillingCurrency": "USD"},
        {"ChargePeriodStart": "1970-01-01", "BillingPeriodStart": "2024-10-01", "BillingCurrency": "USD"},
        {"ChargePeriodStart": "9999-12-31", "BillingPeriodStart": None, "BillingCurrency": "USD"},
    ]
    for kind in ("timestamptz", "timestamp", "date", "text"):
        types = {**TYPED, "ChargePeriodStart": kind, "BillingPeriodStart": kind}
        write(postgres, "source", [{**row, "BilledCost": "1"} for row in rows], **types)
        report = fetch(postgres, "source")
        assert len(report.broken) == 31
        assert {day.day for day, count in report.broken.items() if count == 2} == {5}
        assert str(report.status) == "partial"
        assert "3 rows in source could not be read (column ChargePeriodStart" in report.notes[-1]


def test_a_text_that_only_looks_like_a_date_is_no_time(postgres: str) -> None:
    rows = [
        {"ChargePeriodStart": start, "BillingCurrency": "USD", "BilledCost": "1"}
        for start in ("2024-10-05T10:00:00+02:00", "2024-10-05 10:00", "2024-10-45", "05.10.2024", "2024/10/05")
    ]
    write(postgres, "source", rows, BilledCost="numeric")
    report = fetch(postgres, "source")
    assert report.table["BilledCost"].to_pylist() == [2]
    assert {day.day: count for day, count in report.broken.items()} == {5: 3}
    assert str(report.status) == "partial"
    assert report.notes[-1].startswith("3 rows in source could not be read (column ChargePeriodStart")
