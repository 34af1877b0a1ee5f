"""Fits the pooled constants of the forecast's spread: `python -m benchmarks.forecast_spread [--seeds 10 11 …]`.

Maximum likelihood of the month ends of generated spend, by a pattern search in the constants' logarithms. Prints the
constants and how often the ends lay below the quantiles that they make; engine/forecast/spread.py holds the former.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks._forecasting import lateness
from benchmarks.bench import gen
from cloudcircuit.engine.forecast.estimate import estimate
from cloudcircuit.engine.forecast.history import Newest, cut
from cloudcircuit.engine.forecast.spread import FITTED, Constants, Doubts, spread

Floats = NDArray[np.float64]
ORIGINS = (5, 10, 15, 20, 25)
LEAST_TOTAL = 10.0
LEAST_DAY = 0.1
"""In units of the scale: a sleeping series that awakes is no matter of a width."""
ROUNDS = 40


class Ends(NamedTuple):
    """Month ends, and what was known of them; in units of each series' scale."""

    total: Floats
    center: Floats
    doubts: Doubts
    day: Floats


def month_ends(seed: int, series: int) -> Iterator[Ends]:
    bench = gen.generate(n=series, seed=seed)  # type: ignore[no-untyped-call]  # the generator is not typed
    for month in range(4, 11):
        days = np.flatnonzero(bench["month"] == month)
        for day in ORIGINS:
            yield _seen_from(bench, days, day)


def _seen_from(bench: dict, days: NDArray[np.int64], day: int) -> Ends:  # type: ignore[type-arg]  # gen's own dict
    final, first, origin = bench["final"], bench["first"], int(days[day - 1])
    values = final[:, : origin + 1].copy()
    values[:, origin] = np.nan
    newest = Newest(first[:, origin], *lateness(final[:, :origin], first[:, :origin]))
    history = cut(values, bench["dates"][0], int(days[0]), newest=newest)
    expected = estimate(history, bench["dates"][origin + 1 : days[-1] + 1])
    total = final[:, days].sum(axis=1)
    center = history.known + expected.missing + expected.path.sum(axis=1)
    keep = (total > LEAST_TOTAL) & (history.scale > 0) & (expected.doubts.day > LEAST_DAY)
    kept = Doubts(**{name: getattr(expected.doubts, name)[keep] for name in Doubts.__slots__})
    return Ends((total / history.scale)[keep], center[keep], kept, np.full(int(keep.sum()), float(day)))


def together(parts: list[Ends]) -> Ends:
    doubts = {name: np.concatenate([getattr(part.doubts, name) for part in parts]) for name in Doubts.__slots__}
    total, center, day = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("total", "center", "day")
    )
    return Ends(total, center, Doubts(**doubts), day)


def surprise(ends: Ends, constants: Constants) -> float:
    """Mean negative log likelihood."""
    s = spread(ends.center, ends.doubts, constants)
    off = ends.total - ends.center
    width = np.where(off < 0, s.below, s.above)
    usual = 0.375 * (1 + (off / width) ** 2 / 4) ** -2.5 / width
    x = np.maximum(off / s.day / s.size, 1e-9)
    surge = np.where(off > 0, s.shape * x ** (s.shape - 1) / (1 + x**s.shape) ** 2 / (s.day * s.size), 0.0)
    return float(-np.log((1 - s.surge) * usual + s.surge * surge + 1e-12).mean())


def fit(ends: Ends, constants: Constants, rounds: int = ROUNDS) -> Constants:
    """Pattern search: each constant up or down by its own step, which grows on success and shrinks without."""
    best, steps = surprise(ends, constants), dict.fromkeys(Constants._fields, 0.3)
    for _ in range(rounds):
        for name, step in steps.items():
            tried = [constants._replace(**{name: getattr(constants, name) * np.exp(s)}) for s in (step, -step)]
            result, better = min((surprise(ends, c), c) for c in tried)
            steps[name] = step * (1.3 if result < best else 0.5)
            best, constants = (result, better) if result < best else (best, constants)
    return constants


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10, 20)))
    parser.add_argument("--series", type=int, default=400)
    options = parser.parse_args()
    ends = together([part for seed in options.seeds for part in month_ends(seed, options.series)])
    fitted = fit(ends, FITTED)
    for name, value in fitted._asdict().items():
        print(f"{name:14s} {value:.4g}  (now {getattr(FITTED, name):.4g})")
    place = spread(ends.center, ends.doubts, fitted).under(ends.total)
    for day in ORIGINS:
        shares = " ".join(f"{p:.2f}: {(place[ends.day == day] < p).mean():.3f}" for p in (0.05, 0.1, 0.5, 0.9, 0.95))
        print(f"day {day:2d}  ends below the quantile of  {shares}")


if __name__ == "__main__":
    main()
