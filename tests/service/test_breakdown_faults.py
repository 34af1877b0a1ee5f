"""Sources of several breakdowns on a bad day: marks that lie, clocks that jump, plugins that are broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cloudcircuit.model import Act, AlertKind, Breakdown, Commit, Grain, Match, ReportStatus, SpendQuery
from cloudcircuit.ports import Deadline, SpendReport
from cloudcircuit.service.ask import closer_queries
from cloudcircuit.service.cycle import images_for, run_cycle
from cloudcircuit.service.house import House
from cloudcircuit.service.operate import act
from cloudcircuit.service.reading import LONGEST_MARK
from tests.service.test_breakdowns import ACCOUNTS, EAST, SERVICES, Narrow, Split, fill, one_at_a_time
from tests.service.world import Cloud, Fragile, a_house, a_source, day, heard, watching


def amounts(house: House, number: int, at: float, watch: Any = SERVICES) -> dict[str, Decimal]:
    """What a house remembers of a day, by service."""
    rows = images_for(house, watch, day(at))["aws"].table.to_pylist()
    return {row["ServiceName"]: row["BilledCost"] for row in rows if row["ChargePeriodStart"] == day(number)}


@dataclass
class Marked(Narrow):
    """Marks days by a version that nobody raises: whatever it says of a day, the mark is the same."""

    mark: str = "v1"

    def _totals(self, query: SpendQuery) -> dict[date, str]:
        return dict.fromkeys(super()._totals(query), self.mark)


# --- marks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [ReportStatus.PARTIAL, ReportStatus.SUSPICIOUS])
def test_what_a_doubtful_report_has_kept_is_not_kept_for_ever(status: ReportStatus) -> None:
    split = Split()
    fill(split.cloud)
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(20))
    split.cloud.charges = [one for one in split.cloud.charges if one.values["service"] != "S3" or one.start != day(5)]
    split.cloud.status = status
    run_cycle(house, "aws", day(20.5))
    assert amounts(house, 5, 20.5)["S3"] == 40
    split.cloud.status = ReportStatus.COMPLETE
    run_cycle(house, "aws", day(21))
    assert amounts(house, 5, 21) == {"EC2": 60, "S3": 0} or amounts(house, 5, 21) == {"EC2": 60}


def test_days_that_a_partial_report_calls_unchanged_keep_their_marks() -> None:
    split = Split()
    fill(split.cloud)
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(20))
    split.cloud.status = ReportStatus.PARTIAL
    run_cycle(house, "aws", day(20.5))
    run_cycle(house, "aws", day(20.6))
    assert len(split.cloud.asked[-1].marks) == 20


@pytest.mark.parametrize("other", [{"grain": Grain.HOUR}, {"zone": ZoneInfo("America/Los_Angeles")}])
def test_marks_of_other_days_are_not_given(other: dict[str, Any]) -> None:
    """The same dates, cut in another zone or told by hours, are other days."""
    split = Split(Marked())
    fill(split.cloud)
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(20))
    moved = replace(house, sources={"aws": replace(house.sources["aws"], **other)})
    run_cycle(moved, "aws", day(20.2))
    split.cloud.restate(5, 61)
    run_cycle(house, "aws", day(20.4))
    assert split.cloud.asked[-1].marks == {}
    assert amounts(house, 5, 20.4)["EC2"] == 61


def test_a_clock_that_was_ahead_hides_nothing() -> None:
    split = Split()
    fill(split.cloud)
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(23))
    split.cloud.restate(5, 61)
    run_cycle(house, "aws", day(20.5))
    for at in (20.6, 24):
        run_cycle(house, "aws", day(at))
        assert amounts(house, 5, at)["EC2"] == 61


def test_a_mark_that_is_too_long_is_not_kept() -> None:
    split = Split(Marked(mark="x" * (LONGEST_MARK + 1)))
    fill(split.cloud)
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(20))
    assert house.store.sources()["aws"].marks == {}


def test_marks_of_what_is_no_longer_asked_are_dropped() -> None:
    split = Split()
    fill(split.cloud)
    run_cycle(house := split.house(SERVICES, ACCOUNTS), "aws", day(20))
    assert len(house.store.sources()["aws"].marks) == 2
    fewer = replace(house, monitors=(SERVICES,))
    run_cycle(fewer, "aws", day(20.5))
    assert len(house.store.sources()["aws"].marks) == 1


# --- plugins ----------------------------------------------------------------------------------------------------


Splits = Callable[[Sequence[Breakdown], Grain], tuple[Breakdown, ...]]


@pytest.mark.parametrize(
    "split",
    [
        lambda needs, grain: (*one_at_a_time(needs, grain), *one_at_a_time(needs, grain)),
        lambda _needs, _grain: (Breakdown(("service", "region")), Breakdown(("region", "service"))),
        lambda needs, grain: (*one_at_a_time(needs, grain), Breakdown(("weather",))),
        lambda _needs, _grain: (Breakdown(("service",), [Match("region", ("east",))]),),  # type: ignore[arg-type]
        lambda _needs, _grain: ("service",),
    ],
)
def test_breakdowns_that_the_ledger_cannot_hold_are_a_fault(split: Splits) -> None:
    house = Split().house(SERVICES)
    house = replace(house, sources={"aws": replace(house.sources["aws"], split=split)})
    result = run_cycle(house, "aws", day(20))
    assert not result.ok
    assert "fault of the adapter" in (result.error or "")


@pytest.mark.parametrize(
    "more",
    [
        {"told": frozenset({day(3)})},
        {"unchanged": frozenset({"2026-03-04"})},
        {"marks": {day(3).date(): 7}},
        {"marks": {day(3): "x"}},
        {"broken": {"2026-03-04": 1}},
        {"accounts": frozenset({7})},
        {"notes": (None,)},
        {"status": "complete"},
    ],
)
def test_an_answer_of_other_things_is_a_fault(more: dict[str, Any]) -> None:
    class Odd(Narrow):
        def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
            return replace(super().fetch(query, deadline), **more)

    split = Split(Odd())
    fill(split.cloud)
    result = run_cycle(split.house(SERVICES), "aws", day(20))
    assert not result.ok
    assert "fault" in (result.error or "")


def test_a_source_is_not_taken_for_a_breakdown_of_another() -> None:
    split, plain = Split(), Cloud()
    fill(split.cloud)
    plain.steady(range(20), 7, "EC2")
    other = watching("other", per=("service",), sources=("aws by service",))
    house = split.house(SERVICES)
    sources = {**house.sources, "aws by service": a_source("aws by service", plain)}
    house = replace(house, monitors=(SERVICES, other), sources=sources)
    for at in (20, 20.5):
        for source in house.sources:
            assert run_cycle(house, source, day(at)).ok
    assert house.store.sources()["aws by service"].status is ReportStatus.COMPLETE
    assert amounts(house, 5, 20.5) == {"EC2": 60, "S3": 40}


def test_a_sibling_that_cannot_be_split_holds_only_what_looks_at_it() -> None:
    def broken(_needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
        raise RuntimeError("boom")

    split, other = Split(), Cloud(accounts=frozenset({"222"}))
    fill(split.cloud)
    other.steady(range(20), 7, "EC2")
    wide = watching("wide", per=("service",), sources=("aws", "gcp"))
    house = replace(split.house(SERVICES), monitors=(SERVICES, wide))
    gcp = a_house(wide, gcp=other).sources["gcp"]
    house = replace(house, sources={**house.sources, "gcp": gcp})
    for source in house.sources:
        run_cycle(house, source, day(20))
    broke = replace(house, sources={**house.sources, "gcp": replace(gcp, split=broken)})
    result = run_cycle(broke, "aws", day(21))
    assert result.ok
    reasons = {name: s.decision.reasons for name, s in house.store.states().items() if s.decision}
    assert "not_judged" in reasons["wide/EC2"]
    assert "not_judged" not in reasons["services/EC2"]


def test_drivers_are_looked_for_within_what_a_pattern_takes() -> None:
    spec = replace(a_house(EAST, aws=Cloud()).sources["aws"], split=lambda needs, _grain: tuple(needs))
    where = (Match("service", ("E*",)), Match("region", ("east",), exact=True))
    found = closer_queries(spec, SpendQuery(day(1), day(2), where=where), ("region", "service", "sub_account"))
    assert [query.dimensions for query in found] == [("service",), ("sub_account",)]


# --- what speaks for a source -----------------------------------------------------------------------------------


def filtered(region: str) -> Any:
    return watching(region, per=("service",), where=(Match("region", (region,)),))


def pushed(needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    return tuple(needs)


@pytest.mark.parametrize("region", ["east", "west"])
def test_where_all_is_filtered_each_filter_is_looked_behind(region: str) -> None:
    split = Split()
    fill(split.cloud)
    house = split.house(filtered("east"), filtered("west"))
    house = replace(house, sources={"aws": replace(house.sources["aws"], split=pushed)})
    run_cycle(house, "aws", day(20))
    split.cloud.charges = [
        one._replace(billed=one.billed / 10, effective=one.effective / 10)
        if one.values["region"] == region and one.start == day(10)
        else one
        for one in split.cloud.charges
    ]
    run_cycle(house, "aws", day(20.5))
    assert house.store.sources()["aws"].status is ReportStatus.SUSPICIOUS


def test_a_breakdown_that_is_new_does_not_speak_for_the_source() -> None:
    """What the past was is known of the one that was asked before."""
    split = Split()
    fill(split.cloud)
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(20))
    split.cloud.restate(10, 6)
    wider = replace(house, monitors=(ACCOUNTS, SERVICES))
    wider = replace(wider, sources={"aws": replace(house.sources["aws"], split=lambda n, g: one_at_a_time(n, g)[::-1])})
    run_cycle(wider, "aws", day(20.5))
    assert house.store.sources()["aws"].status is ReportStatus.SUSPICIOUS


def test_a_broken_day_without_a_row_has_not_vanished() -> None:
    split = Split()
    fill(split.cloud)
    house = split.house(SERVICES)
    run_cycle(house, "aws", day(20))
    lost = split.cloud.charges
    split.cloud.charges = [one for one in lost if one.start != day(10)]
    split.cloud.broken = {day(10).date(): 2}
    for at in (20.5, 21):
        run_cycle(house, "aws", day(at))
    state = house.store.sources()["aws"]
    assert (state.status, state.broken) == (ReportStatus.COMPLETE, (day(10).date(),))
    assert amounts(house, 10, 21) == {"EC2": 60, "S3": 40}
    split.cloud.charges, split.cloud.broken = lost, {}
    run_cycle(house, "aws", day(21.5))
    assert house.store.sources()["aws"].broken == ()


# --- accounts that are gone -------------------------------------------------------------------------------------


def without(split: Split, *names: str) -> None:
    split.cloud.charges = [one for one in split.cloud.charges if one.values["sub_account"] not in names]


def three_accounts() -> tuple[Split, House]:
    split = Split()
    fill(split.cloud)
    for number in range(20):
        split.cloud.spend(number, 30, "S3", sub_account="3", region="west")
    house = split.house(ACCOUNTS, SERVICES)
    run_cycle(house, "aws", day(20))
    return split, house


def acked(house: House, at: datetime, name: str = "act_1") -> Act:
    return act(house.store, Act(name, "ack", "source:aws", at, "ops", "it was closed"))


def test_what_goes_after_an_ack_is_not_acknowledged_by_it() -> None:
    """In a replay people speak in their own time, which is later than all that is judged."""
    split, house = three_accounts()
    without(split, "2")
    run_cycle(house, "aws", day(21))
    acked(house, day(400))
    without(split, "3")
    for at in (22, 23):
        run_cycle(house, "aws", day(at))
        state = house.store.sources()["aws"]
        assert (set(state.absent), state.status) == ({"3"}, ReportStatus.SUSPICIOUS)


def test_an_ack_helps_where_nobody_looks_at_accounts_any_more() -> None:
    split, house = three_accounts()
    without(split, "2")
    run_cycle(house, "aws", day(21))
    fewer = replace(house, monitors=(SERVICES,))
    run_cycle(fewer, "aws", day(22))
    assert set(house.store.sources()["aws"].absent) == {"2"}
    acked(house, day(22.1))
    run_cycle(fewer, "aws", day(23))
    state = house.store.sources()["aws"]
    assert (state.absent, state.status) == ({}, ReportStatus.COMPLETE)


def test_the_same_ack_again_changes_nothing_and_is_no_error() -> None:
    split, house = three_accounts()
    without(split, "2")
    run_cycle(house, "aws", day(21))
    said = acked(house, day(21.1))
    run_cycle(house, "aws", day(22))
    assert act(house.store, said) == said
    (entry,) = [one for one in house.store.history("source:aws") if one.kind == "ack"]
    assert entry.detail["accounts"] == ["2"]


def test_an_ack_that_loses_its_race_is_tried_again() -> None:
    split, house = three_accounts()
    without(split, "2")
    run_cycle(house, "aws", day(21))
    source = house.store.sources()["aws"]
    store, real = Fragile(house.store), house.store
    store.before[0] = lambda: real.commit(Commit(sources=(replace(source, version=source.version + 1),)))
    acked(replace(house, store=store), day(21.1))
    assert len(store.commits) == 2
    assert house.store.sources()["aws"].absent == {}


def test_accounts_that_are_gone_hide_no_other_doubt() -> None:
    split, house = three_accounts()
    without(split, "2")
    run_cycle(house, "aws", day(21))
    split.cloud.drop(10)
    for at in (22, 22.5, 23):
        run_cycle(house, "aws", day(at))
    texts = [payload["text"] for _, kind, _, payload in heard(house) if kind == AlertKind.RESTATED.value]
    assert sum("2026-03-11 was reported before and is gone" in text for text in texts) == 1
