"""Series made by hand, on one calendar: 2025, day index 0 is 1 January."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.forecast import Newest, Outlook, forecast

Floats = NDArray[np.float64]
DATES = np.datetime64("2025-01-01") + np.arange(365)
JULY, AUGUST = 181, 212
"""Day indices of the first of the month; 1 July 2025 is a Tuesday."""
WEEKDAY = (DATES.astype(int) + 3) % 7
DAY_OF_MONTH = (DATES - DATES.astype("datetime64[M]")).astype(int) + 1


def steady(level: float = 100.0, noise: float = 0.03, seed: int = 1) -> Floats:
    """A year with a quiet weekend."""
    week = np.where(WEEKDAY >= 5, 0.7, 1.0)
    return level * week * np.exp(np.random.default_rng(seed).normal(0, noise, 365))


def july(series: Floats, day: int = 10, newest: Newest | None = None, other: Floats | None = None) -> Outlook:
    """The outlook on 31 July, known through the given day of July."""
    rows = np.atleast_2d(series)
    return forecast(rows, DATES, JULY, JULY + day - 1, AUGUST, newest=newest, other=other)


def total(series: Floats) -> float:
    return float(series[JULY:AUGUST].sum())
