"""The budget periods of a monitor's circuits: what is known of each, and how each stands against its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from cloudcircuit.engine import budget
from cloudcircuit.engine.budget import PeriodSums
from cloudcircuit.engine.periods import current_period, previous
from cloudcircuit.model import BookRow, Budget, BudgetView, Cost, Monitor, Period
from cloudcircuit.service.budget_sums import BudgetSums, budget_sums
from cloudcircuit.service.cells import Ints
from cloudcircuit.service.outlooks import Projections
from cloudcircuit.service.series import Cut


@dataclass(frozen=True, slots=True)
class PeriodOfAll:
    """What is known of all circuits of a monitor in one budget period; `of` gives one circuit's part by its place."""

    sums: BudgetSums
    settled_through: date | None
    known_through: date | None
    complete: bool

    def of(self, place: int) -> PeriodSums:
        return PeriodSums(
            start=self.sums.start,
            end=self.sums.end,
            settled=self.sums.settled[place],
            known=self.sums.known[place],
            usage=self.sums.settled_usage[place],
            settled_days=self.sums.settled_days,
            settled_through=self.settled_through,
            known_through=self.known_through,
            complete=self.complete,
        )


@dataclass(frozen=True, slots=True)
class BudgetPeriods:
    """The present budget period of a monitor's circuits and the one before it."""

    present: PeriodOfAll
    closed: PeriodOfAll
    cost: Cost
    projections: Projections | None = None


def budget_periods(
    monitor: Monitor, found: Cut, now: datetime, zones: Sequence[ZoneInfo], *, whole: bool
) -> BudgetPeriods | None:
    """Sum both periods; None without a budget. `whole`: every source answered whole, and lately."""
    if monitor.budget is None and monitor.book is None:
        return None
    period = monitor.budget.period if monitor.budget else Period.MONTH
    present = current_period(now, zones, period)
    return BudgetPeriods(
        _period(found, present, _cost(monitor), whole),
        _period(found, previous(present[0], period), _cost(monitor), whole),
        _cost(monitor),
    )


def _cost(monitor: Monitor) -> Cost:
    return monitor.budget.cost if monitor.budget else Cost.BILLED


def _period(found: Cut, period: tuple[date, date], cost: Cost, whole: bool) -> PeriodOfAll:
    sums = budget_sums(found, cost, *period)
    days = found.span.ordinals()
    inside = (days >= period[0].toordinal()) & (days < period[1].toordinal())
    return PeriodOfAll(
        sums,
        settled_through=_last_day(days[inside & found.days.settled]),
        known_through=_last_day(days[inside & found.days.any]),
        complete=whole and sums.complete,
    )


def _last_day(days: Ints) -> date | None:
    return date.fromordinal(int(days[-1])) if len(days) else None


def stand(
    monitor: Monitor, periods: BudgetPeriods | None, place: int, row: BookRow | None
) -> tuple[BudgetView | None, budget.ClosedPeriod | None]:
    """How one circuit stands against its budget, and what the period before has cost; None without a budget."""
    limit = limit_of(monitor, row)
    if limit is None or periods is None:
        return None, None
    ratio = monitor.budget.warning_ratio if monitor.budget else Budget(limit, "").warning_ratio
    closed = periods.closed.of(place)
    return (
        budget.view(
            periods.present.of(place), limit, ratio, periods.projections.of(place) if periods.projections else None
        ),
        budget.ClosedPeriod(closed.start, budget.spend_of(closed)),
    )


def limit_of(monitor: Monitor, row: BookRow | None) -> Decimal | None:
    """The limit that holds for a circuit: its line of the owners table, else the monitor's budget."""
    if row is not None and row.amount is not None:
        return row.amount
    return monitor.budget.amount if monitor.budget else None


def find_row(monitor: Monitor, values: tuple[str | None, ...], on: date) -> BookRow | None:
    """The line of the owners table that speaks of a circuit on a day."""
    return monitor.book.find(values, on) if monitor.book else None
