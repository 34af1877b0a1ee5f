"""What is steady about a series: its weekday profile, its weekly levels, how noisy it is.

Works on rows of whole weeks, oldest first, in units of each series' own scale. Rough series (intermittent, or with a
daily noise of half their level) get means of capped values where smooth ones get medians: the median of a service that
sleeps every other day says nothing of its sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast._robust import Floats, filled, mad, mean, median

PROFILE_WEEKS = 17
NOISE_WEEKS = 12
ROUGH_ZEROS = 0.12
ROUGH_NOISE = 0.8
LEAST_FACTOR = 0.05
CAP_SPREADS = 2.0
LEAST_NOISE, MOST_NOISE = 0.015, 2.5


@dataclass(frozen=True, slots=True)
class Rhythm:
    """(n,) unless said otherwise; money in units of the scale."""

    profile: Floats  # (n, 7) factor by place in the week, mean 1
    weekly: Floats  # (n, weeks) typical level of each week, profile removed
    rough: NDArray[np.bool_]
    noise: Floats  # standard deviation of a day, relative to the level
    usual: Floats  # mean of the capped days
    cap: Floats  # what a rough series' day is capped at, +inf for smooth ones
    idle: Floats  # share of days without spend


def observe(weeks: Floats) -> Rhythm:
    """`weeks`: (n, weeks, 7), NaN unknown."""
    recent = weeks[:, -PROFILE_WEEKS:]
    idle = _idle(weeks[:, -NOISE_WEEKS:])
    smooth = _smooth_profile(recent)
    spread = _spread(recent[:, -NOISE_WEEKS:] / smooth[:, None])
    rough = (idle > ROUGH_ZEROS) | (spread > ROUGH_NOISE)
    cap, usual = _cap(_in_days(recent))
    profile = np.where(rough[:, None], _rough_profile(recent, cap, usual), smooth)
    flat = weeks / profile[:, None]
    weekly = np.maximum(_steadied(median(flat)), 0.0)
    noise = np.where(rough, _rough_noise(flat[:, -PROFILE_WEEKS:], cap), _smooth_noise(flat, weekly))
    return Rhythm(
        profile=profile,
        weekly=weekly,
        rough=rough,
        noise=np.clip(filled(noise, 0.3), LEAST_NOISE, MOST_NOISE),
        usual=usual,
        cap=np.where(rough, cap, np.inf),
        idle=idle,
    )


def _in_days(weeks: Floats) -> Floats:
    n, many, days = weeks.shape
    return weeks.reshape(n, many * days)


def _idle(weeks: Floats) -> Floats:
    days = _in_days(weeks)
    known = np.isfinite(days)
    return np.asarray((known & (days <= 0)).sum(1) / np.maximum(known.sum(1), 1))


def _steadied(levels: Floats) -> Floats:
    """Median of each week and its neighbours."""
    padded = np.concatenate([levels[:, :1], levels, levels[:, -1:]], axis=1)
    return median(np.stack([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], axis=-1))


def _spread(flat: Floats) -> Floats:
    days = _in_days(flat)
    middle = median(days)
    return filled(mad(days, middle) / np.maximum(middle, 1e-9), 0.0)


def _smooth_profile(weeks: Floats) -> Floats:
    """Clipped mean of each weekday's ratio to its week's level, shrunk towards a flat week; refined once."""
    profile = np.ones((len(weeks), 7))
    for _ in range(2):
        level = np.maximum(_steadied(median(weeks / profile[:, None])), LEAST_FACTOR)
        ratios = np.swapaxes(weeks / level[..., None], 1, 2)  # (n, 7, weeks)
        middle = median(ratios)
        away = np.abs(ratios - middle[..., None])
        width = 2 * 1.4826 * np.maximum(median(away), median(_in_days(away))[:, None] / 2)
        clipped = np.clip(ratios, (middle - width)[..., None], (middle + width)[..., None])
        profile = _shrunk(clipped)
    return profile


def _rough_profile(weeks: Floats, cap: Floats, usual: Floats) -> Floats:
    capped = np.minimum(weeks, cap[:, None, None]) / np.maximum(usual, 1e-9)[:, None, None]
    return _shrunk(np.swapaxes(capped, 1, 2))


def _shrunk(ratios: Floats) -> Floats:
    """Mean ratio of each place in the week, (n, 7, weeks) -> (n, 7), shrunk towards 1 by James and Stein's rule.

    The weight of what was seen is 1 - 4 v / sum((p - 1)^2), v being the variance of a mean: with seven means whose own
    mean is given, noise alone gets a weight near 0, and a real weekend one near 1.
    """
    raw = mean(ratios)
    count = np.isfinite(ratios).sum(-1)
    about = mean(raw)[:, None]
    about = np.where(about > 1e-9, about, np.nan)
    raw = raw / about
    variance = mean((ratios / about[..., None] - raw[..., None]) ** 2) / np.maximum(count - 1, 1)
    tau = ((raw - 1) ** 2).sum(1)
    weight = np.clip(1 - 5 * mean(variance) / np.maximum(tau, 1e-12), 0, 1) * (count.min(1) >= 3)
    profile = np.maximum(1 + filled(weight[:, None] * (raw - 1), 0.0), LEAST_FACTOR)
    return np.asarray(profile / profile.mean(1, keepdims=True))


def _cap(days: Floats) -> tuple[Floats, Floats]:
    """Where a rough series' days are capped (a burst is no level), and the mean of the capped days."""
    cap = np.full(len(days), np.inf)
    for _ in range(4):
        capped = np.minimum(days, cap[:, None])
        usual = mean(capped)
        spread = np.sqrt(mean((capped - usual[:, None]) ** 2))
        cap = np.minimum(cap, usual + CAP_SPREADS * spread)
    return filled(cap, 0.0), filled(usual, 0.0)


def _rough_noise(flat: Floats, cap: Floats) -> Floats:
    days = np.minimum(_in_days(flat), cap[:, None])
    usual = mean(days)
    spread = np.sqrt(mean((days - usual[:, None]) ** 2))
    return np.maximum(spread / np.maximum(usual, 1e-9), 0.5)


def _smooth_noise(flat: Floats, weekly: Floats) -> Floats:
    """Between the median distance from the weekly level and its root mean square, capped at 4 of the former."""
    level = weekly[:, -NOISE_WEEKS:, None]
    away = (flat[:, -NOISE_WEEKS:] - level) / np.maximum(level, 0.1)
    days = _in_days(away)
    middle = mad(days, median(days))
    clipped = np.minimum(np.abs(days), 4 * np.maximum(middle, 0.01)[:, None])
    return (middle + np.sqrt(mean(clipped**2))) / 2
