"""The newest period beside what was expected of it: by itself, and as the end of a short and of a long window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect.state import Bools, Floats, State

Slots = NDArray[np.int64]

PERSIST = np.float32(0.35)
"""How much of a deviation from the level stays until the next period."""

WIDER = np.float32(1.2)
"""Variance of deviations from the level by that of surprises: 1 / (1 - PERSIST²), rounded up for the drift."""

CAP = np.float32(1.0)
"""A period counts for no more than this above the reference in a window: one spike is no new level."""


@dataclass(frozen=True, slots=True)
class Look:
    """Arrays (N,). NaN where the period is unknown.

    log        log of the money; base the expected one without what is left of the last deviation
    deviation  log - base; surprise the same beyond what is left of the last deviation
    u          surprise in spreads; short, long: rise of a window's mean over the reference, short_u, long_u in spreads
    """

    log: Floats
    week: Floats
    base: Floats
    deviation: Floats
    surprise: Floats
    u: Floats
    short: Floats
    short_u: Floats
    long: Floats
    long_u: Floats


def profile(state: State, slots: Slots) -> Floats:
    """The log profile of a period."""
    if len(slots) == 1:
        row: Floats = state.week[slots[0]]
        return row
    both: Floats = state.week[slots[0]] + state.week[slots[1]]
    return both


def log_money(state: State, money: Floats) -> Floats:
    y: Floats = np.log(np.maximum(money + state.offset, 0) + state.floor)
    return y


def look(state: State, money: Floats, slots: Slots, noise: Floats | None = None) -> Look:
    """`noise` is added to the variance of the newest period."""
    y = log_money(state, money)
    week = profile(state, slots)
    base = state.level + week
    deviation = y - base
    surprise = deviation - PERSIST * state.lean
    short, long = windows(state, y - week)
    variance, of_short, of_long = state.variance, state.short_variance, state.long_variance
    if noise is not None:
        variance, of_short, of_long = variance + noise, of_short + noise / 4, of_long + noise / state.pace.long**2
    return Look(
        log=y,
        week=week,
        base=base,
        deviation=deviation,
        surprise=surprise,
        u=surprise / np.sqrt(variance),
        short=short,
        short_u=short / np.sqrt(of_short),
        long=long,
        long_u=long / np.sqrt(of_long),
    )


def windows(state: State, flat: Floats) -> tuple[Floats, Floats]:
    """Mean rise over the reference of the last three and of the last `long` periods, the largest left out."""
    ring, at, length = state.ring, state.position, state.pace.long
    top = np.minimum(flat, state.reference + CAP)
    one, two = ring[at - 1], ring[at - 2]
    highest = np.maximum(np.maximum(one, two), top)
    short: Floats = (one + two + top - highest) * np.float32(0.5) - state.reference
    total = np.add.reduce(ring, axis=0) - ring[at] + top
    for part in (ring[:at], ring[at + 1 :]):
        if len(part):
            top = np.maximum(top, np.maximum.reduce(part, axis=0))
    long: Floats = (total - top) / np.float32(length - 1) - state.reference
    return short, long


def without_spend(state: State, money: Floats) -> Bools:
    idle: Bools = money + state.offset <= state.dead
    return idle
