"""One-off charges: found as what stands out of the run rate, expected again where earlier months had them too."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast._robust import Floats

Days = NDArray[np.datetime64]
JITTER = 2
"""Days by which a recurring charge may come early or late (support and tax are posted when the invoice is)."""
MONTH_END = 5
"""The last days of a month are matched by their distance from its end, the others by their number."""
ALIKE = 0.5
SURE = 0.25
"""What is left of the doubt about a charge that came a third time."""


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


class Cadence(NamedTuple):
    back: Callable[[Days, int], Days]
    """The days so many turns earlier."""
    jitter: int
    """By how many days a charge may miss that."""
    proof: int
    """How often in a row a charge must have come."""


CADENCES = Cadence(_fortnights_before, 0, 3), Cadence(months_before, JITTER, 2), Cadence(_quarters_before, JITTER, 2)


def _length(month: Days) -> NDArray[np.int64]:
    return np.asarray(((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(int))


def pick(oneoffs: Floats, first: np.datetime64, days: Days) -> Floats:
    """Columns of `oneoffs` (n, history; its first day is `first`) for `days`, 0 where the history has no such day."""
    at = (days - first).astype(int)
    inside = (at >= 0) & (at < oneoffs.shape[1])
    return np.asarray(np.where(inside, oneoffs[:, np.where(inside, at, 0)], 0.0))


def expected(oneoffs: Floats, first: np.datetime64, ahead: Days) -> tuple[Floats, Floats]:
    """(n, len(ahead)): the charges to come, those that came the last times of a cadence, alike; and how unsure each is.

    A charge that has come within the last days is not due again.
    """
    due = np.zeros((len(oneoffs), len(ahead)))
    unsure = np.zeros_like(due)
    fortnightly = _fortnightly(oneoffs)
    for cadence in CADENCES:
        mine = fortnightly if cadence.back is _fortnights_before else oneoffs - fortnightly
        before, *earlier = _last_three(mine, first, ahead, cadence)
        proven = np.all([match != 0 for match in earlier[: cadence.proof - 1]], axis=0) & (due == 0)
        amount = (before + earlier[0]) / 2
        due = np.where(proven, amount, due)
        unsure = np.where(proven, np.abs(amount) * np.where(earlier[1] != 0, SURE, 1.0), unsure)
    for j in range(min(JITTER, len(ahead))):
        lately = oneoffs[:, oneoffs.shape[1] - JITTER + j :]
        due[:, j] *= (np.sign(lately) != np.sign(due[:, j : j + 1])).all(1)
    return due, unsure


def _fortnightly(oneoffs: Floats) -> Floats:
    """Those that have a like one a fortnight before or after: they are no precedent for a month."""
    days = np.datetime64("1970-01-01") + np.arange(oneoffs.shape[1])
    found = [_nearest(oneoffs, days[0], _fortnights_before(days, turn), oneoffs, 0) != 0 for turn in (-1, 1)]
    return np.where(np.any(found, axis=0), oneoffs, 0.0)


def _last_three(oneoffs: Floats, first: np.datetime64, days: Days, cadence: Cadence) -> tuple[Floats, Floats, Floats]:
    """What came on the last turn before each of `days` that is known, and what was like it on the two before that."""
    last, turn = first + oneoffs.shape[1] - 1, np.ones(len(days), int)
    while (late := _back(days, turn, cadence) > last).any():
        turn = turn + late
    amounts = pick(oneoffs, first, _back(days, turn, cadence))
    one, two = (_nearest(oneoffs, first, _back(days, turn + more, cadence), amounts, cadence.jitter) for more in (1, 2))
    return amounts, one, two


def _back(days: Days, turns: NDArray[np.int64], cadence: Cadence) -> Days:
    found = days.copy()
    for turn in np.unique(turns):
        found[turns == turn] = cadence.back(days[turns == turn], int(turn))
    return found


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
    found = [_nearest(oneoffs, days[0], back(days, 1), oneoffs, jitter) != 0 for back, jitter, _ in CADENCES]
    return np.asarray(np.any(found, axis=0))
