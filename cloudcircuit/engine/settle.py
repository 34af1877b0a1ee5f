"""How late charges are: what a period showed at each age, against what it settled at.

The typical share is the median of shown ÷ settled over past periods; the spread is the larger of MAD × 1.4826 and half
the range from the 16 % to the 84 % quantile, which both equal the standard deviation of normal errors (Rousseeuw,
Croux: Alternatives to the median absolute deviation, JASA 1993). The median shrugs off outages and single restated
days; the range sees what the MAD cannot, a source that is late on four days in ten. Both are drawn towards "complete"
where there are few days, by n² / (n² + 5²).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.model import Growing, Growth

Floats = NDArray[np.float64]

HOUR = timedelta(hours=1)
HORIZON = timedelta(days=7)
"""For how long after its end a period is watched: what still comes then is a restatement, not lateness. It is also
the most by which a lesson can hold days back."""

LEARNED_FROM = timedelta(days=45)
"""How far back the settled periods reach that are learned from."""

EVERY_NTH_HOUR = 5
"""Of an hourly source every fifth hour is watched: each hour of the day comes by within five days, and what is kept of
45 days stays small."""

WHOLE, STEADY = 0.98, 0.03
"""A period counts as whole from the age on from which its typical share is this and its spread no more than that."""

EVIDENCE = 10
"""Settled days that it takes to hold days back."""

_HOURS = int(HORIZON / HOUR)
_AGES = np.arange(_HOURS + 1)
_SETTLED = _HOURS - 24
"""The age in hours at which a period must have been read for its settled amount to be known."""

_SLACK = timedelta(minutes=15)
"""Readings come at the same time of day, give or take: who is early by this is not sent away until the next one."""

_HALF_TRUST = 5
_FEWEST = 5
_LEAST_SHARE, _MOST_SHARE, _MOST_SPREAD = 0.5, 1.2, 0.25
_NO_MONEY = 0.05
"""Periods that cost less than this part of the median say nothing: a cent that comes late is no lateness."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of what a period will settle at is usually known: the typical share and its standard deviation."""

    share: float = 1.0
    sd: float = 0.0


WHOLLY = Completeness()


@dataclass(frozen=True, slots=True)
class Lag:
    """What is learned of a source's lateness.

    `lag` is the age after the end of a period from which on it is usually whole, to the hour and as it was seen; None
    while fewer than `EVIDENCE` settled days tell. `late` says that it was seen less than whole before: otherwise it was
    whole when it was first read. `days` are the settled days behind it. `shares` and `spreads` are by whole hours of
    age from 0 to 168, NaN where nothing had been read.
    """

    lag: timedelta | None
    days: int
    late: bool = False
    shares: tuple[float, ...] = ()
    spreads: tuple[float, ...] = ()

    def at(self, age: timedelta) -> Completeness:
        """The usual completeness at an age; complete where too little is known to say.

        A period that is not over (`age` below 0) is not completed: how much of it is still to come is not lateness.
        """
        hour = age // HOUR
        if not self.shares or not 0 <= hour <= _HOURS:
            return WHOLLY
        share, sd = self.shares[hour], self.spreads[hour]
        is_telling = share >= _LEAST_SHARE and sd <= _MOST_SPREAD  # NaN is neither
        return Completeness(min(share, 1.0), sd) if is_telling else WHOLLY


def completeness(shown: Floats, settled: Floats) -> tuple[Floats, Floats]:
    """The typical share of the settled amounts that was shown, and its spread, for each of N rows.

    `shown` and `settled` are (N, T) in money, NaN where unknown. Days that cost next to nothing, or brought money
    back, are left out. A row with fewer than five telling days is (1, 0); shares lie in (0, 1.2].
    """
    ratios, tells = _ratios(shown, settled)
    count = tells.sum(axis=1)
    typical = _quantile(ratios, 0.5)
    deviation = 1.4826 * _quantile(np.abs(ratios - typical[:, None]), 0.5)
    spread = np.maximum(deviation, (_quantile(ratios, 0.84) - _quantile(ratios, 0.16)) / 2)
    trust = np.where(count >= _FEWEST, count**2 / (count**2 + _HALF_TRUST**2), 0.0)
    known = trust > 0
    share = np.where(known, 1 + trust * (np.clip(typical, 0.01, _MOST_SHARE) - 1), 1.0)
    return share, np.where(known, trust * spread, 0.0)


