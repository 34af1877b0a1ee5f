"""One step of one circuit: its evidence in, its next state out, with what is to be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from zoneinfo import ZoneInfo

from cloudcircuit.engine import breaker, budget
from cloudcircuit.engine.assess import Series
from cloudcircuit.engine.budget import PeriodSums
from cloudcircuit.engine.decide import Situation, decide
from cloudcircuit.engine.periods import charge_day, current_period, previous, window
from cloudcircuit.engine.tell import tell
from cloudcircuit.engine.text import shown
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import (
    Act,
    AlertKind,
    BookRow,
    BreakerState,
    Budget,
    BudgetView,
    Change,
    Cost,
    Decision,
    Mode,
    Monitor,
    Period,
    Phase,
    Reason,
    ReportStatus,
    Severity,
    SourceState,
)
from cloudcircuit.service.acts import ActIndex, split
from cloudcircuit.service.budget_sums import budget_sums
from cloudcircuit.service.cells import Ints, SourceImage
from cloudcircuit.service.house import House, watermark
from cloudcircuit.service.series import Cut, cut, overlap
from cloudcircuit.service.serve import HOLDING, is_new_block, judged_until

CURRENCY = "currency"
"""The key of `BreakerState.alerted` for charges in another currency."""


@dataclass(slots=True)
class Round:
    """What is the same for all circuits of a monitor in a cycle. `blocks_left` counts down as blocks are served.

    `acts` are those that may still speak of a period that is judged. `today` is the charge day in the slowest of its
    sources' zones, `whole` whether all of them answered whole, `mark` the watermark of the slowest.
    """

    house: House
    monitor: Monitor
    now: datetime
    sources: Mapping[str, SourceState]
    acts: Sequence[Act]
    blocks_left: int
    today: date = field(init=False)
    whole: bool = field(init=False)
    mark: datetime | None = field(init=False)
    spoken: Mapping[str, ActIndex] = field(init=False)

    def __post_init__(self) -> None:
        zones = [self.house.sources[name].zone for name in self.monitor.sources]
        self.today = min((charge_day(self.now, zone) for zone in zones), default=self.now.date())
        self.whole = _answered_whole(self)
        self.mark = watermark(self.monitor, self.sources)
        self.spoken = split(self.acts, self.now)


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
    """Cut a monitor's circuits and sum its budget periods. Raises AdapterError or ConfigError, naming what is wrong.

    Money that is converted only observes: a monitor that enforces takes it for a foreign currency.
    """
    monitor, now = round_.monitor, round_.now
    twice = overlap(images)
    if twice:
        raise AdapterError(_overlapping(twice), permanent=True)
    zones = [image.zone for image in images.values()]
    windows = [window(now, zone, [monitor], zones) for zone in zones]
    start = min(charge_day(begin, zone) for (begin, _), zone in zip(windows, zones, strict=True))
    end = max(charge_day(end, zone) for (_, end), zone in zip(windows, zones, strict=True))
    fx = round_.house.fx if monitor.mode is Mode.OBSERVE else ()
    found = cut(monitor, images, start=start, end=end, existing=existing, fx=fx)
    present, closed = _period_sums(round_, found, zones)
    return Evidence(
        cut=found,
        starts=found.starts,
        known=tuple(found.periods.any.tolist()),  # what one source says may be proof enough, however late the others
        settled=tuple(found.settled.tolist()),
        place={circuit.id: place for place, circuit in enumerate(found.circuits)},
        notes=(Reason.EFFECTIVE_FROM_BILLED,) if found.stood_in else (),
        present=present,
        closed=closed,
    )


def _overlapping(twice: Mapping[str, tuple[str, ...]]) -> str:
    account, names = next(iter(twice.items()))
    more = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
    return (
        f"its sources {' and '.join(names)} both bring billing account {shown(account)}{more}, which would count it "
        "twice; look at one of them, or give each a monitor of its own"
    )


def _period_sums(
    round_: Round, found: Cut, zones: Sequence[ZoneInfo]
) -> tuple[dict[str, PeriodSums], dict[str, PeriodSums]]:
    """The sums of the present budget period and of the one before it, by circuit."""
    monitor = round_.monitor
    if monitor.budget is None and monitor.book is None:
        return {}, {}
    period = monitor.budget.period if monitor.budget else Period.MONTH
    present = current_period(round_.now, zones, period)
    return (
        _sums_of(found, present, _cost(monitor), round_.whole),
        _sums_of(found, previous(present[0], period), _cost(monitor), round_.whole),
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
    row = find_row(monitor, state, round_.today)
    after = _weigh(round_, state, evidence, row) if evidence else _wait(round_, state, notes)
    if after.phase is Phase.CLOSED:
        notes = tuple(note for note in notes if note is not Reason.STATE_DAMAGED)
    decision = decide(monitor, after, _situation(round_, state, row, notes))
    if is_new_block(state.decision, decision):
        round_.blocks_left -= 1
    after, changes = tell(monitor, state, replace(after, decision=decision), now)
    after, more = _tell_currency(after, notes, now, monitor.remind_every)
    return Stepped(state, _numbered(state, after), (*_name_damage(state, notes, changes), *more), row)


def _weigh(round_: Round, state: BreakerState, evidence: Evidence, row: BookRow | None) -> BreakerState:
    planned = round_.spoken["expect"].of(state.circuit)
    after = breaker.observe(round_.monitor, state, evidence.series(state.circuit), planned, round_.now)
    if not round_.whole and state.phase is not Phase.CLOSED and after.phase is Phase.CLOSED:
        after = _still_half_open(state, after)
    return budget.step(after, *_views(round_.monitor, state, evidence, row))


def _still_half_open(state: BreakerState, after: BreakerState) -> BreakerState:
    """What is not whole relaxes nothing: a later period decides, once its source answers whole."""
    return replace(
        after,
        phase=Phase.HALF_OPEN,
        trips=state.trips,
        opened_at=state.opened_at,
        opened_through=state.opened_through,
        cooldown_until=state.cooldown_until,
    )


def _wait(round_: Round, state: BreakerState, notes: tuple[Reason, ...]) -> BreakerState:
    """Time passes over what is not held."""
    return state if HOLDING & set(notes) else breaker.pass_time(state, round_.monitor.breaker, round_.now)


def _views(
    monitor: Monitor, state: BreakerState, evidence: Evidence, row: BookRow | None
) -> tuple[BudgetView | None, BudgetView | None]:
    """The budget's view of the present period and of the closed one; None without a budget."""
    limit = limit_of(monitor, row)
    if limit is None or state.circuit not in evidence.present:
        return None, None
    ratio = monitor.budget.warning_ratio if monitor.budget else Budget(limit, "").warning_ratio
    return (
        budget.view(evidence.present[state.circuit], limit, ratio, forecast=monitor.forecast),
        budget.view(evidence.closed[state.circuit], limit, ratio, forecast=False),
    )


