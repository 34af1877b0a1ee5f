"""Histories that the tests of the detector are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect import Scores, judge

Floats = NDArray[np.float64]
START = np.datetime64("2025-01-01")


def days(count: int) -> NDArray[np.datetime64]:
    return START + np.arange(count)


def hours(count: int) -> NDArray[np.datetime64]:
    return np.datetime64("2025-01-01T00", "h") + np.arange(count)


def usual(count: int, *, level: float = 100.0, noise: float = 0.03, weekend: float = 1.0, seed: int = 1) -> Floats:
    """Daily spend with a weekend and lognormal noise."""
    weekday = (days(count).astype(np.int64) + 3) % 7
    shape = np.where(weekday >= 5, weekend, 1.0)
    return level * shape * np.random.default_rng(seed).lognormal(0, noise, count)


def day_of_month(count: int) -> NDArray[np.int64]:
    dates = days(count)
    place: NDArray[np.int64] = (dates - dates.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
    return place


def left_of_month(count: int) -> NDArray[np.int64]:
    dates = days(count)
    left: NDArray[np.int64] = ((dates.astype("datetime64[M]") + 1).astype("datetime64[D]") - dates).astype(np.int64) - 1
    return left


def scores(values: Floats, at: list[int], **more: object) -> dict[int, Scores]:
    rows = np.atleast_2d(values)
    return judge(rows, days(rows.shape[1]), at, **more)  # type: ignore[arg-type]


def score(values: Floats, at: int, **more: object) -> float:
    """The score of one day of one series."""
    return float(scores(values, [at], **more)[at].score[0])


def highest(values: Floats, since: int, **more: object) -> float:
    """The highest score of the days from `since` on."""
    at = list(range(since, values.shape[-1]))
    return max(float(found.score[0]) for found in scores(values, at, **more).values())
