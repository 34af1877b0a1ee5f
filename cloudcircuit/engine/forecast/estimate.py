"""What is expected of the days to come, and how sure that is: the parts that the spread is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast import fees
from cloudcircuit.engine.forecast._robust import Floats
from cloudcircuit.engine.forecast.course import Course, course
from cloudcircuit.engine.forecast.history import WEEKS, History
from cloudcircuit.engine.forecast.level import Track, track
from cloudcircuit.engine.forecast.rhythm import Rhythm, observe
from cloudcircuit.engine.forecast.spread import Doubts

TRACK_DAYS = 7 * 17
TRIAL_DAYS, FIRST_TRIAL, TRIAL_STEP = 7, 14, 3
SD_OF_THIRD = 2.32
"""A normal distribution's standard deviation, in lower thirds of its absolute values: incidents are in the others."""
BIG, BIG_NOISES = 0.3, 5.0
"""A day stands out when it is off by this much of the level, and by so many of its noises."""
MEDIAN = 0.33
"""A sum of rough days has its median below its mean by this much of its relative variance (gamma's: one third)."""
LEAST_DAY = 0.02
"""A usual day, in units of the scale, of a series that sleeps: what its surprises are measured by."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Money in units of the history's scale."""

    path: Floats
    """(n, days left): expected spend of each day."""
    missing: Floats
    """(n,): expected spend of the period's days so far that are unknown."""
    doubts: Doubts


def estimate(history: History, ahead: NDArray[np.datetime64]) -> Estimate:
    """`ahead`: the dates of the days that are left."""
    rhythm = observe(history.days.reshape(len(history.days), WEEKS, 7))
    profile = np.tile(rhythm.profile, (1, WEEKS))
    oneoffs = _oneoffs(history.days, profile, rhythm)
    levels = _follow(history, profile, oneoffs, rhythm)
    way = course(history.days, levels, rhythm)
    run = _run(way, rhythm, (ahead - history.dates[-1]).astype(int))
    due, unsure = fees.expected(oneoffs + history.others, history.dates[0], ahead)
    missing = np.where(history.gaps, profile, 0.0).sum(1) * way.level
    trials = _trials(history.days[:, -TRACK_DAYS:], profile[:, -TRACK_DAYS:], levels)
    doubts = Doubts(
        ahead=len(ahead) + history.gaps.sum(1),
        level=np.maximum(way.level, 0.0),
        day=np.maximum(run.mean(1) if len(ahead) else way.level, LEAST_DAY),
        noise=rhythm.noise,
        trials=trials,
        variance=levels.variance[-1],
        raised=way.raised * len(ahead),
        due=unsure.sum(1),
        newest=history.doubt,
        rough=rhythm.rough,
    )
    return Estimate(run + due, missing, doubts)


def _follow(history: History, profile: Floats, oneoffs: Floats, rhythm: Rhythm) -> Track:
    """The level, from days without their profile; a one-off that recurs hides its day."""
    hidden = fees.recurring(oneoffs, history.dates)
    flat = np.where(hidden, np.nan, np.minimum(history.days / profile, rhythm.cap[:, None]))
    return track(np.ascontiguousarray(flat[:, -TRACK_DAYS:].T), rhythm)


def _oneoffs(days: Floats, profile: Floats, rhythm: Rhythm) -> Floats:
    """(n, days): what a day has beyond (or short of) the run rate, 0 where that is its noise."""
    level = np.where(rhythm.rough[:, None], rhythm.usual[:, None], np.repeat(rhythm.weekly, 7, axis=1))
    rest = days - profile * level
    least = np.maximum(BIG_NOISES * rhythm.noise, BIG)[:, None] * np.maximum(level, 0.2)
    return np.where(np.abs(rest) > least, rest, 0.0)


def _run(way: Course, rhythm: Rhythm, ahead: NDArray[np.int64]) -> Floats:
    """(n, days left): the median run rate of each."""
    daily = way.days(ahead) * rhythm.profile[:, (ahead - 1) % 7]
    lower = np.clip(1 - MEDIAN * rhythm.noise**2 / max(len(ahead), 1), 0.3, 1)
    return np.where(rhythm.rough[:, None], daily * lower[:, None], daily)


def _trials(days: Floats, profile: Floats, levels: Track) -> Floats:
    """(n,): daily noise that would explain how far off the levels of earlier days were from the week that followed."""
    level = levels.level.T
    spent = _running(np.where(np.isfinite(days), days, level * profile))
    factor = _running(profile)
    at = np.arange(level.shape[1] - TRIAL_DAYS - 1, FIRST_TRIAL - 1, -TRIAL_STEP)
    said = level[:, at] * (factor[:, at + 1 + TRIAL_DAYS] - factor[:, at + 1])
    came = spent[:, at + 1 + TRIAL_DAYS] - spent[:, at + 1]
    off = np.abs(came - said) / (np.abs(said) + 0.05 * TRIAL_DAYS)
    third = np.sort(off, axis=1)[:, len(at) // 3]
    return np.asarray(SD_OF_THIRD * third * np.sqrt(TRIAL_DAYS))


def _running(x: Floats) -> Floats:
    return np.concatenate([np.zeros((len(x), 1)), np.cumsum(x, axis=1)], axis=1)
