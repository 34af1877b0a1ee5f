"""From a circuit's state to what is served: allow, throttle or block, with every reason that holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

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
    WhenStale,
    glob_regex,
    strictest,
)

SENTENCES: dict[Reason, str] = {
    Reason.HEALTHY: "all safeguards healthy",
    Reason.BUDGET_BREACHED: "the budget is used up",
    Reason.BUDGET_WARNING: "the budget is nearly used up",
    Reason.BREAKER_OPEN: "the breaker is open after failing periods in a row",
    Reason.BREAKER_HALF_OPEN: "the breaker is half-open: the next settled period decides",
    Reason.NEW_PERIOD_AFTER_BREACH: "a new period after a breach, no day of it settled yet",
    Reason.ANOMALY: "spend is far above what is normal here",
    Reason.BURN_RATE: "spend runs hotter than its average",
    Reason.FORECAST_BREACH: "the forecast ends above the budget",
    Reason.BELOW_MIN_IMPACT: "unusual, but too little money to matter",
    Reason.TOO_EARLY: "too early to say",
    Reason.SHORT_HISTORY: "too short a history to judge",
    Reason.LINGERING: "the last periods are unusual together, this one by itself is not: it decides nothing",
    Reason.NEGATIVE_DAY: "credits exceed charges; counted as zero",
    Reason.EXPECTED_SPEND: "announced spend is part of what is expected",
    Reason.EFFECTIVE_FROM_BILLED: "the source has no EffectiveCost; BilledCost stands in",
    Reason.NO_DATA: "nothing is known yet",
    Reason.STALE: "the data are older than stale_after",
    Reason.CURRENCY_MISMATCH: "charges in another currency; the circuit is held",
    Reason.NOT_JUDGED: "its monitor cannot be judged; the last decision is held",
    Reason.STATE_DAMAGED: "the stored state was damaged; the stricter state is served",
    Reason.OVERRIDE: "overridden by a person",
    Reason.HELD_BACK: "held back: too many new blocks within an hour",
}
"""One sentence for each reason: the text of decisions, alerts and the command line."""


REMARKS = frozenset({Reason.EFFECTIVE_FROM_BILLED})
"""Reasons that explain and do not worry."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is around a circuit when it is decided.

    `watermark` is that of its slowest source. `ttl` is how long a reader may rely on the answer. `blocks_left` is
    how many new blocks this hour still allows, None where there is no bound (a reader who changes nothing).
    """

    now: datetime
    watermark: datetime | None
    ttl: timedelta
    acts: Sequence[Act] = ()
    notes: tuple[Reason, ...] = ()
    blocks_left: int | None = None
    owner: str | None = None


def decide(monitor: Monitor, state: BreakerState, at: Situation) -> Decision:
    """The decision on a circuit. `state.decision` is the one before; its `since` and `id` last while nothing moves."""
    held = _held_conditions(state)
    would = strictest([action for condition, action, _ in held if condition in monitor.enforce])
    reasons = [reason for _, _, reason in held]
    stale_at = None if at.watermark is None else at.watermark + monitor.stale_after
    stale = stale_at is None or at.now >= stale_at
    if stale:
        would = _when_stale(monitor.when_stale, would, state.decision)
        reasons.append(Reason.NO_DATA if at.watermark is None else Reason.STALE)
    reasons.extend(at.notes)
    action, served = _served(monitor, state, would, at)
    reasons.extend(served)
    severity = _severity(held, reasons, would)
    override = live_override(state.circuit, at.acts, at.now)
    if override is not None and override.action is not None:
        action = override.action
        reasons.append(Reason.OVERRIDE)
    found = tuple(dict.fromkeys(reasons)) or (Reason.HEALTHY,)
    name, since = _identity(monitor, state, at, (action, would, found, override.id if override else None))
    return Decision(
        circuit=state.circuit,
        monitor=monitor.name,
        id=name,
        version=state.version,
        at=at.now,
        since=since,
        action=action,
        would=would,
        mode=monitor.mode,
        severity=severity,
        reasons=found,
        text=_text(found),
        phase=state.phase,
        data_as_of=at.watermark,
        stale=stale,
        stale_at=stale_at,
        when_stale=monitor.when_stale,
        valid_until=_valid_until(at, state, stale_at, override),
        currency=monitor.currency,
        spend=state.budget.spend if state.budget else None,
        budget=state.budget.limit if state.budget else None,
        projected=state.budget.projected if state.budget else None,
        owner=at.owner or monitor.owner,
        override=override.id if override else None,
    )


@lru_cache(maxsize=1024)
def _text(reasons: tuple[Reason, ...]) -> str:
    return "; ".join(SENTENCES[reason] for reason in reasons)


def _held_conditions(state: BreakerState) -> list[tuple[Condition, Action, Reason]]:
    """Every condition that holds, the strictest first, with the action that it gives when it is enforced."""
    budget, latest = state.budget, state.latest
    acute = latest is not None and latest.at in state.row
    table = (
        (state.budget_breached, Condition.BUDGET, Action.BLOCK, Reason.BUDGET_BREACHED),
        (state.phase is Phase.OPEN, Condition.BREAKER, Action.BLOCK, Reason.BREAKER_OPEN),
        (state.phase is Phase.HALF_OPEN, Condition.BREAKER, Action.THROTTLE, Reason.BREAKER_HALF_OPEN),
        (state.after_breach, Condition.BUDGET, Action.THROTTLE, Reason.NEW_PERIOD_AFTER_BREACH),
        (acute and _says(state, Reason.ANOMALY), Condition.ANOMALY, Action.THROTTLE, Reason.ANOMALY),
        (acute and _says(state, Reason.BURN_RATE), Condition.BURN_RATE, Action.THROTTLE, Reason.BURN_RATE),
        (
            budget is not None and budget.warned and not state.budget_breached,
            Condition.WARNING,
            Action.THROTTLE,
            Reason.BUDGET_WARNING,
        ),
        (
            budget is not None and budget.forecast_breach and not state.budget_breached,
            Condition.FORECAST,
            Action.THROTTLE,
            Reason.FORECAST_BREACH,
        ),
    )
    return [(condition, action, reason) for holds, condition, action, reason in table if holds]


def _says(state: BreakerState, reason: Reason) -> bool:
    return state.latest is not None and reason in state.latest.reasons


def _when_stale(rule: WhenStale, would: Action, before: Decision | None) -> Action:
    """The operator's rule for stale data. It never relaxes a block, nor what the conditions say by themselves."""
    last = before.would if before else Action.ALLOW
    if rule is WhenStale.HOLD:
        return strictest([would, last])
    kept = Action.BLOCK if last is Action.BLOCK else Action.ALLOW
    if rule is WhenStale.ALLOW:
        return strictest([kept, Action.BLOCK if would is Action.BLOCK else Action.ALLOW])
    return strictest([would, kept, Action(rule.value)])


