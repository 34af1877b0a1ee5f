"""What the detector is asked of circuits, given what their states remember: which periods it may learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

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
    periods that are over and usually not whole yet, by their index.
    """

    monitor: Monitor
    periods: Periods
    values: Floats
    states: Sequence[BreakerState]
    planned: Sequence[Sequence[Act]]
    peers: int = 0
    complete: Mapping[int, Completeness] = field(default_factory=dict)


def question_of(watched: Watched, index: int) -> Question:
    """What is asked of one period of these circuits."""
    policy = watched.monitor.anomaly or AnomalyPolicy()
    at, periods = watched.periods.starts[index], watched.periods
    out = np.zeros(watched.values.shape, dtype=np.bool_)
    extra = np.zeros(len(watched.states))
    for row, (state, planned) in enumerate(zip(watched.states, watched.planned, strict=True)):
        for past in state.anomalies:
            place = periods.place(past.at)
            if place is not None and stays_out(past, at, state, policy):
                out[row, place] = True
        if planned:
            amounts = [announced(planned, start, periods.grain) for start in periods.starts[: index + 1]]
            out[row, : index + 1] |= np.array(amounts) != 0
            extra[row] = amounts[index]
    return Question(
        values=watched.values,
        periods=periods,
        index=index,
        out=out,
        announced=extra,
        false_alerts=accepted(policy, _usual(watched.values, index), watched.peers),
        lookback=policy.lookback,
        min_periods=policy.min_days * (24 if periods.grain is Grain.HOUR else 1),
        least=max(float(watched.monitor.min_impact) / 10, 1e-6),
        complete=watched.complete.get(index),
    )


def look(monitor: Monitor, state: BreakerState, series: Series, planned: Sequence[Act], index: int) -> Surprise | None:
    """What the detector says of one period of one circuit by itself."""
    values = np.asarray(series.values, dtype=np.float64)[None, :]
    return ask(question_of(Watched(monitor, series.periods, values, [state], [planned]), index)).of(0)


def _usual(values: Floats, index: int) -> Floats:
    """What each circuit usually costs, a period."""
    before = np.nan_to_num(values[:, max(0, index - USUAL) : index])
    if not before.shape[1]:
        return np.zeros(len(values))
    usual: Floats = np.abs(before).mean(axis=1)
    return usual


def failing(answers_found: Bools, value: Floats, expected: Floats, least: float) -> Bools:
    """Which of N circuits fail, as `assess.judge` says of each: found, and enough money."""
    return answers_found & (value - expected >= least)
