"""From the history of a circuit to its charts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from cloudcircuit.charts import (
    SMALL,
    BudgetChart,
    BudgetPeriod,
    CountChart,
    Fan,
    Level,
    Mark,
    Shape,
    Size,
    SpendChart,
    SpendPoint,
    Stretch,
    Strip,
    budget_range,
    joint,
    spend_range,
)
from cloudcircuit.engine.text import charge_day, count, money, shown
from cloudcircuit.model import Action, AlertKind, Grain, Phase
from cloudcircuit.service.backtest.result import Alert, Backtest, BudgetPoint, CircuitHistory, Point, Status

ONE_DAY = timedelta(days=1)
BEFORE = timedelta(days=28)
"""How much of what was judged before the reported span a chart shows."""

TALL = Size(SMALL.width, SMALL.height + 20)

_MARKS = 60  # beyond it, marks of one chart cover each other; the loudest kinds stay
_FANS = 16  # periods that have room for one
_FEW = 2  # periods that have room for a fan at each quarter

SHAPES = {
    AlertKind.ANOMALY: Shape.TRIANGLE,
    AlertKind.TRIPPED: Shape.SQUARE,
    AlertKind.ESCALATED: Shape.SQUARE,
    AlertKind.BUDGET_WARNING: Shape.DIAMOND,
    AlertKind.FORECAST: Shape.DIAMOND,
    AlertKind.CLOSED_OVER: Shape.DIAMOND,
    AlertKind.RESOLVED: Shape.RING,
}
_OF_BUDGETS = frozenset({AlertKind.BUDGET_WARNING, AlertKind.FORECAST, AlertKind.CLOSED_OVER})
_ORDER = list(SHAPES)

_LEVELS = {Phase.CLOSED: Level.QUIET, Phase.HALF_OPEN: Level.HALF, Phase.OPEN: Level.FULL}
_SERVED = {Action.ALLOW: Level.QUIET, Action.THROTTLE: Level.HALF, Action.BLOCK: Level.FULL}
_BY_PHASE = {Phase.CLOSED: Action.ALLOW, Phase.HALF_OPEN: Action.THROTTLE, Phase.OPEN: Action.BLOCK}


def span_of(result: Backtest) -> tuple[datetime, datetime]:
    """The time axis of all charts: what is reported, and up to four weeks of what was judged before."""
    firsts = [circuit.points[0].at for circuit in result.circuits if circuit.points]
    return max(min([*firsts, result.start]), result.start - BEFORE), result.end + ONE_DAY


# --- spend ------------------------------------------------------------------------------------------------


def spend_chart(circuit: CircuitHistory, span: tuple[datetime, datetime], since: datetime) -> SpendChart:
    """The series of a circuit, its alerts but those of its budget, its states below; what is told begins at `since`."""
    points = [_spend_point(point) for point in circuit.points if span[0] <= point.at <= span[1]]
    grain = "hour" if circuit.grain is Grain.HOUR else "day"
    return SpendChart(
        title=f"{shown(circuit.circuit)}: spend by {grain}",
        description=_described(circuit, points),
        currency=circuit.currency,
        points=points,
        marks=_marks(alert for alert in circuit.alerts if alert.kind not in _OF_BUDGETS),
        strips=_strips(circuit.statuses, span[1]),
        span=span,
        since=since,
    )


def _spend_point(point: Point) -> SpendPoint:
    return SpendPoint(
        at=point.at,
        value=point.value,
        expected=point.expected,
        low=point.low,
        high=point.high,
        limit=point.limit,
        is_unusual=point.failure,
        is_provisional=point.provisional,
    )


def _described(circuit: CircuitHistory, points: Sequence[SpendPoint]) -> str:
    values = [point.value for point in points if point.value is not None]
    if not values:
        return "Nothing was judged in this time."
    amounts = f"{money(min(values), circuit.currency)} to {money(max(values), circuit.currency)}"
    unusual = sum(point.is_unusual for point in points)
    return (
        f"{points[0].at:%Y-%m-%d} to {points[-1].at:%Y-%m-%d}: {amounts}, {count(unusual, 'unusual period')}, "
        f"{count(len(circuit.alerts), 'message')}."
    )


def _marks(alerts: Iterable[Alert]) -> list[Mark]:
    """The alerts of one chart; of too many, those of the loudest kinds."""
    found = sorted(alerts, key=lambda alert: _ORDER.index(alert.kind) if alert.kind in SHAPES else len(_ORDER))[:_MARKS]
    return [_mark(alert) for alert in sorted(found, key=lambda alert: alert.at)]


def _mark(alert: Alert) -> Mark:
    return Mark(alert.at, SHAPES.get(alert.kind, Shape.RING), f"{alert.at:%Y-%m-%d} {shown(alert.title, 200)}")


# --- states -----------------------------------------------------------------------------------------------


def _strips(statuses: Sequence[Status], end: datetime) -> list[Strip]:
    """The breaker's phases; and what would have been served, where the breaker alone does not say it."""
    if not statuses:
        return []
    breaker = Strip("breaker", tuple(_stretches([(s.at, _LEVELS[s.phase], s.phase.value) for s in statuses], end)))
    if all(status.action is _BY_PHASE[status.phase] for status in statuses):
        return [breaker]
    served = [(status.at, _SERVED[status.action], status.action.value) for status in statuses]
    return [breaker, Strip("would be", tuple(_stretches(served, end)))]


