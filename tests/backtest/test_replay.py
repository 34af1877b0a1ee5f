"""A replay of a planted history: what fires, when, and what acting at once would have avoided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from cloudcircuit.errors import AdapterError, UsageError
from cloudcircuit.model import (
    Action,
    AlertKind,
    AnomalyPolicy,
    Breakdown,
    BurnRatePolicy,
    Grain,
    Mode,
    Phase,
    ReportStatus,
)
from cloudcircuit.service.backtest.result import HINDSIGHT, Backtest
from cloudcircuit.service.backtest.tape import Tape
from tests.backtest.past import Bill, a_bill, before, circuit, replayed, spiky, told
from tests.service.world import DAY, HOUR, a_house, an_act, day, refused

FOUR_DAYS = {f"d{number}": 300.0 for number in range(18, 22)}


@pytest.fixture(scope="module")
def usual() -> Backtest:
    """36 days of 100, four of 300 among them: days 18 to 21. A day is seen a day after its end."""
    return replayed(spiky(), a_bill(36, **FOUR_DAYS))


def test_an_anomaly_is_told_when_its_first_day_has_settled_and_its_money_is_counted_from_there(usual: Backtest) -> None:
    assert told(usual)[:2] == [(day(20), "anomaly", "m"), (day(21), "tripped", "m")]
    (run,) = circuit(usual).runs
    assert (run.since, run.through, run.periods) == (day(18), day(21), 4)
    assert run.excess == pytest.approx(800)
    assert (run.alerted_at, run.days_to_alert) == (day(20), 2.0)
    assert run.avoidable == pytest.approx(400)  # days 20 and 21 began after the alert
    assert not run.is_open
    assert run.resolution == "back_to_normal"


def test_the_summary_adds_up_what_happened(usual: Backtest) -> None:
    found = usual.summary
    assert (found.circuits, found.days, found.alerts, found.runs) == (1, 32, 2, 1)
    assert found.by_kind == {AlertKind.ANOMALY: 1, AlertKind.TRIPPED: 1}
    assert found.by_monitor == {"m": 2}
    assert sum(found.by_week.values()) == 2
    assert found.days_to_alert == 2.0
    assert found.excess == {"USD": pytest.approx(800)}
    assert found.avoidable == {"USD": pytest.approx(400)}
    assert found.alerts_a_week == pytest.approx(2 / 32 * 7)


def test_a_block_lasts_from_the_trip_until_a_day_that_settled_later_passes(usual: Backtest) -> None:
    (block,) = circuit(usual).blocks
    statuses = circuit(usual).statuses
    assert block.start == day(21)
    assert block.end is not None
    blocked = {status.at for status in statuses if status.action is Action.BLOCK}
    assert blocked == {status.at for status in statuses if block.start <= status.at < block.end}
    spent = [point.value for point in circuit(usual).points if block.start <= point.at < block.end]
    assert block.spend == pytest.approx(sum(spent))
    assert [status.phase for status in statuses if status.at in (day(20), day(21))] == [Phase.CLOSED, Phase.OPEN]
    assert statuses[-1].phase is Phase.CLOSED


def test_what_would_be_served_does_not_hang_on_the_mode(usual: Backtest) -> None:
    observing = replayed(spiky(mode=Mode.OBSERVE), a_bill(36, **FOUR_DAYS))
    assert circuit(observing).blocks == circuit(usual).blocks


def test_each_day_is_a_point_with_what_was_expected_of_it(usual: Backtest) -> None:
    points = {point.at: point for point in circuit(usual).points}
    assert sorted(points) == [day(number) for number in range(35)]  # the newest may still grow
    unusual = points[day(18)]
    assert (unusual.value, unusual.expected, unusual.limit, unusual.excess) == (300.0, 100.0, 150.0, 200.0)
    assert unusual.failure
    assert not unusual.provisional
    assert not points[day(17)].failure


def test_the_budget_is_kept_as_it_was_known_on_each_day() -> None:
    result = replayed(spiky(anomaly=None, limit=1000), a_bill(40))
    points = {point.at: point for point in circuit(result).budgets}
    assert points[day(8)].spend == Decimal(700)  # days 0 to 6 had settled
    assert points[day(8)].limit == 1000
    assert points[day(8)].projected is not None
    assert points[day(33)].start == day(31).date()  # April: a new period
    assert ("tripped", "m") in {(kind, who) for _, kind, who in told(result)}


def test_nothing_fires_on_a_calm_bill() -> None:
    result = replayed(spiky(), a_bill(24))
    assert result.alerts == ()
    assert circuit(result).runs == ()
    assert result.summary.days_to_alert is None
    assert result.summary.never_quiet == ()


def test_a_run_that_has_not_ended_is_open() -> None:
    (run,) = circuit(replayed(spiky(), a_bill(24, d22=300, d23=300))).runs
    assert run.is_open
    assert run.resolution is None


def test_what_stands_for_half_of_the_days_is_never_quiet() -> None:
    result = replayed(spiky(anomaly=None, limit=200), a_bill(24))
    assert result.summary.never_quiet == ("m",)


# --- nothing from the future --------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "seen"), [("spike", 21), ("seasonal", 24)])
def test_another_future_changes_nothing_before_it(method: str, seen: int) -> None:
    monitor = spiky(anomaly=AnomalyPolicy(method=method, lookback=28), limit=3000)
    one, other = a_bill(28, **FOUR_DAYS), a_bill(seen - 1, **FOUR_DAYS)
    other.steady(range(seen - 1, 28), 10_000)
    other.steady(range(seen - 1, 28), 500, "another")
    first, second = (replayed(monitor, bill, start=10, end=27) for bill in (one, other))
    assert before(first.alerts, day(seen)) == before(second.alerts, day(seen))
    for kind in ("points", "budgets", "statuses"):
        known = [
            [row for row in getattr(circuit(result), kind) if row.at < day(seen - (2 if kind == "points" else 0))]
            for result in (first, second)
        ]
        assert known[0] == known[1]
        assert known[0]


def test_a_day_is_seen_when_its_lag_is_over() -> None:
    bill = a_bill(30, d18=300, d19=300)
    bill.lag = 3 * DAY
    result = replayed(spiky(stale_after=9 * DAY), bill)
    assert told(result)[0] == (day(22), "anomaly", "m")
    assert result.sources[0].lag_hours == 72


def test_days_are_those_of_the_sources_zone() -> None:
    bill = Bill(zone=ZoneInfo("America/Los_Angeles"))
    for number in range(30):
        bill.spend(number + 8 / 24, 100)
    bill.spend(18.5, 200)
    bill.spend(19.5, 200)
    assert told(replayed(spiky(), bill))[0] == (day(21), "anomaly", "m")  # 19 March ends there at 07:00 UTC on the 20th


# --- the span -----------------------------------------------------------------------------------------------


def test_without_a_span_all_is_replayed_and_the_first_eighth_warms_up() -> None:
    result = replayed(spiky(), a_bill(40))
    assert (result.start, result.end, result.warm_up) == (day(2 + 4), day(41), 4)
    assert len(circuit(result).statuses) == result.summary.days == 36


def test_a_span_that_is_named_is_reported_whole() -> None:
    result = replayed(spiky(), a_bill(36, **FOUR_DAYS), start=19, end=30)
    assert (result.start, result.end, result.warm_up) == (day(19), day(30), 14)
    assert len(circuit(result).statuses) == 12
    assert told(result)[0] == (day(20), "anomaly", "m")


def test_a_run_that_was_over_before_the_span_is_not_in_it() -> None:
    result = replayed(spiky(), a_bill(28, **FOUR_DAYS), start=27)
    assert circuit(result).runs == ()
    assert result.summary.alerts == 0


def test_a_span_begins_no_sooner_than_anything_was_said() -> None:
    assert replayed(spiky(), a_bill(30), start=-20).start == day(2)


def test_no_moment_lies_ahead_of_now() -> None:
    assert replayed(spiky(), a_bill(36), now=day(20) + HOUR).end == day(20)


@pytest.mark.parametrize(("start", "end"), [(200, 210), (-40, -20)])
def test_a_span_far_from_all_data_says_what_there_is(start: int, end: int) -> None:
    with pytest.raises(UsageError, match="source aws has charges from 2026-03-01 to 2026-04-09"):
        replayed(spiky(), a_bill(40), start=start, end=end)


@pytest.mark.parametrize(("start", "end"), [(60, None), (60, 70), (-9, 1)])
def test_a_span_beside_the_data_says_when_they_were_known(start: int, end: int | None) -> None:
    with pytest.raises(UsageError, match=r"nothing to replay from 2026-\d\d-\d\d to .*known on 2026-03-0.*on 2026-0"):
        replayed(spiky(), a_bill(40), start=start, end=end)


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(UsageError, match="source aws has no charges that can be seen"):
        replayed(spiky(), Bill())


def test_a_source_that_cannot_be_read_is_named() -> None:
    bill = a_bill(40)
    bill.trouble = refused("the login is refused", permanent=True)
    with pytest.raises(AdapterError, match="source aws: its history cannot be read: the login is refused"):
        replayed(spiky(), bill)


# --- how it is done -----------------------------------------------------------------------------------------


def test_a_source_is_asked_once_for_the_whole_span() -> None:
    bill = a_bill(28, **FOUR_DAYS)
    replayed([spiky(), spiky("services", per=("service",))], bill)
    (query,) = bill.asked
    assert query.start <= day(0)
    assert query.end >= day(28)


def test_hindsight_is_said() -> None:
    result = replayed(spiky(), a_bill(40))
    (source,) = result.sources
    assert (source.known, source.since) == (HINDSIGHT, None)
    assert (source.first, source.last) == (day(0).date(), day(39).date())
    assert result.hindsight


def test_two_monitors_that_see_the_same_money_count_it_once() -> None:
    result = replayed([spiky("all"), spiky("services", per=("service",))], a_bill(28, **FOUR_DAYS))
    speaks, folded = circuit(result, "services/EC2"), circuit(result, "all")
    assert folded.runs[0].told_by == "services/EC2"
    assert folded.runs[0].days_to_alert == speaks.runs[0].days_to_alert
    assert result.summary.runs == 1
    assert result.summary.excess == {"USD": pytest.approx(speaks.runs[0].excess)}
    assert result.summary.blocked.keys() == {"all", "services"}


def test_what_was_announced_is_expected_from_the_day_it_was_said() -> None:
    planned = an_act("expect", at=15, until=40, amount=Decimal(200))
    assert replayed(spiky(), a_bill(28, **FOUR_DAYS), acts=[planned]).alerts == ()
    too_late = replace(planned, at=day(21))
    assert replayed(spiky(), a_bill(28, **FOUR_DAYS), acts=[too_late]).alerts != ()


def test_what_was_acknowledged_and_cleared_is_so_from_then_on() -> None:
    bill = a_bill(36, **{f"d{number}": 300.0 for number in range(18, 28)})
    cleared = replayed(spiky(), bill, acts=[an_act("clear", at=24)])
    assert (day(24), "resolved", "m") in told(cleared)
    nobody = replayed(spiky(), bill, acts=[an_act("ack", "someone-else", at=24), an_act("override", at=1)])
    assert told(nobody) == told(replayed(spiky(), bill))


def test_hours_are_judged_and_seen_by_the_day() -> None:
    bill = Bill(grain=Grain.HOUR, lag=2 * HOUR)
    for hour in range(24 * 24):
        bill.spend(hour / 24, 60 if 19 * 24 + 3 <= hour < 19 * 24 + 12 else 10)
    result = replayed(spiky(anomaly=AnomalyPolicy(method="spike", lookback=14, min_days=7)), bill, start=17)
    (run,) = circuit(result).runs
    assert (run.since, run.periods) == (day(19) + 3 * HOUR, 9)
    assert run.excess == pytest.approx(9 * 50)
    assert circuit(result).grain is Grain.HOUR


def test_a_source_that_is_not_whole_relaxes_nothing_here_either() -> None:
    bill = a_bill(28, **FOUR_DAYS)
    bill.status = ReportStatus.PARTIAL
    assert circuit(replayed(spiky(), bill)).statuses[-1].phase is Phase.HALF_OPEN


def test_a_burn_rate_alone_is_replayed_too() -> None:
    result = replayed(spiky(anomaly=None, burn_rate=BurnRatePolicy(lookback=10)), a_bill(28, **FOUR_DAYS))
    assert [kind for _, kind, _ in told(result)][:2] == ["anomaly", "tripped"]


def test_a_house_is_left_as_it_is() -> None:
    bill, tape = a_bill(40, **FOUR_DAYS), Tape()
    house = a_house(spiky(), store=tape, aws=bill)
    replayed(spiky(), bill, house=house)
    assert tape.take_commits() == []
    assert tape.states() == {}


def test_progress_hears_of_each_day() -> None:
    heard: list[tuple[datetime, int, int, int]] = []
    result = replayed(spiky(), a_bill(24, d18=300), progress=lambda *said: heard.append(said))
    assert [number for _, number, _, _ in heard] == list(range(1, 25))
    assert heard[0] == (day(2), 1, 24, 0)
    assert heard[-1] == (result.end, 24, 24, 1)


def test_a_source_that_answers_with_several_breakdowns_is_replayed_by_all_of_them() -> None:
    def strands(needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
        return tuple(dict.fromkeys(needs))

    bill = a_bill(30, d18=300, d19=300)
    bill.steady(range(30), 50, "S3", region="east")
    monitors = [spiky("services", per=("service",)), spiky("regions", per=("region",))]
    house = a_house(*monitors, store=Tape(), aws=bill)
    whole = replayed(monitors, bill, house=house)
    split = replace(house, sources={"aws": replace(house.sources["aws"], split=strands)})
    bill.asked.clear()
    result = replayed(monitors, bill, house=split)
    assert [query.dimensions for query in bill.asked] == [("service",), ("region",)]
    assert told(result) == told(whole)
    assert {each.circuit: each.points for each in result.circuits} == {
        each.circuit: each.points for each in whole.circuits
    }
