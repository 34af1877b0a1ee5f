"""The level of each series, day by day: a filter that asks of every day whether it is usual, an outlier, or a shift.

Harrison and Stevens' multi-process model (Bayesian forecasting, J. R. Statist. Soc. B 38, 1976) for a local level, in
its three simplest states. A usual day moves the level by Kalman's gain; an outlier leaves it; a shift begins anew at
the day's value. The three are carried on for one day and then merged by their moments, so that the next day decides
between outlier and shift: a lone fee moves nothing, a new level is believed on its second day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cloudcircuit.engine.forecast._robust import Floats
from cloudcircuit.engine.forecast.rhythm import Rhythm

# Chosen on generated spend (benchmarks/bench, seeds 10-29), coarse on purpose.
WANDER = 0.008, 0.003
"""How far the level moves in a day by itself, relative to it: smooth series, rough ones."""
OUTLIERS = 0.03, 0.01
SHIFTS = 0.012, 0.0005
LASTING = 1.6
"""Neighbouring days share their noise, so a day tells less of the level than its noise says: variance times this."""
OUTLIER_WIDTH, SHIFT_WIDTH = 1.5, 0.35
LEAST_LEVEL = 0.02


@dataclass(frozen=True, slots=True)
class Track:
    """Each (days, n), in units of the scale: what was believed at the end of each day."""

    level: Floats
    variance: Floats


def track(flat: Floats, rhythm: Rhythm) -> Track:
    """Follow `flat`, (days, n) with the profile removed and NaN where nothing is known or a known fee hides the day."""
    return _Filter(rhythm).run(flat, _first_level(rhythm))


def _first_level(rhythm: Rhythm) -> Floats:
    first = np.where(np.isfinite(rhythm.weekly), rhythm.weekly, rhythm.usual[:, None])
    return np.where(rhythm.rough, rhythm.usual, first[:, -17:][:, :2].mean(1))


class _Filter:
    def __init__(self, rhythm: Rhythm) -> None:
        rough = rhythm.rough
        self.noise = rhythm.noise**2
        self.floor = np.where(rough, np.maximum(rhythm.usual, LEAST_LEVEL), LEAST_LEVEL)
        self.wander, self.outlier, self.shift = (
            np.where(rough, b, a) for a, b in ((WANDER[0] ** 2, WANDER[1] ** 2), OUTLIERS, SHIFTS)
        )

    def run(self, flat: Floats, first: Floats) -> Track:
        days, n = flat.shape
        mean = np.repeat(first[None], 3, 0)
        variance = (mean + 0.1) ** 2
        weight = np.zeros((3, n))
        weight[0] = 1.0
        out = Track(np.empty((days, n)), np.empty((days, n)))
        known = np.isfinite(flat)
        for t in range(days):
            old = mean, variance, weight
            new = self._step(np.where(known[t], flat[t], 0.0), *old)
            mean, variance, weight = (np.where(known[t], a, b) for a, b in zip(new, old, strict=True))
            out.level[t], out.variance[t] = _merged(mean, variance, weight)
        return out

    def _step(self, y: Floats, mean: Floats, variance: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
        about, doubt = _merged(mean, variance, weight)
        size2 = np.maximum(np.abs(mean), self.floor) ** 2
        variance = variance + self.wander * size2
        off = y - mean
        spread = variance + self.noise * size2
        likely = weight * np.exp(-0.5 * np.minimum(off * off / spread, 600.0)) / np.sqrt(spread)
        usual = likely.sum(0) + 1e-300
        gain = variance / (variance + LASTING * self.noise * size2)
        moved, left = _merged(mean + gain * off, variance * (1 - gain), likely / usual)
        ref = np.maximum(np.abs(about), self.floor)
        width = np.sqrt(self.noise) * ref
        away = y - about
        odds = np.stack(
            [
                usual * (1 - self.outlier - self.shift),
                self.outlier * _broad(away, OUTLIER_WIDTH * ref + 3 * width),
                self.shift * _broad(away, SHIFT_WIDTH * ref + width),
            ]
        )
        anew = LASTING * self.noise * np.maximum(np.abs(y), self.floor) ** 2
        return np.stack([moved, about, y]), np.stack([left, doubt, anew]), odds / odds.sum(0)


def _broad(away: Floats, width: Floats) -> Floats:
    """A Cauchy density without its constant, which the weights of outlier and shift contain (sqrt(2 / pi) = 0.8)."""
    return 0.8 / (width * (1 + (away / width) ** 2))


def _merged(mean: Floats, variance: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of a mixture over the first axis."""
    about = (weight * mean).sum(0)
    return about, (weight * (variance + (mean - about) ** 2)).sum(0)
