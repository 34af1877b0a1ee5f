"""The breaker: closed, open, half-open. It moves on new evidence and on the end of its cooldown, on nothing else.

    closed     --failure_threshold failures in a row-->  open
    open       --the cooldown is over-->                 half-open
    half-open  --a later period settles and passes-->    closed
    half-open  --a later period fails-->                 open, for twice as long

A settled period is judged once and counts as at most one failure or success. A provisional period can add one
failure, never a success; when it settles, the settled verdict takes its place. What settles late is put where it
belongs in time: a success there does not wipe out failures that came after it, and a failure there does not count
against a success that came after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cloudcircuit.engine.assess import Case, judge
from cloudcircuit.engine.lookout import look
from cloudcircuit.engine.seasonal import Surprise
from cloudcircuit.engine.series import Periods, Series
from cloudcircuit.engine.tell import ANOMALY, BY_HAND, TRIPPED
from cloudcircuit.model import (
    SEASONAL,
    Act,
    AnomalousPeriod,
    BreakerPolicy,
    BreakerState,
    Monitor,
    Phase,
    Reason,
    Verdict,
    evolve,
)
from cloudcircuit.safeguards import evaluate_circuit_breaker

REMEMBERED = timedelta(days=60)
"""How long a period that has not settled is waited for, and an anomalous one is remembered at least."""

KEPT_IN_A_ROW = 60
"""How many failures in a row are kept at least: more than any sensible threshold asks for."""

_UNDECIDED = frozenset({Reason.SHORT_HISTORY, Reason.LINGERING})
"""Why a period counts neither as a failure nor as a success."""

Judge = Callable[[BreakerState, int], Verdict]

Look = Callable[[BreakerState, int], Surprise | None]
"""What the detector says of a period, by its index."""


def observe(
    monitor: Monitor,
    state: BreakerState,
    series: Series,
    planned: Sequence[Act],
    now: datetime,
    surprise: Look | None = None,
) -> BreakerState:
    """Pass time, then judge what has newly settled (oldest first), then let provisional periods raise an alarm.

    `surprise` answers from what was asked of many circuits at once; without it the detector is asked of this one.
    """
    is_seasonal = monitor.anomaly is not None and monitor.anomaly.method == SEASONAL

    def verdict(current: BreakerState, index: int) -> Verdict:
        if not is_seasonal:
            return judge(Case(monitor, current, series, index, planned))
        seen = surprise(current, index) if surprise else look(monitor, current, series, planned, index)
        return judge(Case(monitor, current, series, index, planned, seen))

    state = pass_time(state, monitor.breaker, now)
    before = state.judged_through
    for index in newly_settled(state, series.periods):
        state = settle(state, verdict(state, index), monitor.breaker, now)
    state = _forget(_note_skipped(state, series.periods, before), series.periods, monitor)
    return _raise_alarms(state, series, verdict, monitor.breaker, now)


def pass_time(state: BreakerState, policy: BreakerPolicy, now: datetime) -> BreakerState:
    """An open breaker whose cooldown is over is half-open; one whose cooldown has not begun begins it."""
    if state.phase is not Phase.OPEN:
        return state
    if state.cooldown_until is None:
        return evolve(state, cooldown_until=now + policy.cooldown)
    return evolve(state, phase=Phase.HALF_OPEN) if now >= state.cooldown_until else state


def newly_settled(state: BreakerState, periods: Periods) -> list[int]:
    """The settled periods that have not been judged, oldest first; on an empty state the newest alone."""
    through = state.judged_through
    if through is None:
        return list(periods.settled_at[-1:])
    waited_for = [place for at in state.skipped if (place := periods.place(at)) is not None and periods.settled[place]]
    return sorted({*waited_for, *periods.settled_after(through)})


def settle(state: BreakerState, verdict: Verdict, policy: BreakerPolicy, now: datetime) -> BreakerState:
    """Count one settled verdict, and move the phase if it decides."""
    late = state.judged_through is not None and verdict.at < state.judged_through
    noted: dict[str, Any] = {
        "judged_through": state.judged_through if late else verdict.at,
        "skipped": tuple(at for at in state.skipped if at != verdict.at),
        "provisional": tuple(at for at in state.provisional if at != verdict.at),
        "latest": _newest(state.latest, verdict),
    }
    if verdict.failure:
        return _fail(_remember(evolve(state, **noted), verdict), verdict, policy, now)
    if not _UNDECIDED.isdisjoint(verdict.reasons):
        return evolve(state, **noted)
    return _pass(state, verdict, noted)


def _newest(latest: Verdict | None, verdict: Verdict) -> Verdict:
    """What is said of a period stands until something is said of it or of a later one."""
    return latest if latest is not None and latest.at > verdict.at else verdict


def _fail(state: BreakerState, verdict: Verdict, policy: BreakerPolicy, now: datetime) -> BreakerState:
    if _counts(state, verdict):
        kept = max(KEPT_IN_A_ROW, policy.failure_threshold)
        state = evolve(state, failing=tuple(sorted({*state.failing, verdict.at}))[-kept:])
    return _open_if_due(_note_failure(state, verdict), verdict, policy, now)


def _note_failure(state: BreakerState, verdict: Verdict) -> BreakerState:
    """Successes are counted from the newest failure on, be it a settled one or an alarm."""
    if not _counts(state, verdict):
        return state
    newest = verdict.at if state.last_failure is None else max(verdict.at, state.last_failure)
    return evolve(state, last_failure=newest, successes=0)


def _counts(state: BreakerState, verdict: Verdict) -> bool:
    """A failure is one in the present row unless a success came after it."""
    return state.last_success is None or verdict.at > state.last_success


def _pass(state: BreakerState, verdict: Verdict, noted: Mapping[str, Any]) -> BreakerState:
    """A period that passed; `noted` is what is written of any period that has settled."""
    newest = verdict.at if state.last_success is None else max(verdict.at, state.last_success)
    failing = tuple(at for at in state.failing if at > verdict.at)
    is_since = state.last_failure is None or verdict.at >= state.last_failure
    state = evolve(
        state,
        **noted,
        failing=failing,
        last_success=newest,
        successes=state.successes + 1 if is_since else state.successes,
        anomalies=tuple(past for past in state.anomalies if past.at != verdict.at),
    )
    if state.phase is Phase.HALF_OPEN and _decides(state, verdict) and not failing:
        return _close(state)
    return state


def _raise_alarms(
    state: BreakerState, series: Series, verdict_of: Judge, policy: BreakerPolicy, now: datetime
) -> BreakerState:
    """Let each known period that is not settled add at most one failure, unless it is too old to be remembered."""
    newest = series.periods.newest_known
    for index in series.periods.open_at:
        start = series.starts[index]
        if not may_alarm(state, start) or newest is None or newest - start > REMEMBERED:
            continue
        verdict = verdict_of(state, index)
        if not verdict.failure:
            continue
        state = evolve(
            state,
            provisional=tuple(sorted({*state.provisional, start})),
            latest=_newest(state.latest, verdict),
        )
        state = _note_failure(_run_begins(state, verdict), verdict)
        state = _open_if_due(state, verdict, policy, now)
    return state


def may_alarm(state: BreakerState, start: datetime) -> bool:
    """Whether a period that is known and not settled may still raise its alarm: not judged, and not heard before."""
    through = state.judged_through
    if through is None or start in state.provisional:
        return False
    return start > through or start in state.skipped


def _open_if_due(state: BreakerState, verdict: Verdict, policy: BreakerPolicy, now: datetime) -> BreakerState:
    """Open a closed breaker at its threshold, and a half-open one on one later failure."""
    if state.phase is Phase.HALF_OPEN:
        return _open(state, verdict, policy, now) if _decides(state, verdict) else state
    due = evaluate_circuit_breaker(state.failures, policy.failure_threshold).is_open
    if state.phase is Phase.CLOSED and due:
        return _open(state, verdict, policy, now)
    return state


def _decides(state: BreakerState, verdict: Verdict) -> bool:
    return state.opened_through is None or verdict.at > state.opened_through


def _open(state: BreakerState, verdict: Verdict, policy: BreakerPolicy, now: datetime) -> BreakerState:
    cooldown = min(policy.cooldown * 2 ** min(state.trips, 16), max(policy.cooldown, policy.cooldown_max))
    return evolve(
        state,
        phase=Phase.OPEN,
        trips=state.trips + 1,
        opened_at=now,
        opened_through=max([*state.row, verdict.at]),
        cooldown_until=now + cooldown,
    )


def _close(state: BreakerState) -> BreakerState:
    return evolve(
        state, phase=Phase.CLOSED, trips=0, opened_at=None, opened_through=None, cooldown_until=None, failing=()
    )


def _run_begins(state: BreakerState, verdict: Verdict) -> BreakerState:
    """Freeze where a run of anomalies begins, and the limit there: it tells a new level from a return.

    What is found late, before a success, begins no run: it is over.
    """
    if not _counts(state, verdict):
        return state
    if state.anomaly_since is not None:
        return evolve(state, anomaly_since=min(state.anomaly_since, verdict.at))
    # What a longer window found need not lie above the limit of a single period.
    limit = verdict.high if verdict.window > 1 and verdict.high is not None else verdict.limit
    return evolve(state, anomaly_since=verdict.at, anomaly_limit=limit)


def _remember(state: BreakerState, verdict: Verdict) -> BreakerState:
    known = {past.at: past for past in state.anomalies}
    admitted = verdict.at in known and known[verdict.at].admitted
    known[verdict.at] = AnomalousPeriod(verdict.at, verdict.excess, admitted)
    return _run_begins(evolve(state, anomalies=tuple(known[at] for at in sorted(known))), verdict)


def _note_skipped(state: BreakerState, periods: Periods, before: datetime | None) -> BreakerState:
    """Remember the periods that were passed over because they had not settled."""
    through = state.judged_through
    if through is None or before is None:
        return state
    over = {start for start in periods.unsettled if before < start < through}
    return evolve(state, skipped=tuple(sorted({*state.skipped, *over}))) if over else state


def _forget(state: BreakerState, periods: Periods, monitor: Monitor) -> BreakerState:
    """Drop what is too old to matter, so that a state stays small for years."""
    newest = periods.newest_known
    if newest is None or not (state.skipped or state.provisional or state.anomalies):
        return state
    patience = timedelta(days=monitor.anomaly.new_level_after) if monitor.anomaly else REMEMBERED
    return evolve(
        state,
        skipped=tuple(at for at in state.skipped if newest - at <= REMEMBERED),
        provisional=tuple(at for at in state.provisional if newest - at <= REMEMBERED),
        anomalies=tuple(past for past in state.anomalies if newest - past.at <= max(REMEMBERED, patience)),
    )


def reset(state: BreakerState) -> BreakerState:
    """Start clean by hand: closed, nothing counted, past anomalies taken as normal. New evidence trips again.

    What has been judged or has raised an alarm is not evidence again: it counts as passed. What was told of it stays
    noted, so that the next step tells that it is resolved.
    """
    seen = [at for at in (*state.provisional, state.judged_through, state.last_success) if at is not None]
    return evolve(
        _close(_admit(state)),
        last_success=max(seen, default=None),
        anomaly_since=None,
        anomaly_limit=None,
        alerted=_told_by_hand(state.alerted),
        decision=None,
    )


def _told_by_hand(alerted: Mapping[str, datetime]) -> dict[str, datetime]:
    """What was told of the run becomes one thing to say: that a person cleared it."""
    kept = {key: at for key, at in alerted.items() if key not in (ANOMALY, TRIPPED)}
    told = [at for key, at in alerted.items() if key in (ANOMALY, TRIPPED)]
    return {**kept, BY_HAND: min(told)} if told else kept


def acknowledge(state: BreakerState, at: datetime) -> BreakerState:
    """Somebody knows: what has been anomalous so far may speak for what is normal, and reminders stop."""
    return evolve(_admit(state, at), acked_at=at)


def _admit(state: BreakerState, until: datetime | None = None) -> BreakerState:
    """Let into the baseline what was judged anomalous, and what has raised an alarm, for when it settles."""
    latest = state.latest
    known = {at: AnomalousPeriod(at, latest.excess if latest and latest.at == at else 0.0) for at in state.provisional}
    known |= {past.at: past for past in state.anomalies}
    admitted = (
        evolve(past, admitted=past.admitted or until is None or at <= until) for at, past in sorted(known.items())
    )
    return evolve(state, anomalies=tuple(admitted))
