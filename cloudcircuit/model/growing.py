"""How the charges of recent periods came in: what a source's lateness is learned from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Growth:
    """What a source said of one charge period, by the period's end: the total at each age, in whole hours after it.

    Of an amount that stood for a while the first and the last reading are kept. Totals are rounded to six places.
    """

    end: datetime
    ages: tuple[int, ...]
    totals: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class Growing:
    """How the recent periods of a source grew, oldest first: the usage of one breakdown in one currency and cost.

    `of` says of what; totals of something else are not compared with these.
    """

    of: str
    currency: str
    periods: tuple[Growth, ...] = ()
