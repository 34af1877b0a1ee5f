"""The statements against the model in plain Python, on a bill of two months and on random rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudcircuit.charges import day_start
from cloudcircuit.clock import Deadline
from cloudcircuit.model import Grain, Match, SpendQuery, column_of
from cloudcircuit.ports import SpendReport
from cloudcircuit.testing.context import adapter_context
from cloudcircuit_gcp import Options, plugin
from tests.gcp import bill, emulator
from tests.gcp.build import NAMES, NOW, ZONE, labels, options, row, stamp
from tests.gcp.front import Google
from tests.gcp.model import expect

WINDOW = (day_start(datetime(2024, 9, 25), ZONE), day_start(datetime(2024, 11, 21), ZONE))


def check(google: Google, rows: list[dict[str, Any]], query: SpendQuery) -> SpendReport:
    """Ask, and hold everything that is said against the model."""
    source = plugin.open(Options.model_validate(options(google.url)), adapter_context(NOW))
    report = source.fetch(query, Deadline(60))
    wanted = expect(rows, query)
    columns = ["ChargePeriodStart", "BillingCurrency", "ChargeCategory"]
    shown = [column_of(name) for name in query.dimensions]
    found = {
        (*(each[name] for name in columns), tuple(each[name] for name in shown)): each["BilledCost"]
        for each in report.table.to_pylist()
        if each["BilledCost"]
    }
    assert found == wanted.sums
    assert report.table["BilledCost"].to_pylist() == report.table["EffectiveCost"].to_pylist()
    assert dict(report.broken) == dict(wanted.broken)
    now = query.visible_until or NOW
    assert report.watermark == (wanted.newest and min(wanted.newest, now) - timedelta(hours=24))
    assert report.told == (wanted.days if query.where else frozenset())
    return report


@pytest.mark.parametrize(
    ("dimensions", "where"),
    [
        ((), ()),
        (("service", "sub_account", "sub_account_name", "region", "sku", "billing_account"), ()),
        (("tag:team", "tag:env"), ()),
        (("service",), (Match("tag:env", ("prod", "(none)")), Match("service", ("C*",)))),
        (("sku",), (Match("sub_account", ("(none)",)), Match("charge_category", ("Usage",)))),
        (("sub_account",), (Match("charge_category", ("Credit",)),)),
        (("region",), (Match("sub_account", ("web", "data*"), negate=True),)),
    ],
)
def test_two_months(bigquery: Google, dimensions: tuple[str, ...], where: tuple[Match, ...]) -> None:
    rows = bill.rows()
    assert bigquery.backend
    emulator.fill(bigquery.backend, NAMES["standard"], rows)
    report = check(bigquery, rows, SpendQuery(*WINDOW, ZONE, dimensions=dimensions, where=where, visible_until=NOW))
    assert report.table.num_rows > 0
    assert not report.broken


AMOUNT = st.sampled_from(["0", "1", "-2.5", "0.1", "0.000000001", "123456.789", "1e-7", "3.3333333333"])
BAD = st.sampled_from(["NaN", "Infinity", None])
TEXT = st.sampled_from(["a", "b*", "a\nb", "", None])
CREDIT = st.tuples(
    st.sampled_from(["PROMOTION", "SUSTAINED_USAGE_DISCOUNT", "FEE_UTILIZATION_OFFSET", "NEW_ONE", None]),
    st.one_of(AMOUNT, AMOUNT, AMOUNT, BAD),
)
ROW = st.builds(
    lambda begins, cost, lowered, service, project, team, other, kind, currency, late: row(
        begins,
        cost=cost,
        credits=lowered,
        service={"id": "1", "description": service},
        project=None if project is None else {"id": project, "labels": labels(team=other) if other is not None else []},
        labels=labels(team=team) if team is not None else [],
        cost_type=kind,
        currency=currency,
        export_time=stamp(begins + late),
    ),
    st.datetimes(datetime(2024, 10, 30), datetime(2024, 11, 6)).map(lambda at: at.replace(tzinfo=UTC)),
    st.one_of(AMOUNT, AMOUNT, AMOUNT, AMOUNT, BAD),
    st.lists(CREDIT, max_size=3),
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    st.sampled_from(["regular", "regular", "tax", "adjustment", "rounding_error", "something_new", None]),
    st.sampled_from(["USD", "USD", "EUR", ""]),
    st.timedeltas(timedelta(0), timedelta(days=20)),
)
MATCH = st.builds(
    Match,
    st.sampled_from(["service", "sub_account", "tag:team", "charge_category"]),
    st.lists(st.sampled_from(["a", "b*", "?", "a?b", "(none)", "Usage", "*"]), max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
)


@given(
    st.lists(ROW, min_size=1, max_size=25),
    st.lists(MATCH, max_size=2).map(tuple),
    st.sampled_from([Grain.DAY, Grain.HOUR]),
    st.sampled_from([ZONE, "UTC", "Asia/Kathmandu"]),
)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_rows(
    bigquery: Google, rows: list[dict[str, Any]], where: tuple[Match, ...], grain: Grain, zone: str
) -> None:
    assert bigquery.backend
    emulator.fill(bigquery.backend, NAMES["standard"], rows)
    start, end = day_start(datetime(2024, 10, 31), zone), day_start(datetime(2024, 11, 5), zone)
    until = datetime(2024, 11, 4, 3, 30, tzinfo=UTC)
    check(bigquery, rows, SpendQuery(start, end, zone, grain, ("service", "tag:team"), where, until))
