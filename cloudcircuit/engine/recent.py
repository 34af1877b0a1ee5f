"""The recent past of a circuit, as its alerts show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from cloudcircuit.engine.assess import announced
from cloudcircuit.engine.series import Series
from cloudcircuit.model import Act, BreakerState, Grain, Point

SHOWN = 30
"""How many periods are told."""

_WEEKS = 4
"""With how many periods of the same weekday (and hour) a period within a finding is compared at most."""

_TRACE = 0.1
"""A rise has not begun where less than this share of its latest excess shows: that much is noise on most bills."""


def points_of(
    series: Series, state: BreakerState, own_excess: float = 0.0, planned: Sequence[Act] = ()
) -> tuple[Point, ...]:
    """The newest periods up to the newest that is known, oldest first.

    Found are the periods that were unusual by themselves and are remembered, those that have raised an alarm, and the
    rise of the latest finding (see `rise_of`). What was expected is told of these.
    """
    newest = series.periods.newest_known
    last = None if newest is None else series.periods.place(newest)
    if last is None:
        return ()
    values = {series.starts[i]: _value(series, i) for i in range(max(0, last + 1 - SHOWN), last + 1)}
    latest = state.latest
    found = dict.fromkeys(state.provisional, None if latest is None else latest.expected)
    found |= rise_of(series, state, own_excess, planned)
    found |= {past.at: _before(values.get(past.at), past.excess) for past in state.anomalies}
    judged = {} if latest is None else {latest.at: latest.expected}
    expected = {**found, **judged}
    return tuple(Point(at, value, expected.get(at), at in found) for at, value in values.items())


def rise_of(
    series: Series, state: BreakerState, own_excess: float, planned: Sequence[Act]
) -> dict[datetime, float | None]:
    """The periods of the latest finding, the newest first, with what was expected of each; {} where nothing was found.

    A window has a fixed length, whether or not the rise began with it: it is followed back as long as each period
    cost more than was expected. Where the run of unusual periods by itself cost as much (`own_excess`, in the
    currency of the series), the latest period is all that the finding adds.
    """
    latest = state.latest
    if latest is None or not latest.failure:
        return {}
    rise = {latest.at: latest.expected}
    end = series.periods.place(latest.at)
    if end is None or (latest.window_excess or 0.0) <= own_excess:
        return rise
    first = max(0, end + 1 - latest.window)
    for i in range(end - 1, first - 1, -1):
        value, usual = _value(series, i), _usual(series, i, first, planned)
        usual = latest.expected if usual is None else usual
        if value is None or usual is None or value - usual <= _TRACE * latest.excess:
            break
        rise[series.starts[i]] = usual
    return rise


def _usual(series: Series, place: int, first: int, planned: Sequence[Act]) -> float | None:
    """What a period of a window costs by those of the same weekday (and hour) before its `first`, and what was
    announced; None where there are none.

    The detector is not asked again: it takes long for each period, and nobody has been told yet.
    """
    week = 7 * 24 if series.grain is Grain.HOUR else 7
    before = [i for i in range(place - week, -1, -week) if i < first and series.known[i]][:_WEEKS]
    if not before:
        return None
    return float(median(series.values[i] for i in before)) + announced(planned, series.starts[place], series.grain)


def _value(series: Series, place: int) -> float | None:
    return float(series.values[place]) if series.known[place] else None


def _before(value: float | None, excess: float) -> float | None:
    """What was expected of a period that is remembered with its excess."""
    return None if value is None else max(0.0, value) - excess
