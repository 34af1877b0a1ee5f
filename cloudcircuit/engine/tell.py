"""What a step changed that somebody should be told: each thing once, until it is resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from cloudcircuit.model import (
    ACKNOWLEDGED,
    BACK_TO_NORMAL,
    BELOW_BUDGET,
    NEW_LEVEL,
    NEW_PERIOD,
    Action,
    AlertKind,
    BreakerState,
    Change,
    Monitor,
    Phase,
    Reason,
    Severity,
)

ANOMALY, TRIPPED, BREACHED, WARNED, FORECAST = "anomaly", "tripped", "budget_breached", "budget_warning", "forecast"
CLOSED = "closed_over"
"""The keys of `BreakerState.alerted`."""


def tell(
    monitor: Monitor, before: BreakerState, after: BreakerState, now: datetime
) -> tuple[BreakerState, list[Change]]:
    """The state with what has been told written into it, and the changes to tell, in order.

    `before` is the state as it was read, `after` the one that was stepped and decided.
    """
    state, changes = after, []
    for rule in (_period_end, _run_rate, _budget, _closed_over):
        state, found = rule(monitor, before, state, now)
        changes += found
    if not changes:
        state, changes = _stricter(before, state)
    if not changes:
        state, changes = _remind(monitor, state, now)
    return state, changes


def _run_rate(
    monitor: Monitor, _before: BreakerState, state: BreakerState, now: datetime
) -> tuple[BreakerState, list[Change]]:
    if state.anomaly_since is None:
        return state, []
    if state.phase is not Phase.CLOSED and TRIPPED not in state.alerted:
        change = _change(state, AlertKind.TRIPPED, Severity.CRITICAL, (Reason.BREAKER_OPEN, *_why(state)))
        return _mark(state, now, ANOMALY, TRIPPED), [change]
    if not {ANOMALY, TRIPPED} & state.alerted.keys():
        change = _change(state, AlertKind.ANOMALY, Severity.WARNING, _why(state))
        return _mark(state, now, ANOMALY), [change]
    if _is_over(monitor, state):
        return _resolve(state)
    return state, []


def _is_over(monitor: Monitor, state: BreakerState) -> bool:
    """A tripped breaker is over when it closes; an anomaly that never tripped, after as many good periods."""
    if state.phase is not Phase.CLOSED or state.failures:
        return False
    return TRIPPED in state.alerted or state.successes >= monitor.breaker.failure_threshold


def _resolve(state: BreakerState) -> tuple[BreakerState, list[Change]]:
    latest, limit = state.latest, state.anomaly_limit
    is_new = latest is not None and limit is not None and latest.value > limit
    resolution = NEW_LEVEL if is_new else ACKNOWLEDGED if _acknowledged(state) else BACK_TO_NORMAL
    change = replace(_change(state, AlertKind.RESOLVED, Severity.INFO, ()), resolution=resolution)
    anomalies = state.anomalies
    if is_new:
        anomalies = tuple(replace(past, admitted=True) for past in anomalies)
    state = replace(state, anomalies=anomalies, anomaly_since=None, anomaly_limit=None)
    return _unmark(state, ANOMALY, TRIPPED), [change]


def _acknowledged(state: BreakerState) -> bool:
    since = state.alerted.get(ANOMALY)
    return state.acked_at is not None and since is not None and state.acked_at >= since


def _budget(
    _monitor: Monitor, _before: BreakerState, state: BreakerState, now: datetime
) -> tuple[BreakerState, list[Change]]:
    view = state.budget
    if view is None:
        return _unmark(state, BREACHED, WARNED, FORECAST), []
    if state.budget_breached and BREACHED not in state.alerted:
        reasons = (Reason.BUDGET_BREACHED,)
        return _mark(state, now, BREACHED, WARNED, FORECAST), [
            _plain(AlertKind.TRIPPED, Severity.CRITICAL, reasons, now)
        ]
    if not state.budget_breached and BREACHED in state.alerted:
        change = replace(_plain(AlertKind.RESOLVED, Severity.INFO, (), now), resolution=BELOW_BUDGET)
        return _unmark(state, BREACHED), [change]
    if view.warned and WARNED not in state.alerted:
        reasons = (Reason.BUDGET_WARNING,)
        return _mark(state, now, WARNED), [_plain(AlertKind.BUDGET_WARNING, Severity.WARNING, reasons, now)]
    if view.forecast_breach and FORECAST not in state.alerted:
        reasons = (Reason.FORECAST_BREACH,)
        return _mark(state, now, FORECAST), [_plain(AlertKind.FORECAST, Severity.WARNING, reasons, now)]
    return state, []


def _period_end(
    _monitor: Monitor, before: BreakerState, state: BreakerState, now: datetime
) -> tuple[BreakerState, list[Change]]:
    """A new period: what was told of the old one is over; a breach ends with a word."""
    if before.budget_start is None or before.budget_start == state.budget_start:
        return state, []
    found = []
    if BREACHED in state.alerted and state.budget_start is not None:
        found = [replace(_plain(AlertKind.RESOLVED, Severity.INFO, (), now), resolution=NEW_PERIOD)]
    return _unmark(state, BREACHED, WARNED, FORECAST, CLOSED), found


def _closed_over(
    _monitor: Monitor, _before: BreakerState, state: BreakerState, now: datetime
) -> tuple[BreakerState, list[Change]]:
    if not state.closed_over or CLOSED in state.alerted:
        return state, []
    return _mark(state, now, CLOSED), [_plain(AlertKind.CLOSED_OVER, Severity.WARNING, (Reason.BUDGET_BREACHED,), now)]


def _stricter(before: BreakerState, state: BreakerState) -> tuple[BreakerState, list[Change]]:
    """What is served became stricter without a change that was told: people must know what stops."""
    old, new = before.decision, state.decision
    served = old.action if old else Action.ALLOW
    if new is None or new.override or new.action.rank <= served.rank:
        return state, []
    severity = Severity.CRITICAL if new.action is Action.BLOCK else Severity.WARNING
    return state, [_change(state, AlertKind.ESCALATED, severity, new.reasons)]


def _remind(monitor: Monitor, state: BreakerState, now: datetime) -> tuple[BreakerState, list[Change]]:
    told = [at for key, at in state.alerted.items() if key in (TRIPPED, BREACHED)]
    if monitor.remind_every is None or not told:
        return state, []
    if state.acked_at is not None and state.acked_at >= max(told):
        return state, []
    last = max([*told, *([state.reminded_at] if state.reminded_at else [])])
    if now - last < monitor.remind_every:
        return state, []
    reasons = (Reason.BUDGET_BREACHED,) if BREACHED in state.alerted else (Reason.BREAKER_OPEN, *_why(state))
    return replace(state, reminded_at=now), [_change(state, AlertKind.REMINDER, Severity.WARNING, reasons)]


def _why(state: BreakerState) -> tuple[Reason, ...]:
    latest = state.latest
    return tuple(r for r in latest.reasons if r in (Reason.ANOMALY, Reason.BURN_RATE)) if latest else ()


def _change(state: BreakerState, kind: AlertKind, severity: Severity, reasons: tuple[Reason, ...]) -> Change:
    """A change of the run rate, with the money since the run began."""
    since = state.anomaly_since
    past = {p.at: p.excess for p in state.anomalies if since is not None and p.at >= since}
    latest = state.latest
    if latest is not None and latest.provisional and latest.failure:
        past[latest.at] = latest.excess
    return Change(kind, severity, reasons, since=since, excess=sum(past.values()), periods=len(past))


def _plain(kind: AlertKind, severity: Severity, reasons: tuple[Reason, ...], since: datetime) -> Change:
    return Change(kind, severity, reasons, since=since)


def _mark(state: BreakerState, now: datetime, *keys: str) -> BreakerState:
    fresh: Mapping[str, datetime] = {key: now for key in keys if key not in state.alerted}
    return replace(state, alerted={**state.alerted, **fresh})


def _unmark(state: BreakerState, *keys: str) -> BreakerState:
    if not state.alerted.keys() & set(keys):
        return state
    left = {key: at for key, at in state.alerted.items() if key not in keys}
    return replace(state, alerted=left, reminded_at=state.reminded_at if left else None)
