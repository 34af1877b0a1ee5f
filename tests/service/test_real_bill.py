"""A real bill, October and November 2018, read day by day: who is told what, and when.

The rows are those of examples/aws-2018-10-11.csv: a day of AWS Glue that doubles on 10 October, reservation fees on
1 November, and a total of some 4,000 dollars a month.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from cloudcircuit.clock import SystemClock
from cloudcircuit.model import Action, Grain, Mode, Phase, Reason, column_of
from cloudcircuit.notifiers import ConsoleNotifier
from cloudcircuit.service.cycle import refresh, run_cycle
from cloudcircuit.service.deliver import Outbox
from cloudcircuit.service.house import House
from cloudcircuit.service.serve import decisions
from cloudcircuit.stores import open_store
from tests.service.world import Charge, Cloud, a_house, heard, watching

BILL = Path(__file__).parents[2] / "examples" / "aws-2018-10-11.csv"
DIMENSIONS = ("service", "region", "sub_account", "charge_category", "commitment_status")
DAY = timedelta(days=1)
GLUE = "services/AWS Glue"


def october(number: int) -> datetime:
    """A day of October 2018; the 32nd is the 1st of November."""
    return datetime(2018, 10, 1, tzinfo=UTC) + (number - 1) * DAY


@pytest.fixture(scope="module")
def bill() -> Cloud:
    cells: dict[tuple[str, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    with BILL.open(newline="") as file:
        for row in csv.DictReader(file):
            cell = cells[row["ChargePeriodStart"], *(row[column_of(name)] for name in DIMENSIONS)]
            cell[0] += Decimal(row["BilledCost"])
            cell[1] += Decimal(row["EffectiveCost"])
    charges = []
    for (start, *values), (billed, effective) in cells.items():
        named = {name: value or None for name, value in zip(DIMENSIONS, values, strict=True)}
        at = datetime.fromisoformat(start.replace("Z", "+00:00"))
        charges.append(Charge(at, named, billed, effective, "USD", named["charge_category"] or ""))
    return Cloud(charges, dimensions=DIMENSIONS, accounts=frozenset({"111122223333"}))


def read_through(house: House, last: int, first: int = 2) -> None:
    for number in range(first, last + 1):
        assert run_cycle(house, "aws", october(number)).ok


@pytest.fixture(scope="module")
def replayed(bill: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A state in a file that has seen both months, whose messages were delivered day by day."""
    store = open_store(tmp_path_factory.mktemp("bill") / "state.db")
    services = watching("services", per=("service",), mode=Mode.OBSERVE)
    house = a_house(watching("account", limit=3900), services, store=store, aws=bill)
    paper = StringIO()
    outbox = Outbox(store, {"console": ConsoleNotifier("console", paper)}, {}, SystemClock(), lambda: 0.0)
    for number in range(2, 63):
        assert run_cycle(house, "aws", october(number)).ok
        while outbox.run_once():
            continue
    assert store.deliveries("owed") == []
    assert "AWS Glue has already cost $105.71 on 10 October" in paper.getvalue()
    yield house
    store.close()


def test_the_first_day_of_glue_is_told_as_it_is_there_and_the_second_trips(replayed: House) -> None:
    found = [(at, kind, p) for at, kind, who, p in heard(replayed) if who == GLUE][:2]

    (first, anomaly, payload), (second, tripped, _) = found
    assert (first, anomaly, second, tripped) == (october(11), "anomaly", october(12), "tripped")
    assert payload["members"] == ["account"]
    assert {(d["dimension"], d["value"]) for d in payload["drivers"]} >= {("region", "us-east-1")}
    assert payload["expected"]["mean"] == pytest.approx(52.98, abs=0.01)


def test_the_budget_warns_trips_and_is_over_with_its_month(replayed: House) -> None:
    found = [(at, kind) for at, kind, who, p in heard(replayed) if who == "account" and p["budget_period"]]
    told = [(at, kind) for at, kind in found if kind not in {"anomaly", "escalated"}]
    cash = [(at, kind) for at, kind in told if kind == "forecast" or at >= october(28)]

    assert [kind for _, kind in cash[:4]] == ["forecast", "budget_warning", "tripped", "resolved"]
    assert october(12) <= cash[0][0] <= october(22), "at least a week ahead, and not before Glue had risen"
    assert [at for at, _ in cash[1:4]] == [october(29), october(31), october(32)]
    served = [line for line in replayed.store.history("account", limit=1000) if line.kind == "blocked"]
    assert [line.at for line in served][-1:] == [october(31)]


def test_fees_that_are_paid_at_once_count_for_the_budget_and_are_no_anomaly(replayed: House, bill: Cloud) -> None:
    first = [charge for charge in bill.charges if charge.start == october(32)]
    fees = sum((charge.billed for charge in first if charge.category == "Purchase"), Decimal(0))
    assert fees > 100
    spend = next(
        line for line in replayed.store.history("account", since=october(33)) if "spend" in line.detail["numbers"]
    )

    assert Decimal(spend.detail["numbers"]["spend"]) >= sum(charge.billed for charge in first)
    kinds = [kind for at, kind, _, _ in heard(replayed) if october(32) < at < october(35)]
    assert set(kinds) <= {"forecast"}


def test_nobody_is_told_of_cents(replayed: House) -> None:
    risen = [p for _, kind, _, p in heard(replayed) if kind in {"anomaly", "tripped"} and not p["budget_period"]]

    assert {p["circuit"] for p in risen} == {GLUE}
    assert all(p["excess"]["per_day"] >= 10 for p in risen)
    assert 5 <= len(heard(replayed)) <= 20  # in two months


def test_the_new_period_begins_half_open_and_the_state_ends_well(replayed: House) -> None:
    states = replayed.store.states()
    assert all(state.phase is Phase.CLOSED for state in states.values())
    assert states["account"].closed_start == date(2018, 11, 1)
    begun = [line for line in replayed.store.history("account", limit=1000) if line.at == october(32)]
    assert Reason.NEW_PERIOD_AFTER_BREACH.value in begun[0].detail["reasons"]
    assert {one.action for one in decisions(replayed, october(62))} == {Action.ALLOW}


def test_reading_once_more_adds_nothing(replayed: House) -> None:
    def counts() -> tuple[int, ...]:
        store = replayed.store
        statements = store.statements("aws", Grain.DAY, date(2018, 1, 1), date(2019, 1, 1))
        return len(store.deliveries(limit=1000)), len(store.history(limit=5000)), len(statements)

    before = counts()
    for minutes in range(1, 4):
        result = run_cycle(replayed, "aws", october(62) + minutes * DAY / 1440)
        refresh(replayed, october(62) + minutes * DAY / 1440)
        assert (result.cells, result.transitions, result.alerts) == (0, 0, 0)
    assert counts() == before


def test_a_second_replay_owes_the_very_same_messages(bill: Cloud) -> None:
    def ids() -> list[str]:
        monitors = (watching("account", limit=1200), watching("services", per=("service",)))
        house = a_house(*monitors, aws=bill)
        read_through(house, 14, first=9)
        return [delivery.id for delivery in house.store.deliveries(limit=1000)]

    first = ids()
    assert len(first) == len(set(first)) > 2
    assert ids() == first
