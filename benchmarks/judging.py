"""What it costs to judge a million series of 90 days, beside a plain read of the same memory.

    python -m benchmarks.judging [--series 1000000] [--quick]

Rows: the read; the robust check (median and MAD, as the library's `check_anomaly_robust` has them) for all series at
once in numpy, one thread; the library's own loop; the full decision of the detector from the raw history; and the
update of a state that is carried from cycle to cycle. Times are the best of three, in one run on one machine: the
ratios are what counts.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cloudcircuit import check_anomaly_robust
from cloudcircuit.engine.detect import Detector, judge

DAYS = 90
CHUNK = 2048
Z = 3.5
_TO_SIGMA = 0.6745

Floats = NDArray[np.float64]


def make(series: int) -> Floats:
    """A million services: lognormal levels, weekends, noise."""
    rng = np.random.default_rng(7)
    values = np.empty((series, DAYS))
    week = np.where(np.arange(DAYS) % 7 >= 5, 0.6, 1.0)
    for start in range(0, series, 100_000):
        rows = values[start : start + 100_000]
        rows[:] = rng.lognormal(0, 0.1, rows.shape) * week
        rows *= rng.lognormal(4, 1.5, (len(rows), 1))
    return values


def robust(values: Floats) -> NDArray[np.bool_]:
    """Whether the newest day of each series lies above the median of the others by more than `Z` deviations.

    In single precision, and each row is sorted once: the k values nearest to the median stand side by side in the
    sorted row, so the median deviation is the least reach of all runs of k values.
    """
    found = np.empty(len(values), dtype=np.bool_)
    count = values.shape[1] - 1
    k, middle = count // 2 + 1, count // 2
    for start in range(0, len(values), CHUNK):
        rows = values[start : start + CHUNK]
        past = rows[:, :-1].astype(np.float32)
        past.sort(axis=1)
        median = past[:, middle, None]
        reach = np.maximum(median - past[:, : count - k + 1], past[:, k - 1 :] - median)
        deviation = reach.min(axis=1)
        found[start : start + CHUNK] = _TO_SIGMA * (rows[:, -1] - median[:, 0]) > Z * deviation
    return found


def best(work: Callable[[], object], times: int = 3) -> float:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def library(values: Floats, sample: int = 20_000) -> float:
    """Seconds for all series, from a sample of them."""
    rows = [row.tolist() for row in values[:sample]]
    started = time.perf_counter()
    for row in rows:
        check_anomaly_robust(row, method="mad", z_threshold=Z)
    return (time.perf_counter() - started) * len(values) / len(rows)


def agree(values: Floats, sample: int = 2_000) -> float:
    """The share of series on which the batch form says what the library says."""
    mine = robust(values[:sample])
    theirs = [check_anomaly_robust(row.tolist(), method="mad", z_threshold=Z).is_spike for row in values[:sample]]
    return float(np.mean(mine == np.array(theirs)))


def decide(values: Floats, starts: NDArray[np.datetime64]) -> None:
    judge(values, starts, [DAYS - 1])


def carried(values: Floats, starts: NDArray[np.datetime64]) -> float:
    """The update by one day of a state that has learned the days before."""
    detector = Detector(len(values))
    for day in range(DAYS - 5):
        detector.learn(values[:, day].copy(), starts[day])
    seconds = []
    for day in range(DAYS - 5, DAYS):
        column = values[:, day].copy()  # a cycle has the new day by itself
        started = time.perf_counter()
        detector.learn(column, starts[day])
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def memory(work: Callable[[], object]) -> float:
    """The most that is held beyond the input, in MB."""
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="few series: that everything runs, not how fast")
    asked = parser.parse_args()
    count = 5_000 if asked.quick else asked.series
    values = make(count)
    starts = np.datetime64("2026-01-01") + np.arange(DAYS)
    read = best(lambda: values.sum())
    rows = [
        ("plain read", read),
        ("robust check, numpy, one thread", best(lambda: robust(values))),
        ("robust check, the library's loop", library(values)),
        ("full decision", best(lambda: decide(values, starts))),
        ("update of a carried state", carried(values, starts)),
    ]
    print(f"{count:,} series of {DAYS} days; the batch form agrees with the library on {agree(values):.2%}")
    for name, seconds in rows:
        print(f"{name:36s} {seconds:8.3f} s   {seconds / count * 1e6:8.3f} µs a series   x {seconds / read:7.1f}")
    print(f"full decision: {memory(lambda: decide(values, starts)):.0f} MB beyond the input")
    print(f"peak of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", file=sys.stderr)


if __name__ == "__main__":
    main()
