"""Why: the drivers of the largest alerts, and one incident for the same money; nothing here may cost an alert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from cloudcircuit.model import AnomalyPolicy, Grain, Match, SpendQuery
from cloudcircuit.service.cycle import run_cycle
from cloudcircuit.service.explain import CHARTED, MOST, PATIENCE
from cloudcircuit.service.house import House
from cloudcircuit.service.operate import act
from tests.service.world import (
    DAY,
    HOUR,
    Cloud,
    Fragile,
    a_house,
    acknowledging,
    an_act,
    cycle,
    cycles,
    day,
    heard,
    refused,
    told,
    watching,
)


def running_wild(*services: str, **more: Any) -> Cloud:
    """Each service of 100 a day in each of two regions, of which one runs wild on day 10; the first one the most."""
    cloud = Cloud(**more)
    for rank, service in enumerate(services):
        cloud.steady(range(-20, 60), 100, service, region="eu")
        cloud.steady(range(-20, 10), 100, service, region="us")
        cloud.steady(range(10, 60), 900 - rank, service, region="us")
    return cloud


def anomalies(house: House) -> list[dict[str, Any]]:
    return [payload for _, kind, _, payload in heard(house) if kind == "anomaly"]


# --- drivers ------------------------------------------------------------------------------------------------


def test_the_largest_alerts_name_their_drivers_and_no_more_than_a_few_are_asked_for() -> None:
    cloud = running_wild(*"abcdefgh")
    house = a_house(watching(per=("service",)), aws=cloud)
    cycles(house, range(9, 11))
    asked = len(cloud.asked)

    cycle(house, 11)

    assert len(cloud.asked) - asked == 1 + MOST
    found = {payload["circuit"]: payload["drivers"] for payload in anomalies(house)}
    assert [name for name, drivers in found.items() if drivers] == [f"m/{service}" for service in "abcde"]
    assert {(d["dimension"], d["value"], d["share"]) for d in found["m/a"]} == {("region", "us", 1.0)}


def test_a_source_is_asked_about_the_circuit_and_its_days_with_the_dimensions_that_it_has() -> None:
    cloud = running_wild("a", dimensions=("service", "region", "tag:team"))
    house = a_house(watching(per=("service",)), watching("teams", where=(Match("tag:team", ("x",)),)), aws=cloud)
    cycles(house, range(9, 12))

    query = cloud.asked[-1]
    assert query.dimensions == ("region", "service", "tag:team")
    assert query.where == (Match("service", ("a",), exact=True),)
    assert (query.start, query.end, query.visible_until) == (day(-4), day(11), day(11))
    assert cloud.limits[-1] <= PATIENCE


def test_hours_are_looked_at_in_the_days_of_their_zone() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    cloud = Cloud(grain=Grain.HOUR, zone=zone, lag=2 * HOUR)
    for hour in range(-20 * 24, 72):
        cloud.spend(hour / 24, 90 if hour == 43 else 5, region="us")
    house = a_house(watching(), aws=cloud)
    for hour in (42, 43, 44):
        run_cycle(house, "aws", day(0) + hour * HOUR)

    assert cloud.asked[-1].end == day(2) + 8 * HOUR
    (payload,) = anomalies(house)
    assert [(d["dimension"], d["value"]) for d in payload["drivers"]][-1] == ("region", "us")


def _raise(error: BaseException) -> Callable[[SpendQuery], None]:
    def on_fetch(query: SpendQuery) -> None:
        if query.where:
            raise error

    return on_fetch


@pytest.mark.parametrize("error", [refused(), RuntimeError("boom"), MemoryError()])
def test_a_source_that_fails_here_costs_the_drivers_and_is_not_asked_again(error: Exception) -> None:
    cloud = running_wild("a", "b", on_fetch=_raise(error))
    house = a_house(watching(per=("service",)), aws=cloud)
    cycles(house, range(9, 11))
    asked = len(cloud.asked)

    cycle(house, 11)

    assert told(house) == [("anomaly", "m/a"), ("anomaly", "m/b")]
    assert [payload["drivers"] for payload in anomalies(house)] == [[], []]
    assert len(cloud.asked) - asked == 2


def test_an_answer_that_makes_no_sense_costs_the_drivers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = Cloud.fetch

    def fetch(self: Cloud, query: SpendQuery, deadline: Any) -> Any:
        report = answered(self, query, deadline)
        return replace(report, table=pa.table({"ChargePeriodStart": ["yesterday"]})) if query.where else report

    monkeypatch.setattr(Cloud, "fetch", fetch)
    house = a_house(watching(per=("service",)), aws=running_wild("a"))
    cycles(house, range(9, 12))

    assert told(house) == [("anomaly", "m/a")]


@dataclass
class _Spent:
    """A time limit that is over as soon as it begins, but for a cycle's own reading."""

    seconds: float

    def left(self) -> float:
        return 0.0 if self.expired else self.seconds

    @property
    def expired(self) -> bool:
        return self.seconds == PATIENCE


