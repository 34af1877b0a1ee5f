"""One step of one circuit: its evidence in, its next state out, with what is to be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from operator import attrgetter

import numpy as np

from cloudcircuit.engine import breaker, budget
from cloudcircuit.engine.decide import Situation, decide
from cloudcircuit.engine.lookout import Watched
from cloudcircuit.engine.periods import charge_day, window
from cloudcircuit.engine.series import Periods, Series
from cloudcircuit.engine.settle import Completeness
from cloudcircuit.engine.tell import tell
from cloudcircuit.engine.text import shown
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import (
    Act,
    AlertKind,
    BookRow,
    BreakerState,
    Change,
    Decision,
    Mode,
    Monitor,
    Phase,
    Reason,
    ReportStatus,
    Severity,
    SourceState,
    evolve,
)
from cloudcircuit.service.acts import ActIndex, split
from cloudcircuit.service.budgets import BudgetPeriods, budget_periods, find_row, limit_of, stand
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.house import House, watermark
from cloudcircuit.service.outlooks import Asked, project
from cloudcircuit.service.series import Cut, cut, overlap
from cloudcircuit.service.serve import HOLDING, is_new_block, judged_until
from cloudcircuit.service.settling import corrections

CURRENCY = "currency"
"""The key of `BreakerState.alerted` for charges in another currency."""


@dataclass(slots=True)
class Round:
    """What is the same for all circuits of a monitor in a cycle. `blocks_left` counts down as blocks are served.

    `peers` is how many circuits of other monitors share its channels and its allowance of false alerts.
    `acts` are those that may still speak of a period that is judged. `today` is the charge day in the slowest of its
    sources' zones, `whole` whether all of them answered whole, `mark` the watermark of the slowest.
    """

    house: House
    monitor: Monitor
    now: datetime
    sources: Mapping[str, SourceState]
    acts: Sequence[Act]
    blocks_left: int
    peers: int = 0
    today: date = field(init=False)
    whole: bool = field(init=False)
    mark: datetime | None = field(init=False)
    spoken: Mapping[str, ActIndex] = field(init=False)
    ttl: timedelta = field(init=False)

    def __post_init__(self) -> None:
        zones = [self.house.sources[name].zone for name in self.monitor.sources]
        self.today = min((charge_day(self.now, zone) for zone in zones), default=self.now.date())
        self.whole = _answered_whole(self)
        self.mark = watermark(self.monitor, self.sources)
        self.spoken = split(self.acts, self.now)
        self.ttl = self.house.ttl(self.monitor)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of all circuits of a monitor: their series, and their sums in two budget periods."""

    cut: Cut
    periods: Periods
    place: Mapping[str, int]
    notes: tuple[Reason, ...] = ()
    budgets: BudgetPeriods | None = None

    @property
    def starts(self) -> tuple[datetime, ...]:
        return self.periods.starts

    def series(self, circuit: str) -> Series:
        return Series(self.periods, self.cut.usage[self.place[circuit]])


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
    return Evidence(
        cut=found,
        periods=_periods(found),
        place={circuit.id: place for place, circuit in enumerate(found.circuits)},
        notes=(Reason.EFFECTIVE_FROM_BILLED,) if found.stood_in else (),
        budgets=budget_periods(monitor, found, now, zones, whole=round_.whole),
    )


def _periods(found: Cut) -> Periods:
    """What is known of the periods. What one source says may be proof enough, however late the others are."""
    known = found.periods.any
    if not np.isfinite(found.usage[:, known]).all():
        raise ValueError("the spend of a known period is not a finite number")
    return Periods(found.starts, tuple(known.tolist()), tuple(found.settled.tolist()), found.grain)


def _overlapping(twice: Mapping[str, tuple[str, ...]]) -> str:
    account, names = next(iter(twice.items()))
    more = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
    return (
        f"its sources {' and '.join(names)} both bring billing account {shown(account)}{more}, which would count it "
        "twice; look at one of them, or give each a monitor of its own"
    )


def _answered_whole(round_: Round) -> bool:
    """Whether every source of the monitor answered whole, and lately enough to be trusted."""
    monitor, now = round_.monitor, round_.now
    states = [round_.sources.get(name) for name in monitor.sources]
    mark = watermark(monitor, round_.sources)
    fresh = mark is not None and now < mark + monitor.stale_after
    return fresh and all(s is not None and s.status is ReportStatus.COMPLETE and not s.error for s in states)


