"""Why: what drives the money of an alert, and which alerts are the same money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from cloudcircuit.engine.assess import Case, baseline_periods
from cloudcircuit.engine.decide import covers
from cloudcircuit.engine.incidents import group
from cloudcircuit.engine.periods import day_start
from cloudcircuit.errors import AdapterError, ConfigError
from cloudcircuit.model import AlertKind, Circuit, CircuitAlert, Grain, SpendQuery
from cloudcircuit.service import drivers
from cloudcircuit.service.ask import fetch
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.house import House
from cloudcircuit.service.shared_excess import Alerting, shared_excess
from cloudcircuit.service.step import Stepped

if TYPE_CHECKING:
    from cloudcircuit.service.judge import Draft

log = structlog.get_logger("cloudcircuit.explain")

MOST = 5
"""For how many alerts of a cycle, the largest excess first, a source is asked once more to name drivers."""

LOOKED_AT = (
    "service",
    "sub_account",
    "sub_account_name",
    "region",
    "sku",
    "charge_category",
    "commitment_status",
)
"""The dimensions that drivers are looked for in, as far as a source gives them, beside the tags that monitors use."""

_RISEN = frozenset({AlertKind.ANOMALY, AlertKind.TRIPPED, AlertKind.ESCALATED, AlertKind.REMINDER})


def explain(house: House, drafts: Sequence[Draft], now: datetime) -> list[CircuitAlert]:
    """The alerts of a cycle: what is the same money told as one incident, and the largest with their drivers."""
    alerts = [alert for one in drafts for alert in plain(one, now)]
    if not alerts:
        return []
    compared = {one.circuit.id: one for draft in drafts for one in _compared(draft)}
    images = {name: image for draft in drafts for name, image in draft.images.items()}
    alerts = group(alerts, shared_excess(list(compared.values()), images)) if len(compared) > 1 else alerts
    largest = sorted(
        (a for a in alerts if a.change.kind in _RISEN and a.change.excess > 0 and a.state.circuit in compared),
        key=lambda alert: -alert.change.excess,
    )[:MOST]
    named = {id(alert): _with_drivers(house, alert, compared[alert.state.circuit], now) for alert in largest}
    return [named.get(id(alert), alert) for alert in alerts]


def plain(one: Draft, now: datetime) -> list[CircuitAlert]:
    """The alerts of one monitor, with the facts that its round holds."""
    return [alert for stepped in one.stepped for alert in _alerts(one, stepped, now)]


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


def _compared(one: Draft) -> Iterable[Alerting]:
    """The circuits whose run rate alerts, with the periods that are unusual and those they are compared with."""
    if one.evidence is None:
        return
    monitor = one.round.monitor
    places = {start: place for place, start in enumerate(one.evidence.starts)}
    for stepped in one.stepped:
        state, since = stepped.after, stepped.after.anomaly_since or stepped.before.anomaly_since
        latest = state.latest
        if not stepped.changes or since is None or latest is None or latest.at not in places:
            continue
        remembered = {past.at for past in state.anomalies if past.at >= since}
        anomalous = sorted(at for at in {*remembered, *state.provisional} if at in places)
        planned = [act for act in one.round.acts if act.kind == "expect" and covers(act, state.circuit)]
        series = one.evidence.series(state.circuit)
        case = Case(monitor, replace(state, anomaly_since=since), series, places[latest.at], planned)
        before = [series.starts[i] for i in baseline_periods(case, monitor.anomaly.lookback if monitor.anomaly else 14)]
        baseline = [at for at in before if at not in anomalous]
        if anomalous and baseline:
            yield Alerting(monitor, Circuit(state.circuit, state.monitor, state.values), anomalous, baseline)


def _with_drivers(house: House, alert: CircuitAlert, one: Alerting, now: datetime) -> CircuitAlert:
    """Ask the sources of one circuit once more, with more dimensions. Without an answer the alert goes out as it is."""
    try:
        images = {name: _look_closer(house, name, alert, one, now) for name in one.monitor.sources}
        found = drivers.find_drivers(
            one.monitor, one.circuit, images, anomalous=one.anomalous, baseline=one.baseline, fx=house.fx
        )
    except (AdapterError, ConfigError) as error:
        log.warning("drivers unknown", circuit=alert.state.circuit, why=str(error))
        return alert
    return alert if found is None else replace(alert, drivers=found.drivers, cause=found.cause)


def _look_closer(house: House, name: str, alert: CircuitAlert, one: Alerting, now: datetime) -> SourceImage:
    spec = house.sources[name]
    state = next((source for source in alert.sources if source.source == name), None)
    able = state.dimensions if state else ()
    tags = {d for monitor in house.fed_by(name) for d in monitor.dimensions() if d.startswith("tag:")}
    asked = {*one.monitor.dimensions(), *(d for d in (*LOOKED_AT, *tags) if d in able)}
    days = [at.date() for at in (*one.anomalous, *one.baseline)]
    query = SpendQuery(
        start=day_start(min(days), spec.zone),
        end=day_start(max(days) + timedelta(days=1), spec.zone),
        zone=spec.zone.key,
        grain=spec.grain,
        dimensions=tuple(sorted(asked)),
        where=drivers.circuit_where(one.monitor, one.circuit),
        visible_until=now,
    )
    report = fetch(house, spec, query)
    return SourceImage(table=report.table, zone=spec.zone, watermark=report.watermark, grain=spec.grain)
