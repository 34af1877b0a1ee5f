"""A source that tells one dimension at a time, and only the days that have moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from cloudcircuit.errors import UsageError
from cloudcircuit.model import (
    Act,
    AlertKind,
    Breakdown,
    Grain,
    Match,
    Monitor,
    ReportStatus,
    SpendQuery,
)
from cloudcircuit.ports import Deadline, SpendReport
from cloudcircuit.service.cycle import images_for, run_cycle
from cloudcircuit.service.house import House
from cloudcircuit.service.operate import act
from tests.service.world import DAY, Cloud, a_house, day, heard, watching


@dataclass
class Narrow(Cloud):
    """Groups by one dimension, pushes filters down, and tells days by their totals. `rows` are those it has told."""

    rows: int = 0

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        report = super().fetch(query, deadline)
        totals = self._totals(query)
        unchanged = {at for at, mark in totals.items() if query.marks.get(at) == mark}
        starts = report.table["ChargePeriodStart"].to_pylist()
        moved = report.table.filter([at.date() not in unchanged for at in starts])
        self.rows += moved.num_rows
        return replace(report, table=moved, told=frozenset(totals), unchanged=frozenset(unchanged), marks=totals)

    def _totals(self, query: SpendQuery) -> Mapping[date, str]:
        found: dict[date, Decimal] = {}
        for charge in self.charges:
            if query.start <= charge.start < query.end and charge.start + DAY <= (query.visible_until or charge.start):
                found[charge.start.date()] = found.get(charge.start.date(), Decimal(0)) + charge.billed
        return {at: str(total) for at, total in found.items()}


def one_at_a_time(needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    wide = {Breakdown(need.dimensions, need.where) for need in needs if need.dimensions} or {Breakdown()}
    return tuple(sorted(wide, key=repr))


@dataclass
class Split:
    cloud: Narrow = field(default_factory=Narrow)

    def house(self, *monitors: Monitor) -> House:
        house = a_house(*monitors, aws=self.cloud)
        return replace(house, sources={"aws": replace(house.sources["aws"], split=one_at_a_time)})


SERVICES = watching("services", per=("service",))
ACCOUNTS = watching("accounts", per=("sub_account",))
TOTAL = watching("total")
EAST = watching("east", per=("service",), where=(Match("region", ("east",)),))


def fill(cloud: Cloud, days: Sequence[int] = tuple(range(20))) -> None:
    cloud.dimensions = ("service", "sub_account", "region")
    for number in days:
        cloud.spend(number, 60, "EC2", sub_account="1", region="east")
        cloud.spend(number, 40, "S3", sub_account="2", region="west")


def test_each_monitor_is_cut_from_its_own_breakdown() -> None:
    split = Split()
    fill(split.cloud)
    house = split.house(SERVICES, ACCOUNTS, TOTAL, EAST)
    result = run_cycle(house, "aws", day(20))
    assert result.ok
    asked = [(query.dimensions, [match.dimension for match in query.where]) for query in split.cloud.asked]
    assert sorted(asked) == [(("service",), []), (("service",), ["region"]), (("sub_account",), [])]
    spent = {name: state.latest.value for name, state in house.store.states().items() if state.latest}
    assert spent == {
        "services/EC2": 60.0,
        "services/S3": 40.0,
        "accounts/1": 60.0,
        "accounts/2": 40.0,
        "total": 100.0,
        "east/EC2": 60.0,
    }


def test_only_days_that_moved_are_told_again() -> None:
    split = Split()
    fill(split.cloud)
    house = split.house(SERVICES, ACCOUNTS)
    run_cycle(house, "aws", day(20))
    first, split.cloud.rows = split.cloud.rows, 0
    run_cycle(house, "aws", day(20.5))
    assert (first > 70, split.cloud.rows) == (True, 0)
    split.cloud.restate(5, 61)
    split.cloud.spend(20, 5, "S3", sub_account="2", region="west")
    run_cycle(house, "aws", day(21))
    # Day 5 by service and by account (where EC2 has lost its account), and day 20.
    assert split.cloud.rows == 2 + 2 + 1 + 1
    images = images_for(house, SERVICES, day(21))
    assert images["aws"].table.num_rows == 41


def test_a_day_behind_a_filter_without_a_row_cost_nothing() -> None:
    split = Split()
    fill(split.cloud, range(15))
    for number in range(15, 20):
        split.cloud.spend(number, 40, "S3", sub_account="2", region="west")
    house = split.house(EAST)
    run_cycle(house, "aws", day(20))
    state = house.store.states()["east/EC2"]
    assert state.latest is not None
    assert (state.latest.at, state.latest.value) == (day(18), 0.0)


def test_a_breakdown_that_is_new_is_read_whole() -> None:
    split = Split()
    fill(split.cloud)
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(20))
    split.cloud.asked.clear()
    wider = replace(house, monitors=(SERVICES, ACCOUNTS))
    run_cycle(wider, "aws", day(20.5))
    marks = {query.dimensions: len(query.marks) for query in split.cloud.asked}
    assert marks == {("service",): 20, ("sub_account",): 0}


def test_a_broken_day_is_told_again_though_its_mark_is_the_same() -> None:
    split = Split()
    fill(split.cloud)
    split.cloud.broken = {day(10).date(): 1}
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(20))
    split.cloud.asked.clear()
    run_cycle(house, "aws", day(20.5))
    assert day(10).date() not in split.cloud.asked[0].marks
    assert day(11).date() in split.cloud.asked[0].marks


def test_days_called_unchanged_without_a_mark_are_a_fault() -> None:
    class Lying(Narrow):
        def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
            return replace(super().fetch(query, deadline), unchanged=frozenset({day(1).date()}))

    split = Split(Lying())
    fill(split.cloud)
    result = run_cycle(split.house(SERVICES), "aws", day(20))
    assert not result.ok
    assert "unchanged" in (result.error or "")


def test_a_split_that_answers_nobody_is_a_fault() -> None:
    house = Split().house(SERVICES)
    house = replace(house, sources={"aws": replace(house.sources["aws"], split=lambda _needs, _grain: ())})
    result = run_cycle(house, "aws", day(20))
    assert (result.ok, result.permanent) == (False, True)
    assert "fault of the adapter" in (result.error or "")


def test_one_anomaly_seen_by_service_and_by_account_is_one_incident() -> None:
    split = Split()
    fill(split.cloud, range(19))
    split.cloud.spend(19, 600, "EC2", sub_account="1", region="east")
    split.cloud.spend(19, 40, "S3", sub_account="2", region="west")
    house = split.house(SERVICES, ACCOUNTS, TOTAL)
    run_cycle(house, "aws", day(19))
    split.cloud.asked.clear()
    run_cycle(house, "aws", day(21))
    messages = [payload for _, kind, _, payload in heard(house) if kind == AlertKind.ANOMALY.value]
    assert len(messages) == 1
    assert len(messages[0]["members"]) == 2


# --- accounts that vanish -----------------------------------------------------------------------------------


def narrowed(gone: str = "2") -> tuple[Split, House]:
    """A source that has been read, and from which an account is gone since."""
    split = Split()
    fill(split.cloud)
    house = split.house(ACCOUNTS)
    run_cycle(house, "aws", day(20))
    split.cloud.charges = [one for one in split.cloud.charges if one.values["sub_account"] != gone]
    split.cloud.spend(20, 60, "EC2", sub_account="1", region="east")
    return split, house


def test_an_account_that_is_gone_from_the_past_is_suspicious_until_it_is_back() -> None:
    split, house = narrowed()
    for hours in (0, 6, 12):
        run_cycle(house, "aws", day(21) + timedelta(hours=hours))
        state = house.store.sources()["aws"]
        assert (state.status, set(state.absent)) == (ReportStatus.SUSPICIOUS, {"2"})
    texts = [payload["text"] for _, kind, _, payload in heard(house) if kind == AlertKind.RESTATED.value]
    assert sum("no longer shows account 2" in text for text in texts) == 1
    fill(split.cloud, range(21, 22))
    for number in range(20):
        split.cloud.spend(number, 40, "S3", sub_account="2", region="west")
    run_cycle(house, "aws", day(22))
    assert house.store.sources()["aws"].absent == {}


def test_a_closed_account_is_acknowledged_once() -> None:
    _, house = narrowed()
    run_cycle(house, "aws", day(21))
    said = Act("act_1", "ack", "source:aws", day(21) + timedelta(hours=1), "ops", "account 2 was closed")
    act(house.store, said)
    for hours in (2, 8):
        run_cycle(house, "aws", day(21) + timedelta(hours=hours))
    state = house.store.sources()["aws"]
    assert (state.status, dict(state.absent)) == (ReportStatus.COMPLETE, {})
    with pytest.raises(UsageError, match="nothing to acknowledge"):
        act(house.store, replace(said, id="act_2"))


def test_an_account_that_takes_the_first_days_along_is_missed_as_well() -> None:
    """What is told now begins later: the days before keep their figures, and hide nobody."""
    split = Split()
    fill(split.cloud)
    house = split.house(ACCOUNTS)
    run_cycle(house, "aws", day(20))
    split.cloud.charges = []
    for number in range(10, 20):
        split.cloud.spend(number, 5, "S3", sub_account="3", region="west")
    run_cycle(house, "aws", day(20.5))
    assert set(house.store.sources()["aws"].absent) == {"1", "2"}


def test_an_account_counts_by_its_share_of_its_own_currency() -> None:
    """A few dollars beside millions of yen are all the dollars there are."""
    split = Split()
    for number in range(20):
        split.cloud.spend(number, 1_000_000, "EC2", sub_account="1", currency="JPY")
        split.cloud.spend(number, 50, "S3", sub_account="2")
    house = split.house(ACCOUNTS)
    run_cycle(house, "aws", day(20))
    split.cloud.charges = [one for one in split.cloud.charges if one.values["sub_account"] != "2"]
    run_cycle(house, "aws", day(20.5))
    assert set(house.store.sources()["aws"].absent) == {"2"}


def test_other_options_make_other_marks() -> None:
    split = Split()
    fill(split.cloud)
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(20))
    split.cloud.asked.clear()
    other = replace(house, sources={"aws": replace(house.sources["aws"], digest="other options")})
    run_cycle(other, "aws", day(20.5))
    assert split.cloud.asked[0].marks == {}


def test_an_answer_behind_a_filter_may_know_nothing_of_its_watermark() -> None:
    class Unknowing(Narrow):
        def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
            report = super().fetch(query, deadline)
            return replace(report, watermark=None) if query.where else report

    split = Split(Unknowing())
    fill(split.cloud)
    house = split.house(SERVICES, EAST)
    run_cycle(house, "aws", day(20))
    assert house.store.sources()["aws"].watermark == day(19)
    alone = Split(Unknowing())
    fill(alone.cloud)
    house = alone.house(EAST)
    run_cycle(house, "aws", day(20))
    assert house.store.sources()["aws"].watermark is None


def test_a_small_account_that_goes_is_no_matter() -> None:
    split = Split()
    fill(split.cloud)
    split.cloud.spend(3, 1, "S3", sub_account="3", region="west")
    house = split.house(ACCOUNTS)
    run_cycle(house, "aws", day(20))
    split.cloud.charges = [one for one in split.cloud.charges if one.values["sub_account"] != "3"]
    run_cycle(house, "aws", day(20.5))
    assert house.store.sources()["aws"].absent == {}


@pytest.mark.parametrize(
    ("match", "kind", "why"),
    [("source:gcp", "ack", "no source"), ("source:aws", "clear", "speaks of circuits")],
)
def test_what_cannot_be_said_of_a_source(match: str, kind: str, why: str) -> None:
    _, house = narrowed()
    run_cycle(house, "aws", day(21))
    with pytest.raises(UsageError, match=why):
        act(house.store, Act("act_3", kind, match, day(21), "ops", "because"))
