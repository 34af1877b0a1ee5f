"""The scorer's `detect`, over the engine as the daemon uses it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect import Calendar, Detector
from cloudcircuit.engine.detect.minutes import judge_minutes
from cloudcircuit.engine.settle import completeness

Floats = NDArray[np.float64]

THRESHOLD = 1.0
"""The score above which `false_alerts = 0.1` alerts: scores are -log10 of false alerts a series and quarter."""

LATENESS_PERIODS = 60

HOURS = 24
"""Periods a day up to which the daemon judges; series of minutes have a method of their own in the engine."""


def detect(final: Floats, first: Floats, dates: NDArray[np.datetime64], warm: int) -> Floats:
    """Scores (n, T): each period as it was first reported, judged by the settled ones before it.

    What was first reported is corrected by the completeness that earlier periods had. Before `warm` as after it, NaN
    where there is no opinion: in the first week (two days of hours), and where nothing was reported.
    """
    del warm  # every period is judged
    final, first = np.asarray(final, np.float64), np.asarray(first, np.float64)
    per_day = Calendar.of(dates).per_day
    if per_day > HOURS:
        return judge_minutes(first, per_day)
    scores = np.full(final.shape, np.nan)
    detector = Detector(len(final), per_day=per_day)
    for t, start in enumerate(dates):
        past = slice(max(0, t - LATENESS_PERIODS), t)
        complete = completeness(first[:, past], final[:, past])
        scores[:, t] = detector.score(first[:, t], start, complete).score
        detector.learn(final[:, t], start)
    return scores
