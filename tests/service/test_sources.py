"""Sources that fail, answer in part, lose days, take words back, or never answer: nothing is relaxed on any of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Action, Phase, Reason, ReportStatus, SourceState, WhenStale
from cloudcircuit.service.cycle import refresh, run_cycle
from cloudcircuit.service.house import House
from tests.service.world import (
    DAY,
    HOUR,
    Cloud,
    a_house,
    answer,
    cycle,
    cycles,
    day,
    heard,
    refused,
    served,
    state_of,
    told,
    watching,
)


def steady_cloud(**more: Any) -> Cloud:
    cloud = Cloud(**more)
    cloud.steady(range(-20, 60))
    return cloud


def source_of(house: House, name: str = "aws") -> SourceState:
    return house.store.sources()[name]


# --- a source that does not answer --------------------------------------------------------------------------


def test_a_source_that_fails_changes_no_breaker_and_is_told_when_it_is_blind() -> None:
    cloud = steady_cloud()
    house = a_house(watching(), aws=cloud)
    cycles(house, range(12))
    before = state_of(house)
    cloud.trouble = AdapterError("the server is busy", retry_after=120)

    results = [run_cycle(house, "aws", day(12) + n * HOUR) for n in range(5)]

    assert {(r.ok, r.permanent, r.retry_after, r.error) for r in results} == {(False, False, 120, "the server is busy")}
    assert state_of(house) == before
    assert told(house) == [("source_blind", "aws")]
    ((at, _, _, event),) = heard(house)
    assert at == day(12) + 2 * HOUR  # the third failure
    assert "the server is busy (3 times in a row)" in event["text"]


def test_a_refused_login_is_blindness_at_once() -> None:
    cloud = steady_cloud()
    house = a_house(watching(), aws=cloud)
    cycle(house, 5)
    cloud.trouble = refused(permanent=True)

    result = cycle(house, 6)

    assert (result.permanent, result.alerts) == (True, 1)
    assert told(house) == [("source_blind", "aws")]


def test_only_an_answer_ends_blindness_and_both_are_told_once() -> None:
    cloud = steady_cloud()
    house = a_house(watching(), aws=cloud)
    cycle(house, 5)
    cloud.trouble = refused(permanent=True)
    cycle(house, 6)
    cloud.trouble = refused("a timeout")
    assert not cycle(house, 6.1).ok
    assert told(house) == [("source_blind", "aws")]

    cloud.trouble = None
    cycles(house, range(7, 9))

    assert told(house) == [("source_blind", "aws"), ("source_back", "aws")]
    assert source_of(house).blind_since is None


def test_a_source_that_answers_with_old_data_alone_is_blind_too() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 10))
    house = a_house(watching(), aws=cloud)

    cycles(house, range(8, 20))

    assert told(house) == [("source_blind", "aws")]
    ((at, _, _, event),) = heard(house)
    assert at == day(12)  # 72 hours after its data end, on day 9
    assert "its data end 3 days ago" in event["text"]


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (WhenStale.HOLD, Action.ALLOW, Action.ALLOW),
        (WhenStale.THROTTLE, Action.ALLOW, Action.THROTTLE),
        (WhenStale.BLOCK, Action.ALLOW, Action.BLOCK),
        (WhenStale.ALLOW, Action.ALLOW, Action.ALLOW),
        (WhenStale.HOLD, Action.BLOCK, Action.BLOCK),
        (WhenStale.ALLOW, Action.BLOCK, Action.BLOCK),
        (WhenStale.THROTTLE, Action.BLOCK, Action.BLOCK),
    ],
)
def test_staleness_acts_through_the_operators_rule_and_never_relaxes_a_block(
    rule: WhenStale, before: Action, after: Action
) -> None:
    cloud = steady_cloud()
    limit = 500 if before is Action.BLOCK else None
    house = a_house(watching(when_stale=rule, limit=limit, stale_after=2 * DAY), aws=cloud)
    cycles(house, range(9, 12))
    assert served(house, 11.9) == {"m": before}

    cloud.trouble = refused()
    cycle(house, 12.5)  # the watermark stands at day 10

    assert served(house, 12.5) == {"m": after}
    decision = state_of(house).decision
    assert decision is not None
    assert (decision.action, decision.stale) == (after, True)
    assert Reason.STALE in decision.reasons


def test_a_broken_adapter_is_a_failed_source_and_its_words_stay_out_of_log_and_state() -> None:
    cloud = steady_cloud(trouble=RuntimeError("https://user:hunter2@example.com/ is down"))
    house = a_house(watching(), aws=cloud)

    with capture_logs() as lines:
        result = cycle(house, 5)

    assert result.error == "its adapter broke with RuntimeError; this is a fault of the adapter"
    assert [line["error"] for line in lines] == ["RuntimeError"]
    assert "hunter2" not in str(lines)
    assert "hunter2" not in str(source_of(house))


def test_an_adapter_that_cannot_be_opened_is_a_failed_source() -> None:
    def nothing() -> Cloud:
        raise ValueError("no such thing")

    house = a_house(watching(), aws=steady_cloud())
    broken = replace(house, sources={"aws": replace(house.sources["aws"], open=nothing)})

    assert cycle(broken, 5).error == "its adapter broke with ValueError; this is a fault of the adapter"


@pytest.mark.parametrize("what", ["no zone", "no table", "two columns"])
def test_an_answer_that_is_none_is_a_fault_of_the_adapter(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = steady_cloud()
    answered = Cloud.fetch

    def fetch(self: Cloud, *args: Any) -> Any:
        report = answered(self, *args)
        if what == "no zone":
            return replace(report, watermark=datetime(2026, 3, 4))
        columns = [*report.table.columns, report.table.columns[0]]
        doubled = pa.table(columns, names=[*report.table.column_names, "BilledCost"])
        return replace(report, table=None if what == "no table" else doubled)

    monkeypatch.setattr(Cloud, "fetch", fetch)
    result = cycle(a_house(watching(), aws=cloud), 5)
    assert not result.ok
    assert "a fault of the adapter" in str(result.error)


def test_a_watermark_in_the_future_settles_nothing_that_has_not_passed() -> None:
    house = a_house(watching(), aws=steady_cloud(watermark=day(400)))

    cycle(house, 5)

    assert source_of(house).watermark == day(5)
    assert state_of(house).judged_through == day(4)


# --- answers that cannot be trusted -------------------------------------------------------------------------


def test_no_answer_yet_is_no_data_and_not_zero() -> None:
    house = a_house(watching(limit=100), aws=Cloud())

    assert cycle(house, 5).ok
    assert told(house) == [("source_blind", "aws")]
    assert "it has no data at all" in heard(house)[0][3]["text"]
    found = answer(house, 5)
    assert (found.action, found.stale) == (Action.ALLOW, True)
    assert Reason.NO_DATA in found.reasons


def test_an_empty_answer_after_full_ones_keeps_every_figure_and_block() -> None:
    cloud = steady_cloud()
    house = a_house(watching(limit=500), aws=cloud)
    cycles(house, range(9, 12))
    spent = answer(house, 11).spend
    cloud.charges = []

    cycles(house, range(12, 14))

    assert source_of(house).status is ReportStatus.SUSPICIOUS
    assert source_of(house).watermark == day(10)
    found = answer(house, 13)
    assert (found.action, found.spend) == (Action.BLOCK, spent)
    assert [kind for kind, who in told(house) if who == "aws"] == ["restated", "source_blind"]


def test_a_day_that_vanished_keeps_its_figures_and_makes_the_answer_suspicious_once() -> None:
    cloud = steady_cloud()
    house = a_house(watching(limit=1050), aws=cloud)
    cycles(house, range(9, 12))
    assert state_of(house).budget_breached
    cloud.drop(3)

    cycles(house, range(12, 16))

    assert state_of(house).budget is not None
    assert state_of(house).budget.spend == Decimal(1500)  # type: ignore[union-attr]
    events = [event for _, _, who, event in heard(house) if who == "aws"]
    assert len(events) == 1
    assert "2026-03-04 was reported before and is gone" in events[0]["text"]


def test_a_source_that_forgets_its_oldest_days_is_not_suspicious() -> None:
    cloud = steady_cloud()
    house = a_house(watching(limit=9000), aws=cloud)
    cycles(house, range(5, 7))
    for number in range(7, 10):
        cloud.drop(number - 27)
        assert cycle(house, number).ok

    state = source_of(house)
    assert state.status is ReportStatus.COMPLETE
    assert state.notes == ("what was reported before 2026-02-12 is gone; its last figures are kept",)
    assert told(house) == []


def test_half_an_answer_takes_nothing_back() -> None:
    cloud = steady_cloud()
    cloud.steady(range(-20, 60), 50, "S3")
    house = a_house(watching(limit=1400), watching("services", per=("service",)), aws=cloud)
    cycles(house, range(9, 12))
    assert state_of(house).budget_breached

    cloud.charges = [charge for charge in cloud.charges if charge.values["service"] != "S3"]
    cloud.status = ReportStatus.PARTIAL
    cycles(house, range(12, 14))

    budget = state_of(house).budget
    assert budget is not None
    assert budget.spend == 11 * 150 + 2 * 100
    assert (budget.complete, state_of(house).budget_breached) == (False, True)


def test_a_past_that_falls_relaxes_nothing_until_it_is_said_twice() -> None:
    """An account that is no longer seen looks like spend that went down."""
    cloud = steady_cloud()
    house = a_house(watching(limit=1000, anomaly=None), aws=cloud)
    cycles(house, range(9, 12))
    assert served(house, 11) == {"m": Action.BLOCK}
    for number in range(11):
        cloud.restate(number, 10)

    cycle(house, 12)
    assert served(house, 12) == {"m": Action.BLOCK}
    assert source_of(house).status is ReportStatus.SUSPICIOUS
    (event,) = [event for _, kind, _, event in heard(house) if kind == "restated"]
    assert "went from 1000.00 to 100.00 USD" in event["text"]
    assert "nothing is relaxed on them until it says so again" in event["text"]

    cycle(house, 12.2)
    assert source_of(house).status is ReportStatus.COMPLETE
    cycle(house, 13)  # the days that made the breach have settled
    assert served(house, 13) == {"m": Action.ALLOW}


def test_a_dip_that_is_filled_again_is_never_taken_for_a_recovery() -> None:
    cloud = steady_cloud()
    house = a_house(watching(limit=1000), aws=cloud)
    cycles(house, range(9, 12))
    for number in range(11):
        cloud.restate(number, 10)
    cycle(house, 12)
    for number in range(11):
        cloud.restate(number, 100)
    cycle(house, 12.2)
    cycle(house, 12.4)

    assert served(house, 12.4) == {"m": Action.BLOCK}
    assert ("resolved", "m") not in told(house)


@pytest.mark.parametrize(("amount", "expected"), [(104, 0), (106, 1), (94, 1), (96, 0)])
def test_a_restated_past_is_told_above_the_share(amount: int, expected: int) -> None:
    cloud = steady_cloud()
    house = a_house(watching(min_impact=Decimal(1)), aws=cloud)
    cycles(house, range(9, 12))
    cloud.restate(5, amount)

    cycles(house, range(12, 15))

    assert [kind for kind, _ in told(house)] == ["restated"] * expected


def test_cents_are_not_worth_a_word_and_what_is_not_settled_is_no_past() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 60), 1)
    house = a_house(watching(), aws=cloud)
    cycles(house, range(9, 12))
    cloud.restate(5, 3)
    cloud.restate(10, 100)  # the newest day

    cycle(house, 12)

    assert [kind for kind, who in told(house) if who == "aws"] == []


def test_a_watermark_that_goes_back_judges_nothing_twice_and_ages_honestly() -> None:
    cloud = Cloud()
    cloud.steady(range(-20, 10))
    cloud.steady(range(10, 60), 500)
    house = a_house(watching(limit=2000), aws=cloud)
    cycles(house, range(9, 13))
    before = state_of(house)
    assert before.phase is Phase.OPEN
    cloud.watermark = day(8)

    cycle(house, 13)

    after = state_of(house)
    assert source_of(house).watermark == day(8)
    assert after.anomalies == before.anomalies
    assert (after.phase, after.trips, after.budget_breached) == (Phase.OPEN, 1, True)
    assert answer(house, 13).stale
    cloud.watermark = None
    cycle(house, 14)
    assert [past.at for past in state_of(house).anomalies] == [day(10), day(11), day(12)]
    assert told(house).count(("tripped", "m")) == 2  # of the breaker and of the budget


def test_a_day_with_a_broken_row_stays_provisional_and_the_others_settle() -> None:
    cloud = steady_cloud(broken={day(5).date(): 2})
    house = a_house(watching(), aws=cloud)

    cycles(house, range(5, 9))

    state = state_of(house)
    assert (state.judged_through, state.skipped) == (day(6), (day(5),))
    assert source_of(house).broken == (day(5).date(),)


def test_rows_that_cannot_be_read_are_told_when_they_come_and_not_each_day_again() -> None:
    cloud = steady_cloud()
    house = a_house(watching(), aws=cloud)
    for number in range(5, 9):  # a line that is no row keeps back whatever day is the newest
        cloud.broken, cloud.notes = {day(number - 1).date(): 1}, ("line 7 of bill.csv is no row",)
        cycle(house, number)
    cloud.broken, cloud.notes = {day(8).date(): 3}, ("line 7 of bill.csv is no row", "3 rows of more.csv have no cost")
    cycle(house, 9)

    texts = [event["text"] for _, kind, _, event in heard(house) if kind == "broken_rows"]
    assert [text.split(".")[0] for text in texts] == [
        "1 row of 2026-03-05 cannot be read: line 7 of bill",
        "3 rows of 2026-03-09 cannot be read: line 7 of bill",
    ]


# --- several sources ----------------------------------------------------------------------------------------


def test_a_monitor_waits_for_its_slowest_source() -> None:
    aws, gcp = steady_cloud(), steady_cloud(accounts=frozenset({"222"}), lag=3 * DAY)
    house = a_house(watching(sources=("aws", "gcp")), aws=aws, gcp=gcp)
    for number in range(5, 9):
        cycle(house, number)
        cycle(house, number, "gcp")

    assert state_of(house).judged_through == day(4)
    assert answer(house, 8).data_as_of == day(5)
    assert (len(aws.asked), len(gcp.asked)) == (4, 4)


def test_while_one_source_has_never_answered_the_other_can_only_breach_a_budget() -> None:
    aws, gcp = steady_cloud(), Cloud(trouble=refused("a timeout"), accounts=frozenset({"222"}))
    house = a_house(watching(sources=("aws", "gcp"), limit=450), aws=aws, gcp=gcp)
    for number in range(3, 5):
        cycle(house, number)
        assert not cycle(house, number, "gcp").ok

    found = answer(house, 4)
    assert (found.action, found.stale, found.data_as_of) == (Action.ALLOW, True, None)
    assert state_of(house).judged_through is None
    cycle(house, 5)
    assert answer(house, 5).action is Action.BLOCK
    assert told(house) == [("tripped", "m")]


def test_a_source_that_fails_holds_the_monitors_that_it_shares_and_no_others() -> None:
    aws, gcp = steady_cloud(), steady_cloud(accounts=frozenset({"222"}))
    both = watching("both", sources=("aws", "gcp"), limit=2150)
    house = a_house(both, watching("alone"), aws=aws, gcp=gcp)
    for number in range(9, 12):
        cycle(house, number)
        cycle(house, number, "gcp")
    assert state_of(house, "both").budget_breached
    gcp.trouble = refused("a timeout")
    for number in range(11):
        aws.restate(number, 90)
    for at in (12, 12.2, 12.4):
        cycle(house, at)
        assert not cycle(house, at, "gcp").ok

    budget = state_of(house, "both").budget
    assert budget is not None
    assert (budget.complete, state_of(house, "both").budget_breached) == (False, True)
    assert state_of(house, "alone").judged_through == day(10)
    assert state_of(house, "both").judged_through == day(9)


def test_a_source_that_is_gone_from_the_configuration_leaves_the_others_in_peace() -> None:
    aws, gcp = steady_cloud(), steady_cloud(accounts=frozenset({"222"}))
    house = a_house(watching(sources=("aws", "gcp")), aws=aws, gcp=gcp)
    for number in range(5, 8):
        cycle(house, number)
        cycle(house, number, "gcp")

    smaller = a_house(watching(), store=house.store, aws=aws)
    cycles(smaller, range(8, 12))
    refresh(smaller, day(11) + HOUR)

    assert state_of(smaller).judged_through == day(9)
    assert answer(smaller, 11).data_as_of == day(10)
    assert told(smaller) == []
