"""What readings will cost: rounded up, with the numbers of values that are known of several breakdowns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, CallCost, Grain, Match, PlanStep
from cloudcircuit.service.cycle import run_cycle
from cloudcircuit.service.house import House
from cloudcircuit.service.planning import ASSUMED, Plan, Sizes, plan
from tests.service.world import HOUR, Cloud, a_house, day, watching

NOW = day(20)
EAST = watching("east", per=("service",), where=(Match("region", ("east",)),))


def each_need(needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    return tuple(needs)


@pytest.fixture
def house() -> House:
    cloud = Cloud()
    for service in ("EC2", "S3", "Glue"):
        cloud.steady(range(20), 10, service, sub_account="1", region="east" if service == "S3" else "west")
    cloud.steady(range(20), 10, "S3", sub_account=None, region="west")
    monitors = (EAST, watching("services", per=("service",)), watching("accounts", per=("sub_account", "region")))
    house = a_house(*monitors, aws=cloud)
    return replace(house, sources={"aws": replace(house.sources["aws"], split=each_need)})


def planned(house: House, **given: int) -> Plan:
    return plan(house, house.sources["aws"], given, NOW)


def test_each_breakdown_is_planned_and_values_are_counted_where_most_are_seen(house: House) -> None:
    assert planned(house).sizes.values == ASSUMED
    assert run_cycle(house, "aws", NOW).ok
    found = planned(house)
    assert [query.dimensions for query in found.queries] == [("service",), ("sub_account", "region"), ("service",)]
    assert found.steps == (PlanStep("rows", CallCost(3)),)
    assert found.sizes.values == {"service": 3, "sub_account": 1, "region": 2}  # a missing account is none
    assert set(found.sizes.known_by.values()) == {"ledger"}
    assert planned(house, service=9).sizes.values["service"] == 9


def test_a_source_that_cannot_say_what_it_is_asked_is_a_plan_with_an_error(house: House) -> None:
    def broken(_needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
        raise AdapterError("no such dimension")

    sources = {"aws": replace(house.sources["aws"], split=broken)}
    found = planned(replace(house, sources=sources))
    assert (found.queries, found.steps) == ((), ())
    assert found.error


@pytest.mark.parametrize(
    ("every", "a_day", "a_month"),
    [(6 * HOUR, 4, 120), (7 * HOUR, 4, 103), (timedelta(days=1), 1, 30), (timedelta(days=7), 1, 5)],
)
def test_readings_are_rounded_up(every: timedelta, a_day: int, a_month: int) -> None:
    steps = (PlanStep("a", CallCost(2, Decimal("0.02"))), PlanStep("b", CallCost(9, Decimal("0.09")), once=True))
    found = Plan("aws", every, Sizes({}, {}), steps=steps)
    assert (found.readings(1), found.readings(30)) == (a_day, a_month)
    assert found.over(30) == CallCost(2 * a_month, Decimal("0.02") * a_month)
    assert found.first == CallCost(11, Decimal("0.11"))
