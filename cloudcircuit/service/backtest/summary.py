"""The answer of a backtest in a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from statistics import median

from cloudcircuit.service.backtest.heard import CALMING
from cloudcircuit.service.backtest.result import Alert, CircuitHistory, Run, Summary


def summarize(circuits: Sequence[CircuitHistory], alerts: Sequence[Alert], days: int) -> Summary:
    runs = [run for circuit in circuits for run in circuit.runs if run.told_by is None]
    blocks = [block for circuit in circuits for block in circuit.blocks]
    loud = [alert for alert in alerts if alert.kind not in CALMING]
    return Summary(
        circuits=len(circuits),
        days=days,
        alerts=len(loud),
        resolved=len(alerts) - len(loud),
        runs=len(runs),
        by_kind=dict(Counter(alert.kind for alert in loud).most_common()),
        by_monitor=dict(Counter(alert.monitor for alert in loud if alert.monitor is not None).most_common()),
        by_week=_by_week(loud),
        days_to_alert=_median(runs),
        excess=_add_up((run.currency, run.excess) for run in runs),
        avoidable=_add_up((run.currency, run.avoidable) for run in runs),
        blocks=len(blocks),
        blocked=_add_up((block.monitor, block.spend) for block in blocks),
        never_quiet=tuple(circuit.circuit for circuit in circuits if circuit.is_never_quiet),
    )


def loudest_first(circuits: Iterable[CircuitHistory]) -> list[CircuitHistory]:
    """By alerts, then by the money of the runs, then by name."""
    return sorted(circuits, key=lambda each: (-_loudness(each), -sum(run.excess for run in each.runs), each.circuit))


def _loudness(circuit: CircuitHistory) -> int:
    return sum(alert.kind not in CALMING for alert in circuit.alerts)


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _by_week(alerts: Iterable[Alert]) -> dict[date, int]:
    found = Counter(monday_of(alert.at.date()) for alert in alerts)
    return dict(sorted(found.items()))


def _median(runs: Iterable[Run]) -> float | None:
    waits = [run.days_to_alert for run in runs if run.days_to_alert is not None]
    return median(waits) if waits else None


def _add_up(amounts: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, amount in amounts:
        found[key] = found.get(key, 0.0) + amount
    return dict(sorted(found.items()))
