"""Why: what drives the money of an alert, and which alerts are the same money."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from cloudcircuit.engine.assess import Case, baseline_periods
from cloudcircuit.engine.incidents import group
from cloudcircuit.engine.recent import points_of
from cloudcircuit.model import SIMPLE_LOOKBACK, Circuit, CircuitAlert, Grain, Monitor
from cloudcircuit.service.curiosity import MOST, PATIENCE, Curiosity
from cloudcircuit.service.questions import question_of, weight
from cloudcircuit.service.shared_excess import Alerting, shared_excess
from cloudcircuit.service.step import Round, Stepped

if TYPE_CHECKING:
    from cloudcircuit.service.judge import Draft

__all__ = ["MOST", "PATIENCE", "Curiosity", "explain", "is_silenced"]

BASELINE = 28
"""With how many periods what is unusual is compared at most: the four weeks before, however far a method looks back."""

CHARTED = 20
"""For how many alerts of a monitor the recent past is told: as many as a digest shows."""


def explain(drafts: Sequence[Draft], curiosity: Curiosity) -> list[CircuitAlert]:
    """The alerts of a cycle: what is the same money told as one incident, the largest with drivers and charts."""
    alerts = [alert for one in drafts for alert in _plain(one, curiosity.now)]
    if not alerts:
        return []
    speaking = {alert.state.circuit for alert in alerts}
    compared = {one.circuit.id: one for draft in drafts for one in _compared(draft, speaking)}
    alerts = group(alerts, shared_excess(list(compared.values()))) if len(compared) > 1 else alerts
    alerts = _with_points(drafts, alerts)
    judged = {one.round.monitor.name for one in drafts if one.evidence is not None}
    asked = [a for a in sorted(alerts, key=weight) if a.monitor.name in judged]
    questions = [(a, q) for a in asked if (q := question_of(a, compared.get(a.state.circuit))) is not None]
    named = {id(alert): curiosity.with_drivers(alert, question) for alert, question in questions[:MOST]}
    return [named.get(id(alert), alert) for alert in alerts]


def _with_points(drafts: Sequence[Draft], alerts: Sequence[CircuitAlert]) -> list[CircuitAlert]:
    """The alerts with the recent past of their circuits: the gravest of each monitor, as many as a digest shows."""
    known = {one.round.monitor.name: one for one in drafts if one.evidence is not None}
    left, shown = dict.fromkeys(known, CHARTED), set()
    for alert in sorted(alerts, key=weight):
        if left.get(alert.monitor.name):
            left[alert.monitor.name] -= 1
            shown.add(id(alert))
    return [_with_own_points(known[a.monitor.name], a) if id(a) in shown else a for a in alerts]


def _with_own_points(one: Draft, alert: CircuitAlert) -> CircuitAlert:
    circuit, evidence = alert.state.circuit, one.evidence
    if evidence is None or circuit not in evidence.place:
        return alert
    series, planned = evidence.series(circuit), one.round.spoken["expect"].of(circuit)
    return replace(alert, points=points_of(series, alert.state, alert.change.excess, planned))


def is_silenced(round_: Round, circuit: str) -> bool:
    """Whether no messages are sent about a circuit."""
    return bool(round_.spoken["silence"].of(circuit))


def _plain(one: Draft, now: datetime) -> list[CircuitAlert]:
    """The alerts of one monitor that are told, with the facts that its round holds.

    What is silenced speaks for no other circuit: it is left out before incidents are made.
    """
    told = [s for s in one.stepped if s.changes and not is_silenced(one.round, s.after.circuit)]
    return [alert for stepped in told for alert in _alerts(one, stepped, now)]


def _alerts(one: Draft, stepped: Stepped, now: datetime) -> list[CircuitAlert]:
    monitor, row = one.round.monitor, stepped.row
    sources = tuple(one.round.sources[name] for name in monitor.sources if name in one.round.sources)
    return [
        CircuitAlert(
            change=change,
            at=now,
            monitor=monitor,
            state=stepped.after,
            sources=sources,
            owner=(row.owner if row else None) or monitor.owner,
            channels=(row.channel,) if row and row.channel else monitor.channels,
            grain=one.evidence.cut.grain if one.evidence else Grain.DAY,
        )
        for change in stepped.changes
    ]


def _compared(one: Draft, speaking: Container[str]) -> Iterable[Alerting]:
    """The circuits whose run rate alerts, with the periods that are unusual and those they are compared with."""
    if one.evidence is None:
        return
    monitor = one.round.monitor
    places = {start: place for place, start in enumerate(one.evidence.starts)}
    for stepped in one.stepped:
        state, since = stepped.after, stepped.after.anomaly_since or stepped.before.anomaly_since
        latest = state.latest
        if state.circuit not in speaking or since is None or latest is None or latest.at not in places:
            continue
        remembered = {past.at for past in state.anomalies if past.at >= since}
        anomalous = sorted(at for at in {*remembered, *state.provisional} if at in places)
        planned = one.round.spoken["expect"].of(state.circuit)
        series = one.evidence.series(state.circuit)
        case = Case(monitor, replace(state, anomaly_since=since), series, places[latest.at], planned)
        before = [series.starts[i] for i in baseline_periods(case, _lookback(monitor))]
        baseline = [at for at in before if at not in anomalous]
        if anomalous and baseline:
            circuit = Circuit(state.circuit, state.monitor, state.values)
            yield Alerting(monitor, circuit, anomalous, baseline, one.images)


def _lookback(monitor: Monitor) -> int:
    lookback = monitor.anomaly.lookback if monitor.anomaly else SIMPLE_LOOKBACK
    return min(lookback, BASELINE)
