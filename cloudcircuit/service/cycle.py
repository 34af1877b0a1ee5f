"""A cycle: one tick of one source. Fetch once, write what changed into the ledger, judge every circuit it feeds.

What a source said is committed before it is judged. A crash in between loses nothing: judgement asks what has not
been judged yet, and a source counts as read only once it is judged, so that it is read again at the next start. A
source that fails changes no breaker; only staleness acts, and a blind source is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.engine.periods import charge_day
from cloudcircuit.errors import AdapterError, Conflict
from cloudcircuit.model import Commit, Entry, Monitor, ReportStatus, SourceAlert, SourceState, SpendQuery, Statement
from cloudcircuit.ports import SpendReport
from cloudcircuit.service import sources
from cloudcircuit.service.ask import Ask, asks_for, fetch
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.diff import changes
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.judge import Images, judge_monitors
from cloudcircuit.service.ledger import Memory, recall
from cloudcircuit.service.reading import Answer, Reading, Views, known_marks, pick, view

TRIES = 5
"""How often a source's row is read and written again after a lost race."""


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
    try:
        reading = _read(house, spec, now)
    except AdapterError as error:
        return _failed(house, spec, error, now)
    after, alerts = _note(
        house, spec, now, lambda before: sources.succeeded(house, spec, before, reading, now), reading.statements
    )
    _release()
    fresh = {source: [view(spec, answer.ask, answer.diff.word, after) for answer in reading.answers]}
    judged = judge_monitors(house, house.fed_by(source), now, lambda: _images(house, source, now, fresh), read=source)
    fresh.clear()
    _release()
    return CycleResult(
        source,
        now,
        ok=True,
        cells=sum(statement.rows for statement in reading.statements),
        circuits=judged.circuits,
        transitions=judged.transitions,
        alerts=alerts + judged.alerts,
    )


def _release() -> None:
    """Give back to the system what Arrow keeps for later: of a large window it is as much again as what is used."""
    pa.default_memory_pool().release_unused()


def refresh(house: House, now: datetime) -> None:
    """Decide every circuit anew without asking any source: staleness, overrides that ended, cooldowns that passed."""
    judge_monitors(house, house.monitors, now, lambda: None)


def _read(house: House, spec: Source, now: datetime) -> Reading:
    """Ask a source for all that its monitors need, and compare it with what it said before. Raises AdapterError."""
    asks = asks_for(house, spec, now)
    state = house.store.sources().get(spec.name)
    past = [_said(house, spec, ask) for ask in asks]
    words = [Memory(statements) for statements in past]
    queries = [replace(ask.query, marks=known_marks(state, ask, word)) for ask, word in zip(asks, words, strict=True)]
    reports = fetch(house, spec, queries)
    _release()
    # What a clock said that was ahead is older all the same: behind it, what is said now would never be the word.
    times = [max([now, *(statement.said_at for statement in statements)]) for statements in past]
    return Reading(
        tuple(
            _compare(replace(ask, query=query), word, report, at)
            for ask, query, word, report, at in zip(asks, queries, words, reports, times, strict=True)
        )
    )


def _compare(ask: Ask, old: Memory, report: SpendReport, said_at: datetime) -> Answer:
    """What a report changes. Its rows are let go: what is known of the days is the word on them."""
    diff = changes(
        old,
        report.table,
        source=ask.name,
        said_at=said_at,
        query=ask.query,
        complete=report.status is ReportStatus.COMPLETE,
        broken=report.broken,
        told=report.told,
        unchanged=report.unchanged,
    )
    return Answer(ask, old, replace(report, table=report.table.schema.empty_table()), diff)


def _failed(house: House, spec: Source, error: AdapterError, now: datetime) -> CycleResult:
    """A failed fetch counts nothing for any breaker; it is noted, and told when the source has gone blind."""
    _, alerts = _note(house, spec, now, lambda before: sources.failed(house, spec, before, error, now))
    judged = judge_monitors(house, house.fed_by(spec.name), now, lambda: None)
    return CycleResult(
        spec.name,
        now,
        ok=False,
        error=str(error),
        permanent=error.permanent,
        retry_after=error.retry_after,
        circuits=judged.circuits,
        transitions=judged.transitions,
        alerts=alerts + judged.alerts,
    )


# --- what is known of the sources ---------------------------------------------------------------------------


def images_for(house: House, monitor: Monitor, now: datetime) -> Mapping[str, SourceImage]:
    """What every source of a monitor has said, from the ledger. Raises AdapterError."""
    return pick(_seen(house, monitor.sources, now, {}), monitor.sources, monitor.need)


def _images(house: House, source: str, now: datetime, fresh: Images) -> Images:
    """What all sources have said that any monitor of this source looks at."""
    names = [name for monitor in house.fed_by(source) for name in monitor.sources]
    return _seen(house, dict.fromkeys(names), now, fresh)


def _seen(house: House, names: Iterable[str], now: datetime, fresh: Images) -> Images:
    names = tuple(names)
    states = house.store.sources() if any(name not in fresh for name in names) else {}
    return {
        name: fresh[name] if name in fresh else _remembered(house, house.sources[name], states.get(name), now)
        for name in names
    }


def _remembered(house: House, spec: Source, state: SourceState | None, now: datetime) -> Views:
    known = state or SourceState(spec.name)
    try:
        asks = asks_for(house, spec, now)
    except AdapterError:
        return []  # its own cycle says so; a monitor that looks at it, too, cannot be judged meanwhile
    return [view(spec, ask, recall(_said(house, spec, ask)), known) for ask in asks]


def _said(house: House, spec: Source, ask: Ask) -> list[Statement]:
    """All that was said of a breakdown on the days of its window, oldest word first."""
    first, beyond = _days(ask.query, spec.zone)
    return house.store.statements(ask.name, spec.grain, first, beyond)


def _days(query: SpendQuery, zone: ZoneInfo) -> tuple[date, date]:
    """The charge days of a query's window, half-open."""
    return charge_day(query.start, zone), charge_day(query.end - timedelta(microseconds=1), zone) + timedelta(days=1)


# --- what is written of the source itself -----------------------------------------------------------------


def _note(
    house: House,
    spec: Source,
    now: datetime,
    change: Callable[[SourceState], sources.Told],
    statements: tuple[Statement, ...] = (),
) -> tuple[SourceState, int]:
    """Write what the source said and how it fares, with the alerts that this owes, in one transaction."""
    for _ in range(TRIES):
        after, told = change(house.store.sources().get(spec.name, SourceState(spec.name)))
        try:
            house.store.commit(_commit(house, after, told, statements, now))
        except Conflict:
            continue  # somebody else wrote the same row; read it again
        return after, len(told)
    raise Conflict(f"source {spec.name}: its row is being written all the time")


def _commit(
    house: House, after: SourceState, told: list[SourceAlert], statements: tuple[Statement, ...], now: datetime
) -> Commit:
    history = tuple(Entry(now, alert.kind.value, after.source, after.version, {"text": alert.text}) for alert in told)
    owed = envelopes((), told, house.rules, now, page=house.link)
    return Commit(statements=statements, sources=(after,), history=history, deliveries=tuple(owed))