# --- the step -----------------------------------------------------------------------------------------------


def step(
    round_: Round,
    state: BreakerState,
    evidence: Evidence | None,
    notes: tuple[Reason, ...],
    surprise: breaker.Look | None = None,
) -> Stepped:
    """One step of one circuit. Without evidence (a source failed, a foreign currency) only time and people act."""
    monitor, now = round_.monitor, round_.now
    row = find_row(monitor, state.values, round_.today)
    after = _weigh(round_, state, evidence, row, surprise) if evidence else _wait(round_, state, notes)
    if after.phase is Phase.CLOSED:
        notes = tuple(note for note in notes if note is not Reason.STATE_DAMAGED)
    decision = decide(monitor, after, _situation(round_, state, row, notes))
    if is_new_block(state.decision, decision):
        round_.blocks_left -= 1
    after, changes = tell(monitor, state, evolve(after, decision=decision), now)
    after, more = _tell_currency(after, notes, now, monitor.remind_every)
    return Stepped(state, _numbered(state, after), (*_name_damage(state, notes, changes), *more), row)


def _weigh(
    round_: Round, state: BreakerState, evidence: Evidence, row: BookRow | None, surprise: breaker.Look | None
) -> BreakerState:
    planned = round_.spoken["expect"].of(state.circuit)
    after = breaker.observe(round_.monitor, state, evidence.series(state.circuit), planned, round_.now, surprise)
    if not round_.whole and state.phase is not Phase.CLOSED and after.phase is Phase.CLOSED:
        after = _still_half_open(state, after)
    return budget.step(after, *stand(round_.monitor, evidence.budgets, evidence.place[state.circuit], row))


def watched(round_: Round, evidence: Evidence, states: Sequence[BreakerState]) -> Watched:
    """The circuits of a monitor as the detector is asked of them; `states` are in the order of the cut."""
    spoken = round_.spoken["expect"]
    return Watched(
        monitor=round_.monitor,
        periods=evidence.periods,
        values=evidence.cut.usage,
        states=states,
        planned=[spoken.of(state.circuit) for state in states],
        peers=round_.peers,
        complete=_corrections(round_, evidence),
    )


def foresee(round_: Round, evidence: Evidence) -> Evidence:
    """The evidence with the forecasts of its budgets, where there are any and the monitor wants them."""
    monitor, budgets, spoken = round_.monitor, evidence.budgets, round_.spoken["expect"]
    if budgets is None or not monitor.forecast:
        return evidence
    circuits, sums = evidence.cut.circuits, budgets.present.sums
    asked = Asked(
        cut=evidence.cut,
        period=(sums.start, sums.end),
        cost=budgets.cost,
        limits=[limit_of(monitor, find_row(monitor, one.values, round_.today)) for one in circuits],
        planned=[spoken.of(one.id) for one in circuits],
        complete=_corrections(round_, evidence),
    )
    return evolve(evidence, budgets=evolve(budgets, projections=project(asked)))


def _corrections(round_: Round, evidence: Evidence) -> Mapping[int, Completeness]:
    return corrections(round_.house, round_.monitor.sources, round_.sources, evidence.periods, round_.now)


def _still_half_open(state: BreakerState, after: BreakerState) -> BreakerState:
    """What is not whole relaxes nothing: a later period decides, once its source answers whole."""
    return evolve(
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


def _situation(round_: Round, state: BreakerState, row: BookRow | None, notes: tuple[Reason, ...]) -> Situation:
    return Situation(
        now=round_.now,
        watermark=judged_until(state, notes, round_.mark),
        ttl=round_.ttl,
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
        return evolve(state, alerted={**state.alerted, CURRENCY: now}), (change,)
    if told is None:
        return state, ()
    return evolve(state, alerted={key: at for key, at in state.alerted.items() if key != CURRENCY}), ()


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
    return evolve(after, version=version, decision=after.decision and evolve(after.decision, version=version))


def _same_decision(before: Decision | None, after: Decision | None) -> bool:
    return before is after or (before is not None and after is not None and _said(before) == _said(after))


_state = attrgetter(*(f.name for f in fields(BreakerState) if f.name != "decision"))
_said = attrgetter(
    *(f.name for f in fields(Decision) if f.name not in {"at", "valid_until", "version", "data_as_of", "stale_at"})
)
"""A decision without what a new cycle changes by itself: the times of it."""
