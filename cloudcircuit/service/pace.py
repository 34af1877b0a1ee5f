"""When a source is read next. Seconds, to be counted on a clock that never jumps."""

from __future__ import annotations

from datetime import datetime
from math import isfinite

from cloudcircuit.model import SourceState

SOONEST = 60.0
"""The least time between two readings of a source."""

LONGEST_ASKED = 24 * 3600.0
"""The longest that a provider may ask us to stay away."""

SPREAD = 0.1
"""How much longer than its due a wait after a failure may get by chance, so that many do not come back as one."""


def first_wait(state: SourceState | None, every: float, now: datetime) -> float:
    """How long after a start the first reading comes: at once, or what is left of the interval.

    It is counted from what is stored, so that a daemon that is restarted more often than it reads still reads. A
    source that was failing is tried at once: whoever restarts a daemon may have mended it.
    """
    if state is None or state.last_attempt is None:
        return 0.0
    since = (now - state.last_attempt).total_seconds()
    wait = SOONEST if state.failures or state.last_success is None else every
    return min(max(0.0, wait - since), wait)  # an attempt that lies ahead: the clock went back meanwhile


def next_wait(every: float, *, ok: bool, permanent: bool, retry_after: float | None, jitter: float) -> float:
    """How long after a reading the next one comes.

    A failure that may pass is tried again sooner, never before the provider said (`retry_after`, which is capped).
    `jitter`, from 0 to 1, only makes a wait longer.
    """
    if ok or permanent:
        return every
    wait = min(every, max(SOONEST, every / 6))
    if retry_after is not None and isfinite(retry_after):
        wait = max(wait, min(retry_after, LONGEST_ASKED))
    return wait * (1 + SPREAD * min(max(jitter, 0.0), 1.0))
