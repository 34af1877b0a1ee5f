"""Judgement time: the wall clock, as far as it can be believed.

A wall clock is set by people and by other machines. A step back must not hide what was said a minute ago, and a leap
of years must not roll budgets over and call every datum stale. So judgement time follows the wall clock forward, a
suspended machine's included, and goes on by the monotonic clock when the wall clock steps back or leaps too far,
until the wall clock is right again or the process is restarted by somebody who has looked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock

from cloudcircuit.engine.text import duration
from cloudcircuit.errors import StateNewer
from cloudcircuit.ports import Clock, Store

NOTICED = timedelta(seconds=2)
"""A smaller step is what time servers do."""

BELIEVED = timedelta(days=7)
"""The longest step forward that is followed: a machine that slept over a holiday."""

_LOOKED = 0.25  # seconds between two readings that still count as one instant: the process may be stopped in between


class SteadyClock:
    """A clock that never goes back by more than `NOTICED`. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = Lock()
        self._wall, self._mono = self._read()
        self._offset = timedelta()
        self._jumps: list[timedelta] = []

    def now(self) -> datetime:
        """Judgement time, aware, in UTC."""
        with self._turn:
            return self._look() + self._offset

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def jumps(self) -> list[timedelta]:
        """The steps of the wall clock since this was last asked."""
        with self._turn:
            self._look()
            found, self._jumps = self._jumps, []
            return found

    @property
    def offset(self) -> timedelta:
        """How far judgement time is ahead of the wall clock."""
        return self._offset

    def _look(self) -> datetime:
        wall, mono = self._read()
        step = (wall - self._wall) - timedelta(seconds=mono - self._mono)
        self._wall, self._mono = wall, mono
        if abs(step) > NOTICED:
            self._jumps.append(step)
            offset = self._after(step)
            self._offset = offset if abs(offset) > NOTICED else timedelta()
        return wall

    def _after(self, step: timedelta) -> timedelta:
        if step < timedelta() or step > BELIEVED:
            return self._offset - step
        return max(timedelta(), self._offset - step) if self._offset > timedelta() else self._offset

    def _read(self) -> tuple[datetime, float]:
        """Both clocks at one instant."""
        while True:
            before = self._clock.monotonic()
            wall = self._clock.now()
            mono = self._clock.monotonic()
            if mono - before <= _LOOKED:
                return wall, mono


def refuse_newer(store: Store, at: datetime) -> None:
    """Raise StateNewer when the state has seen a later moment: judgement does not go back."""
    newest = store.newest()
    if newest is not None and newest > at:
        raise StateNewer(
            f"the state was last judged at {newest:%Y-%m-%d %H:%M} UTC, after the {at:%Y-%m-%d %H:%M} UTC that was "
            "asked for: name a later time, or use another state"
        )


def describe(step: timedelta, offset: timedelta) -> str:
    """A step of the wall clock in a sentence, and what follows from it. `offset` is that of the clock after it."""
    way = "forward" if step > timedelta() else "back"
    text = f"this machine's clock jumped {way} by {duration(abs(step.total_seconds()))}"
    if not offset:
        return f"{text}; sources are read and judged on as before"
    return f"{text}; judging goes on by the time before: set the clock right, or restart the daemon if it is right now"
