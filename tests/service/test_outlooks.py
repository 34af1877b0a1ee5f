"""Where budgets will end: the forecast asked of all circuits at once, through whole cycles."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cloudcircuit.model import Act, AnomalyPolicy, BudgetView, Grain
from cloudcircuit.service import outlooks
from cloudcircuit.service.cycle import run_cycle
from cloudcircuit.service.house import House
from cloudcircuit.service.operate import act
from tests.service.world import HOUR, Charge, Cloud, a_house, day, watching

MAY, JUNE = 61, 92
"""The numbers of the first days of May and June: March is where history begins."""


def a_bill(days: int = MAY + 12, amount: float = 100.0) -> Cloud:
    cloud = Cloud()
    cloud.steady(range(days), amount)
    return cloud


def view(house: House, number: float, circuit: str = "m") -> BudgetView:
    assert run_cycle(house, "aws", day(number)).ok
    found = house.store.states()[circuit].budget
    assert found is not None
    return found


def known(value: Decimal | None) -> float:
    assert value is not None
    return float(value)


def test_flat_spend_ends_where_it_must_and_the_band_is_around_it() -> None:
    house = a_house(watching(limit=3300), aws=a_bill())
    found = view(house, MAY + 12)
    assert known(found.projected) == pytest.approx(3100, rel=0.03)
    assert known(found.low) <= known(found.projected) <= known(found.high)
    assert found.p_breach is not None and found.p_breach < 0.5
    assert found.breach_on is None
    assert house.store.states()["m"].decision is not None


def test_more_than_the_budget_says_when() -> None:
    found = view(a_house(watching(limit=2000), aws=a_bill()), MAY + 12)
    assert found.p_breach is not None and found.p_breach > 0.9
    assert found.breach_on is not None
    assert found.breach_on.month == 5 and 19 <= found.breach_on.day <= 22, "the 20th day brings the 2,000"
    assert found.forecast_breach


def test_it_is_too_early_before_the_third_settled_day() -> None:
    house = a_house(watching(limit=3300), aws=a_bill())
    assert view(house, MAY + 3).projected is None
    assert view(house, MAY + 4).projected is not None


def test_a_fee_counts_once_and_raises_no_run_rate() -> None:
    cloud = a_bill()
    cloud.spend(MAY, 600, category="Purchase")
    found = view(a_house(watching(limit=5000), aws=cloud), MAY + 12)
    assert known(found.projected) == pytest.approx(3700, rel=0.03)


def test_a_fee_that_came_on_the_same_day_of_each_month_is_still_to_come() -> None:
    cloud = a_bill(JUNE + 12)
    for number in (19, 50, 80):  # the 20th of March, April, and May: twice could be chance
        cloud.spend(number, 600, category="Purchase")
    house = a_house(watching(limit=5000, anomaly=AnomalyPolicy()), aws=cloud)  # it looks back far enough
    found = view(house, JUNE + 12)
    assert known(found.projected) == pytest.approx(3600, rel=0.05)


def test_announced_spend_counts_and_is_not_carried_on() -> None:
    cloud = a_bill()
    for number in (MAY + 5, MAY + 6, MAY + 7):
        cloud.spend(number, 1000, service="backfill")
    plain = a_house(watching(limit=9000), aws=cloud)
    told = a_house(watching(limit=9000), aws=cloud)
    plan = Act("x", "expect", "m", day(MAY + 4), "ann", "backfill", until=day(MAY + 8), amount=Decimal(1000))
    act(told.store, plan)
    without, announced = (known(view(house, MAY + 12).projected) for house in (plain, told))
    assert announced == pytest.approx(6100, rel=0.03)
    assert announced <= without + 1


def test_every_circuit_has_its_own_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud()
    for place in range(5):
        cloud.steady(range(MAY + 12), 10 * (place + 1), f"S{place}")
    monitor = watching("services", per=("service",), limit=1000)
    whole = a_house(monitor, aws=cloud)
    view(whole, MAY + 12, "services/S0")
    monkeypatch.setattr(outlooks, "CHUNK", 2)
    parts = a_house(monitor, aws=cloud)
    view(parts, MAY + 12, "services/S0")
    for place in range(5):
        one, other = (house.store.states()[f"services/S{place}"].budget for house in (whole, parts))
        assert one is not None and other is not None
        assert known(one.projected) == pytest.approx(known(other.projected), rel=1e-4)
        assert known(one.projected) == pytest.approx(310 * (place + 1), rel=0.03)


def test_hours_are_added_up_to_days() -> None:
    cloud = Cloud(grain=Grain.HOUR)
    for hour in range((MAY + 12) * 24):
        values = {"service": "EC2", "charge_category": "Usage"}
        cloud.charges.append(Charge(day(0) + hour * HOUR, values, Decimal(5), Decimal(5)))
    found = view(a_house(watching(limit=5000), aws=cloud), MAY + 12)
    assert known(found.projected) == pytest.approx(31 * 24 * 5, rel=0.03)


def test_without_a_forecast_nothing_is_projected() -> None:
    assert view(a_house(watching(limit=3300, forecast=False), aws=a_bill()), MAY + 12).projected is None
