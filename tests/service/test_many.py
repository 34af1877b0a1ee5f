"""Many circuits at once, names that mean harm, spend that hovers at a limit, and configurations that change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Action, BudgetBook, Mode, Phase, SpendQuery
from cloudcircuit.ports import SpendReport
from cloudcircuit.service.cycle import refresh, run_cycle
from cloudcircuit.service.house import House
from cloudcircuit.service.serve import decisions
from tests.service.world import (
    AMOUNT,
    HOUR,
    STAMP,
    Cloud,
    Fragile,
    a_house,
    a_source,
    cycles,
    day,
    heard,
    served,
    state_of,
    told,
    watching,
)

# --- many ---------------------------------------------------------------------------------------------------


@dataclass
class Crowd(Cloud):
    """As many services as one likes, 100 each a day, and from a day on as much more."""

    services: int = 400
    wild_from: int = 999

    def fetch(self, query: SpendQuery, deadline: Any) -> SpendReport:
        assert query.visible_until is not None
        self.asked.append(query)
        days = range((query.start - day(0)).days, (query.visible_until - day(0)).days)
        starts = [day(number) for number in days]
        amounts = [Decimal(700 if number >= self.wild_from else 100) for number in days]
        each = pa.array(np.repeat(np.arange(len(days)), self.services))
        names = pa.array([f"service-{n:05}" for n in range(self.services)])
        cost = pa.array(amounts, AMOUNT).take(each)
        table = pa.table(
            {
                "ChargePeriodStart": pa.array(starts, STAMP).take(each),
                "BillingCurrency": pa.array(["USD"]).take(pa.array(np.zeros(len(each), dtype=np.int64))),
                "ChargeCategory": pa.array(["Usage"]).take(pa.array(np.zeros(len(each), dtype=np.int64))),
                "ServiceName": names.take(pa.array(np.tile(np.arange(self.services), len(days)))),
                "BilledCost": cost,
                "EffectiveCost": cost,
            }
        )
        return SpendReport(table, starts[-1], accounts=self.accounts, dimensions=("service",))


def a_crowd(**settings: Any) -> tuple[House, Crowd]:
    cloud = Crowd()
    house = a_house(watching(per=("service",), book=BudgetBook("owners.csv", {}), **settings), aws=cloud)
    return replace(house, sources={"aws": a_source("aws", cloud)}, deadline=Deadline), cloud


def test_hundreds_of_new_circuits_are_one_digest_and_hundreds_of_changes_one_message() -> None:
    house, cloud = a_crowd(limit=100_000, channels=("console", "boss"))
    store = Fragile(house.store)
    house = replace(house, store=store)
    assert run_cycle(house, "aws", day(9)).circuits == 400
    assert told(house) == [("unlisted", "m")]
    run_cycle(house, "aws", day(10))
    cloud.wild_from = 10
    asked = len(cloud.asked)
    run_cycle(house, "aws", day(11))

    assert store.commits[-1].deliveries[0].envelope["counts"]["alerts"] == 400
    assert len(store.commits[-1].deliveries) == 2  # one for each channel
    assert len(cloud.asked) - asked == 6
    run_cycle(house, "aws", day(12))
    assert sum(one.action is Action.BLOCK for one in decisions(house, day(12))) == house.max_blocks_per_hour
    pages = [event["text"] for _, kind, _, event in heard(house) if kind == "blocks_held"]
    assert len(pages) == 1
    assert "380 new blocks are held back" in pages[0]
    for minutes in (15, 30, 45):
        before = len(store.commits)
        refresh(house, day(12) + minutes * HOUR / 60)
        assert len(store.commits) == before


# --- names --------------------------------------------------------------------------------------------------

HOSTILE = (
    "<!channel>",
    "a/b%c",
    "(none)",
    "x\0y",
    "‮gnp.exe",
    "`rm -rf`",
    "<https://evil|click>",
    "é" * 5000,
    "",
    " ",
    "*",
    "?",
)


def test_names_that_mean_harm_are_circuits_like_any_other() -> None:
    cloud = Cloud()
    for name in (*HOSTILE, None):
        cloud.steady(range(-20, 10), 100, name)  # type: ignore[arg-type]  # a charge may have no service
        cloud.steady(range(10, 20), 900, name)  # type: ignore[arg-type]
    house = a_house(watching(per=("service",), book=BudgetBook("owners.csv", {})), aws=cloud)

    cycles(house, range(9, 13))

    states = house.store.states()
    assert {state.values for state in states.values()} == {(name,) for name in HOSTILE if name != "(none)"} | {(None,)}
    assert [kind for kind, _ in told(house)].count("anomaly") == len(states) == len(HOSTILE)
    assert all(state.phase is Phase.OPEN for state in states.values())
    assert all(len(event["text"]) < 2500 for _, kind, _, event in heard(house) if kind == "unlisted")
    cycles(house, range(13, 15))
    assert len(house.store.states()) == len(states)


# --- hovering -----------------------------------------------------------------------------------------------


def test_spend_that_hovers_at_the_limit_is_told_once_and_resolved_once() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 0))
    for number in range(60):
        cloud.spend(number, 160 if number % 2 and number < 30 else 100)
    house = a_house(watching(), aws=cloud)

    cycles(house, range(60))

    kinds = [kind for kind, _ in told(house)]
    assert kinds.count("anomaly") + kinds.count("tripped") <= 3
    assert kinds.count("resolved") <= 2
    assert state_of(house).alerted == {}


def test_a_budget_that_is_met_and_left_within_a_day_blocks_and_tells_once() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 60))
    house = a_house(watching(limit=1000, anomaly=None, forecast=False), aws=cloud)
    cycles(house, range(8, 11))
    for tick in range(1, 9):  # the newest day is restated around the limit, reading by reading
        cloud.restate(9, 99 if tick % 2 else 100)
        run_cycle(house, "aws", day(10) + tick * HOUR)

    assert served(house, 10.9) == {"m": Action.BLOCK}
    assert [kind for kind, _ in told(house)] == ["budget_warning", "tripped"]


# --- configurations that change -----------------------------------------------------------------------------


def test_a_limit_that_is_raised_releases_and_one_that_is_lowered_blocks() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 60))

    def with_limit(limit: int, house: House | None = None) -> House:
        return a_house(watching(limit=limit, anomaly=None), store=house.store if house else None, aws=cloud)

    house = with_limit(5000)
    cycles(house, range(8, 10))
    house = with_limit(500, house)
    cycles(house, range(10, 12))
    assert served(house, 11) == {"m": Action.BLOCK}
    house = with_limit(5000, house)
    cycles(house, range(12, 13))
    assert served(house, 12) == {"m": Action.ALLOW}
    assert [kind for kind, _ in told(house)] == ["tripped", "resolved"]


def test_a_monitor_that_begins_to_enforce_says_what_it_stops_at_once() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 60))
    observing = a_house(watching(limit=500, mode=Mode.OBSERVE), aws=cloud)
    cycles(observing, range(8, 10))
    assert served(observing, 9) == {"m": Action.ALLOW}

    enforcing = a_house(watching(limit=500), store=observing.store, aws=cloud)
    assert served(enforcing, 9) == {"m": Action.BLOCK}
    refresh(enforcing, day(9) + HOUR)

    assert [kind for kind, _ in told(enforcing)] == ["tripped", "escalated"]
    assert enforcing.store.blocks_since(day(9)) == 1


def test_a_dimension_that_is_added_lets_no_figure_fall_until_it_is_read() -> None:
    aws, gcp = Cloud(), Cloud(accounts=frozenset({"222"}))
    aws.steady(range(-20, 60))
    gcp.steady(range(-20, 60))
    both = watching("both", sources=("aws", "gcp"), limit=1500)
    house = a_house(both, aws=aws, gcp=gcp)
    for number in range(8, 10):
        run_cycle(house, "aws", day(number))
        run_cycle(house, "gcp", day(number))
    assert served(house, 9) == {"both": Action.BLOCK}
    wider = a_house(both, watching("regions", sources=("gcp",), per=("region",)), store=house.store, aws=aws, gcp=gcp)

    cycles(wider, range(10, 12))  # of aws alone

    assert served(wider, 11)["both"] is Action.BLOCK
    run_cycle(wider, "gcp", day(11))
    budget = state_of(wider, "both").budget
    assert budget is not None
    assert budget.spend == 2200