def test_when_the_time_for_it_is_over_the_alerts_go_out_as_they_are() -> None:
    cloud = running_wild("a", "b")
    house = a_house(watching(per=("service",)), aws=cloud)
    spec = replace(house.sources["aws"], timeout=300.0)
    house = replace(house, deadline=_Spent, sources={"aws": spec})
    cycles(house, range(9, 12))

    assert told(house) == [("anomaly", "m/a"), ("anomaly", "m/b")]
    assert len(cloud.asked) == 3


def test_a_source_in_trouble_is_not_asked_for_drivers() -> None:
    aws, gcp = running_wild("a"), running_wild("b", accounts=frozenset({"222"}))
    house = a_house(watching(per=("service",), sources=("aws", "gcp")), aws=aws, gcp=gcp)
    for number in range(9, 11):
        cycle(house, number)
        cycle(house, number, "gcp")
    gcp.steady(range(10, 11), 1, "a")
    cycle(house, 11, "gcp")
    gcp.trouble = refused("a timeout")
    cycle(house, 11.1, "gcp")
    asked = len(gcp.asked)

    cycle(house, 11.2)

    assert [kind for kind, who in told(house) if who == "m/a"] == ["anomaly"]
    assert len(gcp.asked) == asked


# --- budgets ------------------------------------------------------------------------------------------------


def budgeted(house: House, kind: str) -> dict[str, Any]:
    (payload,) = [payload for _, what, _, payload in heard(house) if what == kind]
    return payload


def test_a_breach_names_who_grew_against_the_same_days_of_the_period_before() -> None:
    """March begins on day 0; February had 28 days of 100 in each region."""
    cloud = Cloud()
    cloud.steady(range(-28, 10), 100, region="eu")
    cloud.steady(range(-28, 0), 100, region="us")
    cloud.steady(range(10), 160, region="us")
    house = a_house(watching(limit=700, anomaly=None, forecast=False), aws=cloud)
    cycles(house, range(1, 5))

    payload = budgeted(house, "tripped")
    (query,) = (query for query in cloud.asked if query.quantities)
    assert (query.start, query.end) == (day(-28), day(3))
    assert payload["drivers_of"] == "growth"
    assert payload["cause"] is None
    assert [(d["dimension"], d["value"], d["share"]) for d in payload["drivers"]] == [
        ("region", "us", 1.0),
        ("service", "EC2", 1.0),
    ]
    assert Decimal(payload["drivers"][0]["excess"]) == 60 * 3


def test_a_breach_without_growth_names_who_spends() -> None:
    cloud = Cloud()
    cloud.steady(range(-28, 10), 300, region="eu")
    cloud.steady(range(-28, 10), 100, region="us")
    house = a_house(watching(limit=1000, anomaly=None, forecast=False), aws=cloud)
    cycles(house, range(1, 5))

    payload = budgeted(house, "tripped")
    assert payload["drivers_of"] == "spend"
    assert [(d["value"], d["share"]) for d in payload["drivers"]] == [("eu", 0.75), ("us", 0.25), ("EC2", 1.0)]
    assert sum(float(d["excess"]) for d in payload["drivers"][:2]) == float(payload["budget_period"]["spend"])


