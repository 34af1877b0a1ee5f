"""A cycle: one tick of one source. Fetch once, write what changed into the ledger, judge every circuit it feeds.

What a source said is committed before it is judged: a crash in between loses nothing, for judgement only asks what
has not been judged yet. A source that fails changes no breaker; only staleness acts, and a blind source is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.engine.periods import charge_day
from cloudcircuit.errors import AdapterError, Conflict
from cloudcircuit.model import Commit, Entry, Monitor, ReportStatus, SourceAlert, SourceState, SpendQuery
from cloudcircuit.ports import SpendReport
from cloudcircuit.service import sources
from cloudcircuit.service.ask import fetch, query_for
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.diff import LedgerDiff, changes
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.judge import Images, Judged, judge_monitors
from cloudcircuit.service.ledger import join, recall


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What became of a cycle. `cells` are ledger cells written; `transitions` decisions or phases that moved."""

    source: str
    at: datetime
    ok: bool
    error: str | None = None
    permanent: bool = False
    retry_after: float | None = None
    cells: int = 0
    circuits: int = 0
    transitions: int = 0
    alerts: int = 0


def run_cycle(house: House, source: str, now: datetime) -> CycleResult:
    """One cycle of one source. A failing source is recorded, never raised; raises StoreError when the state fails."""
    spec = house.sources[source]
    query = query_for(house, spec, now)
    try:
        report = fetch(house, spec, query)
    except AdapterError as error:
        return _failed(house, spec, error, now)
    try:
        diff = changes(
            _recall(house, spec, query),
            report.table,
            source=source,
            said_at=now,
            query=query,
            complete=report.status is ReportStatus.COMPLETE,
            broken=report.broken,
        )
    except AdapterError as error:
        return _failed(house, spec, error, now)
    alerts = _record(house, spec, report, diff, now)
    fresh = {source: _image(spec, query, report, diff)}
    judged = judge_monitors(house, house.fed_by(source), now, lambda monitor: images_for(house, monitor, now, fresh))
    return _result(source, now, diff, judged, alerts)


def refresh(house: House, now: datetime) -> None:
    """Decide every circuit anew without asking any source: staleness, overrides that ended, cooldowns that passed."""
    judge_monitors(house, house.monitors, now, lambda _: None)


def _recall(house: House, spec: Source, query: SpendQuery) -> dict[date, object]:
    first, beyond = _days(query, spec.zone)
    return recall(house.store.statements(spec.name, spec.grain, first, beyond))


def _days(query: SpendQuery, zone: ZoneInfo) -> tuple[date, date]:
    """The charge days of a query's window, half-open."""
    return charge_day(query.start, zone), charge_day(query.end - timedelta(microseconds=1), zone) + timedelta(days=1)


def _image(spec: Source, query: SpendQuery, report: SpendReport, diff: LedgerDiff) -> SourceImage:
    return SourceImage(
        table=join(diff.word, query.dimensions),
        zone=spec.zone,
        watermark=report.watermark,
        grain=spec.grain,
        broken=frozenset(report.broken),
        accounts=report.accounts,
    )


def images_for(house: House, monitor: Monitor, now: datetime, fresh: Mapping[str, SourceImage]) -> Images:
    """What every source of a monitor has said: the one just fetched, and the others from the ledger."""
    states = house.store.sources()
    return {
        name: fresh[name] if name in fresh else _remembered(house, house.sources[name], states.get(name), now)
        for name in monitor.sources
    }


def _remembered(house: House, spec: Source, state: SourceState | None, now: datetime) -> SourceImage:
    query = query_for(house, spec, now)
    return SourceImage(
        table=join(_recall(house, spec, query), query.dimensions),
        zone=spec.zone,
        watermark=state.watermark if state else None,
        grain=spec.grain,
        broken=frozenset(state.broken if state else ()),
        accounts=frozenset(state.accounts if state else ()),
    )


# --- what is written of the source itself -----------------------------------------------------------------


def _record(house: House, spec: Source, report: SpendReport, diff: LedgerDiff, now: datetime) -> int:
    """Write what the source said and how it fares, with the alerts that this owes, in one transaction."""
    for _ in range(3):
        before = house.store.sources().get(spec.name, SourceState(spec.name))
        after = sources.succeeded(before, report, diff, now)
        told = sources.tell(house, spec, before, after, diff)
        commit = _commit(house, after, told, now)
        try:
            house.store.commit(replace(commit, statements=diff.statements))
        except Conflict:
            continue  # a command wrote the same row; read it again
        return len(told)
    raise Conflict(f"source {spec.name}: its row is being written all the time")


def _failed(house: House, spec: Source, error: AdapterError, now: datetime) -> CycleResult:
    """A failed fetch counts nothing for any breaker; it is noted, and told when the source has gone blind."""
    before = house.store.sources().get(spec.name, SourceState(spec.name))
    after = sources.failed(before, error, now)
    after, told = sources.go_blind(house, spec, before, after, now)
    house.store.commit(_commit(house, after, told, now))
    judged = judge_monitors(house, house.fed_by(spec.name), now, lambda _: None)
    return CycleResult(
        spec.name,
        now,
        ok=False,
        error=str(error),
        permanent=error.permanent,
        retry_after=error.retry_after,
        transitions=sum(j.transitions for j in judged),
        alerts=len(told) + sum(j.alerts for j in judged),
    )


def _commit(house: House, after: SourceState, told: list[SourceAlert], now: datetime) -> Commit:
    history = tuple(Entry(now, alert.kind.value, after.source, after.version, {"text": alert.text}) for alert in told)
    owed = envelopes((), told, house.rules, now, page=house.link)
    return Commit(sources=(after,), history=history, deliveries=tuple(owed))


def _result(source: str, now: datetime, diff: LedgerDiff, judged: list[Judged], alerts: int) -> CycleResult:
    return CycleResult(
        source,
        now,
        ok=True,
        cells=sum(statement.rows for statement in diff.statements),
        circuits=sum(j.circuits for j in judged),
        transitions=sum(j.transitions for j in judged),
        alerts=alerts + sum(j.alerts for j in judged),
    )
