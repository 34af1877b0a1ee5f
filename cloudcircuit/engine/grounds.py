"""What an alert is founded on, as parts of its payload: the expected range, the finding and its days, the series."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from math import fsum, isfinite

from cloudcircuit.model import AlertKind, CircuitAlert, Grain, Point, Verdict

_ESTIMATE_DIGITS = 6
_HOURS_A_DAY = 24

MOST_DAYS = 7
"""How many periods that carry an excess are named, those with the most."""


def estimate(value: float | None) -> float | None:
    """An estimate as it stands in a payload: rounded, and null where it is no number."""
    return None if value is None or not isfinite(value) else round(value, _ESTIMATE_DIGITS)


def expected(latest: Verdict | None) -> dict[str, object] | None:
    """The range in which nothing is said, and the one that holds most of what is normal, where the method tells it.

    The checks look upwards only: the first begins at zero.
    """
    if latest is None or latest.expected is None:
        return None
    return {
        "low": 0.0,
        "high": estimate(latest.limit),
        "mean": estimate(latest.expected),
        "usual_low": estimate(latest.low),
        "usual_high": estimate(latest.high),
    }


def excess(alert: CircuitAlert) -> dict[str, object] | None:
    """The money above the expected so far, and the periods that carry it; None where no run rate is the matter.

    What leaks slowly is found over a window of periods, most of which were not unusual by themselves.
    """
    change, latest = alert.change, alert.state.latest
    if change.periods <= 0:
        return None
    total, periods, since = change.excess, change.periods, change.since
    if latest is not None and latest.failure and latest.window > 1 and (latest.window_excess or 0.0) > total:
        found = rise(alert)
        total, periods = latest.window_excess or 0.0, max(len(found), periods)
        since = found[-1] if since is None else min(since, found[-1])
    days = periods / _HOURS_A_DAY if alert.grain is Grain.HOUR else periods
    return {
        "per_day": estimate(total / days),
        "total": estimate(total),
        "periods": periods,
        "days": _days([point for point in alert.points if since is None or point.at >= since]),
    }


def finding(alert: CircuitAlert) -> dict[str, object] | None:
    """What was found in the latest judged period, and with those before it that rose; None where nothing was."""
    latest, found = alert.state.latest, rise(alert)
    if latest is None or not found or alert.change.kind is AlertKind.RESOLVED:
        return None
    return {
        "start": found[-1],
        "periods": len(found),
        "excess": estimate(latest.excess if latest.window_excess is None else latest.window_excess),
        "score": estimate(latest.score),
    }


def rise(alert: CircuitAlert) -> list[datetime]:
    """The periods of the latest finding, the newest first: of its window, those that are marked in the series.

    Without the series it is the whole window; [] where nothing was found.
    """
    latest = alert.state.latest
    if latest is None or not latest.failure:
        return []
    step = timedelta(hours=1) if alert.grain is Grain.HOUR else timedelta(days=1)
    window = [latest.at - place * step for place in range(latest.window)]
    marked = {point.at for point in alert.points if point.found}
    return list(takewhile(marked.__contains__, window)) if latest.at in marked else window


def series(points: Sequence[Point]) -> list[dict[str, object]]:
    """The newest periods of the circuit, oldest first."""
    return [
        {"start": p.at, "value": estimate(p.value), "expected": estimate(p.expected), "found": p.found} for p in points
    ]


def _days(points: Sequence[Point]) -> list[dict[str, object]]:
    """The periods that carry an excess, the most first, with their shares of it."""
    more = [(p.at, p.value - p.expected) for p in points if p.found and p.value is not None and p.expected is not None]
    more = [(at, excess) for at, excess in more if excess > 0]
    whole = fsum(excess for _, excess in more)
    largest = sorted(more, key=lambda one: (-one[1], one[0]))[:MOST_DAYS]
    return [{"start": at, "excess": estimate(excess), "share": estimate(excess / whole)} for at, excess in largest]
