"""What is asked of an alert before it goes out: which periods are compared to name who carries its money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from cloudcircuit.engine.grounds import rise
from cloudcircuit.engine.periods import previous
from cloudcircuit.model import (
    EXCESS,
    GROWTH,
    AlertKind,
    Circuit,
    CircuitAlert,
    Cost,
    Grain,
    Monitor,
    Period,
    Reason,
)
from cloudcircuit.service.drivers import Compared
from cloudcircuit.service.shared_excess import Alerting

_DAY = timedelta(days=1)
_TELLS_OF_BUDGET = frozenset(
    {AlertKind.TRIPPED, AlertKind.BUDGET_WARNING, AlertKind.FORECAST, AlertKind.CLOSED_OVER, AlertKind.REMINDER}
)
_BUDGET = frozenset({Reason.BUDGET_BREACHED, Reason.BUDGET_WARNING, Reason.FORECAST_BREACH})
_RISEN = frozenset({AlertKind.ANOMALY, AlertKind.TRIPPED, AlertKind.ESCALATED, AlertKind.REMINDER})


@dataclass(frozen=True, slots=True)
class Question:
    """Who carries the excess of an alert (`model.EXCESS`), or the growth of a budget period (`GROWTH`).

    `grain` is that of the periods: those of budgets are days.
    """

    of: str
    compared: Compared
    grain: Grain

    @property
    def is_budget(self) -> bool:
        return self.of == GROWTH


def question_of(alert: CircuitAlert, alerting: Alerting | None) -> Question | None:
    """What to ask of an alert, with the unusual periods of its circuit. None where there is nothing to ask."""
    if alert.change.kind in _TELLS_OF_BUDGET and _BUDGET & set(alert.change.reasons):
        return _of_budget(alert)
    if alert.change.kind not in _RISEN or alert.change.excess <= 0 or alerting is None:
        return None
    # What was found over a window is carried by all of its periods that rose.
    unusual = {*alerting.anomalous, *rise(alert)}
    baseline = [at for at in alerting.baseline if at not in unusual]
    compared = Compared(alerting.monitor, alerting.circuit, sorted(unusual), baseline)
    return Question(EXCESS, compared, alert.grain) if baseline else None


def _of_budget(alert: CircuitAlert) -> Question | None:
    """The known days of the period, against the same days of the period before; in the budget's money, all charges."""
    monitor, state = alert.monitor, alert.state
    days = _days_of(alert)
    if not days:
        return None
    before, end = previous(days[0], _period(monitor))
    same = [before + place * _DAY for place in range(len(days)) if before + place * _DAY < end]
    cost = monitor.budget.cost if monitor.budget else Cost.BILLED
    circuit = Circuit(state.circuit, state.monitor, state.values)
    in_money = replace(monitor, run_rate_cost=cost)
    return Question(GROWTH, Compared(in_money, circuit, _named(days), _named(same), everything=True), Grain.DAY)


def _days_of(alert: CircuitAlert) -> list[date]:
    """The days of the budget period that an alert speaks of, as far as they are known."""
    state, view = alert.state, alert.state.budget
    if view is None:
        return []
    start, last = view.start, view.known_through
    if alert.change.kind is AlertKind.CLOSED_OVER:
        start, last = state.closed_start or view.start, view.start - _DAY
    return [] if last is None else [start + place * _DAY for place in range((last - start).days + 1)]


def _period(monitor: Monitor) -> Period:
    return monitor.budget.period if monitor.budget else Period.MONTH


def _named(days: list[date]) -> list[datetime]:
    """What charge days are called."""
    return [datetime.combine(day, time(), UTC) for day in days]


def weight(alert: CircuitAlert) -> tuple[int, float]:
    """How much an alert is worth a question: the gravest first, then the most money above what was expected."""
    change, view = alert.change, alert.state.budget
    money = change.excess
    if _BUDGET & set(change.reasons) and view is not None:
        money = float(max(view.spend, view.projected or view.spend) - view.limit)
    return -change.severity.rank, -money
