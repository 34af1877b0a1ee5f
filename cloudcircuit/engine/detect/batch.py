"""Many series at once: the history is replayed period by period, chunk by chunk, and judged where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect.calendar import Calendar
from cloudcircuit.engine.detect.detector import WORKERS, score_part, single
from cloudcircuit.engine.detect.learn import learn
from cloudcircuit.engine.detect.scores import Scores, empty
from cloudcircuit.engine.detect.state import Pace, State

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PART = 36_864
"""Series at a time: few enough for the memory of two threads, many enough that these seldom wait for each other."""

SLAB = 8
"""Periods that are turned upright at once: the row of a series is read by whole cache lines."""


def judge(
    values: Floats,
    starts: NDArray[np.datetime64],
    at: Sequence[int],
    *,
    out: Bools | None = None,
    complete: tuple[Floats, Floats] | None = None,
    small: float = 1.0,
) -> dict[int, Scores]:
    """Judge the periods `at`, each by what lies before it.

    values    (N, T) money, NaN = unknown
    starts    (T,) where periods begin: ascending, by one step
    out       (N, T), periods that nothing is learned from
    complete  (N,) share of its final value that a judged period usually shows, and its standard deviation
    small     an amount a period below which no rise matters, in money
    """
    values = np.asarray(values)
    calendar = Calendar.of(starts)
    pace = Pace.of(calendar.per_day)
    asked = sorted(set(at))
    answers = {index: empty(len(values), pace, pace.small(small), partial=complete is not None) for index in asked}

    def work(first: int) -> None:
        part = slice(first, first + PART)
        own = None if complete is None else (complete[0][part], complete[1][part])
        for index, scores in _replay(values[part], calendar, asked, None if out is None else out[part], own, small):
            answers[index].put(part, scores)

    firsts = range(0, len(values), PART)
    if len(firsts) <= 1:
        for first in firsts:
            work(first)
    else:
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in pool.map(work, firsts):
                pass
    return answers


def _replay(
    values: Floats,
    calendar: Calendar,
    asked: Sequence[int],
    out: Bools | None,
    complete: tuple[Floats, Floats] | None,
    small: float,
) -> Iterator[tuple[int, Scores]]:
    end = asked[-1] + 1 if asked else 0
    state = State(len(values), Pace.of(calendar.per_day), small)
    for t in range(end):
        if t % SLAB == 0:
            slab = single(values[:, t : min(t + SLAB, end)].T)
        money, slots, number = slab[t % SLAB], calendar.slots[t], int(calendar.number[t])
        if t in asked:
            yield t, score_part(state, money, slots, number, complete)
        if t + 1 < end:
            learn(state, money, slots, number, None if out is None else out[:, t])