def test_a_budget_s_drivers_are_all_charges_where_anomalies_are_usage() -> None:
    cloud = Cloud()
    cloud.steady(range(-28, 10), 100)
    cloud.spend(2, 5000, "Plan", effective=0, category="Purchase")
    house = a_house(watching(limit=4000, anomaly=None, forecast=False), aws=cloud)
    cycles(house, range(1, 5))

    drivers = budgeted(house, "tripped")["drivers"]
    assert [(d["dimension"], d["value"]) for d in drivers] == [("service", "Plan"), ("charge_category", "Purchase")]


def test_the_first_period_of_a_source_has_spenders() -> None:
    cloud = Cloud()
    cloud.steady(range(10), 400)
    house = a_house(watching(limit=1000, anomaly=None, forecast=False), aws=cloud)
    cycles(house, range(1, 5))
    assert budgeted(house, "tripped")["drivers_of"] == "spend"


def test_late_charges_are_explained_in_the_period_that_they_belong_to() -> None:
    cloud = Cloud()
    cloud.steady(range(-28, 31), 100, region="eu")
    house = a_house(watching(limit=3200, anomaly=None, forecast=False), aws=cloud)
    cycles(house, range(28, 34))
    cloud.spend(29, 400, "Late", region="us")
    cycles(house, range(34, 35))

    payload = budgeted(house, "closed_over")
    assert cloud.asked[-1].end == day(31)
    assert (payload["drivers_of"], payload["drivers"][0]["value"]) == ("growth", "Late")


def test_two_budget_periods_of_one_circuit_get_each_its_own_drivers() -> None:
    """In one cycle, late charges take March over its limit, and a single day takes April over it."""
    cloud = Cloud()
    cloud.steady(range(-28, 33), 100, region="eu")
    house = a_house(watching(limit=3200, anomaly=None, forecast=False), aws=cloud)
    cycles(house, range(28, 34))
    cloud.spend(29, 400, "Late", region="us")
    cloud.spend(33, 4000, "Rush", region="us")
    cycles(house, range(34, 36))

    found = {kind: budgeted(house, kind)["drivers"] for kind in ("closed_over", "tripped")}
    assert {kind: drivers[0]["value"] for kind, drivers in found.items()} == {"closed_over": "Late", "tripped": "Rush"}


def test_hours_are_added_up_to_days_for_a_budget() -> None:
    cloud = Cloud(grain=Grain.HOUR, lag=2 * HOUR)
    for hour in range(-28 * 24, 48):
        cloud.spend(hour / 24, 5 if hour < 0 else 9, region="us")
    house = a_house(watching(limit=200, anomaly=None, forecast=False), aws=cloud)
    for hour in range(24, 30):
        run_cycle(house, "aws", day(0) + hour * HOUR)
    payload = budgeted(house, "tripped")
    assert (payload["drivers_of"], payload["drivers"][0]["share"]) == ("growth", 1.0)


def test_the_gravest_alerts_are_asked_about_first() -> None:
    """Five breaches, and a small anomaly that then has no question left."""
    cloud = Cloud()
    for service in "abcdef":
        cloud.steady(range(-28, 10), 100, service, region="eu")
    cloud.steady(range(3, 10), 900, "f", region="us")
    book = watching("budgets", per=("service",), limit=350, anomaly=None, forecast=False, where=_but("f"))
    house = a_house(book, watching("spikes", where=_but("a", "b", "c", "d", "e")), aws=cloud)
    cycles(house, range(1, 5))
    found = {
        who: payload["drivers"] for _, _, who, payload in heard(house) if payload["kind"] in ("tripped", "anomaly")
    }
    assert {who for who, drivers in found.items() if drivers} >= {f"budgets/{service}" for service in "abcde"}


def _but(*services: str) -> tuple[Match, ...]:
    return (Match("service", services, negate=True),)


# --- the recent past ----------------------------------------------------------------------------------------


