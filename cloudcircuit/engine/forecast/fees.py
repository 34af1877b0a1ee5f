"""One-off charges: found as what stands out of the run rate, expected again where earlier months had them too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast._robust import Floats

Days = NDArray[np.datetime64]
JITTER = 2
"""Days by which a recurring charge may come early or late (support and tax are posted when the invoice is)."""
MONTH_END = 5
"""The last days of a month are matched by their distance from its end, the others by their number."""
ALIKE = 0.5


def months_before(days: Days, months: int) -> Days:
    """The same day of an earlier month, at day resolution."""
    month = days.astype("datetime64[M]")
    number = (days - month.astype("datetime64[D]")).astype(int)
    length, then = _length(month), _length(month - months)
    from_end = length - number
    number = np.where(from_end <= MONTH_END, then - from_end, np.minimum(number, then - 1))
    return np.asarray((month - months).astype("datetime64[D]") + np.maximum(number, 0))


def _quarters_before(days: Days, quarters: int) -> Days:
    return months_before(days, 3 * quarters)


def _fortnights_before(days: Days, fortnights: int) -> Days:
    return days - 14 * fortnights


CADENCES = (months_before, JITTER), (_quarters_before, JITTER), (_fortnights_before, 0)
"""What is so many cadences before a day, and by how many days a charge may miss that: a fortnight is a schedule's."""


def _length(month: Days) -> NDArray[np.int64]:
    return np.asarray(((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(int))


def pick(oneoffs: Floats, first: np.datetime64, days: Days) -> Floats:
    """Columns of `oneoffs` (n, history; its first day is `first`) for `days`, 0 where the history has no such day."""
    at = (days - first).astype(int)
    inside = (at >= 0) & (at < oneoffs.shape[1])
    return np.asarray(np.where(inside, oneoffs[:, np.where(inside, at, 0)], 0.0))


def expected(oneoffs: Floats, first: np.datetime64, ahead: Days) -> Floats:
    """(n, len(ahead)): the charges to come: those that came the last two times of a cadence, alike.

    A charge that has come within the last days is not due again.
    """
    due = np.zeros((len(oneoffs), len(ahead)))
    for back, jitter in CADENCES:
        near, far = _last_two(ahead, first + oneoffs.shape[1] - 1, back)
        before = pick(oneoffs, first, near)
        match = _nearest(oneoffs, first, far, before, jitter)
        due = np.where(due == 0, (before + match) / 2 * (match != 0), due)
    for j in range(min(JITTER, len(ahead))):
        lately = oneoffs[:, oneoffs.shape[1] - JITTER + j :]
        due[:, j] *= (np.sign(lately) != np.sign(due[:, j : j + 1])).all(1)
    return due


def _last_two(days: Days, last: np.datetime64, back: Callable[[Days, int], Days]) -> tuple[Days, Days]:
    """The last two days of the cadence of each of `days` that are no later than `last`."""
    times, near, far = 1, back(days, 1), back(days, 2)
    while (near > last).any():
        times, late = times + 1, near > last
        near, far = np.where(late, back(days, times), near), np.where(late, back(days, times + 1), far)
    return near, far


def _nearest(oneoffs: Floats, first: np.datetime64, days: Days, like: Floats, jitter: int) -> Floats:
    """The amount within `jitter` days of `days` that resembles `like` best, 0 where none does."""
    row, column = np.nonzero(like)  # few: what recurs is looked for, not days
    amount, at = like[row, column], (days - first).astype(int)[column]
    best = np.zeros(len(row))
    for late in range(-jitter, jitter + 1):
        inside = (at + late >= 0) & (at + late < oneoffs.shape[1])
        other = np.where(inside, oneoffs[row, np.where(inside, at + late, 0)], 0.0)
        small, big = np.minimum(np.abs(other), np.abs(amount)), np.maximum(np.abs(other), np.abs(amount))
        alike = (np.sign(other) == np.sign(amount)) & (small > ALIKE * big)
        best = np.where(alike & (np.abs(other - amount) < np.abs(best - amount)), other, best)
    found = np.zeros_like(like)
    found[row, column] = best
    return found


def recurring(oneoffs: Floats, days: Days) -> NDArray[np.bool_]:
    """(n, history): the one-offs that had a like one a month, a quarter or a fortnight before: no news of the level."""
    found = [_nearest(oneoffs, days[0], back(days, 1), oneoffs, jitter) != 0 for back, jitter in CADENCES]
    return np.asarray(np.any(found, axis=0))
