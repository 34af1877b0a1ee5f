"""Where the periods of many series will end, in money."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast._robust import Floats
from cloudcircuit.engine.forecast.estimate import Estimate, estimate
from cloudcircuit.engine.forecast.history import DAYS, History, Newest, cut
from cloudcircuit.engine.forecast.spread import Spread, joined, spread

CHUNK = 2048
"""Series at once: their half year stays in the processor's cache."""
LEAST_DAYS, MOST_AHEAD = 3, 8
"""Too early: fewer known days than LEAST_DAYS, or than one for each MOST_AHEAD days that are left."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The end of a period for N series, (N,) arrays in money; NaN where nothing is known of a series.

    `low`, `median` and `high` are the 10 %, 50 % and 90 % quantiles of the period's total.
    """

    low: Floats
    median: Floats
    high: Floats
    too_early: NDArray[np.bool_]
    origin: int
    known: Floats
    """Spend of the period so far, the newest day as it will be."""
    certain: Floats
    """Spend that has been reported; -inf where credits may take it away again (an account that is mostly credits)."""
    path: Floats
    """(N, days left): expected spend of each day to come."""
    sign: Floats
    spread: Spread

    def breach(self, limits: Floats) -> Floats:
        """Probability that the period's total exceeds `limits` (N,); NaN where a limit or a series is unknown."""
        under = self.spread.under(self.sign * limits)
        over = np.clip(np.where(self.sign > 0, 1 - under, under), 0.0, 1.0)
        return np.where(self.certain > limits, 1.0, np.where(np.isnan(self.median), np.nan, over))

    def breach_day(self, limits: Floats) -> NDArray[np.int64]:
        """Day index on which the median path passes `limits`; -1 where it does not, `origin` where it has already."""
        passed = self._course() > limits[:, None]
        first = self.origin + 1 + np.argmax(passed, axis=1) if passed.shape[1] else np.zeros(len(limits), int)
        day = np.where(passed.any(1), first, -1)
        return np.asarray(np.where(self.certain > limits, self.origin, day), dtype=np.int64)

    def fan(self) -> tuple[Floats, Floats, Floats]:
        """Low, median and high of the running total after each day to come, (N, days left) each.

        The band opens with the square root of the days, which is how the noise of days adds up.
        """
        middle = self._course()
        left = middle.shape[1]
        width = np.sqrt(np.arange(1, left + 1) / max(left, 1))
        low, high = (middle + (q - self.median)[:, None] * width for q in (self.low, self.high))
        return np.maximum(low, self.certain[:, None]), middle, high

    def _course(self) -> Floats:
        """Running total, bent so that it ends at the median."""
        steps = np.cumsum(self.path, axis=1)
        if not steps.shape[1]:
            return steps
        share = np.arange(1, steps.shape[1] + 1) / steps.shape[1]
        return np.asarray(self.known[:, None] + steps + (self.median - self.known - steps[:, -1])[:, None] * share)


def forecast(
    values: Floats,
    starts: NDArray[np.datetime64],
    start: int,
    origin: int,
    end: int,
    *,
    other: Floats | None = None,
    newest: Newest | tuple[Floats, Floats, Floats] | None = None,
    out: NDArray[np.bool_] | None = None,
) -> Outlook:
    """Where the period of the day indices [start, end) will end, from what is known through index `origin`.

    values: (N, T) run rate a day, in the budget's basis; NaN = unknown. Nothing after `origin` is looked at.
    starts: (T,) the days' dates, one after the other; `end` may lie beyond T, `origin` before `start`.
    other: (N, T) charges apart from the run rate, NaN or 0 where there are none.
    newest: for series whose value at `origin` is NaN, what was reported of it and its learned completeness.
    out: (N, T) days whose spend counts and teaches nothing (announced spend).
    Raises ValueError where the indices do not fit.
    """
    if not (0 <= origin < values.shape[1] and max(start, 0) < end and origin < end):
        raise ValueError(f"period [{start}, {end}) known through {origin} does not fit {values.shape[1]} days")
    first = max(0, min(start, origin + 1 - DAYS))
    day0 = starts[0].astype("datetime64[D]") + first
    ahead = day0 + np.arange(max(origin + 1, start), end) - first
    told = None if newest is None else Newest(*newest)
    parts = []
    for a in range(0, max(len(values), 1), CHUNK):
        rows, columns = slice(a, a + CHUNK), slice(first, origin + 1)
        charges = _cells(other, rows, columns) if other is not None else None
        silent = out[rows, columns] if out is not None else None
        part = told and Newest(*(x[rows] for x in told))
        history = cut(_cells(values, rows, columns), day0, start - first, other=charges, newest=part, out=silent)
        parts.append(_outlook(history, estimate(history, ahead), origin))
    return _joined(parts)


def _cells(x: Floats, rows: slice, columns: slice) -> Floats:
    cells = np.asarray(x[rows, columns], dtype=float)
    return np.where(np.isfinite(cells), cells, np.nan)


def _too_early(history: History, left: int) -> NDArray[np.bool_]:
    known = np.isfinite(history.days).sum(1)
    return np.asarray(known < max(LEAST_DAYS, left / MOST_AHEAD))


def _outlook(history: History, expected: Estimate, origin: int) -> Outlook:
    sign, size = np.sign(history.scale), np.abs(history.scale)
    known = history.known + expected.missing
    about = spread(known + expected.path.sum(1), expected.doubts).times(size)
    unknown = ~np.isfinite(history.days).any(1)
    certain = np.where(sign > 0, history.certain * size, -np.inf)
    quantiles = (sign * about.quantile(np.where(sign > 0, p, 1 - p)) for p in (0.1, 0.5, 0.9))
    low, median, high = (np.where(unknown, np.nan, np.maximum(q, certain)) for q in quantiles)
    return Outlook(
        low=low,
        median=median,
        high=high,
        too_early=_too_early(history, expected.path.shape[1]),
        origin=origin,
        known=known * history.scale,
        certain=certain,
        path=expected.path * history.scale[:, None],
        sign=sign,
        spread=about,
    )


def _joined(parts: list[Outlook]) -> Outlook:
    if len(parts) == 1:
        return parts[0]
    plain = ("low", "median", "high", "too_early", "known", "certain", "path", "sign")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in plain}
    return Outlook(**columns, origin=parts[0].origin, spread=joined([part.spread for part in parts]))
