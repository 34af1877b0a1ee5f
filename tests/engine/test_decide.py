"""From a state to what is served, with every reason that holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.engine.decide import SENTENCES, Situation, covers, decide
from cloudcircuit.model import (
    Act,
    Action,
    BreakerState,
    Condition,
    Decision,
    Mode,
    Monitor,
    Phase,
    Reason,
    Severity,
    Verdict,
    WhenStale,
)
from tests.engine.world import DAY, HOUR, MONITOR, STATE, act, day, view, watching

ALLOW, THROTTLE, BLOCK = Action.ALLOW, Action.THROTTLE, Action.BLOCK
NOW = day(20)
HOT = Verdict(day(18), 300.0, 100.0, 150.0, 200.0, failure=True, provisional=False, reasons=(Reason.ANOMALY,))
BURNING = replace(HOT, reasons=(Reason.BURN_RATE,))

STATES = {
    "healthy": STATE,
    "breached": replace(STATE, budget_breached=True, budget=view("120")),
    "open": replace(STATE, phase=Phase.OPEN, cooldown_until=NOW + DAY),
    "half-open": replace(STATE, phase=Phase.HALF_OPEN),
    "after a breach": replace(STATE, after_breach=True),
    "warned": replace(STATE, budget=view("95")),
    "anomalous": replace(STATE, latest=HOT, failing=(day(18),)),
    "burning": replace(STATE, latest=BURNING, failing=(day(18),)),
    "forecast": replace(STATE, budget=view("50", projected="130")),
}


def at(now: datetime = NOW, watermark: datetime | None = NOW, **more: Any) -> Situation:
    return Situation(now, watermark, HOUR, **more)


def decided(state: BreakerState, monitor: Monitor = MONITOR, situation: Situation | None = None) -> Decision:
    return decide(monitor, state, situation or at())


def became(action: Action, would: Action | None = None, **more: Any) -> Decision:
    """A decision that was served before."""
    return replace(decided(STATE), action=action, would=would or action, **more)


# --- conditions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "by_default", "with_all", "severity", "reason"),
    [
        ("healthy", ALLOW, ALLOW, Severity.INFO, Reason.HEALTHY),
        ("breached", BLOCK, BLOCK, Severity.CRITICAL, Reason.BUDGET_BREACHED),
        ("open", BLOCK, BLOCK, Severity.CRITICAL, Reason.BREAKER_OPEN),
        ("half-open", THROTTLE, THROTTLE, Severity.WARNING, Reason.BREAKER_HALF_OPEN),
        ("after a breach", THROTTLE, THROTTLE, Severity.WARNING, Reason.NEW_PERIOD_AFTER_BREACH),
        ("warned", ALLOW, THROTTLE, Severity.WARNING, Reason.BUDGET_WARNING),
        ("anomalous", ALLOW, THROTTLE, Severity.WARNING, Reason.ANOMALY),
        ("burning", ALLOW, THROTTLE, Severity.WARNING, Reason.BURN_RATE),
        ("forecast", ALLOW, THROTTLE, Severity.WARNING, Reason.FORECAST_BREACH),
    ],
)
def test_each_condition_gives_its_action_when_it_is_enforced(
    name: str, by_default: Action, with_all: Action, severity: Severity, reason: Reason
) -> None:
    decision = decided(STATES[name])
    assert (decision.action, decision.severity, decision.reasons) == (by_default, severity, (reason,))
    assert decision.text == SENTENCES[reason]
    assert decided(STATES[name], watching(enforce=frozenset(Condition))).action is with_all
    nothing = decided(STATES[name], watching(enforce=frozenset()))
    said = (nothing.action, nothing.reasons, nothing.severity)
    assert said == (ALLOW, (reason,), severity), "not enforced, it is still said, and weighs as much"


def test_the_strictest_condition_rules_and_all_are_said() -> None:
    state = replace(STATES["breached"], phase=Phase.HALF_OPEN)
    decision = decided(state)
    assert decision.action is BLOCK
    assert decision.reasons == (Reason.BUDGET_BREACHED, Reason.BREAKER_HALF_OPEN)
    assert decided(state, watching(enforce=frozenset({Condition.BREAKER}))).action is THROTTLE


@pytest.mark.parametrize("name", ["anomalous", "burning"])
def test_a_failure_that_was_cleared_is_no_condition(name: str) -> None:
    cleared = replace(STATES[name], last_success=day(18), failing=())
    assert decided(cleared, watching(enforce=frozenset(Condition))).reasons == (Reason.HEALTHY,)


def test_a_breach_leaves_nothing_to_warn_of() -> None:
    state = replace(STATES["breached"], budget=view("120", projected="300"))
    assert decided(state).reasons == (Reason.BUDGET_BREACHED,)


@pytest.mark.parametrize("name", STATES)
def test_observing_serves_allow_and_says_what_it_would(name: str) -> None:
    enforced = decided(STATES[name])
    observed = decided(STATES[name], watching(mode=Mode.OBSERVE))
    assert (observed.action, observed.would) == (ALLOW, enforced.action)
    assert (observed.severity, observed.reasons) == (enforced.severity, enforced.reasons)


def test_a_decision_carries_what_it_rests_on() -> None:
    state = replace(STATES["forecast"], version=7)
    decision = decided(state, watching(owner="ann"), at(watermark=NOW - DAY))
    assert (decision.spend, decision.budget, decision.projected) == (Decimal(50), Decimal(100), Decimal(130))
    assert (decision.version, decision.currency, decision.owner) == (7, "USD", "ann")
    assert (decision.data_as_of, decision.stale_at) == (NOW - DAY, NOW + 2 * DAY)
    assert decided(state, watching(owner="ann"), at(owner="bob")).owner == "bob"


# --- stale data ------------------------------------------------------------------------------------------

STALE = at(watermark=NOW - 3 * DAY)


@pytest.mark.parametrize(
    ("rule", "last", "conditions", "served"),
    [
        (WhenStale.HOLD, ALLOW, ALLOW, ALLOW),
        (WhenStale.HOLD, THROTTLE, ALLOW, THROTTLE),
        (WhenStale.HOLD, BLOCK, ALLOW, BLOCK),
        (WhenStale.HOLD, ALLOW, BLOCK, BLOCK),
        (WhenStale.ALLOW, ALLOW, THROTTLE, ALLOW),
        (WhenStale.ALLOW, THROTTLE, THROTTLE, ALLOW),
        (WhenStale.ALLOW, BLOCK, ALLOW, BLOCK),
        (WhenStale.ALLOW, ALLOW, BLOCK, BLOCK),
        (WhenStale.THROTTLE, ALLOW, ALLOW, THROTTLE),
        (WhenStale.THROTTLE, BLOCK, ALLOW, BLOCK),
        (WhenStale.BLOCK, ALLOW, ALLOW, BLOCK),
    ],
)
def test_stale_data_follow_the_rule_and_relax_no_block(
    rule: WhenStale, last: Action, conditions: Action, served: Action
) -> None:
    state = {ALLOW: STATE, THROTTLE: STATES["half-open"], BLOCK: STATES["open"]}[conditions]
    decision = decided(replace(state, decision=became(last)), watching(when_stale=rule), STALE)
    assert (decision.action, decision.stale, decision.reasons[-1]) == (served, True, Reason.STALE)
    assert decision.severity is (Severity.CRITICAL if served is BLOCK else Severity.WARNING)


@pytest.mark.parametrize("rule", WhenStale)
@pytest.mark.parametrize("name", ["half-open", "after a breach", "healthy"])
def test_no_cooldown_and_no_new_period_opens_a_door_while_the_data_are_stale(rule: WhenStale, name: str) -> None:
    """What was blocked when the data grew stale stays so, cycle after cycle, until there are data again."""
    state = replace(STATES[name], decision=became(BLOCK))
    for hours in range(0, 24 * 30, 12):
        decision = decided(state, watching(when_stale=rule), at(NOW + hours * HOUR, NOW - 3 * DAY))
        assert decision.action is BLOCK
        state = replace(state, decision=decision)
    fresh = decided(state, watching(when_stale=rule), at(NOW + 30 * DAY, NOW + 29 * DAY))
    assert fresh.action is (ALLOW if name == "healthy" else THROTTLE)


def test_what_observing_would_do_is_held_too() -> None:
    state = replace(STATE, decision=became(ALLOW, BLOCK))
    decision = decided(state, watching(mode=Mode.OBSERVE), STALE)
    assert (decision.action, decision.would) == (ALLOW, BLOCK)


@pytest.mark.parametrize(("age", "stale"), [(timedelta(hours=72), True), (timedelta(hours=72, seconds=-1), False)])
def test_data_are_stale_from_stale_after_on(age: timedelta, stale: bool) -> None:
    assert decided(STATE, situation=at(watermark=NOW - age)).stale is stale


def test_a_circuit_of_which_nothing_is_known_says_so() -> None:
    decision = decided(STATE, situation=at(watermark=None))
    assert (decision.stale, decision.reasons, decision.data_as_of) == (True, (Reason.NO_DATA,), None)
    assert decided(STATE, watching(when_stale=WhenStale.BLOCK), at(watermark=None)).action is BLOCK


# --- overrides -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "served"),
    [
        ({}, ALLOW),
        ({"match": "other"}, BLOCK),
        ({"match": "m*"}, ALLOW),
        ({"until": NOW + HOUR}, ALLOW),
        ({"until": NOW}, BLOCK),
        ({"ended_at": NOW}, BLOCK),
        ({"ended_at": NOW + HOUR}, ALLOW),
        ({"at": NOW + HOUR}, BLOCK),
        ({"kind": "silence"}, BLOCK),
    ],
)
def test_an_override_rules_while_it_lives(changes: dict[str, Any], served: Action) -> None:
    person = replace(act("override", action=ALLOW, until=NOW + DAY), **changes)
    decision = decided(STATES["open"], situation=at(acts=[person]))
    assert (decision.action, decision.would) == (served, BLOCK)
    assert decision.override == (person.id if served is ALLOW else None)
    assert (Reason.OVERRIDE in decision.reasons) is (served is ALLOW)


def test_the_newest_override_rules() -> None:
    acts = [act("override", action=ALLOW, at=day(3)), act("override", action=THROTTLE, at=day(2))]
    assert decided(STATES["open"], situation=at(acts=acts)).action is ALLOW


def test_a_person_may_block_while_observing_and_while_blind() -> None:
    acts = [act("override", action=BLOCK)]
    assert decided(STATE, watching(mode=Mode.OBSERVE), at(acts=acts)).action is BLOCK
    assert decided(STATE, situation=at(watermark=None, acts=acts)).action is BLOCK


def test_an_override_does_not_become_what_is_held() -> None:
    lifted = replace(
        STATES["open"], decision=decided(STATES["open"], situation=at(acts=[act("override", action=ALLOW)]))
    )
    assert decided(lifted, situation=STALE).action is BLOCK


@pytest.mark.parametrize(
    ("match", "circuit", "fits"),
    [
        ("prod", "prod", True),
        ("prod", "prod/EC2", False),
        ("prod/*", "prod/EC2/eu", True),
        ("prod/*", "prod", False),
        ("prod/EC?", "prod/EC2", True),
        ("PROD", "prod", False),
        ("prod/a*b", "prod/a*b", True),
        ("prod/[x]", "prod/[x]", True),
    ],
)
def test_an_act_names_a_circuit_or_a_glob(match: str, circuit: str, fits: bool) -> None:
    assert covers(act("ack", match), circuit) is fits


# --- storms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "before", "served"),
    [(None, ALLOW, BLOCK), (1, ALLOW, BLOCK), (0, ALLOW, ALLOW), (0, THROTTLE, THROTTLE), (0, BLOCK, BLOCK)],
)
def test_new_blocks_are_held_back_when_the_hour_has_had_its_share(
    left: int | None, before: Action, served: Action
) -> None:
    state = replace(STATES["open"], decision=became(before))
    decision = decided(state, situation=at(blocks_left=left))
    assert (decision.action, decision.would) == (served, BLOCK)
    assert (Reason.HELD_BACK in decision.reasons) is (served is not BLOCK)


def test_a_held_back_block_comes_when_there_is_room() -> None:
    held = decided(STATES["open"], situation=at(blocks_left=0))
    assert held.action is ALLOW
    assert decided(replace(STATES["open"], decision=held), situation=at(blocks_left=1)).action is BLOCK


# --- identity and time -----------------------------------------------------------------------------------


def test_a_decision_keeps_its_id_and_since_while_nothing_moves() -> None:
    first = decided(STATES["open"])
    again = decided(replace(STATES["open"], decision=first, version=9), situation=at(NOW + DAY))
    assert (again.id, again.since, again.at, again.version) == (first.id, NOW, NOW + DAY, 9)


@pytest.mark.parametrize(
    "changed",
    [
        lambda: decided(replace(STATES["breached"], decision=decided(STATES["open"])), situation=at(NOW + HOUR)),
        lambda: decided(
            replace(STATES["open"], decision=decided(STATES["open"])), watching(mode=Mode.OBSERVE), at(NOW + HOUR)
        ),
        lambda: decided(
            replace(STATES["open"], decision=decided(STATES["open"])),
            situation=at(NOW + HOUR, acts=[act("override", action=BLOCK)]),
        ),
    ],
    ids=["reasons", "mode", "override"],
)
def test_a_decision_that_moves_is_a_new_one(changed: Any) -> None:
    first, second = decided(STATES["open"]), changed()
    assert second.id != first.id
    assert second.since == NOW + HOUR
    assert second.id.startswith("dec_")


def test_every_reader_of_one_state_names_a_new_decision_alike() -> None:
    state = replace(STATES["open"], decision=became(ALLOW))
    assert decided(state, situation=at(NOW)).id == decided(state, situation=at(NOW + timedelta(seconds=5))).id


def test_there_and_back_is_not_the_same_decision() -> None:
    first = decided(STATE)
    blocked = decided(replace(STATES["open"], decision=first))
    again = decided(replace(STATE, decision=blocked))
    assert len({first.id, blocked.id, again.id}) == 3


@pytest.mark.parametrize(
    ("watermark", "acts", "valid"),
    [
        (NOW, [], NOW + HOUR),
        (NOW - 3 * DAY + HOUR / 2, [], NOW + HOUR / 2),  # until the data are stale
        (NOW - 9 * DAY, [], NOW + HOUR),
        (NOW, [act("override", action=ALLOW, until=NOW + HOUR / 4)], NOW + HOUR / 4),
    ],
)
def test_a_decision_holds_until_time_alone_may_change_it(watermark: datetime, acts: list[Act], valid: datetime) -> None:
    assert decided(STATE, situation=at(watermark=watermark, acts=acts)).valid_until == valid


def test_the_end_of_a_cooldown_is_such_a_time() -> None:
    assert decided(replace(STATES["open"], cooldown_until=NOW + HOUR / 3)).valid_until == NOW + HOUR / 3
    assert decided(replace(STATES["open"], cooldown_until=NOW)).valid_until == NOW + HOUR


# --- notes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "severity"),
    [
        (Reason.EFFECTIVE_FROM_BILLED, Severity.INFO),
        (Reason.CURRENCY_MISMATCH, Severity.WARNING),
        (Reason.STATE_DAMAGED, Severity.CRITICAL),
    ],
)
def test_notes_are_said_once_and_weigh_what_they_weigh(note: Reason, severity: Severity) -> None:
    decision = decided(STATE, situation=at(notes=(note, note)))
    assert (decision.reasons, decision.severity) == ((note,), severity)


def test_every_reason_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Reason)
