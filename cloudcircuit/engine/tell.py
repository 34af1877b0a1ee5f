"""What a step changed that somebody should be told: each thing once, until it is resolved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cloudcircuit.engine.assess import is_level
from cloudcircuit.model import (
    ACKNOWLEDGED,
    BACK_TO_NORMAL,
    BELOW_BUDGET,
    CLEARED,
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
    evolve,
)

ANOMALY, TRIPPED, BREACHED, WARNED, FORECAST = "anomaly", "tripped", "budget_breached", "budget_warning", "forecast"
CLOSED, BY_HAND = "closed_over", "cleared"
"""The keys of `BreakerState.alerted`."""


def tell(
    monitor: Monitor, before: BreakerState, after: BreakerState, now: datetime
) -> tuple[BreakerState, list[Change]]:
    """The state with what has been told written into it, and the changes to tell, in order.

    `before` is the state as it was read, `after` the one that was stepped and decided.
    """
    state, changes = after, []
    for rule in (_by_hand, _period_end, _run_rate, _budget, _closed_over):
        state, found = rule(monitor, before, state, now)
        changes += found
    if not changes:
        state, changes = _stricter(before, state, now)
    if not changes:
        state, changes = _remind(monitor, state, now)
    return state, changes


def _by_hand(
    _monitor: Monitor, _before: BreakerState, state: BreakerState, _now: datetime
) -> tuple[BreakerState, list[Change]]:
    """What a person cleared is resolved, and those who heard of it hear that."""
    since = state.alerted.get(BY_HAND)
    if since is None:
        return state, []
    change = Change(AlertKind.RESOLVED, Severity.CRITICAL, (), since=since, resolution=CLEARED)
    return _unmark(state, BY_HAND), [change]


def _run_rate(
    monitor: Monitor, before: BreakerState, state: BreakerState, now: datetime
) -> tuple[BreakerState, list[Change]]:
    told = {ANOMALY, TRIPPED} & state.alerted.keys()
    if state.phase is not Phase.CLOSED and TRIPPED not in told:
        reasons = (Reason.BREAKER_OPEN, *_why(state))
        return _mark(state, now, ANOMALY, TRIPPED), [_change(state, AlertKind.TRIPPED, Severity.CRITICAL, reasons)]
    if state.anomaly_since is None and not told:
        return state, _found_late(monitor, before, state)
    changes = []
    if not told:
        changes.append(_change(state, AlertKind.ANOMALY, Severity.WARNING, _why(state) or _usual(monitor)))
        state = _mark(state, now, ANOMALY)
    if _is_over(monitor, state):
        state, change = _resolve(monitor, state)
        changes.append(change)
    return state, changes


def _is_over(monitor: Monitor, state: BreakerState) -> bool:
    """A run is over when the breaker is closed and as many periods in a row were good as bad ones open it.

    The first good period closes a half-open breaker; saying so at once would say it again at the next dip.
    """
    return state.phase is Phase.CLOSED and state.successes >= monitor.breaker.failure_threshold


def _found_late(monitor: Monitor, before: BreakerState, state: BreakerState) -> list[Change]:
    """Anomalous periods that came to light only after good ones had followed: told, and over already."""
    known = {past.at for past in before.anomalies} | {*before.provisional}
    found = [past for past in state.anomalies if past.at not in known]
    if not found:
        return []
    excess = sum(past.excess for past in found)
    reasons = _usual(monitor)
    return [Change(AlertKind.ANOMALY, Severity.WARNING, reasons, found[0].at, excess=excess, periods=len(found))]


def _resolve(monitor: Monitor, state: BreakerState) -> tuple[BreakerState, Change]:
    """The run is over, in one of three ways. A new level is let into the baseline whole.

    It is as severe as what it ends, so that a channel that heard of the one hears of the other.
    """
    resolution = _resolution(monitor, state)
    change = evolve(_change(state, AlertKind.RESOLVED, _severity_of(state), ()), resolution=resolution)
    anomalies = state.anomalies
    if resolution == NEW_LEVEL:
        anomalies = tuple(evolve(past, admitted=True) for past in anomalies)
    state = evolve(state, anomalies=anomalies, anomaly_since=None, anomaly_limit=None)
    return _unmark(state, ANOMALY, TRIPPED), change


def _severity_of(state: BreakerState) -> Severity:
    """How severe what was told of a run was at its worst."""
    return Severity.CRITICAL if TRIPPED in state.alerted else Severity.WARNING


def _resolution(monitor: Monitor, state: BreakerState) -> str:
    latest, limit = state.latest, state.anomaly_limit
    if latest is not None and is_level(state, latest.at, monitor.anomaly):
        return NEW_LEVEL  # even from a low day: what passed was compared with a baseline that holds the run
    if latest is None or limit is None or latest.value <= limit:
        return ACKNOWLEDGED if _acknowledged(state) else BACK_TO_NORMAL
    return ACKNOWLEDGED if Reason.EXPECTED_SPEND in latest.reasons else NEW_LEVEL


def _acknowledged(state: BreakerState) -> bool:
    return state.acked_at is not None and state.acked_at >= state.alerted[ANOMALY]


def _budget(
    _monitor: Monitor, _before: BreakerState, state: BreakerState, now: datetime
) -> tuple[BreakerState, list[Change]]:
    view = state.budget
    if view is None:
        gone = [_budget_over(state, CLEARED)] if BREACHED in state.alerted else []
        return _unmark(state, BREACHED, WARNED, FORECAST), gone
    if state.budget_breached:
        breach = _plain(AlertKind.TRIPPED, Severity.CRITICAL, (Reason.BUDGET_BREACHED,), now)
        return _mark(state, now, BREACHED, WARNED, FORECAST), [] if BREACHED in state.alerted else [breach]
    if BREACHED in state.alerted:
        return _unmark(state, BREACHED), [_budget_over(state, BELOW_BUDGET)]
    found = []
    if view.warned and WARNED not in state.alerted:
        found.append(_plain(AlertKind.BUDGET_WARNING, Severity.WARNING, (Reason.BUDGET_WARNING,), now))
        state = _mark(state, now, WARNED)
    if view.forecast_breach and FORECAST not in state.alerted:
        found.append(_plain(AlertKind.FORECAST, Severity.WARNING, (Reason.FORECAST_BREACH,), now))
        state = _mark(state, now, FORECAST)
    return state, found


def _period_end(
    _monitor: Monitor, before: BreakerState, state: BreakerState, _now: datetime
) -> tuple[BreakerState, list[Change]]:
    """A new period: what was told of the old one is over; a breach ends with a word."""
    if before.budget_start in (None, state.budget_start):
        return state, []
    state = _unmark(state, WARNED, FORECAST, CLOSED)
    if state.closed_start != before.budget_start or BREACHED not in state.alerted:
        return state, []
    return _unmark(state, BREACHED), [_budget_over(state, NEW_PERIOD)]


def _budget_over(state: BreakerState, resolution: str) -> Change:
    return evolve(_plain(AlertKind.RESOLVED, Severity.CRITICAL, (), state.alerted[BREACHED]), resolution=resolution)


def _closed_over(
    _monitor: Monitor, _before: BreakerState, state: BreakerState, now: datetime
) -> tuple[BreakerState, list[Change]]:
    if not state.closed_over or CLOSED in state.alerted:
        return state, []
    return _mark(state, now, CLOSED), [_plain(AlertKind.CLOSED_OVER, Severity.WARNING, (Reason.BUDGET_BREACHED,), now)]


def _stricter(before: BreakerState, state: BreakerState, now: datetime) -> tuple[BreakerState, list[Change]]:
    """What is served became stricter without a change that was told: people must know what stops.

    A throttle that comes back for something already told is no news.
    """
    old, new = before.decision, state.decision
    served = old.action if old else Action.ALLOW
    if new is None or new.override or new.action.rank <= served.rank:
        return state, []
    is_told = not state.alerted.keys().isdisjoint((ANOMALY, TRIPPED, BREACHED, WARNED, FORECAST))
    if new.action is Action.THROTTLE and is_told and old is not None and old.mode is new.mode:
        return state, []
    severity = Severity.CRITICAL if new.action is Action.BLOCK else Severity.WARNING
    return evolve(state, reminded_at=now), [_change(state, AlertKind.ESCALATED, severity, new.reasons)]


def _remind(monitor: Monitor, state: BreakerState, now: datetime) -> tuple[BreakerState, list[Change]]:
    """Say again, after a time, that something is still stopped, unless somebody knows."""
    lasting = [BREACHED] if state.phase is Phase.CLOSED else [BREACHED, TRIPPED]
    told = [state.alerted[key] for key in lasting if key in state.alerted]
    if monitor.remind_every is None or not told:
        return state, []
    if state.acked_at is not None and state.acked_at >= max(told):
        return state, []
    last = max([*told, *([state.reminded_at] if state.reminded_at else [])])
    if now - last < monitor.remind_every:
        return state, []
    kind, severity = AlertKind.REMINDER, Severity.WARNING
    if BREACHED in state.alerted:
        change = _plain(kind, severity, (Reason.BUDGET_BREACHED,), state.alerted[BREACHED])
    else:
        change = _change(state, kind, severity, (Reason.BREAKER_OPEN, *_why(state)))
    return evolve(state, reminded_at=now), [change]


def _why(state: BreakerState) -> tuple[Reason, ...]:
    latest = state.latest
    return tuple(r for r in latest.reasons if r in (Reason.ANOMALY, Reason.BURN_RATE)) if latest else ()


def _usual(monitor: Monitor) -> tuple[Reason, ...]:
    """Why a period was found anomalous whose verdict is no longer at hand."""
    return (Reason.ANOMALY if monitor.anomaly is not None else Reason.BURN_RATE,)


def _change(state: BreakerState, kind: AlertKind, severity: Severity, reasons: tuple[Reason, ...]) -> Change:
    """A change of the run rate, with the money since the run began."""
    since = state.anomaly_since
    past = {p.at: p.excess for p in state.anomalies if since is not None and p.at >= since}
    latest = state.latest
    if latest is not None and latest.at in state.row:  # an alarm is not among the anomalies before it settles
        past[latest.at] = latest.excess
    return Change(kind, severity, reasons, since=since, excess=sum(past.values()), periods=len(past))


def _plain(kind: AlertKind, severity: Severity, reasons: tuple[Reason, ...], since: datetime) -> Change:
    return Change(kind, severity, reasons, since=since)


def _mark(state: BreakerState, now: datetime, *keys: str) -> BreakerState:
    fresh: Mapping[str, datetime] = {key: now for key in keys if key not in state.alerted}
    return evolve(state, alerted={**state.alerted, **fresh})


def _unmark(state: BreakerState, *keys: str) -> BreakerState:
    if not state.alerted.keys() & set(keys):
        return state
    left = {key: at for key, at in state.alerted.items() if key not in keys}
    return evolve(state, alerted=left)
