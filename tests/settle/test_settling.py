"""Lateness through the cycle: learned from what is told, kept in the state, gathered anew from the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from cloudcircuit.engine.settle import HOUR, Lag, learned
from cloudcircuit.model import AnomalyPolicy, Commit, Cost, Grain, Monitor, SourceState, SpendQuery
from cloudcircuit.ports import Deadline, SpendReport
from cloudcircuit.service.cycle import run_cycle
from cloudcircuit.service.house import House
from cloudcircuit.service.settling import corrections
from cloudcircuit.service.trend import evidence_at
from tests.service.world import DAY, Charge, Cloud, a_house, answer, cycles, day, heard, state_of, told, watching


@dataclass
class LateCloud(Cloud):
    """Tells a share of each period when it is over, and the rest some hours later. Taxes are told at once."""

    share: str = "0.85"
    hours: float = 36

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        whole = self.charges
        self.charges = [self._young(charge, query) for charge in whole]
        try:
            return super().fetch(query, deadline)
        finally:
            self.charges = whole

    def _young(self, charge: Charge, query: SpendQuery) -> Charge:
        assert query.visible_until is not None
        length = HOUR if self.grain is Grain.HOUR else DAY
        age = query.visible_until - charge.start - length
        if age >= self.hours * HOUR or charge.category != "Usage":
            return charge
        part = Decimal(self.share)
        return charge._replace(billed=charge.billed * part, effective=charge.effective * part)


def late_cloud(days: Iterable[int] = range(-20, 60), **more: object) -> LateCloud:
    """About 100 a day."""
    cloud = LateCloud(lag=timedelta(0), **more)  # type: ignore[arg-type]  # any of its fields
    for number in days:
        cloud.spend(number, 100 + number % 5)
    return cloud


def plain(**more: Any) -> Monitor:
    """A monitor with a short memory: what it judges by is not what is tested here."""
    return watching(anomaly=AnomalyPolicy(method="spike", lookback=14, new_level_after=5), **more)


def source_of(house: House) -> SourceState:
    return house.store.sources()["aws"]


def lag_of(house: House) -> Lag:
    return learned(source_of(house).growing)


def forget(house: House) -> None:
    """What an older version left behind."""
    state = source_of(house)
    house.store.commit(Commit(sources=(replace(state, version=state.version + 1, growing=None),)))


# --- the watermark ------------------------------------------------------------------------------------------


def test_days_that_usually_still_grow_stay_provisional_and_are_no_longer_told_as_restated() -> None:
    cloud = late_cloud()
    house = a_house(plain(), aws=cloud)
    cycles(house, range(3))
    assert source_of(house).settled_until == source_of(house).watermark == day(1)  # as the adapter says

    cycles(house, range(3, 30))

    state, lag = source_of(house), lag_of(house)
    assert (lag.lag, lag.late) == (48 * HOUR, True)
    assert [lag.at(age).share for age in (timedelta(0), DAY)] == pytest.approx([0.85, 0.85], abs=0.02)
    assert state.watermark == day(28)
    assert state.settled_until is not None and day(27) <= state.settled_until < day(28)
    assert state_of(house).judged_through == day(26)  # day 27 is 24 hours old, and 85 % of it is told
    assert {kind for kind, _ in told(house)} == {"restated"}
    before = len(told(house))
    cycles(house, range(30, 40))
    assert len(told(house)) == before


def test_no_day_is_judged_twice_and_none_is_left_out_when_days_begin_to_be_held_back() -> None:
    house = a_house(plain(), aws=late_cloud())
    judged = []
    for number in range(30):
        cycles(house, [number])
        judged.append(state_of(house).judged_through)

    through = [at for at in judged if at is not None]
    assert through == sorted(through)
    assert {(b - a).days for a, b in pairwise(through)} == {0, 1}
    assert through.count(through[-1]) == 1
    assert state_of(house).skipped == ()


def test_a_lesson_makes_nothing_stale_and_no_source_blind() -> None:
    house = a_house(plain(stale_after=2 * DAY), aws=late_cloud(hours=150))
    cycles(house, range(30))

    assert lag_of(house).lag == 168 * HOUR
    state = source_of(house)
    assert state.watermark is not None and state.settled_until is not None
    assert state.watermark - state.settled_until < timedelta(days=7)
    assert state.blind_since is None
    assert not answer(house, 29).stale


def test_a_source_that_is_whole_in_time_is_left_alone() -> None:
    house = a_house(plain(), aws=late_cloud(hours=0))
    cycles(house, range(30))

    assert not lag_of(house).late
    assert source_of(house).settled_until == source_of(house).watermark
    assert told(house) == []


# --- what is learned from -----------------------------------------------------------------------------------


def test_taxes_and_other_currencies_teach_nothing() -> None:
    cloud = late_cloud(hours=0)
    house = a_house(plain(), aws=cloud)
    for number in range(25):
        if number > 1:
            cloud.spend(number - 2, 60, category="Tax")
            cloud.spend(number - 2, -60, category="Credit")
            cloud.spend(number - 2, 40, currency="EUR", region="north")
        cycles(house, [number])

    growing = source_of(house).growing
    assert growing is not None and growing.currency == "USD"
    assert not lag_of(house).late
    assert lag_of(house).at(timedelta(0)).share == 1.0


def test_hours_are_learned_by_their_own_age() -> None:
    cloud = LateCloud(lag=timedelta(0), grain=Grain.HOUR, hours=5, share="0.6")
    for hour in range(18 * 24):
        cloud.spend(hour / 24, 4 + hour % 3)
    house = a_house(plain(), aws=cloud)
    for number in range(6, 18 * 24, 6):
        run_cycle(house, "aws", day(number / 24))

    lag = lag_of(house)
    assert lag.lag == 10 * HOUR  # of an hour that is read at the age of 4 and 10 hours
    nine = 9**2 / (9**2 + 25)  # so many hours were read as they ended: not enough to believe all of it
    assert lag.at(timedelta(0)).share == pytest.approx(1 - 0.4 * nine)
    assert lag.at(10 * HOUR).share == 1.0
    state = source_of(house)
    assert state.watermark is not None and state.settled_until is not None
    assert state.watermark - state.settled_until == timedelta(hours=8, minutes=45)
    assert len(state.growing.periods if state.growing else ()) < 18 * 24 / 4


def test_what_the_ledger_knows_teaches_a_newer_version_the_same() -> None:
    cloud = late_cloud(hours=30)
    house = a_house(plain(), aws=cloud)
    for number in range(25 * 4):
        run_cycle(house, "aws", day(number / 4))
    before = lag_of(house)
    assert before.days >= 15

    forget(house)
    run_cycle(house, "aws", day(25))

    after = lag_of(house)
    assert (after.lag, after.late, after.days) == (before.lag, before.late, before.days + 1)
    for hours in (0, 5, 20, 31, 100):
        assert after.at(hours * HOUR).share == pytest.approx(before.at(hours * HOUR).share, abs=0.01)


def test_another_cost_is_learned_anew() -> None:
    cloud = late_cloud()
    house = a_house(plain(run_rate_cost=Cost.BILLED), aws=cloud)
    cycles(house, range(20))
    assert lag_of(house).late
    cloud.costs = ("BilledCost",)

    cycles(house, [20])

    growing = source_of(house).growing
    assert growing is not None and growing.of.startswith("BilledCost in USD of aws")
    assert all(len(period.ages) > 0 for period in growing.periods)


def test_a_source_without_usage_is_no_trouble() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 20), category="Tax")
    house = a_house(plain(), aws=cloud)

    cycles(house, range(3))

    assert source_of(house).growing is None
    assert lag_of(house) == Lag(None, 0)


# --- the newest days ----------------------------------------------------------------------------------------


def test_each_provisional_day_is_completed_by_its_age() -> None:
    monitor = plain()
    house = a_house(monitor, aws=late_cloud(hours=30))
    cycles(house, range(30))

    evidence = evidence_at(house, monitor, day(29))
    assert evidence is not None
    found = corrections(house, monitor.sources, house.store.sources(), evidence.periods, day(29))

    assert {evidence.periods.starts[index]: round(one.share, 2) for index, one in found.items()} == {
        day(27): 0.86,
        day(28): 0.86,
    }
    # Judged again a day later, for another source: what is known of this one is as old as its last reading.
    assert found == corrections(house, monitor.sources, house.store.sources(), evidence.periods, day(30))


def test_an_anomaly_on_a_day_that_is_not_whole_yet_is_found_a_day_earlier_with_experience() -> None:
    """Of 125 for the usual 100, 106 are told at first; who knows that this is usually 85 % of it hears the alarm."""
    random = np.random.default_rng(7)
    cloud = LateCloud(lag=timedelta(0), hours=20)
    for number in range(-60, 45):
        cloud.spend(number, 125 if number == 40 else round(float(random.normal(100, 3)), 2))
    found = {}
    for begin in (20, 39):
        house = a_house(watching(anomaly=AnomalyPolicy(), min_impact=Decimal(1)), aws=cloud)
        cycles(house, range(begin, 43))
        found[begin] = [(at, kind) for at, kind, _, _ in heard(house)]

    assert found == {20: [(day(41), "anomaly")], 39: [(day(42), "anomaly")]}


def test_nothing_is_completed_of_sources_that_nothing_is_known_of() -> None:
    monitor = plain()
    house = a_house(monitor, aws=late_cloud(hours=30))
    cycles(house, range(3))
    evidence = evidence_at(house, monitor, day(2))
    assert evidence is not None

    assert corrections(house, monitor.sources, house.store.sources(), evidence.periods, day(2)) == {}
    assert corrections(house, monitor.sources, {}, evidence.periods, day(2)) == {}


# --- a past that is said anew -------------------------------------------------------------------------------


def test_a_restated_old_day_fires_nothing_again_and_a_large_one_is_told_once() -> None:
    cloud = Cloud()
    cloud.steady(range(-30, 60))
    house = a_house(plain(), aws=cloud)
    cycles(house, range(20))
    cloud.restate(10, 900)

    cycles(house, range(20, 30))

    assert told(house) == [("restated", "aws")]
    assert state_of(house).anomalies == ()


def test_a_restatement_within_the_share_is_not_told() -> None:
    cloud = Cloud()
    cloud.steady(range(-30, 60), 1000)
    house = a_house(plain(), aws=cloud)
    cycles(house, range(20))
    for number in range(5, 15):
        cloud.restate(number, 1040)

    cycles(house, range(20, 24))

    assert told(house) == []


def test_one_day_that_doubled_is_heard_among_many_that_moved_by_cents() -> None:
    cloud = Cloud()
    cloud.steady(range(-30, 60), 1000)
    house = a_house(plain(), aws=cloud)
    cycles(house, range(20))
    for number in range(-28, 15):
        cloud.restate(number, "1000.02")
    cloud.restate(9, 2000)

    cycles(house, range(20, 24))

    assert told(house) == [("restated", "aws")]


def test_what_is_kept_is_what_was_told_at_each_age() -> None:
    house = a_house(plain(), aws=late_cloud())
    cycles(house, range(12))

    growing = source_of(house).growing

    assert growing is not None
    kept = {
        period.end: [(age, float(total)) for age, total in zip(period.ages, period.totals, strict=True)]
        for period in growing.periods
    }
    assert kept[day(11)] == [(0, 85.0)]
    assert kept[day(8)] == [(0, 86.7), (24, 86.7), (48, 102.0), (72, 102.0)]
