"""When a delivery that failed is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import isfinite

FIRST = 30.0
LONGEST = 3600.0
LONGEST_ASKED = 24 * 3600.0
"""Seconds: the first wait, the longest of our own, and the longest that a receiver may ask for."""

SPREAD = 0.2
"""How much longer than its due a wait may get by chance, so that many do not come back at the same instant."""

MAX_TRIES = 175
"""Then it is given up: after a week or more. Tries are counted, not time: a clock that jumps drops nothing."""


def next_try(tries: int, now: datetime, retry_after: float | None, jitter: float) -> datetime:
    """The instant of the next try, after `tries` (one or more) that failed.

    The wait doubles with each try up to its cap. What the receiver asked for (`retry_after`, seconds) is obeyed, up
    to a cap of its own. `jitter`, a number from 0 to 1, only makes it longer: nothing comes earlier than asked.
    """
    wait = min(LONGEST, FIRST * 2.0 ** min(max(tries, 1) - 1, 30))
    if retry_after is not None and isfinite(retry_after):
        wait = max(wait, min(retry_after, LONGEST_ASKED))
    return now + timedelta(seconds=wait * (1 + SPREAD * min(max(jitter, 0.0), 1.0)))
