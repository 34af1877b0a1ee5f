"""The run rate of the days to come: level, weekday profile, growth, and the return from a raised level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast._robust import Floats, filled, mad, mean, median
from cloudcircuit.engine.forecast.level import Track
from cloudcircuit.engine.forecast.rhythm import Rhythm

RAISED = 1.35
"""A level above this many times the series' own of the last ten weeks is expected to fall back ..."""
STAYS, AGES, LEAST_STAY = 14.0, 0.6, 4.0
"""... after STAYS days, less AGES for each day that it has lasted, at least LEAST_STAY ..."""
ACCEPTED = 28
"""... unless it has lasted so many days: then it is the level."""
GROWTH = 0.0005
"""A day's growth of spend that has shown no trend of its own (public cloud grows by some 20 % a year)."""
TREND_WEEKS, MOST_TREND, DAMPING = 13, 0.03, 0.98
SURELY_IDLE = 0.001


@dataclass(frozen=True, slots=True)
class Course:
    """(n,) each, money in units of the scale."""

    level: Floats  # of today
    raised: Floats  # by how much of it today's level is above the accustomed
    stays: Floats  # days that this is expected to last
    trend: Floats  # a day, beyond GROWTH

    def days(self, ahead: NDArray[np.int64]) -> Floats:
        """(n, len(ahead)): the run rate so many days from today, before the weekday profile."""
        h = ahead[None, :].astype(float)
        stays = np.clip(self.stays[:, None] - h + 1, 0, 1)
        damped = (1 - DAMPING**h) / (1 - DAMPING)
        growth = np.exp(GROWTH * h + self.trend[:, None] * damped)
        return np.asarray((self.level[:, None] - self.raised[:, None] * (1 - stays)) * growth)


def course(days: Floats, track: Track, rhythm: Rhythm) -> Course:
    """`days` (n, history) as they came."""
    level = np.where(_fell_asleep(days, rhythm), 0.0, track.level[-1])
    accustomed = np.sort(track.level[6::7][-10:], 0)[4]
    raised = (level > RAISED * accustomed) & (accustomed > 0.1 * level) & ~rhythm.rough
    lasted = (track.level[-42:] > (level + accustomed) / 2).sum(0)
    raised &= lasted <= ACCEPTED
    return Course(
        level=level,
        raised=np.where(raised, level - accustomed, 0.0),
        stays=np.maximum(STAYS - AGES * lasted, LEAST_STAY),
        trend=np.where(rhythm.rough, 0.0, _trend(rhythm.weekly)),
    )


def _fell_asleep(days: Floats, rhythm: Rhythm) -> NDArray[np.bool_]:
    """A rough series that has been idle for longer than its habit explains (a smooth one's level follows by itself)."""
    idle = filled(days[:, ::-1], 0.0) <= 0
    run = np.where(idle.all(1), days.shape[1], np.argmin(idle, 1))
    return np.asarray(rhythm.rough & (np.clip(rhythm.idle, 0.02, 0.99) ** run < SURELY_IDLE))


def _trend(weekly: Floats) -> Floats:
    """Growth a day beyond the general: clipped mean of the weekly changes in the log, shrunk by its own doubt.

    Clipped, because a shift of the level is one change among many and no trend.
    """
    change = np.diff(np.log(np.maximum(weekly[:, -TREND_WEEKS:], 0.05)), axis=1)
    middle = median(change)
    width = np.maximum(mad(change, middle), 0.002)
    clipped = np.clip(change, (middle - 2 * width)[:, None], (middle + 2 * width)[:, None])
    growth = mean(clipped) - 7 * GROWTH
    doubt = width**2 / change.shape[1] + 1e-5
    kept = growth * np.clip(1 - doubt / np.maximum(growth**2, 1e-12), 0, 1)
    return filled(np.clip(kept, -MOST_TREND, MOST_TREND) / 7, 0.0)
