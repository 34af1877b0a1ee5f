"""Series of minutes: judged both ways, and told once.

No bill comes by the minute, and the daemon judges none: what does is usage or load, such as the series of the Numenta
Anomaly Benchmark (Lavin, Ahmad: Evaluating real-time anomaly detection algorithms, ICMLA 2015). There a fall is as
strange as a rise, and an incident that goes on must not be told again and again.

A value is compared with the same time of earlier days, one step to either side, and with the value before it. How
unusual the difference is, says a normal tail with the mean and spread of all differences so far, over about 6,400
periods, the memory of that benchmark's own windowed Gaussian. A period counts only where it is more unusual than all of
the day before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEMORY = 6_400
"""Periods over which mean and spread are taken."""

NEW_DAY = 0.3
"""The weight of the newest day in what is usual at a time of day."""

QUIET = 0.05
"""For how long an incident is one: a day, or this part of what has been seen, if that is longer."""


def judge_minutes(values: Floats, per_day: int) -> Floats:
    """-log10 of a period's tail probability, (N, T), each from what lies before it; -inf within an incident.

    `values` are (N, T), NaN where unknown; `per_day` is the number of periods a day.
    """
    count, periods = values.shape
    slots = np.full((count, per_day), np.nan)
    usual, jump = _Spread(count), _Spread(count)
    raw = np.zeros((count, periods))
    before = np.full(count, np.nan)
    for t in range(periods):
        now, slot = values[:, t], t % per_day
        away, step = now - _nearest(now, slots, slot), now - before
        raw[:, t] = np.maximum(usual.surprise(away), jump.surprise(step))
        usual.add(away)
        jump.add(step)
        slots[:, slot] = _learned(slots[:, slot], now)
        before = np.where(np.isnan(now), before, now)
    return _told_once(raw, per_day)


class _Spread:
    """Running mean and variance of N series."""

    def __init__(self, count: int) -> None:
        self._mean, self._square, self._count = np.zeros(count), np.zeros(count), np.zeros(count)

    def surprise(self, x: Floats) -> Floats:
        """-log10 of the two-sided normal tail, by a bound on Mills' ratio that does not underflow; 0 where unknown."""
        variance = np.maximum(self._square - self._mean**2, 1e-12 + 1e-9 * self._mean**2)
        z = np.abs(np.nan_to_num(x) - self._mean) / np.sqrt(variance)
        tail = z**2 / 2 + np.log(z + np.sqrt(z**2 + 8 / np.pi)) + np.log(np.sqrt(2 * np.pi) / 4)
        return np.where(np.isfinite(x) & (self._count > 2), np.maximum(tail / np.log(10), 0.0), 0.0)

    def add(self, x: Floats) -> None:
        known = np.isfinite(x)
        self._count += known
        gain = np.where(known, np.maximum(1 / np.maximum(self._count, 1), 1 / MEMORY), 0.0)
        value = np.nan_to_num(x)
        self._mean += gain * (value - self._mean)
        self._square += gain * (value**2 - self._square)


def _nearest(now: Floats, slots: Floats, slot: int) -> Floats:
    """What comes nearest to `now` between the least and the most of the slot and its neighbours; `now` if none."""
    around = slots[:, [slot - 1, slot, (slot + 1) % slots.shape[1]]]
    low, high = np.fmin.reduce(around, axis=1), np.fmax.reduce(around, axis=1)
    return np.where(np.isnan(low), now, np.clip(now, low, high))


def _learned(slot: Floats, now: Floats) -> Floats:
    moved = np.where(np.isnan(now), slot, slot + NEW_DAY * (now - slot))
    return np.where(np.isnan(slot), now, moved)


def _told_once(raw: Floats, per_day: int) -> Floats:
    found = raw.copy()
    for t in range(1, raw.shape[1]):
        before = raw[:, max(0, t - max(per_day, int(QUIET * t))) : t]
        found[:, t] = np.where(raw[:, t] > before.max(axis=1), raw[:, t], -np.inf)
    return found
