"""What a month costs, counted where it is charged: at the server."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Breakdown, CallCost, Grain, PlanStep, SpendQuery
from cloudcircuit.testing.context import MemoryMeter
from cloudcircuit_aws import plugin
from tests.aws.build import ask, fetch, only, open_source
from tests.aws.conftest import Start
from tests.aws.server import Server
from tests.aws.table import Line, Table

DAYS = 30
FIRST = datetime(2018, 11, 1, 6, tzinfo=UTC)
BEGIN = date(2018, 10, 1)


class Spend:
    """A payer's spend as it becomes known: the last two days grow, some older one is corrected every other day, and on
    the 4th the bill of the month before is final, which moves all of its days."""

    def __init__(self, table: Table, accounts: int, services: int) -> None:
        self._table, self._chance = table, random.Random(7)
        self._pairs = [(f"{n % accounts:012d}", f"service {n % services}") for n in range(max(accounts, services) * 2)]

    def know(self, day: date, share: Decimal) -> None:
        """A day so far: usage of each pair, and for some of them usage that a commitment covers."""
        usage = [Line(day, service=s, account=a, billed=share * 10, usage=share) for a, s in self._pairs]
        covered = [replace(line, record_type="SavingsPlanCoveredUsage") for line in usage[::3]]
        tax = [Line(day, service="Tax", account=a, record_type="Tax") for a, _ in self._pairs] if day.day == 1 else []
        self._table.remake(day, [*usage, *covered, *tax])

    def pass_to(self, now: datetime) -> None:
        for back, share in ((0, Decimal(now.hour) / 40), (1, Decimal(24 + now.hour) / 48)):
            self.know(now.date() - timedelta(days=back), share)
        if now.hour < 12 and now.day % 2:
            self._table.scale(now.date() - timedelta(days=self._chance.randrange(2, 14)), Decimal("1.01"))
        if (now.day, now.hour) == (4, 6):
            last = now.date().replace(day=1) - timedelta(days=1)
            for day in range(last.day):
                self._table.scale(last - timedelta(days=day), Decimal("0.97"))


def month_of_polls(server: Server, accounts: int, services: int) -> None:
    """Sixty polls by two monitors, one per service and one per account, each day's calls under their own cap."""
    spend = Spend(server.table, accounts, services)
    for back in range((FIRST.date() - BEGIN).days):
        spend.know(BEGIN + timedelta(days=back), Decimal(1))
    breakdowns = plugin.split(None, [Breakdown(("service",)), Breakdown(("sub_account",))], Grain.DAY)
    marks: dict[Breakdown, dict[date, str]] = {one: {} for one in breakdowns}
    for day in range(DAYS):
        meter = MemoryMeter()
        for hours in (0, 12):
            now = FIRST + timedelta(days=day, hours=hours)
            server.today = now.date()
            spend.pass_to(now)
            source = open_source(now, meter=meter)
            for one in breakdowns:
                report = source.fetch(query(one, now, marks[one]), Deadline(60))
                marks[one] = dict(report.marks)
            source.close()
        assert meter.spent.requests <= 100


def query(one: Breakdown, now: datetime, marks: dict[date, str]) -> SpendQuery:
    """From the beginning of the month before, as a monthly budget needs it, to today."""
    start = datetime(BEGIN.year, BEGIN.month, BEGIN.day, tzinfo=UTC)
    end = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    return SpendQuery(start, end, dimensions=one.dimensions, where=one.where, visible_until=now, marks=marks)


def planned(steps: Sequence[PlanStep], polls: int) -> Decimal:
    return sum((step.cost.dollars * (1 if step.once else polls) for step in steps), Decimal(0))


@pytest.mark.parametrize(
    ("accounts", "most"), [(20, Decimal(3)), pytest.param(400, Decimal(6), marks=pytest.mark.slow)]
)
def test_a_month_of_two_polls_a_day(start: Start, accounts: int, most: Decimal) -> None:
    server = start(Table(), page_size=500)
    month_of_polls(server, accounts, 40)
    spent = Decimal("0.01") * len(server.calls)
    queries = [query(Breakdown((name,)), FIRST + timedelta(days=29), {}) for name in ("service", "sub_account")]
    steps = open_source().plan(queries, {"service": 40, "sub_account": accounts}, Deadline(1))
    plan = planned(steps, 60)
    print(f"{accounts} accounts: {spent} dollars a month at the server, {plan} planned")
    assert spent <= most
    assert plan <= most
    assert plan * Decimal("0.7") <= spent <= plan * Decimal("1.25")


# --- the plan ---------------------------------------------------------------------------------------------------


def test_a_plan_makes_no_call_and_names_its_chains(server: Server) -> None:
    queries = [
        ask("service"),
        ask("service", "sub_account"),
        ask("sub_account", where=(only("region", "eu-west-1"), only("sub_account", "1", "2"))),
        ask("tag:team"),
        ask(),
    ]
    steps = open_source(profile="nobody").plan(queries, {"service": 100, "sub_account": 50}, Deadline(1))
    assert server.calls == []
    assert {step.what: (step.cost.requests, step.once) for step in steps} == {
        "totals of all days, to see which have moved": (1, False),
        "which record types occur": (1, False),
        "usage and other charges by service, 3 days that moved": (2, False),
        "usage and other charges by service, first reading of 61 days": (25, True),
        "usage and other charges by service and sub_account, 3 days that moved": (32, False),
        "usage and other charges by service and sub_account, first reading of 61 days": (612, True),
        "usage and other charges by sub_account where region and sub_account match, 3 days that moved": (1, False),
        "usage and other charges by sub_account where region and sub_account match, first reading of 61 days": (
            1,
            True,
        ),
        "usage and other charges by tag:team, 3 days that moved": (1, False),
        "usage and other charges by tag:team, first reading of 61 days": (5, True),
        "usage and other charges by kind alone, 3 days that moved": (1, False),
        "usage and other charges by kind alone, first reading of 61 days": (1, True),
    }
    assert all(step.cost.dollars == step.cost.requests * Decimal("0.01") for step in steps)


def test_a_plan_of_hours(server: Server) -> None:
    steps = open_source(request_price="0.02").plan([ask("service", grain=Grain.HOUR)], {}, Deadline(1))
    assert [(step.cost, step.once) for step in steps] == [
        (CallCost(1, Decimal("0.02")), False),
        (CallCost(12, Decimal("0.24")), False),
        (CallCost(54, Decimal("1.08")), True),
    ]


def test_a_first_reading_costs_what_was_planned(server: Server) -> None:
    """On the real bill, by service: 17 services with about two record types, of which a part occurs on a day."""
    meter = MemoryMeter()
    fetch("service", meter=meter)
    steps = open_source().plan([ask("service")], {"service": 17}, Deadline(1))
    assert len(server.calls) == meter.spent.requests
    assert meter.spent.requests <= 1 + sum(step.cost.requests for step in steps if step.once)