def _served(monitor: Monitor, state: BreakerState, would: Action, at: Situation) -> tuple[Action, list[Reason]]:
    """Observing serves allow. Enforcing serves what would be, unless this hour has had its share of new blocks."""
    if monitor.mode is Mode.OBSERVE:
        return Action.ALLOW, []
    before = state.decision.action if state.decision else Action.ALLOW
    is_new = would is Action.BLOCK and before is not Action.BLOCK
    if is_new and at.blocks_left is not None and at.blocks_left <= 0:
        return before, [Reason.HELD_BACK]
    return would, []


def _severity(held: list[tuple[Condition, Action, Reason]], reasons: list[Reason], would: Action) -> Severity:
    blocks = would is Action.BLOCK or any(action is Action.BLOCK for _, action, _ in held)
    if blocks or Reason.STATE_DAMAGED in reasons:
        return Severity.CRITICAL
    return Severity.WARNING if set(reasons) - REMARKS else Severity.INFO


def live_override(circuit: str, acts: Sequence[Act], now: datetime) -> Act | None:
    """The newest override that holds for a circuit."""
    found = [act for act in acts if act.kind == "override" and act.live(now) and covers(act, circuit)]
    return max(found, key=lambda act: act.at, default=None)


def covers(act: Act, circuit: str) -> bool:
    """Whether an act speaks of a circuit: by its very name, or by a glob over names."""
    return act.match == circuit or glob_regex(act.match).fullmatch(circuit) is not None


def _valid_until(at: Situation, state: BreakerState, stale_at: datetime | None, override: Act | None) -> datetime:
    """A reader should look again after `ttl`, and no later than the next thing that time alone brings about."""
    marks = [at.now + at.ttl]
    marks += [mark for mark in (stale_at, state.cooldown_until) if mark is not None and mark > at.now]
    if override is not None and override.until is not None:
        marks.append(override.until)
    return min(marks)


_Content = tuple[Action, Action, tuple[Reason, ...], str | None]
"""What a decision says: action, would, reasons, override."""


def _identity(monitor: Monitor, state: BreakerState, at: Situation, content: _Content) -> tuple[str, datetime]:
    """Keep id and since while action, would and reasons stand; otherwise begin a new decision.

    Its id follows from the one before, so that every reader of one state names the new decision alike.
    """
    before = state.decision
    if before is not None and before.id and before.mode is monitor.mode and _content(before) == content:
        return before.id, before.since
    origin = before.id if before is not None and before.id else at.now.isoformat()
    action, would, reasons, _ = content
    key = "|".join((state.circuit, origin, action, would, *reasons))
    return f"dec_{hashlib.sha256(key.encode()).hexdigest()[:20]}", at.now


def _content(decision: Decision) -> _Content:
    return decision.action, decision.would, decision.reasons, decision.override
