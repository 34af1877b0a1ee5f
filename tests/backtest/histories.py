"""Results of backtests made by hand: what the report gets to show, from one circuit to a thousand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import sin

from cloudcircuit.model import Action, AlertKind, Grain, Phase, Severity
from cloudcircuit.service.backtest.result import (
    HINDSIGHT,
    Alert,
    Backtest,
    Block,
    BudgetPoint,
    CircuitHistory,
    Comparison,
    Pair,
    Point,
    Run,
    SourceHistory,
    Status,
)
from cloudcircuit.service.backtest.summary import summarize

START = datetime(2027, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)
LAG = 2 * DAY


def history(name: str, days: int = 60, *, jump: int | None = 40, budget: bool = False, seed: int = 1) -> CircuitHistory:
    """A circuit of `days` whose spend doubles for four days from the day `jump` on."""
    at = [START + day * DAY for day in range(days)]
    unusual = range(0) if jump is None else range(jump, min(jump + 4, days))
    points = tuple(_point(moment, day, seed, is_unusual=day in unusual) for day, moment in enumerate(at))
    alerts, runs, blocks = _told(name, points, unusual)
    return CircuitHistory(
        circuit=name,
        monitor=name.split("/", maxsplit=1)[0],
        currency="USD",
        grain=Grain.DAY,
        points=points,
        budgets=_budgets(points) if budget else (),
        statuses=tuple(_status(moment, day, jump) for day, moment in enumerate(at)),
        alerts=alerts,
        runs=runs,
        blocks=blocks,
    )


def _point(at: datetime, day: int, seed: int, *, is_unusual: bool) -> Point:
    usual = 100.0 + 10 * (at.weekday() < 5) + 3 * sin(seed * 7.1 + day * 1.7)
    value = 2.1 * usual if is_unusual else usual + 2 * sin(day * 3.3)
    excess = value - usual if is_unusual else 0.0
    return Point(at, value, usual, usual - 6, usual + 6, usual + 25, 2.5, excess, is_unusual, provisional=False)


def _status(at: datetime, day: int, jump: int | None) -> Status:
    since = -1 if jump is None else day - jump - 3
    if 0 <= since < 3:
        return Status(at, Phase.OPEN, Action.BLOCK, is_standing=True)
    if 3 <= since < 5:
        return Status(at, Phase.HALF_OPEN, Action.THROTTLE, is_standing=True)
    return Status(at, Phase.CLOSED, Action.ALLOW, is_standing=since == -1 and jump is not None)


def _told(
    name: str, points: tuple[Point, ...], unusual: range
) -> tuple[tuple[Alert, ...], tuple[Run, ...], tuple[Block, ...]]:
    if not unusual:
        return (), (), ()
    monitor, since, told = name.split("/", maxsplit=1)[0], points[unusual[0]].at, points[unusual[0]].at + LAG
    excess = sum(points[day].excess for day in unusual)

    def alert(at: datetime, kind: AlertKind, severity: Severity, said: str) -> Alert:
        return Alert(at, name, name, monitor, kind, severity, said, "USD", excess / 4, since)

    alerts = (
        alert(told, AlertKind.ANOMALY, Severity.WARNING, f"{name} cost $230.00 on a day that usually costs $110.00"),
        alert(told + DAY, AlertKind.TRIPPED, Severity.CRITICAL, f"{name} would be blocked"),
        alert(told + 6 * DAY, AlertKind.RESOLVED, Severity.WARNING, f"{name} is back to normal"),
    )
    run = Run(name, monitor, "USD", since, points[unusual[-1]].at, len(unusual), excess, told, 2.0, excess / 2, False)
    return alerts, (run,), (Block(name, monitor, "USD", told + DAY, told + 4 * DAY, 310.0),)


def _budgets(points: tuple[Point, ...], limit: Decimal = Decimal(3500)) -> tuple[BudgetPoint, ...]:
    found = []
    for day, point in enumerate(points):
        start = point.at.date().replace(day=1)
        end = (start + timedelta(days=32)).replace(day=1)
        known = [other for other in points[: max(0, day - 1)] if other.at.date() >= start]
        spend = Decimal(str(round(sum(other.value for other in known), 2)))
        left = (end - start).days - len(known)
        median = spend + 108 * left if len(known) >= 3 else None
        found.append(
            BudgetPoint(
                at=point.at,
                start=start,
                end=end,
                spend=spend,
                limit=limit,
                known_through=known[-1].at.date() if known else None,
                projected=median,
                low=None if median is None else median - 12 * left,
                high=None if median is None else median + 15 * left,
                p_breach=None if median is None else 0.4,
            )
        )
    return tuple(found)


def backtest(*circuits: CircuitHistory, config: str = "cloudcircuit.toml") -> Backtest:
    """A result over these circuits, with the summary that follows from them."""
    alerts = tuple(sorted((a for each in circuits for a in each.alerts), key=lambda alert: alert.at))
    end = max((each.statuses[-1].at for each in circuits), default=START)
    return Backtest(
        config=config,
        start=START + 14 * DAY,
        end=end,
        warm_up=14,
        sources=(SourceHistory("bill", HINDSIGHT, START.date(), end.date(), 48.0),),
        circuits=circuits,
        alerts=alerts,
        summary=summarize(circuits, alerts, (end - START).days - 13),
    )


def usual() -> Backtest:
    """Three circuits: one with a budget, one that jumped, one that stayed quiet."""
    return backtest(
        history("account", budget=True, seed=2, jump=31),
        history("services/AWS Glue"),
        history("services/AmazonS3", jump=None, seed=3),
    )


def comparison() -> Comparison:
    """The same history twice: one circuit that both tell of, and one for each side alone."""
    ours = usual()
    quieter = history("services/AWS Glue", jump=None)
    theirs = backtest(
        history("account", budget=True, seed=2, jump=31), quieter, history("services/AmazonS3", jump=20, seed=3),
        config="stricter.toml",
    )  # fmt: skip
    one, other = ours.circuits[0].runs[0], theirs.circuits[0].runs[0]
    return Comparison(
        ours=ours,
        theirs=theirs,
        only_ours=ours.circuits[1].runs,
        only_theirs=theirs.circuits[2].runs,
        both=(Pair(one, replace(other, alerted_at=other.since + DAY, days_to_alert=1.0), 1.0),),
    )
