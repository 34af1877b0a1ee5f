"""What is remembered of N series from period to period.

Money is looked at in logarithms: y = log(max(x + offset, 0) + floor). `floor` keeps small amounts from mattering and
`offset` lifts a series that credits keep below nothing; both are fixed when a series' level is (again) set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect.calendar import profile_size

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

EVENTS = 16
NEVER = -(10**6)

SPREAD = 0.10
"""The spread that is expected of a series nobody has seen yet (a standard deviation of logarithms)."""

TAIL = 0.6
"""How far surprises beyond `tails.BODY` reach on average, in spreads, of a series nobody has seen yet."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things are learned; gains are shares of a surprise that are believed at once.

    youth    periods that the first level is set from
    rhythm   periods after which surprises are taken for noise
    long     periods of the long window
    patience periods after which what was found strange is the new normal
    """

    per_day: int = 1
    youth: int = 7
    rhythm: int = 7
    long: int = 14
    patience: int = 14
    least: int = 8
    level: float = 0.08
    scale: float = 0.025
    reference: float = 0.10
    profile: float = 0.12
    week: int = 7

    @classmethod
    def of(cls, per_day: int) -> Pace:
        if per_day == 1:
            return cls()
        return cls(
            per_day=per_day,
            youth=24,
            rhythm=48,
            long=24,
            patience=14 * per_day,
            least=48,
            level=0.02,
            scale=0.008,
            reference=0.04,
            profile=0.15,
            week=per_day,
        )

    def small(self, a_day: float) -> float:
        """An amount a period that matters as little as this one a day: noise adds up by its root."""
        return float(a_day / self.per_day**0.5)


class State:
    """Arrays of N columns, single precision. What each means stands beside it."""

    def __init__(self, n: int, pace: Pace, small: float = 1.0) -> None:
        def zeros(*shape: int) -> Floats:
            return np.zeros((*shape, n), np.float32)

        self.n, self.pace, self.small = n, pace, np.float32(pace.small(small))
        self.position = 0
        self.age = zeros()  # periods known
        self.youngest = 0.0  # the least age
        self.offset, self.floor = zeros(), zeros() + self.small
        self.dead = zeros() + np.float32(0.05) * self.small  # money up to which a period counts as without spend
        self.level, self.lean = zeros(), zeros()  # log level; deviation of the newest period from it
        self.week = zeros(profile_size(pace.per_day))  # log profile
        self.variances = zeros(3)  # of the surprise of a period, of the rise of a short and of a long window
        self.variances[:] = np.array([[1], [0.6], [0.6]], np.float32) * np.float32(SPREAD**2)
        self.variance = self.variances[0]  # the same memory
        self.tail = zeros() + np.float32(TAIL)
        self.alive = zeros() + 1  # share of periods with spend
        self.negative = zeros()  # periods below nothing in a row
        self.reference = zeros()  # log level a long window ago
        self.ring = zeros(pace.long)  # newest logs without profile; the money itself in youth
        self.before = zeros(2)  # the last two surprises
        self.falls, self.fallen = zeros(), zeros()  # periods far below the level in a row, their mean deviation
        self.rises, self.risen = zeros(), zeros()
        self.strange = zeros()  # how long what is seen has been strange
        self.new_level, self.new_spread = zeros(), zeros()  # of what is strange
        self.eventful = np.zeros(n, np.bool_)  # whether there was an event
        self.event_at = np.full((n, EVENTS), NEVER, np.int32)  # a row a series, oldest first
        self.event_money = np.zeros((n, EVENTS), np.float32)
        self.event_new = np.zeros((n, EVENTS), np.bool_)  # it had no precedent
