"""One step of one circuit: its evidence in, its next state out, with what is to be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from cloudcircuit.engine import breaker, budget
from cloudcircuit.engine.assess import Series
from cloudcircuit.engine.budget import PeriodSums
from cloudcircuit.engine.decide import Situation, covers, decide
from cloudcircuit.engine.periods import charge_day, current_period, previous, window
from cloudcircuit.engine.tell import tell
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import (
    Act,
    Action,
    AlertKind,
    BookRow,
    BreakerState,
    Budget,
    BudgetView,
    Change,
    Cost,
    Monitor,
    Period,
    Reason,
    ReportStatus,
    Severity,
    SourceState,
)
from cloudcircuit.service.budget_sums import budget_sums
from cloudcircuit.service.cells import Ints, SourceImage
from cloudcircuit.service.house import House, watermark
from cloudcircuit.service.series import Cut, cut, overlap


@dataclass(slots=True)
class Round:
    """What is the same for all circuits of a monitor in a cycle. `blocks_left` counts down as blocks are served."""

    house: House
    monitor: Monitor
    now: datetime
    sources: Mapping[str, SourceState]
    acts: Sequence[Act]
    blocks_left: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of all circuits of a monitor: their series, and their sums in two budget periods."""

    cut: Cut
    starts: tuple[datetime, ...]
    known: tuple[bool, ...]
    settled: tuple[bool, ...]
    place: Mapping[str, int]
    notes: tuple[Reason, ...] = ()
    present: Mapping[str, PeriodSums] = field(default_factory=dict)
    closed: Mapping[str, PeriodSums] = field(default_factory=dict)

    def series(self, circuit: str) -> Series:
        values = self.cut.usage[self.place[circuit]].tolist()
        return Series(self.starts, values, self.known, self.settled, self.cut.grain)


@dataclass(frozen=True, slots=True)
class Stepped:
    """One circuit after its step: the state as it was read, the state to write, what to tell."""

    before: BreakerState
    after: BreakerState
    changes: tuple[Change, ...] = ()
    row: BookRow | None = None

    @property
    def moved(self) -> bool:
        """Whether there is anything to write."""
        return self.after.version != self.before.version


def evidence_of(round_: Round, images: Mapping[str, SourceImage], existing: Iterable[str]) -> Evidence:
    """Cut a monitor's circuits and sum its budget periods. Raises AdapterError or ConfigError, naming what is wrong."""
    monitor, now = round_.monitor, round_.now
    twice = overlap(images)
    if twice:
        raise AdapterError(_overlapping(twice), permanent=True)
    zones = [image.zone for image in images.values()]
    windows = [window(now, zone, [monitor], zones) for zone in zones]
    start = min(charge_day(begin, zone) for (begin, _), zone in zip(windows, zones, strict=True))
    end = max(charge_day(end, zone) for (_, end), zone in zip(windows, zones, strict=True))
    found = cut(monitor, images, start=start, end=end, existing=existing, fx=round_.house.fx)
    present, closed = _period_sums(round_, found, zones)
    return Evidence(
        cut=found,
        starts=found.starts,
        known=tuple(found.known.tolist()),
        settled=tuple(found.settled.tolist()),
        place={circuit.id: place for place, circuit in enumerate(found.circuits)},
        notes=(Reason.EFFECTIVE_FROM_BILLED,) if found.stood_in else (),
        present=present,
        closed=closed,
    )


def _overlapping(twice: Mapping[str, tuple[str, ...]]) -> str:
    account, names = next(iter(twice.items()))
    return f"its sources {' and '.join(names)} both bring billing account {account}, which would count it twice"


def _period_sums(
    round_: Round, found: Cut, zones: Sequence[ZoneInfo]
) -> tuple[dict[str, PeriodSums], dict[str, PeriodSums]]:
    """The sums of the present budget period and of the one before it, by circuit."""
    monitor = round_.monitor
    if monitor.budget is None and monitor.book is None:
        return {}, {}
    period = monitor.budget.period if monitor.budget else Period.MONTH
    present = current_period(round_.now, zones, period)
    whole = _answered_whole(round_)
    return (
        _sums_of(found, present, _cost(monitor), whole),
        _sums_of(found, previous(present[0], period), _cost(monitor), whole),
    )


def _cost(monitor: Monitor) -> Cost:
    return monitor.budget.cost if monitor.budget else Cost.BILLED


def _sums_of(found: Cut, period: tuple[date, date], cost: Cost, whole: bool) -> dict[str, PeriodSums]:
    sums = budget_sums(found, cost, *period)
    days = found.span.ordinals()
    inside = (days >= period[0].toordinal()) & (days < period[1].toordinal())
    settled_through = _last_day(days[inside & found.days.settled])
    known_through = _last_day(days[inside & found.days.any])
    return {
        circuit.id: PeriodSums(
            start=period[0],
            end=period[1],
            settled=sums.settled[place],
            known=sums.known[place],
            usage=sums.settled_usage[place],
            settled_days=sums.settled_days,
            settled_through=settled_through,
            known_through=known_through,
            complete=whole and sums.complete,
        )
        for place, circuit in enumerate(found.circuits)
    }


