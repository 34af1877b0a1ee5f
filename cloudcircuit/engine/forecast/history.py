"""The last half year of each series, in units of its own size, with what is no run rate told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast._robust import Floats, filled, mean, median

WEEKS = 26
DAYS = 7 * WEEKS
SCALE_DAYS = 56
LEAST_SCALE = 1e-9
MOST = 1e6
"""Days beyond so many times the usual are cut there: no sum of squares overflows."""
EVERYDAY = 0.6
"""Other charges on at least this share of the last four weeks' days are run rate: they go on by the day."""


class Newest(NamedTuple):
    """The newest day as it was first reported: (N,) each."""

    reported: Floats
    complete: Floats
    """Share of its final value that a day usually shows by now, in (0, 1]."""
    doubt: Floats
    """Standard deviation of that share."""


@dataclass(frozen=True, slots=True)
class History:
    """`days` and `others` (n, DAYS), oldest first, the rest (n,); money in units of `scale`."""

    days: Floats
    """Run rate; NaN = unknown, also before the first spend."""
    others: Floats
    """Charges apart from the run rate, 0 where there are none."""
    dates: NDArray[np.datetime64]
    scale: Floats
    """What a usual day is in money; negative for an account whose credits exceed its charges, so that `days` rise."""
    known: Floats
    """Sum of the period so far, the newest day as it will be."""
    certain: Floats
    """The same, the newest day as reported."""
    doubt: Floats
    """Standard deviation of the newest day's completion."""
    gaps: NDArray[np.bool_]
    """(n, DAYS): days of the period that are unknown though the series had begun."""


def cut(
    values: Floats,
    day0: np.datetime64,
    start: int,
    *,
    other: Floats | None = None,
    newest: Newest | None = None,
    out: NDArray[np.bool_] | None = None,
) -> History:
    """`values`, `other` and `out` (n, origin + 1), from day index 0 (`day0`) to the newest; `start` of the period."""
    other = np.zeros_like(values) if other is None else other
    reported, values, doubt = _completed(values, newest)
    start = max(start, 0)
    known, certain = (_sum(x[:, start:]) + _sum(other[:, start:]) for x in (values, reported))
    taught = values if out is None else np.where(out, np.nan, values)
    usage, others = _apart(_last(taught, np.nan), _last(other, 0.0))
    scale = _scale(usage, others)
    days = _from_first_spend(np.clip(usage / scale[:, None], -MOST, MOST))
    dates = day0 + np.arange(values.shape[1] - DAYS, values.shape[1])
    begun = np.logical_or.accumulate(np.isfinite(days), axis=1)
    return History(
        days=days,
        others=others / scale[:, None],
        dates=dates,
        scale=scale,
        known=known / scale,
        certain=certain / scale,
        doubt=doubt / np.abs(scale),
        gaps=np.isnan(_last(values, np.nan)) & begun & (dates >= day0 + start),
    )


def _completed(values: Floats, newest: Newest | None) -> tuple[Floats, Floats, Floats]:
    """Values with the newest day as reported, the same with it as it will be, and the doubt about that.

    A newest day of nothing is a day that is late, unless the series idles now and then anyway.
    """
    if newest is None or not values.shape[1]:
        return values, values, np.zeros(len(values))
    unknown = np.isnan(values[:, -1])
    before = values[:, -SCALE_DAYS:-1]
    late = (newest.reported == 0) & ~(before <= 0).any(1)
    seen = np.where(unknown & ~late & np.isfinite(newest.reported), newest.reported, values[:, -1])
    share = np.clip(filled(newest.complete, 1.0), 0.05, 1.0)
    whole = np.where(unknown & (seen > 0), seen / share, seen)
    doubt = np.where(unknown, filled(np.abs(whole) * newest.doubt / share, 0.0), 0.0)
    return _with_newest(values, seen), _with_newest(values, whole), doubt


def _with_newest(values: Floats, newest: Floats) -> Floats:
    return np.concatenate([values[:, :-1], newest[:, None]], axis=1)


def _sum(x: Floats) -> Floats:
    return np.asarray(filled(x, 0.0).sum(1))


def _last(x: Floats, instead: float) -> Floats:
    missing = DAYS - x.shape[1]
    if missing <= 0:
        return x[:, -DAYS:]
    return np.concatenate([np.full((len(x), missing), instead), x], axis=1)


def _apart(usage: Floats, other: Floats) -> tuple[Floats, Floats]:
    other = filled(other, 0.0)
    everyday = (other[:, -28:] != 0).mean(1, keepdims=True) >= EVERYDAY
    return usage + np.where(everyday, other, 0.0), np.where(everyday, 0.0, other)


def _scale(usage: Floats, others: Floats) -> Floats:
    """Mean of the recent days with spend, but no more than ten times their median; of other charges where none has."""
    recent = usage[:, -SCALE_DAYS:]
    spent = np.where(recent != 0, recent, np.nan)
    size = np.minimum(mean(np.abs(spent)), 10 * median(np.abs(spent)))
    instead = mean(np.where(others != 0, np.abs(others), np.nan))
    size = filled(np.where(np.isfinite(size), size, instead), 0.0)
    return np.where(median(spent) < 0, -1.0, 1.0) * np.maximum(size, LEAST_SCALE)


def _from_first_spend(days: Floats) -> Floats:
    """Zeros before a series' birth say nothing of its level."""
    born = np.logical_or.accumulate(np.isfinite(days) & (days != 0), axis=1)
    return np.where(born | ~born.any(1, keepdims=True), days, np.nan)
