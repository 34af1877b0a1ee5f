"""Asking sources once more, about one circuit and with more dimensions, when an alert is about to go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from cloudcircuit.engine.periods import charge_day, day_start
from cloudcircuit.errors import AdapterError, ConfigError
from cloudcircuit.model import SPEND, Breakdown, CircuitAlert, Driver, Grain, SourceState, SpendQuery
from cloudcircuit.ports import Deadline
from cloudcircuit.service.ask import closer_queries, fetch
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.drivers import Explanation, circuit_where, find_drivers
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.questions import Question
from cloudcircuit.service.reading import Views

log = structlog.get_logger("cloudcircuit.curiosity")

MOST = 5
"""For how many alerts of a cycle, the gravest first, a source is asked once more to name drivers."""

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


@dataclass(frozen=True, slots=True)
class Named:
    """Who carries the money of an alert: shares of what (`model.EXCESS`, `GROWTH`, `SPEND`), and the cause."""

    drivers: tuple[Driver, ...]
    drivers_of: str
    cause: str | None = None


@dataclass(slots=True)
class Curiosity:
    """Asks sources for drivers within one cycle: about a few alerts, for a short time, and no source that failed.

    An alert is worth more than its drivers: whatever goes wrong here, it goes out as it is. What was answered is
    kept, for a cycle that loses its race makes its alerts again.
    """

    house: House
    now: datetime
    _answers: dict[tuple[object, ...], Named | None] = field(default_factory=dict)
    _failed: set[str] = field(default_factory=set)
    _deadline: Deadline | None = None

    def with_drivers(self, alert: CircuitAlert, question: Question) -> CircuitAlert:
        """The alert with its drivers and its cause, as far as the sources tell."""
        key = _key(question)
        if key not in self._answers and len(self._answers) < MOST:
            self._answers[key] = self._explain(alert, question)
        found = self._answers.get(key)
        if found is None:
            return alert
        return replace(alert, drivers=found.drivers, drivers_of=found.drivers_of, cause=found.cause)

    def _explain(self, alert: CircuitAlert, question: Question) -> Named | None:
        circuit = question.compared.circuit.id
        try:
            views = {name: self._look_closer(name, alert, question) for name in question.compared.monitor.sources}
            return _name(question, views, self.house)
        except (AdapterError, ConfigError) as error:
            log.warning("drivers unknown", circuit=circuit, why=str(error))
        except Exception as error:  # noqa: BLE001 - what a plugin answers here was checked by nobody
            log.warning("drivers unknown", circuit=circuit, why=type(error).__name__)
        return None

    def _look_closer(self, name: str, alert: CircuitAlert, question: Question) -> Views:
        """Ask a source of one circuit once more, with more dimensions. Raises AdapterError."""
        state = next((source for source in alert.sources if source.source == name), None)
        left = self._time_left()
        if name in self._failed or state is None or state.error or not left:
            raise AdapterError(f"source {name} is not asked again in this cycle")
        spec = self.house.sources[name]
        queries = _closer(self.house, spec, state, question, self.now)
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
                grain=spec.grain if question.grain is Grain.HOUR else Grain.DAY,
                breakdown=Breakdown(query.dimensions, query.where),
                told=report.told,
            )
            for query, report in zip(queries, reports, strict=True)
        ]

    def _time_left(self) -> float:
        if self._deadline is None:
            self._deadline = self.house.deadline(PATIENCE)
        return self._deadline.left()


def _key(question: Question) -> tuple[object, ...]:
    """What tells questions apart: one circuit may ask about two budget periods in one cycle."""
    compared = question.compared
    return compared.circuit.id, question.of, tuple(compared.anomalous), tuple(compared.baseline or ())


def _closer(
    house: House, spec: Source, state: SourceState, question: Question, now: datetime
) -> tuple[SpendQuery, ...]:
    """What a source is asked of one circuit."""
    monitor, circuit = question.compared.monitor, question.compared.circuit
    tags = {d for each in house.fed_by(spec.name) for d in each.dimensions() if d.startswith("tag:")}
    asked = {*monitor.dimensions(), *(d for d in (*LOOKED_AT, *tags) if d in state.dimensions)}
    periods = (*question.compared.anomalous, *(question.compared.baseline or ()))
    # A charge day is called by its date, an hour is an instant of one.
    days = [charge_day(at, spec.zone) if question.grain is Grain.HOUR else at.date() for at in periods]
    whole = SpendQuery(
        start=day_start(min(days), spec.zone),
        end=day_start(max(days) + timedelta(days=1), spec.zone),
        zone=spec.zone.key,
        grain=spec.grain,
        where=circuit_where(monitor, circuit),
        visible_until=now,
        quantities=True,
    )
    return closer_queries(spec, whole, sorted(asked))


def _name(question: Question, views: Mapping[str, Views], house: House) -> Named | None:
    """The drivers of what rose; of a budget period in which nothing did, those of all its spend."""
    found = find_drivers(question.compared, views, house.fx)
    if found is not None and not question.is_budget:
        return Named(found.drivers, question.of, found.cause)
    if found is not None and found.drivers:
        return Named(_whole(found), question.of)
    found = find_drivers(replace(question.compared, baseline=None), views, house.fx) if question.is_budget else None
    return None if found is None else Named(_whole(found), SPEND)


def _whole(found: Explanation) -> tuple[Driver, ...]:
    """The drivers of a budget period with the money of all its days."""
    return tuple(replace(driver, excess=driver.excess * found.periods) for driver in found.drivers)
