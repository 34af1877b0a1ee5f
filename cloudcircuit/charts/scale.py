"""From amounts and times to places in a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

LARGEST = 1e300
"""Amounts beyond it are not drawn: their differences would not be finite."""

_FLAT = 1e-9

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """`low` to `high` of what is measured onto `start` to `end` of the picture, in a straight line."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        unit = max(abs(self.low), abs(self.high))  # so that no difference overflows
        ratio = (value / unit - self.low / unit) / (self.high / unit - self.low / unit)
        return self.start + ratio * (self.end - self.start)


def drawable(value: float | None) -> float | None:
    """The value, or None where nothing can be drawn: unknown, not finite, or beyond LARGEST."""
    return value if value is not None and isfinite(value) and abs(value) <= LARGEST else None


def amounts(firm: Iterable[float | None], loose: Iterable[float | None] = ()) -> Range:
    """The range that shows all of `firm`, zero, and of `loose` (limits, bands) what lies within twice that.

    What is loose reaches below zero only where something firm does: no spend is expected to be negative.
    """
    sure = [0.0, *(value for each in firm if (value := drawable(each)) is not None)]
    low, high = min(sure), max(sure)
    reach = 2 * max(high, -low) or LARGEST
    near = [value for each in loose if (value := drawable(each)) is not None]
    high = max(high, *(min(value, reach) for value in near)) if near else high
    low = min(low, *(max(value, -reach) for value in near)) if near and low < 0 else low
    return (low, high) if high - low > _FLAT else (low, low + 1.0)


def joint(ranges: Iterable[Range]) -> Range:
    """The range that shows all of them: for charts that are to be compared."""
    found = list(ranges)
    return min(low for low, _ in found), max(high for _, high in found)


def seconds(at: datetime) -> float:
    """A time as a number. Raises ValueError for a time without a zone, which could be any time of that day."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.timestamp()


def times(given: Iterable[datetime]) -> Range:
    """The range of times; a single one gets a day on either side, none the first day that there is."""
    found = [seconds(at) for at in given]
    if not found:
        return 0.0, 86_400.0
    low, high = min(found), max(found)
    return (low, high) if high > low else (low - 86_400.0, high + 86_400.0)
