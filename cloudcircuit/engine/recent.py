"""The recent past of a circuit, as its alerts show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cloudcircuit.engine.lookout import look
from cloudcircuit.engine.series import Series
from cloudcircuit.model import SEASONAL, Act, AnomalousPeriod, BreakerState, Grain, Monitor, Point

_NOTHING: Mapping[datetime, float] = {}

SHOWN = 30
"""How many periods are told."""


def points_of(series: Series, state: BreakerState, usual: Mapping[datetime, float] = _NOTHING) -> tuple[Point, ...]:
    """The newest periods up to the newest that is known, oldest first.

    Found are the periods that were unusual by themselves and are remembered, those that have raised an alarm, and the
    window of the latest finding. What was expected is told of these: `usual` where it is known, else what is expected
    at the end of the window.
    """
    newest = series.periods.newest_known
    last = None if newest is None else series.periods.place(newest)
    if last is None:
        return ()
    window, excess = window_of(state, series.grain), _excess(state)
    judged = None if state.latest is None else state.latest.at
    points = []
    for i in range(max(0, last + 1 - SHOWN), last + 1):
        at, value = series.starts[i], float(series.values[i]) if series.known[i] else None
        found = at in window or at in excess
        told = usual.get(at, _expected(at, value, state, excess)) if found or at == judged else None
        points.append(Point(at, value, told, found))
    return tuple(points)


def expected_within(
    monitor: Monitor, state: BreakerState, series: Series, planned: Sequence[Act]
) -> dict[datetime, float]:
    """What was expected of each period of the latest finding, by the periods before it alone; {} for a single period.

    What leaks slowly raises what is expected day by day: judged by what preceded the window, a day shows its excess.
    """
    window = window_of(state, series.grain)
    if len(window) < 2 or monitor.anomaly is None or monitor.anomaly.method != SEASONAL:
        return {}
    without = (*state.anomalies, *(AnomalousPeriod(at, 0.0) for at in window))
    before, found = replace(state, anomalies=without, anomaly_since=None), {}
    for at in window:
        place = series.periods.place(at)
        seen = None if place is None else look(monitor, before, series, planned, place)
        if seen is not None:
            found[at] = seen.expected
    return found


def window_of(state: BreakerState, grain: Grain) -> set[datetime]:
    """The periods of the latest finding."""
    latest = state.latest
    if latest is None or not latest.failure:
        return set()
    step = timedelta(hours=1) if grain is Grain.HOUR else timedelta(days=1)
    return {latest.at - place * step for place in range(latest.window)}


def _excess(state: BreakerState) -> dict[datetime, float | None]:
    """The excess of the periods that were unusual by themselves, as far as it is remembered."""
    return {**dict.fromkeys(state.provisional), **{past.at: past.excess for past in state.anomalies}}


def _expected(
    at: datetime, value: float | None, state: BreakerState, excess: dict[datetime, float | None]
) -> float | None:
    latest, more = state.latest, excess.get(at)
    if latest is not None and at == latest.at:
        return latest.expected
    if more is not None and value is not None:
        return max(0.0, value) - more
    return None if latest is None else latest.expected
