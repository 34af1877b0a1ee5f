"""The state of N series, carried from period to period."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect.calendar import Calendar
from cloudcircuit.engine.detect.find import find
from cloudcircuit.engine.detect.learn import learn
from cloudcircuit.engine.detect.look import look
from cloudcircuit.engine.detect.scores import Scores, empty, scores_of
from cloudcircuit.engine.detect.state import Pace, State

Floats = NDArray[np.float64]
Money = NDArray[np.float32]
Slots = NDArray[np.int64]
Bools = NDArray[np.bool_]

PART = 65_536
"""Series at a time: enough that two threads seldom wait for each other."""

WORKERS = 2
LARGEST = np.float32(1e30)


class Detector:
    """The state of N series of one step, carried from period to period; periods are learned in order.

    Series are kept in parts, and two threads share these: numpy lets go of the lock.
    """

    def __init__(self, n: int, *, per_day: int = 1, small: float = 1.0) -> None:
        """`small` is an amount a day below which no rise matters, in money."""
        self._n, self._pace, self._small = n, Pace.of(per_day), small
        self._step = np.timedelta64(86_400 // per_day, "s")
        self._parts = [slice(first, min(first + PART, n)) for first in range(0, n, PART)]
        self._states = [State(part.stop - part.start, self._pace, small) for part in self._parts]

    def score(self, values: Floats, start: np.datetime64, complete: tuple[Floats, Floats] | None = None) -> Scores:
        """What is said of the period that begins at `start`, of values (N,); nothing is learned.

        `complete` is the share of its final value that the period usually shows by now, and its standard deviation.
        """
        place = self._place(start)
        scores = empty(self._n, self._pace, self._pace.small(self._small), partial=complete is not None)

        def work(part: slice, state: State) -> None:
            own = None if complete is None else (complete[0][part], complete[1][part])
            scores.put(part, score_part(state, single(values[part]), *place, own))

        self._share_out(work)
        return scores

    def learn(self, values: Floats, start: np.datetime64, out: Bools | None = None) -> None:
        """Take over the settled values (N,) of the period that begins at `start`, NaN = unknown."""
        place = self._place(start)

        def work(part: slice, state: State) -> None:
            learn(state, single(values[part]), *place, None if out is None else out[part])

        self._share_out(work)

    def _share_out(self, work: Callable[[slice, State], None]) -> None:
        if len(self._parts) == 1:
            work(self._parts[0], self._states[0])
        elif self._parts:
            with ThreadPoolExecutor(WORKERS) as pool:
                list(pool.map(work, self._parts, self._states))

    def _place(self, start: np.datetime64) -> tuple[Slots, int]:
        calendar = Calendar.of(np.array([start]), self._step)
        return calendar.slots[0], int(calendar.number[0])


def score_part(
    state: State, money: Money, slots: Slots, number: int, complete: tuple[Floats, Floats] | None = None
) -> Scores:
    share = noise = None
    if complete is not None:
        share = np.clip(complete[0], 0.05, 1.5).astype(np.float32)
        relative = np.where(state.age > state.pace.youth, complete[1] / share, 0).astype(np.float32)
        noise = relative * relative
        money = np.where(money > 0, money / share, money)
    seen = look(state, money, slots, noise)
    found = find(state, seen, number, noise, every=True)
    return scores_of(state, seen, found, noise, share)


def single(values: NDArray[Any]) -> Money:
    """Single precision, one row after the other; what is not finite is unknown, beyond `LARGEST` counts as that."""
    money = np.empty(values.shape, np.float32)
    with np.errstate(over="ignore", under="ignore"):
        np.copyto(money, values, casting="same_kind")
    far = np.abs(money) > LARGEST
    if far.any():
        money[far] = np.where(np.isfinite(values[far]), np.sign(money[far]) * LARGEST, np.nan)
    return money
