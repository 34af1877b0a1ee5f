"""How a series' level, scale and floor are first set, and set again once what was strange has lasted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect import precedents
from cloudcircuit.engine.detect.state import SPREAD, Bools, Floats, State

F = np.float32

BLOCK = 4096
"""Series whose youth ends at once are looked at in blocks: it takes memory, and most start on the same day."""


def renew(state: State, index: NDArray[np.int64]) -> None:
    """What was strange for so long is the level now, with a floor of its own."""
    if not len(index):
        return
    y = state.new_level[index]
    money = np.exp(y) - state.floor[index] - state.offset[index]
    _fix(state, index, money)
    level = np.log(np.maximum(money + state.offset[index], 0) + state.floor[index])
    spread = np.minimum(F(1.3) * state.new_spread[index], F(0.6)) ** 2
    state.level[index], state.reference[index] = level, level
    state.ring[:, index] = level
    state.variance[index] = np.maximum(state.variance[index], spread)
    state.lean[index], state.strange[index], state.rises[index] = 0, 0, 0
    state.age[index] = np.minimum(state.age[index], F(state.pace.least))


def _fix(state: State, index: NDArray[np.int64], money: Floats) -> None:
    """Offset and floor of series of this usual money."""
    offset = np.maximum(F(0), -2 * money)
    usual = np.maximum(money + offset, 0)
    state.offset[index] = offset
    state.floor[index] = state.small + F(0.02) * usual
    state.dead[index] = np.minimum(F(0.05) * np.maximum(usual, state.small), state.small)


def restart(state: State, which: Bools) -> None:
    """Series that credits have drawn below nothing are begun anew, with an offset."""
    index = np.flatnonzero(which)
    if len(index):
        state.age[index], state.negative[index], state.strange[index] = 0, 0, 0
        state.week[:, index] = 0


def grow_up(state: State, money: Floats, young: Bools, number: int) -> None:
    """Youth: the money itself is kept until its end."""
    index = np.flatnonzero(young)
    if not len(index):
        return
    pace = state.pace
    age = state.age[index].astype(np.int64)
    state.ring[age, index] = money[index]
    ready = index[age + 1 >= pace.youth]
    for first in range(0, len(ready), BLOCK):
        _settle_in(state, ready[first : first + BLOCK], number)


def _settle_in(state: State, ready: NDArray[np.int64], number: int) -> None:
    """The end of youth: the median is the level, and what stands out of it an event."""
    pace = state.pace
    rows = state.ring[: pace.youth, ready]
    spent = np.abs(rows) > state.dead[ready]
    count = spent.sum(axis=0, dtype=np.float32)
    middle = _middle(rows, spent, count.astype(np.int64))
    _fix(state, ready, middle)
    y = np.log(np.maximum(rows + state.offset[ready], 0) + state.floor[ready])
    level = np.log(np.maximum(middle + state.offset[ready], 0) + state.floor[ready])
    reach = np.minimum((np.abs(y - level) * spent).sum(axis=0) / np.maximum(count, 1), F(0.5))
    if pace.per_day == 1:  # below a day it is the rhythm of the day that spreads
        state.variance[ready] = F(0.5) * (F(SPREAD**2) + F(1.5) * reach * reach)
    state.alive[ready] = count / F(pace.youth)
    best = y.argmax(axis=0)
    high = np.take_along_axis(y, best[None], 0)[0] - level > F(0.4)
    top = np.take_along_axis(rows, best[None], 0)[0] - middle
    precedents.remember(state, ready[high], number - (pace.youth - 1 - best[high]), top[high])
    state.level[ready], state.reference[ready] = level, level
    state.ring[:, ready] = level
    state.lean[ready], state.before[:, ready] = 0, 0


def _middle(rows: Floats, spent: Bools, count: NDArray[np.int64]) -> Floats:
    """The median of each column's periods with spend; 0 where fewer than two have any."""
    ordered = np.sort(np.where(spent, rows, np.inf), axis=0)
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    pick = np.take_along_axis(ordered, np.stack([low, np.minimum(high, len(rows) - 1)]), 0)
    middle: Floats = np.where(count > 1, np.where(np.isfinite(pick), pick, 0).mean(axis=0), 0)
    return middle.astype(np.float32)
