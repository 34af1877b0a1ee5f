"""How strange the newest period is: false alerts a quarter that alerting on all that is as strange would bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect import precedents
from cloudcircuit.engine.detect.look import PERSIST, Look
from cloudcircuit.engine.detect.state import Bools, Floats, State
from cloudcircuit.engine.detect.tails import moves, survival

Ints = NDArray[np.int64]

QUARTER = 90.0
"""Tests of single days in a quarter."""

NOTHING = np.float32(QUARTER)
"""The rate of a period of which nobody would be alerted."""

TESTS = np.array([[QUARTER], [25], [7]], np.float32)
"""Tests in a quarter of single days, and of short and long windows: independent ones of the same chance as all."""

SHORT_WINDOW = 3

MOVES, MOVE_SIZE = 1.0, 0.08
"""Lasting rises of the log level that are nobody's fault: how many a quarter, of what size on average."""

WINDOW_TAIL = np.float32(0.55)
"""As `State.tail`, of the means of windows."""

INTERMITTENT = np.float32(0.85)
"""With spend in fewer periods than this share a series is intermittent."""

FEE_SPREAD = np.float32(0.15)
"""A fee that recurs comes to its last amount, give or take."""

HABIT = np.float32(2)
"""What came along so often, or once fewer for days on end, is no habit yet."""

AGREED = np.float32(0.85)
"""The tests of one period overlap: false alerts that generated spend showed, by those that their rates name."""

MATTERS = 5
"""How fast an excess begins to matter as it grows beyond `small`."""

LOOK_CLOSER = np.float32(2.0)
"""Surprises, in spreads, below which nothing is looked at closer."""


@dataclass(frozen=True, slots=True)
class Found:
    """Arrays (N,): false alerts a quarter, the window that says so (1, 3, long), money due, whether due weekly."""

    rate: Floats
    window: NDArray[np.int16]
    due: Floats
    weekly: Bools


def find(state: State, seen: Look, number: int, noise: Floats | None = None, *, every: bool = False) -> Found:
    """Rates of the series that might be strange, or of `every` series, in the period of this place in time.

    `noise` (N,) is added to the variance of the newest period.
    """
    n = state.n
    found = Found(np.full(n, NOTHING), np.ones(n, np.int16), np.zeros(n, np.float32), np.zeros(n, np.bool_))
    index = np.arange(n) if every else np.flatnonzero(_worth(state, seen))
    if not len(index):
        return found
    alone, windowed, length = _rates(state, seen, index)
    close = np.flatnonzero((np.minimum(alone, windowed) < 1) | every)
    if len(close):
        at = index[close]
        due, weekly = precedents.due(state, at, number)
        found.due[at], found.weekly[at] = due, weekly
        fees = np.flatnonzero(due > 0)
        if len(fees):
            of = close[fees]
            alone[of] = np.maximum(_rate_with(state, seen, at[fees], due[fees], noise), alone[of])
            windowed[of] = NOTHING
        again_alone, again_windowed = _again(state, seen, at, due, number)
        alone[close] += again_alone
        windowed[close] += again_windowed
    found.rate[index] = AGREED * np.minimum(alone, windowed)
    found.window[index] = np.where(windowed < alone, length, 1)
    return found


def _worth(state: State, seen: Look) -> Bools:
    worth: Bools = np.maximum.reduce(seen.units, axis=0) > LOOK_CLOSER
    thin = state.alive < INTERMITTENT
    if thin.any():
        worth |= thin & (seen.u > 1)
    return worth & (state.age >= state.pace.youth)


def _rates(state: State, seen: Look, index: Ints) -> tuple[Floats, Floats, Ints]:
    """Rates of the period by itself and of the rarer window, and that window's length."""
    half, long = np.float32(0.5), state.pace.long
    age, thin = state.age[index], state.alive[index] < INTERMITTENT
    rises, units = seen.rises[:, index], seen.units[:, index]
    tails = np.full_like(units, WINDOW_TAIL)
    tails[0] = state.tail[index]
    rates = TESTS * np.float32(state.pace.per_day) * survival(units, tails) + moves(rises, MOVES, MOVE_SIZE)
    alone, of_short, of_long = rates
    if thin.any():
        of_short = np.where(thin, _pair_rate(state, units[0], index), of_short)
    rise = seen.log[index] - seen.week[index] - state.reference[index]
    of_short = np.where((age > 17) & (thin | (rise > half * rises[1])), of_short, NOTHING)
    of_long = np.where(~thin & (age > 2 * long) & (rise > half * rises[2]), of_long, NOTHING)
    return alone, np.minimum(of_short, of_long), np.where(of_long < of_short, long, SHORT_WINDOW)


def single(u: Floats, rise: Floats, tail: Floats, per_day: int) -> Floats:
    """False alerts a quarter by a period alone: as large a surprise u (in spreads), or as large a move (in logs)."""
    rate: Floats = np.float32(QUARTER * per_day) * survival(u, tail) + moves(rise, MOVES, MOVE_SIZE)
    return rate


def _pair_rate(state: State, u: Floats, index: Ints) -> Floats:
    """Two surprises within three periods: of an intermittent series they are independent."""
    one, two = state.before[:, index]
    second = np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), u))
    rate: Floats = np.float32(3 * QUARTER * state.pace.per_day) * survival(second, state.tail[index]) ** 2
    return rate


def _rate_with(state: State, seen: Look, index: Ints, due: Floats, noise: Floats | None) -> Floats:
    """The rate of a period in which so much money is due on top."""
    now = np.exp(seen.base[index] + PERSIST * state.lean[index])
    rise = seen.log[index] - np.log(now + due)
    part = due / (now + due)
    variance = state.variance[index] * (1 - part) + (FEE_SPREAD * part) ** 2
    if noise is not None:
        variance = variance + noise[index]
    u: Floats = (rise / np.sqrt(variance)).astype(np.float32)
    return single(u, rise, state.tail[index], state.pace.per_day)


def _again(state: State, seen: Look, index: Ints, due: Floats, number: int) -> tuple[Floats, Floats]:
    """What is added to the rates: small amounts do not matter, and what came along before comes again."""
    excess = np.exp(seen.log[index]) - np.exp(seen.base[index]) - due
    little = immaterial(excess, state.small)
    events, longer = precedents.like(state, index, number, excess)
    each = np.float32(QUARTER * state.pace.per_day) / np.maximum(state.age[index], 1)
    alone = little + each * np.maximum(events - HABIT, 0)
    windowed: Floats = little + each * np.maximum(np.maximum(events, longer + np.float32(1)) - HABIT, 0)
    return alone, windowed


def immaterial(excess: Floats, small: Any) -> Floats:
    """What keeps amounts of about `small` from being found."""
    rate: Floats = NOTHING * np.exp(-MATTERS * np.minimum(np.maximum(excess / small, 0), 10))
    return rate


def material(false_alerts: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many times `small` an excess must be at least to be found."""
    times: NDArray[np.float64] = np.log(float(NOTHING) * float(AGREED) / false_alerts) / MATTERS
    return np.clip(times, 0, 10)