def test_an_alert_comes_with_the_recent_past_of_its_circuit() -> None:
    cloud = running_wild("a")
    house = a_house(watching(per=("service",)), aws=cloud)
    cycles(house, range(9, 12))

    (payload,) = anomalies(house)
    series = payload["series"]
    assert 20 <= len(series) <= 30
    assert [point["start"] for point in series][-1] == day(10).isoformat()
    assert [(p["value"], p["found"]) for p in series[-3:]] == [(200.0, False), (200.0, False), (1000.0, True)]
    assert series[-1]["expected"] == 200.0
    assert payload["excess"]["days"] == [{"start": day(10).isoformat(), "excess": 800.0, "share": 1.0}]


def test_a_new_circuit_began_when_it_began() -> None:
    """Its second day is found by a window of three, in one day of which it did not exist."""
    cloud = Cloud()
    cloud.steady(range(-60, 20), 100, "old")
    cloud.steady(range(10, 20), 500, "new")
    house = a_house(watching(per=("service",), anomaly=AnomalyPolicy()), aws=cloud)
    cycles(house, range(9, 13))

    (payload,) = (p for _, kind, who, p in heard(house) if (kind, who) == ("tripped", "m/new"))
    assert payload["title"].endswith("; high since 11 March (tripped)")
    assert (payload["finding"]["start"], payload["finding"]["periods"]) == (day(10).isoformat(), 2)
    assert [p["found"] for p in payload["series"]][-3:] == [False, True, True]


def test_only_as_many_alerts_as_a_digest_shows_have_their_past() -> None:
    cloud = running_wild(*(f"s{n:02}" for n in range(CHARTED + 5)))
    house = a_house(watching(per=("service",)), aws=cloud)
    cycles(house, range(9, 12))
    with_past = [payload["circuit"] for payload in anomalies(house) if payload["series"]]
    assert with_past == [f"m/s{n:02}" for n in range(CHARTED)]


# --- incidents ----------------------------------------------------------------------------------------------


def two_views(cloud: Cloud) -> House:
    """A total and its services: when one service runs wild, both rise by the same money."""
    return a_house(watching("total", channels=("console", "boss")), watching("services", per=("service",)), aws=cloud)


def test_what_is_the_same_money_is_one_incident_and_reaches_all_that_were_to_hear_of_it() -> None:
    house = two_views(running_wild("a"))

    cycles(house, range(9, 12))

    assert told(house) == [("anomaly", "services/a")]
    assert anomalies(house)[0]["members"] == ["total"]
    assert [who for _, _, who, _ in heard(house, "boss")] == ["services/a"]


def test_a_lost_race_makes_the_incident_again_and_loses_nobody() -> None:
    """Somebody clears the very circuit that was to speak for the other: then that one speaks for itself."""
    cloud = running_wild("a")
    house = two_views(cloud)
    cycles(house, range(9, 11))
    store = Fragile(house.store)

    def silence() -> None:
        act(house.store, an_act("silence", "services/a", at=10.9, until=30))
        act(house.store, an_act("ack", "services/a", at=10.9))

    store.before[1] = silence
    asked = len(cloud.asked)
    assert cycle(replace(house, store=store), 11).ok

    assert told(house) == [("anomaly", "total")]
    assert [who for _, _, who, _ in heard(house, "boss")] == ["total"]
    assert len(cloud.asked) - asked == 3  # one reading, and drivers for each speaker once


def test_a_lost_race_asks_for_the_same_drivers_only_once() -> None:
    cloud = running_wild("a")
    house = two_views(cloud)
    cycles(house, range(9, 11))
    store = Fragile(house.store)
    for place in (1, 2, 3):
        store.before[place] = acknowledging(house, "total", 10.9 + place / 100)
    asked = len(cloud.asked)

    cycle(replace(house, store=store), 11)

    assert told(house) == [("anomaly", "services/a")]
    assert anomalies(house)[0]["drivers"]
    assert len(cloud.asked) - asked == 2


def test_all_monitors_of_an_incident_are_written_at_once() -> None:
    house = two_views(running_wild("a"))
    cycles(house, range(9, 11))
    store = Fragile(house.store)

    cycle(replace(house, store=store), 11)

    _, judged = store.commits
    assert {state.circuit for state in judged.states} == {"total", "services/a"}
    assert {delivery.channel for delivery in judged.deliveries} == {"console", "boss"}
    assert day(11) - judged.sources[0].watermark == DAY  # type: ignore[operator]
