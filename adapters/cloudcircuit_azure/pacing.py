"""How often Azure may be asked: query processing units in three windows, and what it asks us to wait.

A tenant has its units for everything that asks (12 in 10 s, 60 in a minute, 600 in an hour), so all sources of this
process that ask one cloud count together: the login of a process has one tenant.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event, Lock

from cloudcircuit.errors import AdapterError
from cloudcircuit.ports import Deadline

_HEADER = re.compile(r"retry-after|x-ms-ratelimit-microsoft\.costmanagement-[a-z]+-retry-after", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
LONGEST_WAIT = 86_400.0
"""No more is believed of a Retry-After; a day later somebody has looked."""
_HOUR = 3600.0

Windows = tuple[tuple[float, int], ...]
"""Seconds, and the units that are granted within them."""


@dataclass(slots=True)
class Pacer:
    """The units used in the last hour, and until when nothing is asked at all."""

    _used: deque[float] = field(default_factory=deque)
    _paused_until: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def take(self, windows: Windows, clock: Callable[[], float], deadline: Deadline) -> None:
        """Wait until a unit is free, and use it. Raises AdapterError at once when that is beyond the deadline."""
        while (seconds := self._try(windows, clock())) > 0:
            wait(seconds, deadline, "Azure's query units of this tenant are used up, or it asked to wait")

    def pause(self, seconds: float, now: float) -> None:
        """Let nobody ask for a while."""
        with self._lock:
            self._paused_until = max(self._paused_until, now + seconds)

    def _try(self, windows: Windows, now: float) -> float:
        """Seconds until a unit is free; with 0 it was used."""
        with self._lock:
            while self._used and self._used[0] <= now - _HOUR:
                self._used.popleft()
            free_at = max(self._paused_until, *(self._free_at(seconds, most, now) for seconds, most in windows))
            if free_at <= now:
                self._used.append(now)
            return max(0.0, free_at - now)

    def _free_at(self, seconds: float, most: int, now: float) -> float:
        # The unit that is `most` back must have left the window.
        return self._used[-most] + seconds if len(self._used) >= most else now


_PACERS: dict[str, Pacer] = {}
_PACERS_LOCK = Lock()


def pacer_of(endpoint: str) -> Pacer:
    """The one pacer of all sources of this process that ask this endpoint."""
    with _PACERS_LOCK:
        return _PACERS.setdefault(endpoint, Pacer())


def wait(seconds: float, deadline: Deadline, why: str) -> None:
    """Wait, or raise AdapterError with `retry_after` at once when the deadline comes first."""
    if seconds >= deadline.left():
        raise AdapterError(
            f"{why}; the next try is in {seconds:.0f} s, after the deadline; should that repeat, raise the timeout",
            retry_after=seconds,
        )
    Event().wait(seconds)


def asked_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """The longest wait that any header of a 429 asks for, in seconds; None without one that makes sense."""
    return max(_waits((text for name, text in headers.items() if _HEADER.fullmatch(name)), now), default=None)


def _waits(texts: Iterable[str], now: datetime) -> Iterable[float]:
    for text in texts:
        seconds = _seconds(text.strip(), now)
        if seconds is not None:
            yield min(seconds, LONGEST_WAIT)


def _seconds(text: str, now: datetime) -> float | None:
    """From a number or an HTTP date; None for what is negative or nonsense."""
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
