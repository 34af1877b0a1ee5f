"""Budgets: a breach blocks at once and holds until the period rolls over, the limit is raised, or complete data
lie below it again. The period after a breach begins half-open until its first settled day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from cloudcircuit.model import BreakerState, BudgetView, evolve

_NOTHING = Decimal(0)

TOO_EARLY_DAYS = 3
"""Under so many settled days of a period a forecast says nothing."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Where a period is expected to end, in money: median and 80 % band, the probability of breaching the limit by
    then (None without a limit), and the day on which the median path passes it."""

    median: float
    low: float
    high: float
    p_breach: float | None = None
    breach_on: date | None = None


class Closed(Protocol):
    """A budget period that is over."""

    @property
    def start(self) -> date: ...

    @property
    def spend(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """What is known by now of a budget period that is over."""

    start: date
    spend: Decimal


@dataclass(frozen=True, slots=True)
class PeriodSums:
    """What is known of one circuit in one budget period, in the budget's basis; money exact.

    `settled` and `known` are sums of all charges over settled and over all known days; `usage` is the part of
    `settled` that is usage. `complete`: no day before the watermark is missing or broken, and every source
    answered whole and lately.
    """

    start: date
    end: date
    settled: Decimal
    known: Decimal
    usage: Decimal
    settled_days: int
    settled_through: date | None
    known_through: date | None
    complete: bool


def view(sums: PeriodSums, limit: Decimal, warning_ratio: float, projection: Projection | None = None) -> BudgetView:
    """A budget against its period. Spend is floored at 0: a month of credits is not a negative spend.

    A projection is left out while it is too early, and is never below what has been spent already.
    """
    spend = spend_of(sums)
    too_early = sums.settled_days < min(TOO_EARLY_DAYS, (sums.end - sums.start).days)
    seen = None if too_early else projection
    return BudgetView(
        start=sums.start,
        end=sums.end,
        limit=limit,
        spend=spend,
        settled_days=sums.settled_days,
        settled_through=sums.settled_through,
        known_through=sums.known_through,
        complete=sums.complete,
        warning_ratio=warning_ratio,
        projected=max(spend, _money(seen.median)) if seen else None,
        low=max(spend, _money(seen.low)) if seen else None,
        high=max(spend, _money(seen.high)) if seen else None,
        p_breach=(1.0 if spend > limit else seen.p_breach) if seen else None,
        breach_on=seen.breach_on if seen and spend <= limit else None,
    )


def _money(estimate: float) -> Decimal:
    """An estimate with the digits that it may have."""
    return Decimal(repr(round(estimate, 6)))


def spend_of(sums: PeriodSums) -> Decimal:
    """What counts as spent: the larger of what is settled and all that is known, floored at 0."""
    return max(_NOTHING, sums.settled, sums.known)


def step(state: BreakerState, seen: BudgetView | None, closed: Closed | None) -> BreakerState:
    """Take the budget's view of the present period, and of the one before it as it closed."""
    if seen is None:
        return _without_budget(state)
    if state.budget_start is not None and seen.end <= state.budget_start:
        return state  # the clock went back; the period that was seen stands
    state = _roll_over(state, seen)
    held = _hold(state, seen)
    state = _breach(evolve(state, budget=held), held)
    if state.after_breach and held.settled_days > 0:
        state = evolve(state, after_breach=False)
    return _late(state, closed)


def _without_budget(state: BreakerState) -> BreakerState:
    if state.budget is None and state.budget_start is None and state.closed_start is None:
        return state
    return evolve(
        state,
        budget=None,
        budget_start=None,
        budget_breached=False,
        budget_limit=None,
        breached_by=None,
        after_breach=False,
        closed_start=None,
        closed_breached=False,
        closed_limit=None,
        closed_over=False,
        closed_spend=None,
    )


def _roll_over(state: BreakerState, seen: BudgetView) -> BreakerState:
    before = state.budget
    if before is None or state.budget_start is None:
        return evolve(state, budget_start=seen.start)
    if seen.start == state.budget_start:
        return state
    if seen.start < before.end:  # months became quarters, say: no period has ended, and a breach stands
        return evolve(
            state,
            budget_start=seen.start,
            closed_start=None,
            closed_breached=False,
            closed_limit=None,
            closed_over=False,
            closed_spend=None,
        )
    return evolve(
        state,
        budget_start=seen.start,
        budget_breached=False,
        budget_limit=None,
        breached_by=None,
        after_breach=state.budget_breached,
        closed_start=state.budget_start,
        closed_breached=state.budget_breached,
        closed_limit=before.limit,
        closed_over=False,
        closed_spend=None,
    )


def _hold(state: BreakerState, seen: BudgetView) -> BudgetView:
    """Incomplete data never lower what was known to be spent in a period."""
    before = state.budget
    if before is None or before.start != seen.start or seen.complete:
        return seen
    return evolve(seen, spend=max(seen.spend, before.spend))


def _breach(state: BreakerState, seen: BudgetView) -> BreakerState:
    if seen.breached:
        days = (day for day in (state.breached_by, seen.known_through) if day is not None)
        by = max(days, default=None)
        return evolve(state, budget_breached=True, budget_limit=seen.limit, breached_by=by)
    if state.budget_breached and _may_release(state, seen):
        return evolve(state, budget_breached=False, budget_limit=None, breached_by=None)
    return state


def _may_release(state: BreakerState, seen: BudgetView) -> bool:
    """The limit was raised above what is spent, or every day that made the breach has settled below it."""
    if state.budget_limit is not None and seen.limit > state.budget_limit:
        return True
    settled = seen.settled_through
    return seen.complete and (state.breached_by is None or (settled is not None and settled >= state.breached_by))


def _late(state: BreakerState, closed: Closed | None) -> BreakerState:
    """Note when late data push the period before over the limit that it closed with: told once, blocks nothing."""
    limit = state.closed_limit
    if closed is None or closed.start != state.closed_start or state.closed_breached or limit is None:
        return state
    if state.closed_over or closed.spend < limit:
        return state
    return evolve(state, closed_over=True, closed_spend=closed.spend)
