"""What the figures of an export come to, where a plain sum would be wrong; against the emulator."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.charges import day_start
from cloudcircuit.model import Match, ReportStatus
from cloudcircuit.testing.context import MemoryMeter
from cloudcircuit_gcp import client
from tests.gcp import emulator
from tests.gcp.build import ACCOUNT, NAMES, NOW, OCTOBER, SCHEMAS, ask, labels, options, refusal, row, stamp, sums
from tests.gcp.front import Google


def load(google: Google, rows: list[dict[str, Any]], schema: str = "standard") -> dict[str, Any]:
    """Put rows into an export; the options that read it."""
    assert google.backend
    emulator.fill(google.backend, NAMES[schema], rows)
    return options(google.url, schema)


def test_discounts_make_usage_cheaper_and_promotions_pay_for_it(bigquery: Google) -> None:
    rows = [
        row(cost="10.1", credits=[("SUSTAINED_USAGE_DISCOUNT", "-2.05"), ("PROMOTION", "-3")]),
        row(cost="0.000000001", credits=[("FEE_UTILIZATION_OFFSET", "-0")]),
        row(cost="2", cost_type="tax", project=None),
        row(cost="-0.01", cost_type="rounding_error"),
    ]
    report = ask(load(bigquery, rows))
    assert sums(report, "ChargeCategory") == {
        "Usage": Decimal("8.050000001"),
        "Credit": Decimal("-3"),
        "Tax": Decimal("2"),
        "Adjustment": Decimal("-0.01"),
    }
    assert sums(report, "ChargeCategory", cost="EffectiveCost") == sums(report, "ChargeCategory")
    assert report.accounts == {ACCOUNT}


def test_a_cost_type_that_is_new_is_a_correction_and_told(bigquery: Google) -> None:
    report = ask(load(bigquery, [row(cost_type="mystery"), row(cost_type=None)]))
    assert sums(report, "ChargeCategory") == {"Adjustment": 1, "Usage": 1}
    assert any("mystery" in note for note in report.notes)


@pytest.mark.parametrize(("day", "hours"), [(date(2024, 3, 10), 23), (date(2024, 11, 3), 25), (date(2024, 7, 1), 24)])
def test_a_day_has_the_hours_of_its_zone(bigquery: Google, day: date, hours: int) -> None:
    zone = "America/Los_Angeles"
    start, end = day_start(day, zone), day_start(day + timedelta(days=1), zone)
    rows = [row(start + timedelta(hours=n), cost="1") for n in range(-3, 28)]
    report = ask(load(bigquery, rows), start=start, end=end)
    assert sums(report, "ChargePeriodStart") == {start: hours}


def test_labels_of_the_resource_come_before_those_of_the_project(bigquery: Google) -> None:
    project = {"id": "web", "labels": labels(team="project", only="there")}
    rows = [
        row(cost="1", project=project, labels=labels(team="resource")),
        row(cost="2", project=project, labels=labels(team="")),
        row(cost="4", project=None),
    ]
    report = ask(load(bigquery, rows), "tag:team", "tag:only", "sub_account")
    assert sums(report, "Tags.team", "Tags.only", "SubAccountId") == {
        ("resource", "there", "web"): 1,
        ("project", "there", "web"): 2,
        (None, None, None): 4,
    }


def test_a_detailed_export_has_resources(bigquery: Google) -> None:
    rows = [
        row(cost="1", resource={"name": "vm", "global_name": "//compute/vm"}),
        row(cost="2", resource={"name": "bucket", "global_name": ""}),
        row(cost="4", resource=None),
    ]
    report = ask(load(bigquery, rows, "detailed"), "resource")
    assert sums(report, "ResourceId") == {"//compute/vm": 1, "bucket": 2, None: 4}


@pytest.mark.parametrize("bad", ["NaN", "Infinity", None])
def test_a_row_without_an_amount_keeps_its_day_provisional(bigquery: Google, bad: str | None) -> None:
    rows = [row(cost=bad), row(cost="5"), row("2024-10-06T10:00", cost="1", credits=[("DISCOUNT", bad)])]
    report = ask(load(bigquery, rows))
    assert report.broken == {date(2024, 10, 5): 1, date(2024, 10, 6): 1}
    assert sums(report, "BillingCurrency") == {"USD": 5}
    assert any("2024-10-05" in note for note in report.notes)


def test_a_row_that_does_not_say_when_makes_the_report_partial(bigquery: Google) -> None:
    report = ask(load(bigquery, [row(), row(usage_start_time=None)]))
    assert report.status is ReportStatus.PARTIAL
    assert sums(report, "BillingCurrency") == {"USD": 1}
    assert any("do not say when" in note for note in report.notes)


def test_what_begins_in_the_future_is_not_seen_yet(bigquery: Google) -> None:
    chosen = load(bigquery, [row("2024-10-05T10:00"), row("2024-10-05T12:00"), row("2024-10-20T12:00")])
    report = ask(chosen, visible_until=datetime(2024, 10, 5, 12, tzinfo=UTC))
    assert sums(report, "BillingCurrency") == {"USD": 1}


def test_an_export_that_stands_still_settles_nothing_more(bigquery: Google) -> None:
    stopped = datetime(2024, 10, 6, 1, tzinfo=UTC)
    chosen = load(bigquery, [row("2024-10-05T10:00", export_time=stamp(stopped))])
    assert ask(chosen).watermark == stopped - timedelta(hours=24)
    fresh = load(bigquery, [row("2024-10-05T10:00", export_time=stamp(NOW + timedelta(minutes=5)))])
    assert ask(fresh).watermark == NOW - timedelta(hours=24)


def test_behind_a_filter_days_and_watermark_are_those_of_the_whole_export(bigquery: Google) -> None:
    rows = [
        row("2024-10-05T10:00", service={"description": "A"}),
        row("2024-10-07T10:00", service={"description": "B"}),
    ]
    chosen = load(bigquery, rows)
    report = ask(chosen, where=(Match("service", ("A",), exact=True),))
    assert report.told == {date(2024, 10, 5), date(2024, 10, 7)}
    assert report.watermark == ask(chosen).watermark
    assert sums(report, "BillingCurrency") == {"USD": 1}


def test_an_empty_export_is_no_data(bigquery: Google) -> None:
    report = ask(load(bigquery, []))
    assert report.watermark is None
    assert report.status is ReportStatus.SUSPICIOUS
    assert report.table.num_rows == 0
    assert any("no data, not no spend" in note for note in report.notes)


def test_a_copy_of_another_name_has_no_partitions(bigquery: Google) -> None:
    assert bigquery.backend
    emulator.create(bigquery.backend, "bill", SCHEMAS["standard"])
    emulator.fill(bigquery.backend, "bill", [row(cost="3")])
    table = f"{emulator.PROJECT}.{emulator.DATASET}.bill"
    chosen = options(bigquery.url, table=table, schema="standard", partitioned=False)
    assert sums(ask(chosen), "BillingCurrency") == {"USD": 3}
    assert all("_PARTITIONTIME" not in str(call.body) for call in bigquery.calls)


def test_pages_are_read_to_the_end(bigquery: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAGE_ROWS", 100)
    rows = [row(cost="1", project={"id": f"p{n}", "labels": []}) for n in range(450)]
    report = ask(load(bigquery, rows), "sub_account")
    assert report.table.num_rows == 450
    assert sums(report, "BillingCurrency") == {"USD": 450}
    assert sum("/queries/" in call.path for call in bigquery.calls) >= 5


def test_another_schema_than_the_tables_is_refused_with_the_way_out(bigquery: Google) -> None:
    assert set(SCHEMAS) == {"standard", "detailed", "focus"}
    error = refusal(options(bigquery.url, "focus", schema="standard"))
    assert error.permanent
    assert "is `schema` the one of" in str(error)


def test_what_it_costs_is_counted_before(bigquery: Google) -> None:
    meter = MemoryMeter()
    bigquery.size = 3 * 2**30
    report = ask(load(bigquery, [row()]), meter=meter)
    assert report.cost == meter.spent
    assert (report.cost.requests, report.cost.bytes) == (2, 3 * 2**30)
    assert report.cost.dollars == Decimal("0.018310547")


def test_the_window_is_sent_as_parameters(bigquery: Google) -> None:
    ask(load(bigquery, [row()]), "tag:o'brien`", where=(Match("service", ("x'; DROP*",)),))
    query = next(call.body["configuration"]["query"] for call in bigquery.calls if call.is_job and not call.is_dry)
    for text in ("o'brien", "DROP", "2024", "Los_Angeles", "*"):
        assert text not in query["query"].replace("COUNT(*)", "")
    parameters = {each["name"]: each["parameterValue"].get("value") for each in query["queryParameters"]}
    since = datetime.fromisoformat(parameters["since"].replace(" ", "T"))
    assert since == OCTOBER[0] - timedelta(days=2)
