"""What is said of a period."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect.find import AGREED, FEE_SPREAD, SHORT_WINDOW, Found, material, single
from cloudcircuit.engine.detect.look import PERSIST, Look
from cloudcircuit.engine.detect.state import Pace, State

Floats = NDArray[np.float32]
Wide = NDArray[np.float64]

BAND = 1.28
"""Spreads on either side that hold 80 % of normal values."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What is said of one period of N series; arrays (N,).

    score     -log10 of the false alerts a quarter that alerting on all that is as extreme would bring; NaN = no opinion
    expected  median of normal values, in money; for a longer window what the period would cost without the finding
    excess    money beyond what was expected, over the window
    window    periods that the finding looks at
    spread    standard deviation of the logarithm of normal values
    tail      how far surprises reach beyond the body, in spreads
    offset    money that is added before the logarithm is taken
    share     how much of its final value the period usually shows
    per_day   periods a day
    small     an amount a period below which no rise matters, in money
    """

    score: Floats
    expected: Floats
    excess: Floats
    window: NDArray[np.int16]
    spread: Floats
    tail: Floats
    offset: Floats
    share: Floats | None
    per_day: int
    small: float

    @property
    def low(self) -> Wide:
        """The lower end of the 80 % band, in money."""
        return self._at(np.exp(-BAND * self.spread.astype(np.float64)))

    @property
    def high(self) -> Wide:
        return self._at(np.exp(BAND * self.spread.astype(np.float64)))

    @property
    def since(self) -> NDArray[np.int16]:
        """Periods back at which the window begins."""
        since: NDArray[np.int16] = self.window - np.int16(1)
        return since

    def limit(self, false_alerts: Wide | float) -> Wide:
        """The shown value of the period above which it would be found by itself; NaN where there is no opinion."""
        wanted = np.broadcast_to(np.asarray(false_alerts, np.float64), self.score.shape)
        low, high = np.zeros(self.score.shape, np.float32), np.full(self.score.shape, 20, np.float32)
        for _ in range(30):
            middle: Floats = (low + high) * np.float32(0.5)
            rate = AGREED * single(middle / self.spread, middle, self.tail, self.per_day)
            rarer = rate <= wanted
            low, high = np.where(rarer, low, middle), np.where(rarer, middle, high)
        least = self.expected + self.small * material(wanted)
        limit = np.maximum(self._at(np.exp(high.astype(np.float64))), least)
        return np.where(np.isnan(self.score), np.nan, limit if self.share is None else limit * self.share)

    def put(self, part: slice, other: Scores) -> None:
        """Set the series of a part."""
        for name in (field.name for field in fields(self)):
            mine = getattr(self, name)
            if isinstance(mine, np.ndarray):
                mine[part] = getattr(other, name)

    def _at(self, factor: Wide) -> Wide:
        money: Wide = (self.expected.astype(np.float64) + self.offset) * factor - self.offset
        return money


def empty(n: int, pace: Pace, small: float, *, partial: bool) -> Scores:
    """Scores without an opinion, to be set."""
    score, expected, excess, spread, tail, offset = np.full((6, n), np.nan, np.float32)
    share = np.full(n, np.nan, np.float32) if partial else None
    window = np.ones(n, np.int16)
    return Scores(score, expected, excess, window, spread, tail, offset, share, pace.per_day, small)


def scores_of(state: State, seen: Look, found: Found, noise: Floats | None, share: Floats | None) -> Scores:
    """What is said, in money."""
    now = np.exp(seen.base + PERSIST * state.lean)
    offset = state.offset + state.floor
    part = found.due / (now + found.due)
    variance = state.variance * (1 - part) + (FEE_SPREAD * part) ** 2
    if noise is not None:
        variance = variance + noise
    by_window = found.window > 1
    middle = np.where(by_window, np.exp(state.reference + seen.week), now) + found.due
    rise = np.where(found.window == SHORT_WINDOW, seen.rises[1], seen.rises[2])
    over = np.where(by_window, middle * np.expm1(np.clip(rise, 0, 20)) * found.window, np.exp(seen.log) - middle)
    known = np.isfinite(seen.log) & (state.age >= state.pace.least)
    return Scores(
        score=np.where(known, -np.log10(found.rate), np.float32(np.nan)).astype(np.float32),
        expected=middle - offset,
        excess=over,
        window=found.window,
        spread=np.sqrt(variance),
        tail=state.tail.copy(),
        offset=offset,
        share=share,
        per_day=state.pace.per_day,
        small=float(state.small),
    )
