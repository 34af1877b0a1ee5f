"""What the detector is asked of circuits, given what their states remember: which periods it may learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import numpy as np

from cloudcircuit.engine import level
from cloudcircuit.engine.assess import announced, stays_out
from cloudcircuit.engine.seasonal import Bools, Floats, Question, Surprise, accepted, ask
from cloudcircuit.engine.series import Periods, Series
from cloudcircuit.engine.settle import Completeness
from cloudcircuit.model import Act, AnomalyPolicy, BreakerState, Grain, Monitor

USUAL = 28
"""Over how many periods the usual spend of a circuit is taken, where alerts are shared out by money."""


@dataclass(frozen=True, slots=True)
class Watched:
    """N circuits of a monitor: what they cost (N, T), what their states remember, and what was announced of each.

    `peers` are the circuits that share their allowance of false alerts, `complete` is the usual completeness of
    periods that are over and usually not whole yet, by their index. `false_alerts` are those accepted on each, where
    they were shared out among more circuits than these.
    """

    monitor: Monitor
    periods: Periods
    values: Floats
    states: Sequence[BreakerState]
    planned: Sequence[Sequence[Act]]
    peers: int = 0
    complete: Mapping[int, Completeness] = field(default_factory=dict)
    false_alerts: Floats | None = None


def question_of(watched: Watched, index: int) -> Question:
    """What is asked of one period of these circuits."""
    policy = watched.monitor.anomaly or AnomalyPolicy()
    at, periods, values = watched.periods.starts[index], watched.periods, watched.values
    out = np.zeros(values.shape, dtype=np.bool_)
    extra = np.zeros(len(watched.states))
    for row, (state, planned) in enumerate(zip(watched.states, watched.planned, strict=True)):
        if planned:
            amounts = _announced(planned, periods, index)
            out[row, : index + 1] |= amounts != 0
            extra[row] = amounts[index]
        if state.anomalies:
            accepted_at = _sort_out(state, periods, at, policy, out[row])
            factor = level.rebase(values[row], periods, out[row], accepted_at, index) if accepted_at else None
            if factor is not None:
                values = values.copy() if values is watched.values else values
                values[row, : factor.before] *= factor.times
    usual = watched.false_alerts
    return Question(
        values=values,
        periods=periods,
        index=index,
        out=out,
        announced=extra,
        false_alerts=accepted(policy, usual_spend(values, index), watched.peers) if usual is None else usual,
        lookback=policy.lookback,
        min_periods=policy.min_days * (24 if periods.grain is Grain.HOUR else 1),
        least=max(float(watched.monitor.min_impact) / 10, 1e-6),
        complete=watched.complete.get(index),
    )


def _sort_out(state: BreakerState, periods: Periods, at: datetime, policy: AnomalyPolicy, out: Bools) -> list[int]:
    """Mark the anomalous periods that stay out, and return the others: those that were accepted."""
    accepted_at = []
    for past in state.anomalies:
        place = periods.place(past.at)
        if place is None or past.at >= at:
            continue
        if stays_out(past, at, state, policy):
            out[place] = True
        else:
            accepted_at.append(place)
    return accepted_at


def _announced(planned: Sequence[Act], periods: Periods, index: int) -> Floats:
    """The announced spend of each period up to one; remembered, for a glob speaks of many circuits alike."""
    return _amounts(tuple(planned), periods.starts[: index + 1], periods.grain)


@lru_cache(maxsize=8)
def _amounts(planned: tuple[Act, ...], starts: tuple[datetime, ...], grain: Grain) -> Floats:
    return np.array([announced(planned, start, grain) for start in starts])


def look(monitor: Monitor, state: BreakerState, series: Series, planned: Sequence[Act], index: int) -> Surprise | None:
    """What the detector says of one period of one circuit by itself."""
    values = np.asarray(series.values, dtype=np.float64)[None, :]
    return ask(question_of(Watched(monitor, series.periods, values, [state], [planned]), index)).of(0)


def usual_spend(values: Floats, index: int) -> Floats:
    """What each circuit usually costs, a period."""
    before = np.nan_to_num(values[:, max(0, index - USUAL) : index])
    if not before.shape[1]:
        return np.zeros(len(values))
    usual: Floats = np.abs(before).mean(axis=1)
    return usual


def failing(answers_found: Bools, value: Floats, expected: Floats, least: float) -> Bools:
    """Which of N circuits fail, as `assess.judge` says of each: found, and enough money."""
    return answers_found & (value - expected >= least)
