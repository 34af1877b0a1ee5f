"""How often a surprise as large comes along by itself, in false alerts a quarter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

BODY = 1.2
"""Beyond so many spreads the tail begins."""

SHARE = 0.075
"""The share of surprises that lie there."""

_SHAPE = 0.1


def fall(x: Array) -> Array:
    """(1 + x / 10) ** -10: exp(-x) with a heavier tail, the survival of a generalised Pareto distribution of shape 0.1.

    Peaks over a threshold: Pickands, Statistical inference using extreme order statistics, Ann. Statist. 1975.
    """
    a = 1 + np.float32(_SHAPE) * np.minimum(np.maximum(x, 0), np.float32(1e3))
    b = a * a
    c = b * b
    p: Array = 1 / (c * c * b)
    return p


def survival(u: Array, tail: Any) -> Array:
    """The chance of a surprise of at least u spreads, where those beyond `BODY` exceed it by `tail` on average."""
    beyond: Array = fall((u - np.float32(BODY)) / (tail * np.float32(1 - _SHAPE)))
    return np.where(u < BODY, np.float32(3 * SHARE), np.float32(SHARE) * beyond)


def moves(rise: Array, per_quarter: float, width: float) -> Array:
    """Lasting rises of the log level that are nobody's fault (a launch, a price): so many a quarter, of such a size."""
    p: Array = np.float32(per_quarter) * fall(rise / np.float32(width))
    return p
