"""What it costs to judge a million series of 90 days, beside a plain read of the same memory.

    python -m benchmarks.judging [--series 1000000] [--quick]

Rows: the read; the robust check (median and MAD, as the library's `check_anomaly_robust` has them) for all series at
once in numpy, one thread; the library's own loop; the full decision of the detector from the raw history, on quiet
series and on series with spikes, fees and idle days, which take longer; and the update of a state that is carried
from cycle to cycle. Times are the best of three, in one run on one machine: the ratios are what counts. Beside the
seconds on the wall stand those of all processors, which other work on the machine hardly changes.
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


def disturb(values: Floats) -> None:
    """Two percent of days are spikes, a fifth of the series has a monthly fee, a tenth is idle on most days."""
    rng = np.random.default_rng(8)
    for start in range(0, len(values), 100_000):
        rows = values[start : start + 100_000]
        rows *= np.where(rng.random(rows.shape) < 0.02, rng.lognormal(0.7, 0.5, rows.shape), 1)
        paying = np.flatnonzero(rng.random(len(rows)) < 0.2)
        rows[paying[:, None], rng.integers(0, 30, (len(paying), 1)) + np.array([0, 30, 60])] *= 4
        idle = rng.random(len(rows)) < 0.1
        rows[idle] *= rng.random((int(idle.sum()), DAYS)) < 0.3


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


Cost = tuple[float, float]
"""Seconds on the wall, and of all processors."""


def timed(work: Callable[[], object]) -> Cost:
    wall, processors = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processors


def best(work: Callable[[], object], times: int = 3) -> Cost:
    costs = [timed(work) for _ in range(times)]
    return min(wall for wall, _ in costs), min(processors for _, processors in costs)


def library(values: Floats, sample: int = 20_000) -> Cost:
    """Of all series, from a sample of them."""
    rows = [row.tolist() for row in values[:sample]]

    def loop() -> None:
        for row in rows:
            check_anomaly_robust(row, method="mad", z_threshold=Z)

    wall, processors = timed(loop)
    return wall * len(values) / len(rows), processors * len(values) / len(rows)


def agree(values: Floats, sample: int = 2_000) -> float:
    """The share of series on which the batch form says what the library says."""
    mine = robust(values[:sample])
    theirs = [check_anomaly_robust(row.tolist(), method="mad", z_threshold=Z).is_spike for row in values[:sample]]
    return float(np.mean(mine == np.array(theirs)))


def decide(values: Floats, starts: NDArray[np.datetime64]) -> None:
    judge(values, starts, [DAYS - 1])


def carried(values: Floats, starts: NDArray[np.datetime64]) -> Cost:
    """The update by one day of a state that has learned the days before."""
    detector = Detector(len(values))
    for day in range(DAYS - 5):
        detector.learn(values[:, day].copy(), starts[day])
    columns = iter([(values[:, day].copy(), starts[day]) for day in range(DAYS - 5, DAYS)])
    return best(lambda: detector.learn(*next(columns)), 5)


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
    print(f"{count:,} series of {DAYS} days; the batch form agrees with the library on {agree(values):.2%}")
    rows = [
        ("plain read", read),
        ("robust check, numpy, one thread", best(lambda: robust(values))),
        ("robust check, the library's loop", library(values)),
        ("full decision, quiet series", best(lambda: decide(values, starts))),
    ]
    disturb(values)
    rows += [
        ("full decision, disturbed series", best(lambda: decide(values, starts))),
        ("update of a carried state", carried(values, starts)),
    ]
    for name, (wall, processors) in rows:
        each, ratio = wall / count * 1e6, wall / read[0]
        print(f"{name:33s} {wall:8.3f} s ({processors:8.3f} s of processors) {each:8.3f} µs a series, x {ratio:7.1f}")
    print(f"full decision: {memory(lambda: decide(values, starts)):.0f} MB beyond the input")
    print(f"the carried state: {memory(lambda: Detector(count)):.0f} MB")
    print(f"peak of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", file=sys.stderr)


if __name__ == "__main__":
    main()
