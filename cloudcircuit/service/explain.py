"""Why: what drives the money of an alert, and which alerts are the same money."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from cloudcircuit.engine.assess import Case, baseline_periods
from cloudcircuit.engine.incidents import group
from cloudcircuit.engine.periods import charge_day, day_start
from cloudcircuit.errors import AdapterError, ConfigError
from cloudcircuit.model import AlertKind, Breakdown, Circuit, CircuitAlert, Grain, SourceState, SpendQuery
from cloudcircuit.ports import Deadline
from cloudcircuit.service import drivers
from cloudcircuit.service.ask import closer_queries, fetch
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.drivers import Explanation
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.reading import Views
from cloudcircuit.service.shared_excess import Alerting, shared_excess
from cloudcircuit.service.step import Round, Stepped

if TYPE_CHECKING:
    from cloudcircuit.service.judge import Draft

log = structlog.get_logger("cloudcircuit.explain")

MOST = 5
"""For how many alerts of a cycle, the largest excess first, a source is asked once more to name drivers."""

PATIENCE = 60.0
"""For how long in all, in seconds: nobody has been told yet."""

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


def explain(drafts: Sequence[Draft], curiosity: Curiosity) -> list[CircuitAlert]:
    """The alerts of a cycle: what is the same money told as one incident, and the largest with their drivers."""
    alerts = [alert for one in drafts for alert in _plain(one, curiosity.now)]
    if not alerts:
        return []
    speaking = {alert.state.circuit for alert in alerts}
    compared = {one.circuit.id: one for draft in drafts for one in _compared(draft, speaking)}
    alerts = group(alerts, shared_excess(list(compared.values()))) if len(compared) > 1 else alerts
    largest = sorted(
        (a for a in alerts if a.change.kind in _RISEN and a.change.excess > 0 and a.state.circuit in compared),
        key=lambda alert: -alert.change.excess,
    )[:MOST]
    named = {id(alert): curiosity.with_drivers(alert, compared[alert.state.circuit]) for alert in largest}
    return [named.get(id(alert), alert) for alert in alerts]


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
        before = [series.starts[i] for i in baseline_periods(case, monitor.anomaly.lookback if monitor.anomaly else 14)]
        baseline = [at for at in before if at not in anomalous]
        if anomalous and baseline:
            circuit = Circuit(state.circuit, state.monitor, state.values)
            yield Alerting(monitor, circuit, anomalous, baseline, one.images)


@dataclass(slots=True)
class Curiosity:
    """Asks sources for drivers within one cycle: about a few alerts, for a short time, and no source that failed.

    An alert is worth more than its drivers: whatever goes wrong here, it goes out as it is. What was answered is
    kept, for a cycle that loses its race makes its alerts again.
    """

    house: House
    now: datetime
    _answers: dict[str, Explanation | None] = field(default_factory=dict)
    _failed: set[str] = field(default_factory=set)
    _deadline: Deadline | None = None

    def with_drivers(self, alert: CircuitAlert, one: Alerting) -> CircuitAlert:
        """The alert with its drivers and its cause, as far as the sources tell."""
        circuit = one.circuit.id
        if circuit not in self._answers and len(self._answers) < MOST:
            self._answers[circuit] = self._explain(alert, one)
        found = self._answers.get(circuit)
        return alert if found is None else replace(alert, drivers=found.drivers, cause=found.cause)

    def _explain(self, alert: CircuitAlert, one: Alerting) -> Explanation | None:
        try:
            views = {name: self._look_closer(name, alert, one) for name in one.monitor.sources}
            return drivers.find_drivers(
                one.monitor, one.circuit, views, anomalous=one.anomalous, baseline=one.baseline, fx=self.house.fx
            )
        except (AdapterError, ConfigError) as error:
            log.warning("drivers unknown", circuit=one.circuit.id, why=str(error))
        except Exception as error:  # noqa: BLE001 - what a plugin answers here was checked by nobody
            log.warning("drivers unknown", circuit=one.circuit.id, why=type(error).__name__)
        return None

    def _look_closer(self, name: str, alert: CircuitAlert, one: Alerting) -> Views:
        """Ask a source of one circuit once more, with more dimensions. Raises AdapterError."""
        state = next((source for source in alert.sources if source.source == name), None)
        left = self._time_left()
        if name in self._failed or state is None or state.error or not left:
            raise AdapterError(f"source {name} is not asked again in this cycle")
        spec = self.house.sources[name]
        queries = _closer(self.house, spec, state, one, alert.grain, self.now)
        try:
            reports = fetch(self.house, spec, queries, left)
        except AdapterError:
            self._failed.add(name)
            raise
        return [
            SourceImage(
                table=report.table,
                zone=spec.zone,
                watermark=report.watermark,
                grain=spec.grain,
                breakdown=Breakdown(query.dimensions, query.where),
                told=report.told,
            )
            for query, report in zip(queries, reports, strict=True)
        ]

    def _time_left(self) -> float:
        if self._deadline is None:
            self._deadline = self.house.deadline(PATIENCE)
        return self._deadline.left()


def _closer(
    house: House, spec: Source, state: SourceState, one: Alerting, grain: Grain, now: datetime
) -> tuple[SpendQuery, ...]:
    """What a source is asked of one circuit; `grain` is that of the periods in `one`."""
    tags = {d for monitor in house.fed_by(spec.name) for d in monitor.dimensions() if d.startswith("tag:")}
    asked = {*one.monitor.dimensions(), *(d for d in (*LOOKED_AT, *tags) if d in state.dimensions)}
    periods = (*one.anomalous, *one.baseline)
    # A charge day is called by its date, an hour is an instant of one.
    days = [charge_day(at, spec.zone) if grain is Grain.HOUR else at.date() for at in periods]
    whole = SpendQuery(
        start=day_start(min(days), spec.zone),
        end=day_start(max(days) + timedelta(days=1), spec.zone),
        zone=spec.zone.key,
        grain=spec.grain,
        where=drivers.circuit_where(one.monitor, one.circuit),
        visible_until=now,
    )
    return closer_queries(spec, whole, sorted(asked))