def _stretches(states: Sequence[tuple[datetime, Level, str]], end: datetime) -> Iterator[Stretch]:
    """Neighbours in the same state as one stretch."""
    runs = [list(run) for _, run in groupby(states, key=lambda state: state[1])]
    ends = [*(run[0][0] for run in runs[1:]), end]
    for run, until in zip(runs, ends, strict=True):
        start, level, name = run[0]
        words = name.replace("_", "-")
        yield Stretch(start, until, level, f"{words} from {start:%Y-%m-%d} to {until:%Y-%m-%d}")


# --- budget -----------------------------------------------------------------------------------------------


def budget_chart(circuit: CircuitHistory, span: tuple[datetime, datetime]) -> BudgetChart:
    """The budget's periods, with their forecasts as they stood, and its alerts."""
    periods = [list(run) for _, run in groupby(circuit.budgets, key=lambda point: (point.start, point.end))]
    last = circuit.budgets[-1]
    end = max(span[1], _midnight(last.end)) if len(periods) <= _FEW else span[1]
    return BudgetChart(
        title=f"{shown(circuit.circuit)}: spend so far and the budget",
        description=(
            f"{count(len(periods), 'period')}. At the end {money(last.spend, circuit.currency)} of "
            f"{money(last.limit, circuit.currency)} were spent since {last.start}."
        ),
        currency=circuit.currency,
        periods=[_period(period, _days_told(len(periods))) for period in periods],
        marks=_marks(alert for alert in circuit.alerts if _is_of_budget(alert, circuit.budgets)),
        span=(max(span[0], _midnight(periods[0][0].start)), end),
    )


def _is_of_budget(alert: Alert, budgets: Sequence[BudgetPoint]) -> bool:
    """Whether the budget made the alert: its own kinds, and a trip while it was breached."""
    if alert.kind is not AlertKind.TRIPPED:
        return alert.kind in _OF_BUDGETS
    known = next((point for point in reversed(budgets) if point.at <= alert.at), None)
    return known is not None and known.spend >= known.limit


def _days_told(periods: int) -> tuple[float, ...]:
    """At which shares of a period its forecast is shown, as far as there is room."""
    if periods <= _FEW:
        return (0.25, 0.5, 0.75)
    return (1 / 3,) if periods <= _FANS else ()


def _period(points: list[BudgetPoint], shares: Sequence[float]) -> BudgetPeriod:
    start, end = points[0].start, points[0].end
    known = {_known_until(point): float(point.spend) for point in points}
    limits = [next(run) for _, run in groupby(points, key=lambda point: point.limit)]
    told = [_first_after(points, start + (end - start) * share) for share in shares]
    return BudgetPeriod(
        start=_midnight(start),
        end=_midnight(end),
        spend=sorted(known.items()),
        limits=[
            (_midnight(start) if place == 0 else point.at, float(point.limit)) for place, point in enumerate(limits)
        ],
        fans=[fan for point in dict.fromkeys(told) if point is not None for fan in _fan(point)],
    )


def _fan(point: BudgetPoint) -> Iterator[Fan]:
    if point.projected is not None:
        yield Fan(
            at=_known_until(point),
            spend=float(point.spend),
            median=float(point.projected),
            low=None if point.low is None else float(point.low),
            high=None if point.high is None else float(point.high),
        )


def _first_after(points: list[BudgetPoint], day: date) -> BudgetPoint | None:
    return next((point for point in points if point.projected is not None and point.at.date() >= day), None)


def _known_until(point: BudgetPoint) -> datetime:
    """The end of the newest day in the spend, within the period."""
    if point.known_through is None:
        return _midnight(point.start)
    return _midnight(max(point.start, point.known_through + ONE_DAY))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


# --- alerts -----------------------------------------------------------------------------------------------


def weeks_chart(result: Backtest, most: int) -> CountChart:
    """Alerts by week, from the first week of the span to its last, quiet ones too; `most` is the top of the axis."""
    day, counts = charge_day(result.start), result.summary.by_week
    first = min([day - day.weekday() * ONE_DAY, *counts])
    weeks = max(1, -(-(result.end.date() - first + ONE_DAY).days // 7))
    found = {first + week * 7 * ONE_DAY: 0 for week in range(weeks)} | dict(counts)
    listed = ", ".join(f"{monday}: {n:,}" for monday, n in counts.items()) or "none"
    return CountChart(
        title="Alerts by week",
        description=f"By the Monday of the week: {listed}."[:500],
        counts=[(_midnight(monday), n) for monday, n in sorted(found.items())],
        most=most,
    )


def same_amounts(charts: Sequence[SpendChart]) -> list[SpendChart]:
    """The charts with one axis of amounts, so that they can be compared."""
    amounts = joint(spend_range(chart.points) for chart in charts)
    return [replace(chart, amounts=amounts) for chart in charts]


def same_budget_amounts(charts: Sequence[BudgetChart]) -> list[BudgetChart]:
    """The same of budgets."""
    if not charts:
        return []
    amounts = joint(budget_range(chart.periods) for chart in charts)
    return [replace(chart, amounts=amounts) for chart in charts]
