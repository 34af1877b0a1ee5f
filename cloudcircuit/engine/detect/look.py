"""The newest period beside what was expected of it: by itself, and as the end of a short and of a long window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect.state import Bools, Floats, State

Slots = NDArray[np.int64]
Some = NDArray[np.int64] | slice

PERSIST = np.float32(0.35)
"""How much of a deviation from the level stays until the next period."""

WIDER = np.float32(1.2)
"""Variance of deviations from the level by that of surprises: 1 / (1 - PERSIST²), rounded up for the drift."""

CAP = np.float32(1.0)
"""A period counts for no more than this above the reference in a window: one spike is no new level."""


ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Look:
    """Arrays (N,). They say nothing where the period is unknown.

    log        log of the money
    week       the profile's part of the expected log
    base       the expected log without what is left of the last deviation; deviation is log - base
    rises      (3, N): the surprise (the deviation without what is left of the last one), and the rises of the means
               of the short and of the long window over the reference
    units      (3, N): the same in spreads
    """

    log: Floats
    week: Floats
    base: Floats
    deviation: Floats
    rises: Floats
    units: Floats

    @property
    def u(self) -> Floats:
        """The surprise in spreads."""
        row: Floats = self.units[0]
        return row

    def put(self, index: Some, other: Look) -> None:
        """Set the series `index`."""
        for name in ("log", "week", "base", "deviation", "rises", "units"):
            getattr(self, name)[..., index] = getattr(other, name)


def look(state: State, money: Floats, slots: Slots, noise: Floats | None = None, of: Some = ALL) -> Look:
    """Look at the money of the series `of`. `noise` is added to the variance of the newest period."""
    log = money + state.offset[of]
    np.maximum(log, 0, out=log)
    log += state.floor[of]
    np.log(log, out=log)
    week = _profile(state, slots, of)
    base = state.level[of] + week
    deviation = log - base
    rises = np.empty((3, len(log)), np.float32)
    np.multiply(state.lean[of], -PERSIST, out=rises[0])
    rises[0] += deviation
    _windows(state, log - week, of, rises)
    units = np.sqrt(_variances(state, noise)[:, of])
    np.divide(rises, units, out=units)
    return Look(log, week, base, deviation, rises, units)


def _profile(state: State, slots: Slots, of: Some) -> Floats:
    """The log profile of a period."""
    total: Floats = state.week[slots[0], of]
    for row in slots[1:]:
        total = total + state.week[row, of]
    return total


def _variances(state: State, noise: Floats | None) -> Floats:
    """Of the rises, (3, N): in the mean of a window the noise of its newest period counts for less."""
    if noise is None:
        return state.variances
    part = np.array([[1], [1 / 4], [1 / state.pace.long**2]], np.float32)
    return state.variances + noise * part


def _windows(state: State, flat: Floats, of: Some, rises: Floats) -> None:
    """Mean rise over the reference of the last three and of the last `long` periods, the largest left out."""
    ring, at, length = state.ring[:, of], state.position, state.pace.long
    reference = state.reference[of]
    top = reference + CAP
    np.minimum(top, flat, out=top)
    one, two = ring[at - 1], ring[at - 2]
    total = one + two
    total += top
    total -= np.maximum(np.maximum(one, two), top)
    total *= np.float32(1 / 2)
    np.subtract(total, reference, out=rises[1])
    np.add.reduce(ring, axis=0, out=total)
    total -= ring[at]
    total += top
    for part in (ring[:at], ring[at + 1 :]):
        if len(part):
            np.maximum(top, np.maximum.reduce(part, axis=0), out=top)
    total -= top
    total *= np.float32(1 / (length - 1))
    np.subtract(total, reference, out=rises[2])


def without_spend(state: State, money: Floats) -> Bools:
    idle: Bools = money + state.offset <= state.dead
    return idle
