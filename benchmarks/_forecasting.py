"""The scorer's `forecast`, over the engine as the daemon uses it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast import Newest
from cloudcircuit.engine.forecast import forecast as look_ahead
from cloudcircuit.engine.forecast._robust import filled, mad
from cloudcircuit.engine.forecast._robust import median as median_of

Floats = NDArray[np.float64]
LATENESS_DAYS = 60


def forecast(
    final: Floats,
    first: Floats,
    dates: NDArray[np.datetime64],
    start: int,
    origin: int,
    end: int,
    limits: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """(q10, q50, q90, p_breach), each (n,), of the period [start, end) known through day `origin`.

    The newest day is what was first reported of it, with the completeness that earlier days had. The scorer knows no
    "unknown": a series of which nothing is known yet is answered by 0.
    """
    values = final.copy()
    values[:, origin] = np.nan
    share, doubt = lateness(final[:, :origin], first[:, :origin])
    newest = Newest(first[:, origin], share, doubt)
    outlook = look_ahead(values, dates, start, origin, end, newest=newest)
    low, median, high, breach = (
        np.nan_to_num(x) for x in (outlook.low, outlook.median, outlook.high, outlook.breach(limits))
    )
    return low, median, high, breach


def lateness(final: Floats, first: Floats) -> tuple[Floats, Floats]:
    """Usual share of a day's final value that its first report showed, and the spread of that share, (n,) each."""
    said = np.isfinite(final) & np.isfinite(first) & (final > 0) & (first > 0)
    shares = np.where(said, first, np.nan)[:, -LATENESS_DAYS:] / np.where(said, final, 1.0)[:, -LATENESS_DAYS:]
    if not shares.shape[1]:
        return np.ones(len(final)), np.zeros(len(final))
    usual = filled(median_of(shares), 1.0)
    return usual, filled(mad(shares, usual), 0.0)
