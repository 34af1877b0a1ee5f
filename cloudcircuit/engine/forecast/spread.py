"""How far from its expected end a period may end: one distribution for the band, the median and the probability.

A mixture of two. *Usual* error: Student's t with 4 degrees of freedom, wider above than below, whose width is put
together from what the series itself shows (its daily noise, the doubt about its level, how far its levels wander, a
raised level that may fall back, charges that are due). *Surges*: spend that begins after today and that nothing
announces. They come at a rate of their own, and their size, in usual days, is log-logistic (Fisk).

The distribution function of t4 in closed form: W. T. Shaw, J. Computational Finance 9 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast._robust import Floats

HALVINGS = 40
LEAST_LEVEL = 0.02


class Constants(NamedTuple):
    """What is pooled over all series."""

    noise: float = 0.775
    past: float = 0.54
    """The noise is at least this much of what past weeks show."""
    level: float = 1.12
    wander: float = 0.0024
    """Of a level in a day, relative."""
    raised: float = 0.36
    due: float = 1.0
    skew: float = 0.7
    """Log ratio of the upper width to the middle one, for each unit of relative width."""
    surges: float = 0.0051
    """Surges a day of a smooth series ..."""
    rough_surges: float = 0.0177
    """... and of a rough one."""
    size: float = 4.35
    """A surge's median size when 15 days are left, in usual days; in proportion to a power of the days left."""
    growth: float = 0.465
    shape: float = 0.977
    """Of the sizes' distribution: its tail falls with this power."""


# Maximum likelihood over generated spend, month ends seen from days 5, 10, 15, 20 and 25:
# `python -m benchmarks.forecast_spread` fits them anew. Rounded, the two widths by a fiftieth downwards: the likeliest
# ones cover a little more than the band's 80 %. `due` is set below its fit (1.8): generated fees never begin anew.
FITTED = Constants()


@dataclass(frozen=True, slots=True)
class Doubts:
    """What the width is made of, (n,) each; money in units of the scale."""

    ahead: Floats
    """Days that are left or unknown."""
    level: Floats
    day: Floats
    """An expected day's run rate."""
    noise: Floats
    """Standard deviation of a day, relative to the level."""
    trials: Floats
    """The same, as the weeks after earlier days show it."""
    variance: Floats
    """Of the level."""
    raised: Floats
    """Run rate ahead above the accustomed level, if it stays."""
    due: Floats
    """Charges that are expected again and may not come."""
    newest: Floats
    """Standard deviation of what the newest day still lacks."""
    rough: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Spread:
    """Each (n,), money in units of the series' scale; the end of the period is `center` and what is added to it."""

    center: Floats
    below: Floats
    above: Floats
    day: Floats
    surge: Floats
    size: Floats
    shape: Floats

    def under(self, total: Floats) -> Floats:
        """Probability that the period ends at or below `total`."""
        off = total - self.center
        usual = _t4(off / np.where(off < 0, self.below, self.above))
        return (1 - self.surge) * usual + self.surge * _fisk(off / self.day / self.size, self.shape)

    def quantile(self, p: Floats) -> Floats:
        """By halving an interval that holds any quantile between 5 % and 95 %."""
        low = self.center - 20 * self.below
        high = self.center + 20 * self.above + 100 * self.size * self.day
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            less = self.under(middle) < p
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        return (low + high) / 2

    def times(self, scale: Floats) -> Spread:
        """The same in money."""
        center, below, above, day = (x * scale for x in (self.center, self.below, self.above, self.day))
        return Spread(center, below, above, day, self.surge, self.size, self.shape)


def joined(parts: list[Spread]) -> Spread:
    return Spread(*(np.concatenate([getattr(part, name) for part in parts]) for name in Spread.__slots__))


def spread(center: Floats, d: Doubts, c: Constants = FITTED) -> Spread:
    noise = c.noise * np.maximum(d.noise, c.past * d.trials) * np.sqrt(d.ahead) * np.maximum(d.level, LEAST_LEVEL)
    level = c.level * np.sqrt(d.variance) * d.ahead
    wander = c.wander * d.day * d.ahead**1.5
    parts = (noise, level, wander, c.raised * d.raised, c.due * d.due, d.newest)
    width = np.sqrt(np.sum([part * part for part in parts], axis=0)) + 1e-12
    skew = np.exp(c.skew * np.minimum(width / np.maximum(d.day * d.ahead, 1e-12), 1.0))
    return Spread(
        center=center,
        below=width / skew,
        above=width * skew,
        day=np.maximum(d.day, 1e-12),
        surge=1 - np.exp(-np.where(d.rough, c.rough_surges, c.surges) * d.ahead),
        size=c.size * np.maximum(d.ahead / 15, 0.05) ** c.growth,
        shape=np.full(len(center), c.shape),
    )


def _t4(z: Floats) -> Floats:
    u = z / np.sqrt(1 + z * z / 4)
    return np.asarray(0.5 + 0.375 * u * (1 - u * u / 12))


def _fisk(x: Floats, shape: Floats) -> Floats:
    ratio = np.maximum(x, 0.0) ** shape
    return np.asarray(ratio / (1 + ratio))