def _last_day(days: Ints) -> date | None:
    return date.fromordinal(int(days[-1])) if len(days) else None


def _answered_whole(round_: Round) -> bool:
    """Whether every source of the monitor answered whole, and lately enough to be trusted."""
    monitor, now = round_.monitor, round_.now
    states = [round_.sources.get(name) for name in monitor.sources]
    mark = watermark(monitor, round_.sources)
    fresh = mark is not None and now < mark + monitor.stale_after
    return fresh and all(s is not None and s.status is ReportStatus.COMPLETE and not s.error for s in states)


# --- the step -----------------------------------------------------------------------------------------------


def step(round_: Round, state: BreakerState, evidence: Evidence | None, notes: tuple[Reason, ...]) -> Stepped:
    """One step of one circuit. Without evidence (a source failed, a foreign currency) only time and people act."""
    monitor, now = round_.monitor, round_.now
    row = find_row(monitor, state, now.date())
    after = state
    if evidence is not None:
        planned = [act for act in round_.acts if act.kind == "expect" and covers(act, state.circuit)]
        after = breaker.observe(monitor, state, evidence.series(state.circuit), planned, now)
        after = budget.step(after, *_views(monitor, state, evidence, row))
    decision = decide(monitor, after, _situation(round_, row, notes))
    if decision.action is Action.BLOCK and not _was_blocked(state):
        round_.blocks_left -= 1
    after, changes = tell(monitor, state, replace(after, decision=decision), now)
    after, more = _tell_currency(after, notes, now)
    return Stepped(state, _numbered(state, after), (*changes, *more), row)


def _views(
    monitor: Monitor, state: BreakerState, evidence: Evidence, row: BookRow | None
) -> tuple[BudgetView | None, BudgetView | None]:
    """The budget's view of the present period and of the closed one; None without a budget."""
    limit = limit_of(monitor, row)
    if limit is None or state.circuit not in evidence.present:
        return None, None
    ratio = monitor.budget.warning_ratio if monitor.budget else Budget(limit, "").warning_ratio
    closed_row = find_row(monitor, state, evidence.closed[state.circuit].start)
    return (
        budget.view(evidence.present[state.circuit], limit, ratio, forecast=monitor.forecast),
        budget.view(evidence.closed[state.circuit], limit_of(monitor, closed_row) or limit, ratio, forecast=False),
    )


def limit_of(monitor: Monitor, row: BookRow | None) -> Decimal | None:
    """The limit that holds for a circuit: its line of the owners table, else the monitor's budget."""
    if row is not None and row.amount is not None:
        return row.amount
    return monitor.budget.amount if monitor.budget else None


def find_row(monitor: Monitor, state: BreakerState, on: date) -> BookRow | None:
    """The line of the owners table that speaks of a circuit on a day."""
    return monitor.book.find(state.values, on) if monitor.book else None


def _situation(round_: Round, row: BookRow | None, notes: tuple[Reason, ...]) -> Situation:
    return Situation(
        now=round_.now,
        watermark=watermark(round_.monitor, round_.sources),
        ttl=round_.house.ttl(round_.monitor),
        acts=round_.acts,
        notes=notes,
        blocks_left=round_.blocks_left,
        owner=row.owner if row else None,
    )


def _was_blocked(state: BreakerState) -> bool:
    return state.decision is not None and state.decision.action is Action.BLOCK


def _tell_currency(
    state: BreakerState, notes: tuple[Reason, ...], now: datetime
) -> tuple[BreakerState, tuple[Change, ...]]:
    """Charges in another currency are told once, until they are gone."""
    told = CURRENCY in state.alerted
    if Reason.CURRENCY_MISMATCH in notes:
        change = Change(AlertKind.CURRENCY, Severity.WARNING, (Reason.CURRENCY_MISMATCH,), since=now)
        return (state, ()) if told else (replace(state, alerted={**state.alerted, CURRENCY: now}), (change,))
    if not told:
        return state, ()
    return replace(state, alerted={key: at for key, at in state.alerted.items() if key != CURRENCY}), ()


CURRENCY = "currency"


def _numbered(before: BreakerState, after: BreakerState) -> BreakerState:
    """The next version of a state that moved; the very state that was read when only the clock did."""
    if before.version and _essence(before) == _essence(after):
        return before
    version = before.version + 1
    return replace(after, version=version, decision=after.decision and replace(after.decision, version=version))


def _essence(state: BreakerState) -> BreakerState:
    """A state without what a new cycle changes by itself: the times of its decision."""
    decision = state.decision
    if decision is None:
        return state
    still = replace(decision, at=decision.since, valid_until=decision.since, version=0, data_as_of=None, stale_at=None)
    return replace(state, decision=still)