def limit_of(monitor: Monitor, row: BookRow | None) -> Decimal | None:
    """The limit that holds for a circuit: its line of the owners table, else the monitor's budget."""
    if row is not None and row.amount is not None:
        return row.amount
    return monitor.budget.amount if monitor.budget else None


def find_row(monitor: Monitor, state: BreakerState, on: date) -> BookRow | None:
    """The line of the owners table that speaks of a circuit on a day."""
    return monitor.book.find(state.values, on) if monitor.book else None


def _situation(round_: Round, state: BreakerState, row: BookRow | None, notes: tuple[Reason, ...]) -> Situation:
    return Situation(
        now=round_.now,
        watermark=judged_until(state, notes, round_.mark),
        ttl=round_.house.ttl(round_.monitor),
        acts=round_.spoken["override"].of(state.circuit),
        notes=notes,
        blocks_left=round_.blocks_left,
        owner=row.owner if row else None,
    )


def _tell_currency(
    state: BreakerState, notes: tuple[Reason, ...], now: datetime, remind_every: timedelta | None
) -> tuple[BreakerState, tuple[Change, ...]]:
    """Charges in another currency are told, and told again as a reminder is, until they are gone: nothing is judged."""
    told = state.alerted.get(CURRENCY)
    if Reason.CURRENCY_MISMATCH in notes:
        again = remind_every is not None and told is not None and now - told >= remind_every
        if told is not None and not again:
            return state, ()
        change = Change(AlertKind.CURRENCY, Severity.CRITICAL, (Reason.CURRENCY_MISMATCH,), since=now)
        return replace(state, alerted={**state.alerted, CURRENCY: now}), (change,)
    if told is None:
        return state, ()
    return replace(state, alerted={key: at for key, at in state.alerted.items() if key != CURRENCY}), ()


def _name_damage(state: BreakerState, notes: tuple[Reason, ...], changes: Iterable[Change]) -> tuple[Change, ...]:
    """A breaker that stands open for a damaged row was tripped by no spend."""
    if state.version or Reason.STATE_DAMAGED not in notes:
        return tuple(changes)
    named = Change(AlertKind.ESCALATED, Severity.CRITICAL, (Reason.STATE_DAMAGED,))
    return tuple(named if Reason.BREAKER_OPEN in change.reasons else change for change in changes)


# --- what counts as a move ----------------------------------------------------------------------------------


def _numbered(before: BreakerState, after: BreakerState) -> BreakerState:
    """The next version of a state that moved; the very state that was read when only the clock did."""
    if before.version and _state(before) == _state(after) and _same_decision(before.decision, after.decision):
        return before
    version = before.version + 1
    return replace(after, version=version, decision=after.decision and replace(after.decision, version=version))


def _same_decision(before: Decision | None, after: Decision | None) -> bool:
    return before is after or (before is not None and after is not None and _said(before) == _said(after))


_state = attrgetter(*(f.name for f in fields(BreakerState) if f.name != "decision"))
_said = attrgetter(
    *(f.name for f in fields(Decision) if f.name not in {"at", "valid_until", "version", "data_as_of", "stale_at"})
)
"""A decision without what a new cycle changes by itself: the times of it."""
