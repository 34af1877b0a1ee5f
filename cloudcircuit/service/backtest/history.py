"""What each source said of the past, and when: from the ledger where that was kept, else read once for the whole span.

Either way a history is statements with a time of saying. A bill that is read today has none: each of its days counts
as said when the source's lag after the day's end was over. So do the days that a ledger's first reading found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from cloudcircuit.engine.periods import charge_day, day_end, day_start
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, CallCost, Probe, ReportStatus, Statement
from cloudcircuit.ports import SpendReport, Store
from cloudcircuit.service.ask import Ask, asks_for, fetch
from cloudcircuit.service.backtest.result import HINDSIGHT, LEDGER, SourceHistory
from cloudcircuit.service.diff import changes
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.ledger import able_days, recall

REACH = timedelta(days=365)
"""How far back a source is asked at least that does not say since when it has charges."""

Spoken = Mapping[date, tuple[Statement, ...]]
"""What was said of each charge day, oldest word first."""


@dataclass(frozen=True, slots=True)
class History:
    """All that one source said, by breakdown. `since` is when a ledger's times of saying begin, None without one.

    `settled_until` bounds what counts as settled (None: nothing but the lag does). `status`, `broken` and `accounts`
    are what the source says today, or said last.
    """

    spec: Source
    spoken: Mapping[Breakdown, Spoken]
    since: datetime | None = None
    settled_until: datetime | None = None
    status: ReportStatus = ReportStatus.COMPLETE
    broken: Mapping[date, int] = field(default_factory=dict)
    accounts: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    cost: CallCost = field(default_factory=CallCost)

    def days(self) -> list[date]:
        """The charge days that are known, in order."""
        return sorted({day for days in self.spoken.values() for day in days})

    def times(self) -> list[datetime]:
        """The first and the last time of saying; empty where nothing was said."""
        found = [said.said_at for days in self.spoken.values() for all_said in days.values() for said in all_said]
        return [min(found), max(found)] if found else []

    def describe(self) -> SourceHistory:
        days = self.days()
        return SourceHistory(
            name=self.spec.name,
            known=HINDSIGHT if self.since is None else LEDGER,
            first=days[0],
            last=days[-1],
            lag_hours=self.spec.lag / timedelta(hours=1),
            since=self.since,
            cost=self.cost,
            notes=self.notes,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """The span that is asked for: reported from `start` on, for which charges from `first` on are looked at (both None:
    all there are), as they are known by `end`.
    """

    start: datetime | None
    first: datetime | None
    end: datetime


def from_ledger(house: House, spec: Source, state: Store, wanted: Wanted) -> History | None:
    """What the state's ledger holds of a source; None where it cannot answer all that its monitors need, or not so
    far back. Raises StoreError, AdapterError.
    """
    spoken, since = {}, []
    for ask in asks_for(house, spec, wanted.end):
        statements = state.statements(ask.name, spec.grain, date.min, date.max)
        days = able_days(recall(statements), ask.query.dimensions)
        if not days or (wanted.start is not None and day_start(days[0], spec.zone) > wanted.start):
            return None
        first = min(said.said_at for said in statements)
        spoken[ask.breakdown] = _by_day(_as_known(spec, said) if said.said_at == first else said for said in statements)
        since.append(first)
    known = state.sources().get(spec.name)
    return History(spec, spoken, since=max(since), accounts=frozenset(known.accounts if known else ()))


def from_source(house: House, spec: Source, wanted: Wanted) -> History:
    """What a source tells of its past when it is asked once. Raises AdapterError, naming the source."""
    try:
        start, end = _reach(house, spec, wanted)
        asks = [_over(ask, start, end) for ask in asks_for(house, spec, wanted.end)]
        before = _spent(house, spec)
        reports = fetch(house, spec, [ask.query for ask in asks])
        spoken = {ask.breakdown: _said(spec, ask, report) for ask, report in zip(asks, reports, strict=True)}
    except AdapterError as error:
        text = f"source {spec.name}: its history cannot be read: {error}"
        raise AdapterError(text, permanent=error.permanent, retry_after=error.retry_after) from error
    marks = [report.watermark for report in reports if report.watermark is not None]
    return History(
        spec=spec,
        spoken=spoken,
        settled_until=min(marks, default=None),
        status=next((r.status for r in reports if r.status is not ReportStatus.COMPLETE), ReportStatus.COMPLETE),
        broken={day: rows for report in reports for day, rows in report.broken.items()},
        accounts=frozenset().union(*(report.accounts for report in reports)),
        notes=tuple(dict.fromkeys(note for report in reports for note in report.notes)),
        cost=_less(_spent(house, spec), before),
    )


def _reach(house: House, spec: Source, wanted: Wanted) -> tuple[datetime, datetime]:
    """From when to when a source is asked, at midnights of its zone."""
    start, end = wanted.first, wanted.end
    if start is None:
        found = _probe(house, spec)
        end = min(end, found.newest or end)
        start = min(end - REACH, found.oldest or end)
    return day_start(charge_day(start, spec.zone), spec.zone), day_end(charge_day(end, spec.zone), spec.zone)


def what_there_is(house: House, spec: Source) -> str:
    """What a source has where a span of it is empty. Raises AdapterError."""
    found = _probe(house, spec)
    if found.oldest is None or found.newest is None:
        return f"source {spec.name} has no charges that can be seen"
    return f"source {spec.name} has charges from {found.oldest:%Y-%m-%d} to {found.newest:%Y-%m-%d}"


def _probe(house: House, spec: Source) -> Probe:
    with closing(spec.open()) as adapter:
        return adapter.probe(house.deadline(spec.timeout))


def _over(ask: Ask, start: datetime, end: datetime) -> Ask:
    return replace(ask, query=replace(ask.query, start=start, end=end))


def _said(spec: Source, ask: Ask, report: SpendReport) -> Spoken:
    """An answer as the first word on each of its days."""
    diff = changes(
        {},
        report.table,
        source=ask.name,
        said_at=datetime(1970, 1, 1, tzinfo=UTC),
        query=ask.query,
        broken=report.broken,
        told=report.told,
    )
    return _by_day(_as_known(spec, said, whenever=True) for said in diff.statements)


def _as_known(spec: Source, said: Statement, *, whenever: bool = False) -> Statement:
    """A statement that says more than one day counts as said when its day's lag was over, if that was before."""
    known = day_end(said.day, spec.zone) + spec.lag
    return replace(said, said_at=known if whenever else min(said.said_at, known))


def _by_day(statements: Iterable[Statement]) -> Spoken:
    days: dict[date, list[Statement]] = defaultdict(list)
    for said in statements:
        days[said.day].append(said)
    return {day: tuple(sorted(days[day], key=lambda said: said.said_at)) for day in sorted(days)}


def _spent(house: House, spec: Source) -> CallCost:
    costs: Callable[[date], Mapping[str, Mapping[date, CallCost]]] = house.store.meter
    return sum(costs(date.min).get(spec.name, {}).values(), CallCost())


def _less(after: CallCost, before: CallCost) -> CallCost:
    return after + before * -1