def _ratios(shown: Floats, settled: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Shown ÷ settled within [0, 10], NaN where a day does not tell; and which days do."""
    usual = _quantile(np.where(np.isfinite(settled) & (settled > 0), settled, np.nan), 0.5)
    tells = np.isfinite(shown) & np.isfinite(settled) & (settled > _NO_MONEY * usual[:, None])
    ratios = np.full(shown.shape, np.nan)
    with np.errstate(over="ignore", under="ignore"):  # beyond all numbers is beyond ten, and below all of them nothing
        np.divide(shown, settled, out=ratios, where=tells)
    return np.clip(ratios, 0.0, 10.0), tells


def _quantile(rows: Floats, q: float) -> Floats:
    """A quantile of each row without its NaN, as numpy interpolates it; NaN for a row that has nothing else."""
    if not rows.shape[1]:
        return np.full(len(rows), np.nan)
    ordered = np.sort(rows, axis=1)  # NaN comes last
    place = np.maximum(np.isfinite(rows).sum(axis=1) - 1, 0) * q
    low = place.astype(np.int64)
    high = np.minimum(low + (place > low), rows.shape[1] - 1)
    every = np.arange(len(rows))
    left, right = ordered[every, low], ordered[every, high]
    found: Floats = left + (right - left) * (place - low)
    return found


def learned(growing: Growing | None) -> Lag:
    """What a source's growth teaches. Without ten settled days nothing is said of its lag."""
    return Lag(None, 0) if growing is None else _learned(growing.periods)


@lru_cache(maxsize=64)
def _learned(periods: tuple[Growth, ...]) -> Lag:
    """Remembered: every monitor of a cycle asks for the same. What is read is compared as it was read."""
    told = [period for period in periods if period.ages[-1] >= _SETTLED]
    if not told:
        return Lag(None, 0)
    paths = [(np.array(period.ages), np.array([float(total) for total in period.totals])) for period in told]
    settled = np.array([totals[-1] for _, totals in paths])[None, :].repeat(len(_AGES), axis=0)
    between = np.array([np.interp(_AGES, *path, left=np.nan) for path in paths]).T
    shares, spreads = completeness(between, settled)
    seen = np.isfinite(between)
    shares[~seen.any(axis=1)] = np.nan
    days = len({period.end.date() for period in told})
    lag, is_late = (None, False) if days < EVIDENCE else _lag(np.array([_as_seen(*path) for path in paths]).T, settled)
    return Lag(lag, days, is_late, tuple(shares.tolist()), tuple(spreads.tolist()))


def _as_seen(ages: NDArray[np.int64], totals: Floats) -> Floats:
    """What was known at each age: between two readings that is the older one."""
    place = np.searchsorted(ages, _AGES, side="right") - 1
    return np.where(place >= 0, totals[place], np.nan)


def _lag(seen: Floats, settled: Floats) -> tuple[timedelta | None, bool]:
    """The age after the last one at which periods usually were not whole, and whether there was any.

    Only what was seen teaches: an age at which too few periods had been read is neither whole nor late.
    """
    share, spread = completeness(seen, settled)
    count = np.isfinite(seen).sum(axis=1)
    late = np.flatnonzero((count >= EVIDENCE) & ~((share >= WHOLE) & (spread <= STEADY)))
    if len(late):
        return HOUR * int(late[-1] + 1), True
    often = np.flatnonzero((count >= EVIDENCE) & (2 * count >= seen.shape[1]))
    return (HOUR * int(often[0]) if len(often) else None), False


def settles_until(watermark: datetime | None, lag: Lag, now: datetime, before: datetime | None) -> datetime | None:
    """Up to where periods settle: the watermark, or earlier where periods of that age usually still grow.

    Never later than the watermark, never earlier than `HORIZON` before now, and never back behind what had settled
    `before`: no period is judged twice for a lesson.
    """
    if watermark is None or lag.lag is None or not lag.late:
        return watermark
    held = now - min(lag.lag, HORIZON) + _SLACK
    return min(watermark, held if before is None else max(held, before))


def together(several: Iterable[Completeness]) -> Completeness:
    """The completeness of what several sources make up together: that of the most complete.

    Whatever the others lack, no more is made up for than all of them lack.
    """
    return max(several, key=lambda one: one.share, default=WHOLLY)


# --- what is kept of a period ---------------------------------------------------------------------------------


def grow(periods: Iterable[Growth], totals: Mapping[datetime, Decimal], now: datetime) -> tuple[Growth, ...]:
    """The growth of periods after one more reading, oldest first; `totals` are by end, of those that were told anew.

    A period that is within the horizon and was not told anew is what it was. What is older than is learned from is
    forgotten.
    """
    known = {period.end: period for period in periods if now - period.end <= LEARNED_FROM + HORIZON}
    fresh = {end: total for end, total in totals.items() if timedelta(0) <= now - end <= HORIZON}
    for end, total in fresh.items():
        known[end] = _add(known.get(end), end, (now - end) // HOUR, total)
    for end, period in known.items():
        if end not in fresh and timedelta(0) <= now - end <= HORIZON:
            known[end] = _add(period, end, (now - end) // HOUR, period.totals[-1])
    return tuple(known[end] for end in sorted(known))


def _add(period: Growth | None, end: datetime, age: int, total: Decimal) -> Growth:
    """One more reading. Of a plateau its first and its last are kept; of two within one hour the newer counts."""
    readings = [] if period is None else list(zip(period.ages, period.totals, strict=True))
    kept = [reading for reading in readings if reading[0] < age]
    if len(kept) >= 2 and kept[-2][1] == kept[-1][1] == total:
        kept.pop()
    return Growth(end, (*(at for at, _ in kept), age), (*(amount for _, amount in kept), total))
